"""Delivery reports, read back by the standard library; and who is owed one."""

import datetime as dt
import email
import email.policy
from dataclasses import replace
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.wire.smtp.xtext import encode_xtext
from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.relay.dsn import RETURNED_OCTETS, Action, DsnWriter, Told
from reference_server.relay.dsn_text import folded, original_recipient
from reference_server.relay.model import Fate, Outcome

ARRIVED = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
NOW = ARRIVED + dt.timedelta(hours=5)
LIMIT = ARRIVED + dt.timedelta(days=5)
CONTENT = (
    b"Received: from a.test by b.test\r\nSubject: hello\r\nFrom: eric@example.test\r\n\r\n.one\r\ntwo\r\n"
)
NO_SUCH_USER = Outcome(Fate.FAILED, "5.1.1", "550 5.1.1 No such user here", "mx.example.org", by_peer=True)
UNREACHABLE = Outcome(Fate.DEFERRED, "4.4.1", "cannot connect: refused")
HANDED_ON = Outcome(Fate.RELAYED, "2.0.0", "250 2.0.0 OK", "mx.example.org", by_peer=True)

WQP = Recipient(b"wqp@example.org", orcpt=b"rfc822;Wqp+2Bx@example.org")
ENVELOPE = Envelope(b"eric@example.test", (WQP,), envid=b"QQ+2B314+20159")
WRITER = DsnWriter("mail.example.test")

texts = st.text(max_size=300)
asked = st.sets(st.sampled_from([Notify.SUCCESS, Notify.FAILURE, Notify.DELAY])).map(frozenset)
outcomes = st.builds(
    Outcome, st.sampled_from(Fate), st.text(max_size=10) | st.just("5.1.1"), texts, texts, st.booleans()
)
mailboxes = (
    st.from_regex(r"[a-z0-9.+=-]{1,20}@example\.org", fullmatch=True)
    | st.sampled_from(['"a;b (c)"@example.org', "\u00fc\u20ac@example.org", "a@b\u00fccher.example"])
).map(str.encode)
tolds = st.builds(
    Told,
    st.builds(
        Recipient,
        mailboxes,
        asked,
        st.none()
        | st.binary(max_size=40).map(lambda octets: b"rfc822;" + encode_xtext(octets))
        | texts.map(lambda text: b"utf-8;" + text.encode("utf-8", "replace")),
    ),
    st.sampled_from(Action),
    outcomes,
    st.none() | st.just(NOW),
    st.none() | st.just(LIMIT),
)
envelopes = st.builds(
    Envelope,
    st.sampled_from([b"eric@example.test", "\u00e9ric@example.test".encode()]),
    st.just((WQP,)),
    st.sampled_from(Body),
    st.booleans(),
    st.sampled_from([None, "FULL", "HDRS"]),
    st.none() | st.binary(min_size=1, max_size=40).map(encode_xtext),
)
contents = st.builds(
    lambda subject, body: b"Subject: %s\r\n\r\n%s" % (subject, body),
    st.sampled_from([b"x", "\u20ac".encode(), b"\xff"]),
    st.binary(max_size=200),
)


def write(*told: Told, envelope: Envelope = ENVELOPE, content: bytes = CONTENT) -> Message:
    dsn = WRITER.write(envelope, content, told, arrived=ARRIVED, now=NOW)
    return email.message_from_bytes(dsn.content)


def parts_of(message: Message) -> list[Message]:
    parts = message.get_payload()
    assert isinstance(parts, list)
    return parts


def groups_of(message: Message) -> list[Message]:
    """The groups of fields of the second part."""
    return parts_of(parts_of(message)[1])


def failed(**changes: object) -> Told:
    return replace(Told(WQP, Action.FAILED, NO_SUCH_USER, NOW), **changes)


def test_the_fields_of_a_failure() -> None:
    message = write(failed())
    of_message, of_recipient = groups_of(message)

    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in parts_of(message)] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    assert message["From"] == "Mail Delivery System <postmaster@mail.example.test>"
    assert message["To"] == "<eric@example.test>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert of_message.items() == [
        ("Original-Envelope-Id", "QQ+314 159"),
        ("Reporting-MTA", "dns; mail.example.test"),
        ("Arrival-Date", "Tue, 24 Nov 2026 12:00:00 +0000"),
    ]
    assert of_recipient.items() == [
        ("Original-Recipient", "rfc822; Wqp+x@example.org"),
        ("Final-Recipient", "rfc822; wqp@example.org"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Remote-MTA", "dns; mx.example.org"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 No such user here"),
        ("Last-Attempt-Date", "Tue, 24 Nov 2026 17:00:00 +0000"),
    ]


