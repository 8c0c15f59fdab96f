"""RFC 3501 §7.4.2: what FETCH says of a message's structure."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.strategies import mime
from harness.strategies.parts import Disposition, Envelope, Fields, Message, encapsulate, multipart, untyped
from harness.target import Protocol
from harness.wire.imap.bodystructure import BodyStructure, Multipart
from harness.wire.imap.bodystructure import Part as ToldPart
from harness.wire.imap.envelope import Envelope as ToldEnvelope
from harness.wire.imap.fetch import FetchValue
from suites.covers import covers
from suites.imap.scratch import Stored, scratch
from suites.imap.shapes import envelope_of, extension_faults, paired, structure_faults
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_TOKEN: Final = "structure"

_single_messages = mime.messages(_TOKEN, depth=0)
_extension_fields: Final = (
    Fields(disposition=Disposition("attachment", (("filename", "a.txt"),))),
    Fields(disposition=Disposition("inline"), language=("en",)),
    Fields(language=("en", "de-CH"), location="http://example.org/a"),
    Fields(location="http://example.org/b"),
)
_multipart_messages = st.builds(
    lambda whole, parts, fields: Message(whole.envelope, multipart("mixed", parts, fields), whole.extra),
    _single_messages,
    st.lists(mime.leaves, min_size=1, max_size=3),
    st.sampled_from(_extension_fields),
)


def _has_extension_data(sent: Message) -> bool:
    fields = sent.part.fields
    return bool(fields.disposition or fields.language or fields.location)


def _told(target: LiveTarget, sent: Message, item: bytes) -> BodyStructure:
    """BODY or BODYSTRUCTURE of a message."""
    found = _as_told(target, sent, item)
    if not isinstance(found, ToldPart | Multipart):
        raise Unclear(f"{item.decode()} could not be read: {found!r}")
    return found


def _as_told(target: LiveTarget, sent: Message, item: bytes) -> FetchValue:
    """As `_told`, or the bare values where they do not follow the grammar."""
    with scratch(target, [Stored(sent.octets)]) as box:
        return box.fetch(b"(%s)" % item)[1].items.get(item.decode())


@covers(
    "RFC3501-7.4.2-nk1",
    fault="imap.structure-counts-the-header",
    also=("imap.enclosed-message-as-basic-part",),
)
@needs(_IMAP)
@given(sent=mime.messages(_TOKEN))
def test_bodystructure_tells_the_tree(target: LiveTarget, sent: Message) -> None:
    faults = list(structure_faults(sent.part, _told(target, sent, b"BODYSTRUCTURE")))
    assert not faults, faults[0]


@covers(
    "RFC3501-7.4.2-nk1", fault="imap.body-counts-more-lines", also=("imap.enclosed-message-as-basic-part",)
)
@needs(_IMAP)
@given(sent=mime.messages(_TOKEN))
def test_body_tells_the_tree(target: LiveTarget, sent: Message) -> None:
    faults = list(structure_faults(sent.part, _told(target, sent, b"BODY")))
    assert not faults, faults[0]


@covers("RFC3501-9-g", fault="imap.body-with-extension-of-parts")
@needs(_IMAP)
@given(sent=_single_messages)
def test_body_of_a_single_part_has_no_extension_data(target: LiveTarget, sent: Message) -> None:
    sent_members = _told(target, sent, b"BODY").extension.sent
    assert not sent_members, f"BODY has {sent_members} members of extension data"


@covers("RFC3501-9-h", fault="imap.body-with-extension-of-multiparts")
@needs(_IMAP)
@given(sent=_multipart_messages)
def test_body_of_a_multipart_has_no_extension_data(target: LiveTarget, sent: Message) -> None:
    sent_members = _told(target, sent, b"BODY").extension.sent
    assert not sent_members, f"BODY of a multipart has {sent_members} members of extension data"


@covers("RFC3501-7.4.2-g", fault="imap.extension-of-parts-in-disorder")
@needs(_IMAP)
@given(sent=_single_messages.filter(_has_extension_data))
def test_extension_data_of_a_single_part_is_in_order(target: LiveTarget, sent: Message) -> None:
    faults = list(extension_faults("the body", sent.part, _told(target, sent, b"BODYSTRUCTURE")))
    assert not faults, faults[0]


@covers("RFC3501-7.4.2-j", fault="imap.extension-of-multiparts-in-disorder")
@needs(_IMAP)
@given(sent=_multipart_messages)
def test_extension_data_of_a_multipart_is_in_order(target: LiveTarget, sent: Message) -> None:
    body = _told(target, sent, b"BODYSTRUCTURE")
    for where, part, shown in paired(sent.part, body):
        faults = list(extension_faults(where, part, shown)) if isinstance(shown, Multipart) else []
        assert not faults, faults[0]


@covers("RFC3501-9-i", fault="imap.enclosed-message-as-basic-part")
@needs(_IMAP)
@given(inner=_single_messages, alone=st.booleans())
def test_an_enclosed_message_has_envelope_and_structure(
    target: LiveTarget, inner: Message, alone: bool
) -> None:
    enclosed = encapsulate(inner)
    part = enclosed if alone else multipart("mixed", [untyped(b"x\r\n"), enclosed])
    body = _as_told(target, Message(inner.envelope, part, inner.extra), b"BODYSTRUCTURE")
    if isinstance(body, ToldPart | Multipart):
        told = body.parts[-1] if isinstance(body, Multipart) else body
        assert isinstance(told, ToldPart), f"a part of type message/rfc822 is told as {told}"
        assert told.body is not None, f"a part of type message/rfc822 is told as {told}"
    else:
        values = body if alone or not isinstance(body, tuple) else body[1]
        if not isinstance(values, tuple) or len(values) < 7:
            raise Unclear(f"BODYSTRUCTURE could not be read: {body!r}")
        # Behind type, subtype, parameters, id, description, encoding and octets comes the envelope.
        assert isinstance((*values, None)[7], tuple), f"a part of type message/rfc822 is told as {values}"


@covers("RFC3501-7.4.2-nk2", fault="imap.envelope-without-defaults")
@needs(_IMAP)
@given(envelope=mime.envelopes)
def test_envelope_tells_the_header_fields(target: LiveTarget, envelope: Envelope) -> None:
    sent = Message(envelope, untyped(b"x\r\n"))
    with scratch(target, [Stored(sent.octets)]) as box:
        found = box.fetch(b"(ENVELOPE)")[1].envelope
    if not isinstance(found, ToldEnvelope):
        raise Unclear("ENVELOPE could not be read")
    expected = envelope_of(envelope)
    for name in ToldEnvelope.__dataclass_fields__:
        got, wanted = getattr(found, name), getattr(expected, name)
        assert got == wanted, f"ENVELOPE has {got!r} for {name.rstrip('_')}, not {wanted!r}"


@covers("RFC9051-7.5.2-d", fault="imap.binary-size-of-the-encoded")
@needs(imap_offers("IMAP4rev2"))
@given(sent=_single_messages)
def test_binary_size_is_that_of_the_decoded_part(target: LiveTarget, sent: Message) -> None:
    with scratch(target, [Stored(sent.octets)]) as box:
        data = box.fetch(b"(BINARY.SIZE[1] BINARY.PEEK[1])")[1]
    size, octets = data.binary_size(b"1"), len(data.binary(b"1") or b"")
    assert size == octets, f"BINARY.SIZE[1] is {size}, BINARY[1] has {octets} octets"
