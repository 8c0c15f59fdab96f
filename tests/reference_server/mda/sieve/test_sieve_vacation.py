"""Who is answered, and with what."""

import email
import email.policy

import pytest

from reference_server.mda.sieve import Keep, SieveMessage, Vacation, unanswered_because, vacation_reply

SENDER = "zed@example.net"
OWNER = "ann@example.test"
HEADER = (
    b"From: Zed <zed@example.net>\r\nTo: ann@example.test\r\nSubject: news\r\nMessage-ID: <1@example.net>\r\n"
)


def action(sieve, command: str, content: bytes) -> Vacation:
    result = sieve.decide(f'require ["vacation", "variables"]; {command}', content)
    assert result.error is None, result.error
    found, kept = result.actions
    assert kept == Keep(implicit=True)
    return found


@pytest.fixture
def reply(sieve):
    """The answer to a message as the standard library reads it, None for none."""

    def answer(command: str, header: bytes = HEADER, *, sender: str = SENDER, owner: str = OWNER):
        content = header + b"\r\nbody\r\n"
        octets = vacation_reply(
            action(sieve, command, content),
            SieveMessage(content),
            envelope_from=sender,
            envelope_to=owner,
            now=sieve.now,
            message_id="<reply@example.test>",
        )
        if octets is None:
            return None
        assert b"\n" not in octets.replace(b"\r\n", b"")
        assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
        return email.message_from_bytes(octets, policy=email.policy.default)

    return answer


def test_the_answer(reply):
    # RFC 5230 §5.
    message = reply('vacation "I am away.";')

    assert message["From"] == OWNER
    assert message["To"] == SENDER
    assert message["Subject"] == "Auto: news"
    assert message["Date"] == "Sat, 14 Mar 2026 15:09:26 +0000"
    assert message["In-Reply-To"] == message["References"] == "<1@example.net>"
    assert message["Message-ID"] == "<reply@example.test>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == "I am away.\r\n"


def test_subject_sender_and_text_beyond_ascii(reply):
    subject = "B\u00fcro geschlossen, " * 6
    message = reply(f'vacation :subject "{subject}" :from "J\u00f6rg K <j@example.test>" "Gr\u00fc\u00dfe";')

    assert message["Subject"] == subject.strip()
    assert message["From"] == "J\u00f6rg K <j@example.test>"
    assert message.get_content() == "Gr\u00fc\u00dfe\r\n"


def test_a_subject_of_the_message_is_decoded_and_encoded_again(reply):
    header = HEADER.replace(b"news", b"=?iso-8859-1?q?caf=E9?=\r\n =?utf-8?q?_x?=")
    assert reply('vacation "x";', header)["Subject"] == "Auto: caf\u00e9 x"


def test_without_a_subject_there_is_a_fixed_one(reply):
    assert reply('vacation "x";', HEADER.replace(b"Subject", b"X-S"))["Subject"] == "Automated reply"


def test_no_field_can_be_smuggled_in(reply):
    message = reply('vacation :subject "a\r\nBcc: b@example.org" "x";')
    assert message["Bcc"] is None
    assert message["Subject"] == "a  Bcc: b@example.org"


def test_references_grow_by_one(reply):
    header = HEADER + b"References: <a@x> <b@x>\r\n"
    assert reply('vacation "x";', header)["References"].split() == ["<a@x>", "<b@x>", "<1@example.net>"]
    header = HEADER + b"In-Reply-To: <a@x>\r\n"
    assert reply('vacation "x";', header)["References"].split() == ["<a@x>", "<1@example.net>"]
    assert reply('vacation "x";', HEADER.replace(b"Message-ID", b"X-Id"))["References"] is None


