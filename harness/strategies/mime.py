"""MIME messages of every shape, each with its known structure (`parts`). Examples shrink to one empty part."""

import quopri
from base64 import b64encode
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.strategies.messages import TOKEN_FIELD
from harness.strategies.parts import (
    Address,
    Disposition,
    Envelope,
    Fields,
    Message,
    Part,
    encapsulate,
    leaf,
    multipart,
    untyped,
)
from harness.wire.lines import CRLF

__all__ = [
    "MAX_DEPTH",
    "encode_base64",
    "encode_quoted_printable",
    "envelopes",
    "leaves",
    "messages",
    "parts",
]

# How deep parts are nested in parts.
MAX_DEPTH: Final = 3

# RFC 2045 §6.8 and §6.7: characters of an encoded line.
_ENCODED_LINE: Final = 76


def encode_base64(octets: bytes) -> bytes:
    """Base64 in lines of 76 characters, each ended (RFC 2045 §6.8)."""
    encoded = b64encode(octets)
    lines = [encoded[at : at + _ENCODED_LINE] for at in range(0, len(encoded), _ENCODED_LINE)]
    return b"".join(line + CRLF for line in lines)


def encode_quoted_printable(text: bytes) -> bytes:
    """Quoted-printable of text whose lines end in CRLF (RFC 2045 §6.7)."""
    return quopri.encodestring(text.replace(CRLF, b"\n"), quotetabs=True).replace(b"\n", CRLF)


# Values of header fields

_WORDS: Final = ("m", "two words", 'a "quote"', "back\\slash", "semi;colon", "(paren)", "=?utf-8?q?=C3=A9?=")
_VALUE: Final = "abc XYZ019.,:;()<>@[]{}%*\"'\\/=?_-"
_values: Final = st.sampled_from(_WORDS) | st.text(_VALUE, min_size=1, max_size=24).map(
    lambda text: " ".join(text.split()) or "x"
)
_ids: Final = st.sampled_from(["<1@example.org>", "<part.2+x@example.org>"])

_ODD_NAME: Final = Disposition("attachment", (("filename", 'odd "name" \\ here.txt'),))
_TWO_PARAMETERS: Final = Disposition("attachment", (("filename", "b c.bin"), ("size", "12")))
# Drawn whole, for each further draw makes every part of a tree dearer.
_fields: Final = st.sampled_from(
    (
        Fields(),
        Fields(content_id="<part1@example.org>"),
        *(Fields(description=word) for word in _WORDS),
        Fields(disposition=Disposition("inline")),
        Fields(disposition=Disposition("attachment", (("filename", "a.txt"),))),
        Fields(disposition=_ODD_NAME),
        Fields(disposition=_TWO_PARAMETERS, description="b"),
        Fields(disposition=Disposition("x-odd", (("p", ""),))),
        Fields(language=("en",)),
        Fields(language=("en", "de-CH")),
        Fields(location="http://example.org/a/b"),
        Fields("<part2@example.org>", "all of them", _TWO_PARAMETERS, ("fr",), "http://example.org/"),
    )
)

# Leaves

_TEXT_TYPES: Final = (
    ("text", "plain", ()),
    ("text", "plain", (("charset", "us-ascii"),)),
    ("text", "html", (("charset", "UTF-8"),)),
    ("TEXT", "Plain", (("Charset", "utf-8"), ("format", "flowed"))),
    ("text", "plain", (("charset", "utf-8"), ("name", "a; b.txt"))),
    ("text", "x-odd", (("p", 'q"\\p'), ("r", ""))),
)
_BINARY_TYPES: Final = (
    ("application", "octet-stream", ()),
    ("application", "octet-stream", (("name", "b c.bin"),)),
    ("image", "gif", ()),
    ("audio", "basic", ()),
)

_ascii_lines: Final = st.sampled_from(
    ["", ".", "..", "From me", "x", "--", " x ", "\tx", '(a) "b"', "x" * 200]
)
_ascii_texts: Final = st.lists(_ascii_lines, max_size=3).map(
    lambda lines: "".join(f"{line}\r\n" for line in lines)
)
# Without an end to the last line, as the line end before a boundary is the boundary's (RFC 2046 §5.1.1).
_ascii_bodies: Final = (_ascii_texts | st.sampled_from(["x", "x\r\ny"])).map(str.encode)
_utf8_texts: Final = st.tuples(
    _ascii_texts, st.sampled_from(["é\r\n", "例 жя = ?\r\n", "ä \r\n", "=\t\r\n"])
).map(lambda texts: "".join(texts).encode())

