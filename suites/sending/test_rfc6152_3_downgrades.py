"""RFC 6152 §3 and RFC 6531 §3.5: what an exchanger does not offer is not sent to it."""

from email import message_from_bytes
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from suites.covers import covers, proves
from suites.needs import needs, submission_offers
from suites.peer import Received, peer_of
from suites.sending.journeys import SENDS, Sent, content_for, passed_by, submitted, visible_sender
from suites.sending.reports import reports_so_far, told

_UTF8: Final = (
    b"MIME-Version: 1.0",
    b"Content-Type: text/plain; charset=utf-8",
    b"Content-Transfer-Encoding: 8bit",
)
_TEXTS: Final = st.lists(
    st.text("abc \u00e4\u00f1\u4f8b.=", max_size=30).map(str.strip), min_size=1, max_size=4
).map(lambda lines: "".join(f"{line}\r\n" for line in ["\u00fc", *lines]))


def plain_domain(target: LiveTarget, *without: str) -> bytes:
    """An address at a domain whose exchanger lacks these extensions."""
    peer = peer_of(target)
    host = peer.exchanger(without=without)
    return f"x@{peer.publish(('MX', f'10 {host.name}.'))}".encode()


def fate(target: LiveTarget, sent: Sent) -> Received | None:
    """The message at our side; None where it was refused, or reported as failed.

    Raises:
        Unclear: Neither, in time.
    """
    if sent.refusal is not None:
        if sent.refusal.klass == 4:
            raise Unclear(f"the message was answered {sent.refusal}")
        return None
    peer = peer_of(target)
    peer.wait_until(
        lambda messages: bool(passed_by(messages, sent.token)) or told(messages, sent),
        target.limits.delivery_s,
    )
    if came := passed_by(peer.received(), sent.token):
        return came[0]
    if any(report.failures for report in reports_so_far(target, sent)):
        return None
    raise Unclear("the message did not come in time, and no report says why")


@covers("RFC6152-3-f", fault="sending.eight-bit-unasked")
@needs(*SENDS, submission_offers("8BITMIME"))
@given(text=_TEXTS)
def test_octets_above_127_are_not_sent_to_who_does_not_offer_it(target: LiveTarget, text: str) -> None:
    content = content_for(target, body=text.encode(), fields=_UTF8)
    address = plain_domain(target, "8BITMIME", "SMTPUTF8")
    sent = submitted(
        target, [address], content=content, mail=[b"BODY=8BITMIME"], sender=visible_sender(target)
    )
    got = fate(target, sent)
    assert got is None or got.content.isascii(), (
        f"an exchanger without 8BITMIME was sent {sum(octet > 127 for octet in got.content)} octets above 127"
    )


@covers("RFC6152-3-h", "RFC6152-3-i", fault="sending.conversion-loses")
@needs(*SENDS, submission_offers("8BITMIME"))
@given(text=_TEXTS)
def test_what_is_converted_to_seven_bits_loses_nothing(target: LiveTarget, text: str) -> None:
    content = content_for(target, body=text.encode(), fields=_UTF8)
    address = plain_domain(target, "8BITMIME", "SMTPUTF8")
    sent = submitted(
        target, [address], content=content, mail=[b"BODY=8BITMIME"], sender=visible_sender(target)
    )
    got = fate(target, sent)
    if got is None or not got.content.isascii():
        raise NotOffered("8-bit content is not converted for an exchanger without 8BITMIME")
    message = message_from_bytes(got.content)
    with proves("RFC6152-3-i"):
        assert message["MIME-Version"], "the converted message has no MIME-Version field"
    decoded = message.get_payload(decode=True)
    assert isinstance(decoded, bytes), "the converted message is no longer a single part"
    with proves("RFC6152-3-h"):
        assert decoded.split() == text.encode().split(), f"{text.encode()!r} came, decoded, as {decoded!r}"


@covers("RFC6531-3.2-g", "RFC6531-3.5-a", fault="sending.utf8-unasked")
@needs(*SENDS, submission_offers("SMTPUTF8", "8BITMIME"))
@given(word=st.text("\u00e4\u00f1\u4f8b\u0436", min_size=1, max_size=8))
def test_utf8_headers_are_not_sent_to_who_does_not_offer_it(target: LiveTarget, word: str) -> None:
    content = content_for(target, fields=[b"Comments: " + word.encode()])
    address = plain_domain(target, "SMTPUTF8")
    sent = submitted(
        target,
        [address],
        content=content,
        mail=[b"SMTPUTF8", b"BODY=8BITMIME"],
        sender=visible_sender(target),
    )
    got = fate(target, sent)
    header = got.content.partition(b"\r\n\r\n")[0] if got is not None else b""
    assert header.isascii(), f"an exchanger without SMTPUTF8 was sent a header with {word.encode()!r}"