def test_a_mime_entity_is_sent_as_it_is(reply):
    # RFC 5230 §4.4.
    message = reply(
        "vacation :mime text:\nContent-Type: multipart/alternative; boundary=foo\nBcc: b@example.org\n\n"
        "--foo\n\nat the beach\n--foo\nContent-Type: text/html; charset=us-ascii\n\n<p>beach</p>\n--foo--\n.\n;"
    )
    assert message["Bcc"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Subject"] == "Auto: news"


@pytest.mark.parametrize(
    ("header", "sender", "reason"),
    [
        # RFC 5230 §4.5, §4.6; RFC 3834 §2.
        (HEADER, "", "the reverse-path is null"),
        (HEADER, "frop", "the reverse-path is no address"),
        (HEADER, "MAILER-DAEMON@example.net", "the reverse-path belongs to a program"),
        (HEADER, "owner-list@example.net", "the reverse-path belongs to a program"),
        (HEADER, "list-Request@example.net", "the reverse-path belongs to a program"),
        (HEADER, "majordomo@example.net", "the reverse-path belongs to a program"),
        (HEADER, "no-reply@example.net", "the reverse-path belongs to a program"),
        (HEADER, "Ann@example.test", "it comes from the user"),
        (HEADER + b"Auto-Submitted: auto-generated\r\n", SENDER, "it was sent automatically"),
        (HEADER + b"Auto-Submitted: auto-replied (vacation)\r\n", SENDER, "it was sent automatically"),
        (HEADER + b"List-Id: <list.example.net>\r\n", SENDER, "it comes from a mailing list"),
        (HEADER + b"List-Unsubscribe: <mailto:x@example.net>\r\n", SENDER, "it comes from a mailing list"),
        (HEADER + b"Precedence: Bulk\r\n", SENDER, "it was sent in bulk"),
        (HEADER.replace(b"ann@", b"list@"), SENDER, "it is not addressed to the user"),
        (HEADER.replace(b"To:", b"X-To:"), SENDER, "it is not addressed to the user"),
    ],
)
def test_who_is_not_answered(sieve, reply, header, sender, reason):
    content = header + b"\r\n"
    found = action(sieve, 'vacation "x";', content)

    assert reply('vacation "x";', header, sender=sender) is None
    why = unanswered_because(found, SieveMessage(content), envelope_from=sender, own_addresses=[OWNER])
    assert why == reason


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (HEADER, "postmaster@example.net"),
        (HEADER + b"Auto-Submitted: NO; x=y\r\n", SENDER),
        (HEADER.replace(b"To: ann@", b"Cc: x@example.org, ANN@"), SENDER),
        (HEADER.replace(b"To:", b"Resent-To:"), SENDER),
        (HEADER.replace(b"ann@example.test", b"Friends: ann@example.test;"), SENDER),
        (HEADER.replace(b"ann@example.test", b"second@example.test"), SENDER),
    ],
)
def test_who_is_answered(reply, header, sender):
    assert reply('vacation :addresses ["Second@example.test"] "x";', header, sender=sender) is not None


@pytest.mark.parametrize(
    ("given", "days"), [("", 7), (":days 0", 1), (":days 1", 1), (":days 23", 23), (":days 9999", 365)]
)
def test_days_stay_within_the_limits(sieve, given, days):
    # RFC 5230 §4.1.
    assert action(sieve, f'vacation {given} "x";', HEADER).days == days


def test_answers_are_told_apart_by_what_is_written(sieve):
    # RFC 5230 §4.2.
    def response(command: str, content: bytes = HEADER) -> str:
        return action(sieve, command, content).response

    different = [
        'vacation "a";',
        'vacation "b";',
        'vacation :subject "a" "a";',
        'vacation :from "a@example.org" "a";',
        'vacation :mime "a";',
        'vacation :handle "a" "a";',
        'vacation :handle "b" "a";',
    ]
    assert len({response(command) for command in different}) == len(different)
    assert response('vacation :days 3 "a";') == response('vacation "a";')
    assert response('vacation :handle "h" "a";') == response('vacation :handle "h" :subject "s" "b";')

    by_subject = 'if header :matches "subject" "*" { vacation :subject "re ${1}" "away"; }'
    assert response(by_subject) == response(by_subject, HEADER.replace(b"news", b"other"))


def test_the_header_of_a_mime_entity_is_ascii(sieve):
    # RFC 5230 §5.
    result = sieve.decide(
        'require ["vacation", "variables"]; set "a" "\u00e9"; vacation :mime "Content-Type: ${a}\r\n\r\nx";'
    )
    assert "is ASCII" in str(result.error)