_plain: Final = st.builds(
    lambda media, encoding, body, fields: leaf(media, encoding, body, body, fields),
    st.sampled_from(_TEXT_TYPES),
    st.sampled_from(["7bit", "7BIT"]),
    _ascii_bodies,
    _fields,
)
_quoted: Final = st.builds(
    lambda media, text, fields: leaf(media, "quoted-printable", encode_quoted_printable(text), text, fields),
    st.sampled_from(_TEXT_TYPES),
    _utf8_texts,
    _fields,
)
_base64_text: Final = st.builds(
    lambda media, text, fields: leaf(media, "base64", encode_base64(text), text, fields),
    st.sampled_from(_TEXT_TYPES),
    _utf8_texts,
    _fields,
)
_base64_binary: Final = st.builds(
    lambda media, octets, fields: leaf(media, "base64", encode_base64(octets), octets, fields),
    st.sampled_from(_BINARY_TYPES),
    st.binary(max_size=100),
    _fields,
)

# Parts that hold no other. One without any field comes in a multipart only, so it is not among them.
leaves: Final = st.one_of(_plain, _quoted, _base64_text, _base64_binary)
_untyped: Final = _ascii_bodies.map(untyped)

# Envelopes

_ADDRESSES: Final = (
    Address("a", "example.org"),
    Address("alice", "example.test", "Alice Example"),
    Address("bob", "example.test", "Example, Bob"),
    Address("carol", "example.org", 'The "Carol" \\ Example'),
)
_ADDRESS_LISTS: Final = (*((address,) for address in _ADDRESSES), _ADDRESSES[:2], _ADDRESSES)
_address_lists: Final = st.sampled_from(_ADDRESS_LISTS)
_maybe_addresses: Final = st.sampled_from(((), *_ADDRESS_LISTS))

envelopes: Final = st.builds(
    Envelope,
    from_=_address_lists,
    subject=st.none() | _values,
    sender=st.sampled_from(((), *((address,) for address in _ADDRESSES))),
    reply_to=_maybe_addresses,
    to=_maybe_addresses,
    cc=_maybe_addresses,
    bcc=_maybe_addresses,
    in_reply_to=st.none() | _ids,
    message_id=st.none() | _ids,
)

# Trees

_SUBTYPES: Final = ("mixed", "alternative", "related", "x-odd")
_asides: Final = st.sampled_from([b"", b"", b"aside\r\n", b"\r\n", b"two\r\nlines\r\n"])


def _multiparts(inner: SearchStrategy[Part]) -> SearchStrategy[Part]:
    return st.builds(
        lambda subtype, listed, fields, preamble, epilogue: multipart(
            subtype, listed, fields, preamble=preamble, epilogue=epilogue
        ),
        st.sampled_from(_SUBTYPES),
        st.lists(inner, min_size=1, max_size=3),
        _fields,
        _asides,
        _asides,
    )


def _encapsulated(inner: SearchStrategy[Part]) -> SearchStrategy[Part]:
    return st.builds(encapsulate, st.builds(Message, envelopes, inner), _fields)


def parts(depth: int = MAX_DEPTH) -> SearchStrategy[Part]:
    """Parts, nested so deep at most: 0 for leaves only."""
    if depth == 0:
        return leaves
    inner = parts(depth - 1)
    return leaves | _multiparts(inner | _untyped) | _encapsulated(inner)


def messages(
    token: str, *, to: str = "alice@example.test", depth: int = MAX_DEPTH
) -> SearchStrategy[Message]:
    """Whole messages in 7-bit octets, marked as `messages.compose` marks its own.

    Args:
        token: Printable ASCII without spaces; it is in the token's field and in the Message-ID.
        to: The first address in the To field.
        depth: As in `parts`.
    """

    def build(envelope: Envelope, part: Part) -> Message:
        return Message(envelope, part, (TOKEN_FIELD + b": " + token.encode(),))

    user, _, host = to.rpartition("@")
    marked = st.builds(
        Envelope,
        from_=st.just((Address("mailproof", "example.org", "Mailproof"),)),
        subject=st.none() | _values,
        reply_to=_maybe_addresses,
        to=_maybe_addresses.map(lambda others: (Address(user, host), *others)),
        cc=_maybe_addresses,
        in_reply_to=st.none() | _ids,
        message_id=st.just(f"<{token}@example.org>"),
    )
    return st.builds(build, marked, parts(depth))
