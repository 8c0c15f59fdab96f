"""Content made fit for a peer that does not take 8-bit or binary octets: leaf parts are encoded, nothing is lost.

A message that cannot be converted so that its reader gets the same octets is refused, never mangled.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final

from reference_server.envelope import Body
from reference_server.mime.fields import Field
from reference_server.mime.parts import Part, parse_message

__all__ = ["CannotConvert", "convert", "fits", "has_8bit_header"]

# RFC 2045 §2.7: octets between two CRLFs.
_MAX_LINE: Final = 998

# The transfer encodings that say what the octets are without encoding them (RFC 2045 §6.2), and what carries each.
_IDENTITIES: Final[Mapping[bytes, Body]] = {
    b"7bit": Body.SEVEN_BIT,
    b"8bit": Body.EIGHT_BIT,
    b"binary": Body.BINARY,
}
_NAMES: Final[Mapping[Body, bytes]] = {body: name for name, body in _IDENTITIES.items()}
_RANKS: Final[Mapping[Body, int]] = {Body.SEVEN_BIT: 0, Body.EIGHT_BIT: 1, Body.BINARY: 2}

_ENCODING_FIELD: Final = b"content-transfer-encoding"

_QP_ENCODED: Final = re.compile(rb"[^ -<>-~\t]|[ \t]\Z")
# RFC 2045 §6.7: at most 76 octets in a line, a soft line end's "=" and two that `_soft_lines` may add included.
_QP_LINE: Final = 76
_QP_PIECE: Final = re.compile(rb".{1,73}(?<!=)(?<!=.)")


class CannotConvert(Exception):
    """The reader would not get what was sent; the message says why."""


def fits(content: bytes, body: Body) -> bool:
    """Whether the octets may travel as `body`: no NUL, no CR or LF alone. The length of lines is left to the peer.

    Source: RFC 2045 §2.7, §2.8; RFC 5321 §2.3.8 (CR and LF only together).
    """
    if body is Body.BINARY:
        return True
    if body is Body.SEVEN_BIT and not content.isascii():
        return False
    line_ends = content.count(b"\r\n")
    return line_ends == content.count(b"\r") == content.count(b"\n") and b"\0" not in content


def has_8bit_header(content: bytes) -> bool:
    """Whether a header field, of the message or of any part in it, goes beyond ASCII (RFC 6532 §3.2)."""
    if content.isascii():
        return False
    waiting = [parse_message(content)]
    while waiting:
        part = waiting.pop()
        if not part.header.isascii():
            return True
        waiting += [part.message] if part.message else part.children
    return False


def convert(content: bytes, body: Body) -> bytes:
    """The message with every part in a form that may travel as `body`, 7BIT or 8BITMIME.

    Raises:
        CannotConvert: It is no MIME message, or what does not fit stands where no encoding can be said.

    Source: RFC 6152 §3; RFC 3030 §3; RFC 2045 §6.
    """
    converted = _message(parse_message(content), body)
    if not fits(converted, body):
        raise CannotConvert("a header or the text between parts holds what only an encoding could carry")
    return converted


def _message(message: Part, body: Body) -> bytes:
    """RFC 2045 §4: without MIME-Version no reader would decode what we encode."""
    if message.field(b"mime-version") is None:
        if not fits(message.octets, body):
            raise CannotConvert("it is no MIME message")
        return message.octets
    return _part(message, body)


def _part(part: Part, body: Body) -> bytes:
    if part.is_multipart:
        return _composite(part, _between_parts(part, body), body)
    if part.message is not None and part.encoding in _IDENTITIES:
        return _composite(part, _message(part.message, body), body)
    return _leaf(part, body)


def _between_parts(part: Part, body: Body) -> bytes:
    """A multipart's body with its parts converted, and the delimiters as they stand."""
    if part.media_type == b"multipart/signed" and not _carried(part.octets, body):
        # RFC 1847 §2.1: nobody but the signer may change what is signed.
        raise CannotConvert("it is signed")
    pieces, at = [], part.body_start
    for child in part.children:
        pieces += [part.source[at : child.start], _part(child, body)]
        at = child.end
    return b"".join([*pieces, part.source[at : part.end]])


def _composite(part: Part, body_octets: bytes, body: Body) -> bytes:
    """RFC 2045 §6.4: a multipart or message is labelled for what is in it, and never encoded."""
    return _labelled(part, body) + body_octets


def _leaf(part: Part, body: Body) -> bytes:
    if _carried(part.body, body):
        return _labelled(part, body) + part.body
    if part.encoding not in _IDENTITIES:
        raise CannotConvert("a part is not what its transfer encoding says")
    major = _declared_major_type(part)
    if major in {b"multipart", b"message"}:
        raise CannotConvert(f"{major.decode()} parts are not encoded")
    encoding, encode = (b"quoted-printable", _quoted_printable) if major == b"text" else (b"base64", _base64)
    octets = encode(part.body)
    if part.end == len(part.source) and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    return _with_encoding(part, encoding) + octets


def _carried(octets: bytes, body: Body) -> bool:
    return fits(octets, body) and max(map(len, octets.split(b"\r\n"))) <= _MAX_LINE


def _declared_major_type(part: Part) -> bytes:
    """What the field says, even where the part cannot be read as that: a multipart without its delimiters."""
    declared = part.field(b"content-type") or part.media_type
    return declared.partition(b"/")[0].strip().lower()


def _labelled(part: Part, body: Body) -> bytes:
    """The header, its encoding lowered to `body` where it says more."""
    said = _IDENTITIES.get(part.encoding)
    if said is None or _RANKS[said] <= _RANKS[body]:
        return part.header
    return _with_encoding(part, _NAMES[body])


def _with_encoding(part: Part, encoding: bytes) -> bytes:
    """The header with this Content-Transfer-Encoding in place of its own, or added at its end."""
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n"
    found = next((field for field in part.fields if _is_encoding(field)), None)
    if found is not None:
        return (b"\n" + part.header).replace(b"\n" + found.raw, b"\n" + field, 1)[1:]
    fields = part.header.removesuffix(b"\r\n")
    # A part that begins with its blank line has no fields.
    return (fields if fields.endswith(b"\r\n") or not fields else fields + b"\r\n") + field + b"\r\n"


def _is_encoding(field: Field) -> bool:
    return field.name.lower() == _ENCODING_FIELD


def _quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 §6.7; a CR or LF alone is encoded as data."""
    encoded = (_QP_ENCODED.sub(lambda found: b"=%02X" % found[0][0], line) for line in octets.split(b"\r\n"))
    return b"\r\n".join(map(_soft_lines, encoded))


def _soft_lines(line: bytes) -> bytes:
    """A line cut where it is too long; no piece begins as a delimiter between parts does."""
    if len(line) <= _QP_LINE:
        return line
    first, *others = _QP_PIECE.findall(line)
    return b"=\r\n".join(
        [first, *(b"=2D" + piece[1:] if piece.startswith(b"-") else piece for piece in others)]
    )


def _base64(octets: bytes) -> bytes:
    """RFC 2045 §6.8, without a last line end."""
    return base64.encodebytes(octets).rstrip(b"\n").replace(b"\n", b"\r\n")
