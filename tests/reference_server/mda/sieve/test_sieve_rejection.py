"""The notice that goes back with a rejected message."""

import email
import email.policy

import pytest

from reference_server.mda.sieve import SieveMessage, rejection_notice

CONTENT = b"From: zed@example.net\r\nSubject: news\r\nMessage-ID: <1@example.net>\r\n\r\nbody\r\n"


@pytest.fixture
def notice(sieve):
    """The octets for a reason; the message is of nobody where the sender is ``""``."""

    def answer(reason: str, content: bytes = CONTENT, sender: str = "zed@example.net") -> bytes | None:
        (action,) = sieve.decide(f'require "reject"; reject "{reason}";', content).actions
        return rejection_notice(
            action,
            SieveMessage(content),
            envelope_from=sender,
            envelope_to="ann@example.test",
            now=sieve.now,
            message_id="<n@example.test>",
            reporting_host="mail.example.test",
        )

    return answer


def test_the_notice_tells_the_reason_the_disposition_and_the_message(notice):
    # RFC 5429 §2.2.1.
    octets = notice("Gr\u00fc\u00dfe, nein")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    text, disposition, original = message.iter_parts()

    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "disposition-notification"
    assert (message["From"], message["To"]) == ("ann@example.test", "zed@example.net")
    assert message["Subject"] == "Rejected: news"
    assert message["Auto-Submitted"] == "auto-replied"
    assert text.get_content().endswith("\r\n\r\nGr\u00fc\u00dfe, nein\r\n")
    fields = disposition.get_payload()[0]
    assert fields["Disposition"] == "automatic-action/MDN-sent-automatically; deleted"
    assert fields["Final-Recipient"] == "rfc822; ann@example.test"
    assert fields["Original-Message-ID"] == "<1@example.net>"
    assert fields["Reporting-UA"] == "mail.example.test; mailproof"
    assert original.get_content_type() == "message/rfc822"
    assert CONTENT in octets


def test_eight_bit_content_is_labelled(notice):
    content = CONTENT + b"\xe9\r\n"
    octets = notice("no", content)
    assert octets.count(b"Content-Transfer-Encoding: 8bit\r\n") == 2
    assert content in octets


@pytest.mark.parametrize("sender", ["", "frop"])
def test_nobody_is_told_where_there_is_nobody(notice, sender):
    # RFC 5429 §2.2.1.
    assert notice("no", sender=sender) is None