def test_a_report_is_about_the_address_that_was_accepted_whatever_an_alias_made_of_it() -> None:
    _, of_recipient = groups_of(write(failed(recipient=replace(WQP, asked=b"sales@example.test"))))

    assert of_recipient["Final-Recipient"] == "rfc822; sales@example.test"


def test_a_delay_says_until_when_and_that_the_reason_is_our_own() -> None:
    message = write(Told(WQP, Action.DELAYED, UNREACHABLE, NOW, LIMIT))
    (_, of_recipient) = groups_of(message)

    assert of_recipient["Will-Retry-Until"] == "Sun, 29 Nov 2026 12:00:00 +0000"
    assert of_recipient["Diagnostic-Code"] == "X-mailproof; cannot connect: refused"
    assert "Remote-MTA" not in of_recipient


def test_a_report_without_a_failure_returns_the_header_alone() -> None:
    message = write(Told(WQP, Action.RELAYED, HANDED_ON, NOW), envelope=replace(ENVELOPE, ret="FULL"))
    returned = parts_of(message)[2]

    assert returned.get_content_type() == "text/rfc822-headers"
    assert returned.get_payload(decode=True) == CONTENT.partition(b"\r\n\r\n")[0] + b"\r\n"


@pytest.mark.parametrize(
    ("ret", "body", "octets", "kind"),
    [
        (None, Body.SEVEN_BIT, 10, "message/rfc822"),
        ("FULL", Body.SEVEN_BIT, 10, "message/rfc822"),
        ("HDRS", Body.SEVEN_BIT, 10, "text/rfc822-headers"),
        ("FULL", Body.SEVEN_BIT, RETURNED_OCTETS + 1, "text/rfc822-headers"),
        ("FULL", Body.BINARY, 10, "text/rfc822-headers"),
    ],
)
def test_how_much_of_a_failed_message_is_returned(ret, body, octets, kind) -> None:
    content = CONTENT + b"x" * octets
    message = write(failed(), envelope=replace(ENVELOPE, ret=ret, body=body), content=content)

    assert parts_of(message)[2].get_content_type() == kind


def test_a_long_header_is_returned_in_part() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(200))
    dsn = WRITER.write(ENVELOPE, fields + b"\r\n", [failed()], arrived=ARRIVED, now=NOW)
    returned = parts_of(email.message_from_bytes(dsn.content))[2].get_payload(decode=True)

    assert RETURNED_OCTETS - 1000 < len(returned) <= RETURNED_OCTETS
    assert fields.startswith(returned)


def test_several_recipients_of_one_moment_share_one_report() -> None:
    other = Recipient(b"no@example.org")
    message = write(failed(), Told(other, Action.DELAYED, UNREACHABLE, NOW, LIMIT))

    assert [group["Action"] for group in groups_of(message)[1:]] == ["failed", "delayed"]
    assert message["Subject"] == "Undelivered mail returned to sender"
    text = parts_of(message)[0].get_payload()
    assert "<wqp@example.org>" in text
    assert "<no@example.org>" in text


def test_no_envelope_id_and_no_original_recipient_where_none_was_given() -> None:
    bare = replace(ENVELOPE, envid=None)
    of_message, of_recipient = groups_of(
        write(failed(recipient=Recipient(b"wqp@example.org")), envelope=bare)
    )

    assert "Original-Envelope-Id" not in of_message
    assert "Original-Recipient" not in of_recipient


@pytest.mark.parametrize(
    ("action", "status", "written"),
    [
        (Action.FAILED, "4.4.1", "4.4.1"),  # given up: RFC 3464 §2.3.3
        (Action.FAILED, "2.0.0", "5.0.0"),
        (Action.FAILED, "5.01.1", "5.0.0"),
        (Action.FAILED, "", "5.0.0"),
        (Action.DELAYED, "5.1.1", "4.0.0"),
        (Action.DELIVERED, "2.1.5", "2.1.5"),
        (Action.DELIVERED, "nonsense", "2.0.0"),
    ],
)
def test_the_status_fits_the_action_and_the_grammar(action, status, written) -> None:
    told = Told(WQP, action, Outcome(Fate.FAILED, status, "why"), NOW)

    assert groups_of(write(told))[1]["Status"] == written


