"""RFC 5321 §2.4, §3.6, §4.4, §4.5.2 and others: what is relayed comes out as it went in, where the envelope says."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from suites.covers import covers
from suites.delivery.letters import named
from suites.mail import fields_of
from suites.needs import needs
from suites.peer import Received, peer_of
from suites.sending.journeys import (
    SENDS,
    Sent,
    arrives,
    content_for,
    passed_by,
    stays_away,
    submitted,
    taken,
)

# Lines that submission has no reason to encode, many of them with dots where they matter.
_LINES: Final = st.sampled_from(
    [b"", b".", b"..", b"...", b".x", b" .", b"x.", b"From x", b">From x", b"--"]
) | (st.text("abc. :>-=", min_size=1, max_size=60).map(lambda text: f"{text}|".encode()))
_BODIES: Final = st.lists(_LINES, max_size=8).map(lambda lines: b"".join(line + b"\r\n" for line in lines))

_ATEXT: Final = "abcXYZ019!#$&'*+-/=?^_`{|}~"
# A letter in upper case first: what begins with a hyphen, a bar or a slash is refused by policy here and there.
_LOCAL_PARTS: Final = st.lists(st.text(_ATEXT, min_size=1, max_size=6), min_size=1, max_size=3).map(
    lambda words: "Q" + ".".join(words)
)


def came(target: LiveTarget, sent: Sent) -> Received:
    """The message at our side; `Unclear` where it does not come in time."""
    found = arrives(target, sent)
    if not found:
        raise Unclear(f"a message for {sent.recipients} did not come in time")
    return found[0]


def body_of(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[2]


@covers("RFC5321-4.5.2-nk3", fault="sending.dots-not-doubled")
@needs(*SENDS)
@given(drawn=st.lists(_BODIES, min_size=1, max_size=3), chunking=st.booleans())
def test_a_body_comes_out_as_it_went_in(target: LiveTarget, drawn: list[bytes], chunking: bool) -> None:
    peer = peer_of(target)
    host = peer.exchanger(without=() if chunking else ("CHUNKING",))
    address = f"x@{peer.publish(('MX', f'10 {host.name}.'))}".encode()
    client = target.submission()
    sent = [
        taken(target, [address], content=content_for(target, body=body), client=client)
        for body in [b".first\r\n", *drawn]
    ]
    for each in sent:
        went, out = body_of(each.content), body_of(came(target, each).content)
        at = next((i for i, pair in enumerate(zip(went, out, strict=False)) if pair[0] != pair[1]), -1)
        at = min(len(went), len(out)) if at < 0 else at
        assert went == out, (
            f"a body of {len(went)} octets came with {len(out)}, different from octet {at}:"
            f" {went[max(0, at - 10) : at + 20]!r} became {out[max(0, at - 10) : at + 20]!r}"
        )


@covers("RFC5321-2.4-b", "RFC5321-2.4-c", fault="sending.local-part-in-lower-case")
@needs(*SENDS)
@given(local_part=_LOCAL_PARTS)
def test_the_local_part_of_a_recipient_elsewhere_is_kept(target: LiveTarget, local_part: str) -> None:
    for part in ("MixedCase", local_part):
        address = f"{part}@{peer_of(target).domain}".encode()
        sent = submitted(target, [address])
        if sent.refusal is not None and part == local_part:
            return  # an unusual one may be refused
        if sent.refusal is not None:
            raise Unclear(f"a message for {address.decode()} was answered {sent.refusal}")
        got = came(target, sent).recipients
        assert got[0].rpartition(b"@")[0] == part.encode(), (
            f"a message for {address.decode()} came for {got[0].decode()}"
        )


@covers("RFC5321-2.4-b", "RFC5321-2.4-c", fault="sending.sender-in-lower-case")
@needs(*SENDS)
@given(local_part=_LOCAL_PARTS)
def test_the_local_part_of_a_sender_elsewhere_is_kept(target: LiveTarget, local_part: str) -> None:
    peer = peer_of(target)
    sender = f"{local_part}@{peer.domain}".encode()
    sent = taken(target, [f"{target.unique('x')}@{peer.domain}".encode()], sender=sender)
    got = came(target, sent).reverse_path
    if got.rpartition(b"@")[2].lower() != peer.domain.encode():
        raise NotOffered(f"submission sends with MAIL FROM:<{got.decode()}> in place of the sender's address")
    assert got.rpartition(b"@")[0] == local_part.encode(), (
        f"a message from {sender.decode()} came from {got.decode()}"
    )


@covers("RFC5321-2.1-b", fault="sending.last-recipient-lost")
@needs(*SENDS)
@given(number=st.integers(2, 5), domains=st.integers(1, 3))
def test_every_recipient_elsewhere_gets_the_message(target: LiveTarget, number: int, domains: int) -> None:
    peer = peer_of(target)
    recipients = [
        f"r{index}@{target.unique('h')}.{peer.domain}".encode()
        for _ in range(domains)
        for index in range(number)
    ]
    sent = taken(target, recipients)

    def reached(messages: list[Received], by: Sent) -> set[bytes]:
        return {address for m in passed_by(messages, by.token) for address in m.recipients}

    if peer.wait_until(lambda messages: reached(messages, sent) >= set(recipients), target.limits.delivery_s):
        return
    # Destinations wait each for themselves: only a later message to the same recipient says that one is lost.
    later = taken(target, recipients)
    peer.wait_until(lambda messages: reached(messages, later) >= set(recipients), target.limits.delivery_s)
    lost = reached(peer.received(), later) - reached(peer.received(), sent)
    assert not lost, f"{len(lost)} of {len(recipients)} recipients got a later message, and not the first"
    raise Unclear(f"the message did not come for all of {len(recipients)} recipients in time")


@covers("RFC5321-C-g", fault="sending.recipients-from-the-header")
@needs(*SENDS)
def test_the_header_names_no_recipient(target: LiveTarget) -> None:
    peer = peer_of(target)
    named_only = f"{target.unique('header')}@{peer.domain}"
    address = f"{target.unique('envelope')}@{peer.domain}".encode()
    fields = [b"Cc: <%s>" % named_only.encode()]
    came(target, taken(target, [address], content=content_for(target, fields=fields)))
    away = stays_away(
        target, lambda messages: any(named_only.encode() in message.recipients for message in messages)
    )
    assert away, f"the header names {named_only}, the envelope does not, and the message came for it"


@covers("RFC5321-4.1.1.3-c", fault="sending.route-in-the-reverse-path")
@needs(*SENDS)
def test_a_source_route_does_not_come_into_the_reverse_path(target: LiveTarget) -> None:
    peer = peer_of(target)
    host = peer.exchanger()
    path = f"<@relay.example.org:x@{peer.publish(('MX', f'10 {host.name}.'))}>".encode()
    sent = submitted(target, [path])
    if sent.refusal is not None:
        raise NotOffered(f"RCPT TO:{path.decode()} was answered {sent.refusal}")
    came(target, sent)
    (said,) = [line for line in host.commands if line.upper().startswith(b"MAIL")]
    assert b"<@" not in said, f"a message along a route came with {said.decode()}"


@covers("RFC5321-4.4-a", fault="sending.no-trace")
@needs(*SENDS)
def test_a_relayed_message_has_a_received_field(target: LiveTarget) -> None:
    got = came(target, taken(target, [f"{target.unique('x')}@{peer_of(target).domain}".encode()]))
    fields = fields_of(got.content)
    assert named(fields[:3], b"received"), f"the message begins with {[field[:40] for field in fields[:3]]}"


@covers("RFC5321-3.6.3-e", "RFC5321-4.4-f", fault="sending.trace-changed")
@needs(*SENDS)
@given(hops=st.lists(st.sampled_from([b" ", b"\r\n\t", b"\r\n  "]), min_size=1, max_size=3))
def test_received_fields_are_relayed_as_they_are(target: LiveTarget, hops: list[bytes]) -> None:
    earlier = [
        b"Received: from h%d.example.org%sby h%d.example.org;%sTue, 24 Nov 2026 12:00:00 +0000"
        % (i, ws, i + 1, ws)
        for i, ws in enumerate(hops)
    ]
    token, content = content_for(target)
    content = b"".join(field + b"\r\n" for field in earlier) + content
    got = came(
        target,
        taken(target, [f"x@{peer_of(target).domain}".encode()], content=(token, content)),
    )
    kept = named(fields_of(got.content), b"received")
    assert kept[-len(earlier) :] == earlier, f"the last Received fields came as {kept[-len(earlier) :]!r}"
