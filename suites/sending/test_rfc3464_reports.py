"""RFC 3461 §6, RFC 3464 §2 and RFC 6522 §3: how a notification is sent, what it is made of, and what it says."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire.smtp.xtext import decode_xtext, encode_xtext
from suites.covers import covers, proves
from suites.needs import needs, submission_offers
from suites.sending.journeys import SENDS, Sent, content_for, taken, visible_sender
from suites.sending.reports import Report, refusing_domain, reported, reports_about

_DSN: Final = (*SENDS, submission_offers("DSN"))

# RFC 3464 §2.3.4.
_STATUS: Final = re.compile(r"[245]\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})(\s*\(.*\))?")
_ACTIONS: Final = {"failed", "delayed", "delivered", "relayed", "expanded"}
_REPLY: Final = "550 5.1.1 Nobody of that name, in octets"


def bounce(
    target: LiveTarget,
    *,
    local_part: str = "nobody",
    mail: tuple[bytes, ...] = (),
    rcpt: tuple[bytes, ...] = (),
    body: bytes = b"Hello.\r\n",
) -> tuple[Sent, Report]:
    """A message that the next host refuses, and the notification about it."""
    address = f"{local_part}@{refusing_domain(target, reply=_REPLY)}".encode()
    sent = taken(
        target,
        [address],
        sender=visible_sender(target),
        content=content_for(target, body=body),
        mail=mail,
        rcpt=rcpt,
    )
    return sent, reported(target, sent)


def told(target: LiveTarget, **asked: tuple[bytes, ...]) -> tuple[Sent, Report]:
    """As `bounce`; `NotOffered` where the notification has no fields that a program could read."""
    sent, report = bounce(target, **asked)  # type: ignore[arg-type]  # mail and rcpt
    if len(report.of_recipients) != 1:
        raise NotOffered(f"the report has fields of {len(report.of_recipients)} recipients, of one sent to")
    return sent, report


@covers(
    "RFC5321-3.6.3-d", "RFC5321-6.1-c", "RFC3461-6.1-a", "RFC3464-2-e", fault="sending.report-from-postmaster"
)
@needs(*SENDS)
def test_a_report_comes_from_the_null_reverse_path(target: LiveTarget) -> None:
    _, report = bounce(target)
    sender = report.received.reverse_path
    assert sender == b"", f"the report came with MAIL FROM:<{sender.decode()}>"


@covers("RFC5321-6.1-d", "RFC5321-4.4-r", "RFC3464-2-a", fault="sending.report-not-addressed")
@needs(*SENDS)
def test_a_report_is_addressed_to_the_reverse_path(target: LiveTarget) -> None:
    sent, report = bounce(target)
    assert report.received.recipients == (sent.sender,), f"the report came for {report.received.recipients}"
    with proves("RFC3464-2-a"):
        field = str(report.message.get("To", ""))
        assert sent.sender.decode() in field, f"the report to {sent.sender.decode()} has To: {field}"


@covers("RFC3461-6.1-b", "RFC3461-6.1-c", fault="sending.report-asks-for-reports")
@needs(*SENDS)
def test_a_report_asks_for_no_reports(target: LiveTarget) -> None:
    _, report = bounce(target)
    came = report.received
    with proves("RFC3461-6.1-b"):
        assert "RET" not in came.mail_parameters, f"the report came with RET={came.mail_parameters['RET']!r}"
    with proves("RFC3461-6.1-c"):
        notify = came.recipient_parameters[0].get("NOTIFY", b"NEVER")
        assert (notify or b"").upper() == b"NEVER", f"the report came with NOTIFY={notify!r}"


@covers(
    "RFC5321-3.6.3-b", "RFC6522-3-a", "RFC6522-3-d", "RFC6522-3-nk1", fault="sending.report-as-plain-text"
)
@needs(*SENDS)
def test_a_report_is_a_multipart_report(target: LiveTarget) -> None:
    _, report = bounce(target)
    kind = report.message.get_content_type()
    with proves("RFC5321-3.6.3-b"):
        assert kind == "multipart/report", f"the report is {kind}"
    with proves("RFC6522-3-nk1"):
        named = report.message.get_param("report-type")
        assert str(named).lower() == "delivery-status", f"the report has report-type={named!r}"
    with proves("RFC6522-3-a"):
        first = report.parts[0].get_content_maintype() if report.parts else "nothing"
        assert first in {"text", "multipart"}, f"the report begins with {first}"
    with proves("RFC6522-3-d"):
        types = [part.get_content_type() for part in report.parts]
        assert len(types) in {2, 3}, f"the parts are {types}"
        assert types[1] == "message/delivery-status", f"the parts are {types}"


@covers("RFC3461-6.3-a", "RFC3464-2.2.1-c", fault="sending.report-without-envid")
@needs(*_DSN)
@given(text=st.text("aZ09.-_@+=~!", min_size=1, max_size=20))
def test_a_report_names_the_envelope_as_the_sender_did(target: LiveTarget, text: str) -> None:
    envid = encode_xtext(text.encode())
    _, report = told(target, mail=(b"ENVID=" + envid,))
    named = report.of_message.get("original-envelope-id", "")
    assert named == text, f"ENVID={envid.decode()} came back as {named!r}"


@covers("RFC3461-6.3-b", "RFC3464-2.2.1-b", fault="sending.report-with-an-envid-of-its-own")
@needs(*SENDS)
def test_a_report_names_no_envelope_that_the_sender_did_not(target: LiveTarget) -> None:
    _, report = told(target)
    named = report.of_message.get("original-envelope-id")
    assert named is None, f"without ENVID the report has Original-Envelope-Id: {named}"


@covers("RFC3461-6.3-c", "RFC3461-6.3-d", fault="sending.report-without-its-author")
@needs(*SENDS)
def test_a_report_names_who_reports(target: LiveTarget) -> None:
    _, report = told(target)
    named = report.of_message.get("reporting-mta")
    with proves("RFC3461-6.3-c"):
        assert named, f"the fields of the message are {sorted(report.of_message)}"
    kind, _, name = (named or "").partition(";")
    if kind.strip().lower() == "dns":
        with proves("RFC3461-6.3-d"):
            assert "." in name or "[" in name, f"the report has Reporting-MTA: {named}, which is no full name"


@covers("RFC3461-6.3-g", fault="sending.report-without-original-recipient")
@needs(*_DSN)
@given(local_part=st.from_regex(r"[A-Za-z0-9+=]{1,12}", fullmatch=True))
def test_a_report_names_the_original_recipient(target: LiveTarget, local_part: str) -> None:
    orcpt = encode_xtext(f"{local_part}@Orig.example".encode())
    _, report = told(target, rcpt=(b"ORCPT=rfc822;" + orcpt,))
    named = report.of_recipients[0].get("original-recipient", "").partition(";")[2].strip()
    assert named == decode_xtext(orcpt).decode(), f"ORCPT=rfc822;{orcpt.decode()} came back as {named!r}"


@covers("RFC3461-6.3-h", "RFC3464-3-a", fault="sending.report-with-an-original-recipient-of-its-own")
@needs(*SENDS)
def test_a_report_names_no_original_recipient_that_the_sender_did_not(target: LiveTarget) -> None:
    _, report = told(target)
    named = report.of_recipients[0].get("original-recipient")
    assert named is None, f"without ORCPT the report has Original-Recipient: {named}"


@covers(
    "RFC3461-6.3-i",
    "RFC3461-6.3-j",
    "RFC3464-2.3.2-a",
    "RFC3464-2.3.2-b",
    "RFC3464-2.3.2-d",
    fault="sending.report-without-final-recipient",
)
@needs(*SENDS)
@given(local_part=st.from_regex(r"[A-Z][a-z]{1,8}(\.[A-Z][a-z0-9]{1,8})?", fullmatch=True))
def test_a_report_names_the_recipient_as_the_envelope_did(target: LiveTarget, local_part: str) -> None:
    sent, report = bounce(target, local_part=local_part)
    if not report.of_recipients:
        raise NotOffered("the report has no fields of a recipient")
    named = report.of_recipients[0].get("final-recipient", "")
    assert named, f"the fields of the recipient are {sorted(report.of_recipients[0])}"
    address = named.partition(";")[2].strip()
    with proves("RFC3461-6.3-j", "RFC3464-2.3.2-b", "RFC3464-2.3.2-d"):
        assert address.partition("@")[0] == local_part, (
            f"a message for {sent.recipients[0].decode()} was reported with Final-Recipient: {named}"
        )


@covers(
    "RFC3461-6.3-k",
    "RFC3461-6.3-l",
    "RFC3464-2.3.3-a",
    "RFC3464-2.3.4-a",
    "RFC3464-2.3.4-b",
    "RFC3464-2.3.9-a",
    fault="sending.report-without-status",
)
@needs(*SENDS)
def test_a_report_says_what_was_done_and_why(target: LiveTarget) -> None:
    _, report = told(target)
    fields = report.of_recipients[0]
    with proves("RFC3461-6.3-k", "RFC3464-2.3.3-a"):
        assert report.actions[0] in _ACTIONS, f"the report has Action: {fields.get('action')}"
    with proves("RFC3464-2.3.9-a"):
        assert "will-retry-until" not in fields or report.actions[0] == "delayed", (
            f"a report of {report.actions[0]} mail has Will-Retry-Until"
        )
    status = fields.get("status")
    with proves("RFC3461-6.3-l", "RFC3464-2.3.4-a"):
        assert status, f"the fields of the recipient are {sorted(fields)}"
    with proves("RFC3464-2.3.4-b"):
        assert _STATUS.fullmatch(status or ""), f"the report has Status: {status}"


@covers("RFC3461-6.3-n", "RFC3461-6.3-o", fault="sending.report-without-diagnostic")
@needs(*SENDS)
def test_a_report_says_who_refused_and_how(target: LiveTarget) -> None:
    _, report = told(target)
    fields = report.of_recipients[0]
    with proves("RFC3461-6.3-n"):
        assert fields.get("remote-mta"), f"the fields of the recipient are {sorted(fields)}"
    with proves("RFC3461-6.3-o"):
        assert fields.get("diagnostic-code"), f"the fields of the recipient are {sorted(fields)}"


@covers("RFC3461-9.2-a", fault="sending.report-in-other-words")
@needs(*SENDS)
def test_a_report_repeats_the_reply(target: LiveTarget) -> None:
    _, report = told(target)
    said = report.of_recipients[0].get("diagnostic-code")
    if said is None:
        raise NotOffered("the report has no Diagnostic-Code")
    reply = said.partition(";")[2].strip()
    assert reply == _REPLY, f"the next host answered {_REPLY!r}, the report says {said!r}"


@covers("RFC3461-6.2-a", fault="sending.ret-full-ignored")
@needs(*_DSN)
def test_the_whole_message_comes_back_where_it_is_asked_for(target: LiveTarget) -> None:
    mark = target.unique("line").encode()
    _, report = bounce(target, mail=(b"RET=FULL",), body=b"The first line.\r\n%s\r\n" % mark)
    assert mark in report.returned, "RET=FULL, and the body did not come back"


@covers("RFC6522-3-f", fault="sending.message-not-returned", also=("sending.ret-full-ignored",))
@needs(*SENDS)
def test_the_whole_message_comes_back_unasked(target: LiveTarget) -> None:
    mark = target.unique("line").encode()
    _, report = bounce(target, body=b"The first line.\r\n%s\r\n" % mark)
    assert mark in report.returned, "nothing was asked for, and the body did not come back"


@covers("RFC3461-4.3-nk1", "RFC6522-4-a", fault="sending.ret-hdrs-ignored")
@needs(*_DSN)
def test_the_header_alone_comes_back_where_that_is_asked_for(target: LiveTarget) -> None:
    mark = target.unique("line").encode()
    sent, report = bounce(target, mail=(b"RET=HDRS",), body=b"The first line.\r\n%s\r\n" % mark)
    with proves("RFC3461-4.3-nk1"):
        assert mark not in report.returned, "RET=HDRS, and the body came back"
    types = [part.get_content_type() for part in report.parts]
    if len(types) < 3 or sent.token.encode() not in report.returned:
        raise NotOffered(f"the report returns nothing of the message; its parts are {types}")
    with proves("RFC6522-4-a"):
        assert types[2] != "message/rfc822", f"RET=HDRS, and the header came back as {types[2]}"


@covers("RFC5321-4.4-x", fault="sending.a-report-for-each")
@needs(*SENDS)
def test_one_report_tells_of_all_recipients(target: LiveTarget) -> None:
    domain = refusing_domain(target)
    sent = taken(target, [f"n{i}@{domain}".encode() for i in range(3)], sender=visible_sender(target))
    reported(target, sent)
    found = reports_about(target, sent)
    assert len(found) == 1, f"three recipients at one host were refused, and {len(found)} reports came"


@covers("RFC3461-5.2.8-a", "RFC3461-5.1-e", fault="sending.report-tells-of-others")
@needs(*_DSN)
def test_a_report_tells_of_nobody_who_is_not_to_be_told_of(target: LiveTarget) -> None:
    domain = refusing_domain(target)
    client = target.submission()
    sender = visible_sender(target)
    token, content = content_for(target)
    asked, secret = f"<asked@{domain}>".encode(), f"<never-{token}@{domain}>".encode()
    replies = [client.mail(b"<%s>" % sender), client.rcpt(secret, b"NOTIFY=NEVER")]
    if any(reply.klass != 2 for reply in replies):
        raise Unclear(f"a message with NOTIFY=NEVER was answered {[str(reply) for reply in replies]}")
    client.rset()
    replies = [
        client.mail(b"<%s>" % sender),
        client.rcpt(asked, b"NOTIFY=FAILURE"),
        client.rcpt(secret, b"NOTIFY=NEVER"),
    ]
    with proves("RFC3461-5.1-e"):
        assert replies[-1].klass != 5, (
            f"RCPT with NOTIFY=NEVER was answered {replies[-1]} after one with NOTIFY=FAILURE; alone it is accepted"
        )
    if any(reply.klass != 2 for reply in replies) or (end := client.data(content)).klass != 2:
        raise Unclear(f"a message was answered {[str(reply) for reply in replies]}")
    report = reported(target, Sent(token, sender, (), content, (*replies, end)))
    told_of = [fields.get("final-recipient", "") for fields in report.of_recipients]
    with proves("RFC3461-5.2.8-a"):
        assert not any(f"never-{token}" in name for name in told_of), (
            f"NOTIFY=NEVER, and a report tells of {told_of}"
        )