# UTF-8 (RFC 6533)

UMLAUT = Recipient("\u00fc=x@example.org".encode(), orcpt=rb"utf-8;\x{FC}\x{3D}x@example.org")


def test_seven_bits_for_a_sender_in_ascii() -> None:
    envelope = replace(ENVELOPE, smtputf8=True, recipients=(UMLAUT,))
    content = "Subject: \u20ac\r\n\r\ntext\r\n".encode()
    dsn = WRITER.write(envelope, content, [failed(recipient=UMLAUT)], arrived=ARRIVED, now=NOW)
    message = email.message_from_bytes(dsn.content)

    assert dsn.content.isascii()
    assert not dsn.envelope.smtputf8
    assert dsn.envelope.body is Body.SEVEN_BIT
    text, status, returned = parts_of(message)
    assert status.get_content_type() == "message/delivery-status"
    assert groups_of(message)[1]["Final-Recipient"] == r"utf-8; \x{FC}\x{3D}x@example.org"
    assert groups_of(message)[1]["Original-Recipient"] == r"utf-8; \x{FC}\x{3D}x@example.org"
    assert "<\u00fc=x@example.org>" in text.get_payload(decode=True).decode()
    assert returned.get_content_type() == "message/global"
    assert returned["Content-Transfer-Encoding"] == "base64"


def test_utf8_for_a_sender_in_utf8() -> None:
    envelope = replace(
        ENVELOPE,
        reverse_path="\u00e9ric@example.test".encode(),
        smtputf8=True,
        recipients=(UMLAUT,),
        ret="HDRS",
    )
    content = "Subject: \u20ac\r\n\r\ntext\r\n".encode()
    dsn = WRITER.write(envelope, content, [failed(recipient=UMLAUT)], arrived=ARRIVED, now=NOW)

    assert dsn.envelope.smtputf8
    assert dsn.envelope.body is Body.EIGHT_BIT
    assert (
        b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n" in dsn.content
    )
    assert b"Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n" in dsn.content
    assert "\r\nFinal-Recipient: utf-8; \u00fc=x@example.org\r\n".encode() in dsn.content
    assert "\r\nOriginal-Recipient: utf-8; \u00fc=x@example.org\r\n".encode() in dsn.content
    assert "\r\nTo: <\u00e9ric@example.test>\r\n".encode() in dsn.content
    assert "\r\nSubject: \u20ac\r\n".encode() in dsn.content


@pytest.mark.parametrize("text", [r"\x{D800}", r"\x{110000}", r"\x{FFFFFF}"])
def test_what_is_no_character_is_copied(text: str) -> None:
    assert original_recipient(b"utf-8;" + text.encode(), utf8=True) == f"utf-8; {text}"


# Whatever comes


@given(envelopes, contents, st.lists(tolds, min_size=1, max_size=3))
@example(
    ENVELOPE, CONTENT, [failed(outcome=replace(NO_SUCH_USER, diagnostic="550 a\r\nBcc: x\r\n\r\n--=_x"))]
)
@example(replace(ENVELOPE, envid=b"a+0D+0AX:+20y"), CONTENT, [failed()])
@example(ENVELOPE, CONTENT, [failed(recipient=replace(WQP, orcpt=b"rfc822;a+0D+0A+0D+0A"))])
def test_nothing_that_comes_from_outside_leaves_its_field(envelope, content, told) -> None:
    dsn = WRITER.write(envelope, content, told, arrived=ARRIVED, now=NOW)
    status = part_of(dsn.content, 1).removesuffix(b"\r\n")
    groups = [
        [line for line in group.split(b"\r\n") if not line.startswith(b" ")]
        for group in status.split(b"\r\n\r\n")
    ]

    assert len(groups) == 1 + len(told)
    for group in groups:
        names = [line.partition(b": ")[0].decode() for line in group]
        assert len(set(names)) == len(names)
        assert set(names) <= FIELDS
    assert all(len(line) <= 998 for line in status.split(b"\r\n"))
    assert not [octet for octet in status.replace(b"\r\n", b"") if octet < 0x20 or octet == 0x7F]


@given(envelopes, contents, st.lists(tolds, min_size=1, max_size=3))
def test_the_standard_library_finds_the_three_parts(envelope, content, told) -> None:
    dsn = WRITER.write(envelope, content, told, arrived=ARRIVED, now=NOW)
    message = email.message_from_bytes(dsn.content, policy=email.policy.default)
    text, status, returned = parts_of(message)

    assert not message.defects
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    assert returned.get_content_type() in (
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/global-headers",
    )
    assert dsn.envelope == Envelope(
        b"",
        (Recipient(envelope.reverse_path, frozenset({Notify.NEVER})),),
        Body.SEVEN_BIT if dsn.content.isascii() else Body.EIGHT_BIT,
        smtputf8=not envelope.reverse_path.isascii(),
    )
    if returned.get_content_type() in ("message/rfc822", "message/global"):
        raw = part_of(dsn.content, 2)
        assert raw == content or returned["Content-Transfer-Encoding"] == "base64"


FIELDS = {
    "Original-Envelope-Id",
    "Reporting-MTA",
    "Arrival-Date",
    "Original-Recipient",
    "Final-Recipient",
    "Action",
    "Status",
    "Remote-MTA",
    "Diagnostic-Code",
    "Last-Attempt-Date",
    "Will-Retry-Until",
}


def part_of(content: bytes, number: int) -> bytes:
    """A part as it is on the wire, without its fields."""
    boundary = content.partition(b'boundary="')[2].partition(b'"')[0]
    part = content.split(b"\r\n--" + boundary)[number + 1]
    return part.partition(b"\r\n\r\n")[2]


@given(texts.map(lambda text: " ".join(text.split())))
def test_folding_is_undone_by_unfolding(text: str) -> None:
    words = text.split(" ")
    lines = folded("Diagnostic-Code", text).split("\r\n")

    assert all(len(line) <= 78 for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])
    if all(len(word) < 60 for word in words):
        assert "".join(lines).rstrip() == f"Diagnostic-Code: {text}".rstrip()


# Who is owed one


@pytest.mark.parametrize(
    ("notify", "told_of"),
    [
        (set(), {Action.FAILED, Action.DELAYED}),
        ({Notify.NEVER}, set()),
        ({Notify.FAILURE}, {Action.FAILED}),
        ({Notify.DELAY}, {Action.DELAYED}),
        ({Notify.SUCCESS}, {Action.DELIVERED, Action.RELAYED, Action.EXPANDED}),
        ({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY}, set(Action)),
    ],
)
def test_the_sender_is_told_what_was_asked_for(notify, told_of) -> None:
    recipient = replace(WQP, notify=frozenset(notify))

    assert {a for a in Action if WRITER.owed(ENVELOPE, Told(recipient, a, NO_SUCH_USER))} == told_of


@given(asked, st.sampled_from(Action))
def test_nobody_answers_the_null_reverse_path(notify, action) -> None:
    told = Told(replace(WQP, notify=notify), action, NO_SUCH_USER)

    assert not WRITER.owed(replace(ENVELOPE, reverse_path=b""), told)


@given(envelopes, st.lists(tolds, min_size=1, max_size=3))
def test_a_report_is_never_reported_on(envelope, told) -> None:
    dsn = WRITER.write(envelope, CONTENT, told, arrived=ARRIVED, now=NOW)
    answers = [
        Told(recipient, action, NO_SUCH_USER) for recipient in dsn.envelope.recipients for action in Action
    ]

    assert not [answer for answer in answers if WRITER.owed(dsn.envelope, answer)]


def test_what_was_taken_and_delivered_at_once_is_reported_where_it_is_owed() -> None:
    happy = Recipient(b"happy@example.org", frozenset({Notify.SUCCESS}))
    quiet = Recipient(b"quiet@example.org")
    full = Recipient(b"full@example.org")
    envelope = replace(ENVELOPE, recipients=(happy, quiet, full))
    filed = Outcome(Fate.DELIVERED, "2.1.5", "delivered to the mailbox")
    outcomes = {
        happy.address: filed,
        quiet.address: filed,
        full.address: Outcome(Fate.DEFERRED, "4.2.2", "mailbox full"),
    }

    dsn = WRITER.report(envelope, CONTENT, outcomes, now=NOW)

    assert dsn is not None
    groups = groups_of(email.message_from_bytes(dsn.content))[1:]
    assert [(group["Final-Recipient"], group["Action"]) for group in groups] == [
        ("rfc822; happy@example.org", "delivered"),
        ("rfc822; full@example.org", "failed"),
    ]
    assert WRITER.report(envelope, CONTENT, {quiet.address: filed}, now=NOW) is None
