"""Real MIME structures of an exact size.

Seven-bit, no line over 76 octets, none that begins with "From ", none with white space at its end, every line ended
by CRLF: no agent has a reason to encode, wrap or quote anything. Some lines begin with a dot, and some are nothing
else.
"""

import base64
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple

__all__ = ["Part", "structure"]

# RFC 2045 §6.8 allows no more in a line of base64; the same suits text.
MAX_LINE: Final = 76

_CRLF: Final = b"\r\n"
_WORDS: Final = (
    b"about after agenda and answer attached because before below budget by calendar call can change check "
    b"clear could customer date day delivery detail draft each evening file final first for forward have "
    b"her his how if in invoice it just kind last later letter list look many meeting minutes month more "
    b"morning need next note number of offer on open order other our page part people plan please point "
    b"project question ready reply report request review room send should sign some soon team thank that "
    b"the their then there this time to today tomorrow two under until update version very want week well "
    b"what when which will with work would year yes yesterday you your"
).split()


class Part(NamedTuple):
    """A body and the lines of the header that describe it, each ended by CRLF."""

    header: bytes
    body: bytes

    def encode(self) -> bytes:
        return self.header + _CRLF + self.body

    @property
    def octets(self) -> int:
        return len(self.header) + len(_CRLF) + len(self.body)


# Makes a part of exactly so many octets.
Maker = Callable[[int, Random], Part]

_VERSION: Final = b"MIME-Version: 1.0\r\n"
_PLAIN: Final = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
_HTML: Final = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
_HTML_BEGIN: Final = b'<html><body style=3D"font-family: sans-serif">\r\n<p>Gr=C3=BC=C3=9Fe</p>\r\n<pre>\r\n'
_HTML_END: Final = b"</pre>\r\n</body></html>\r\n"


def prose(octets: int, rng: Random) -> bytes:
    """Lines of words, exactly so many octets, at least 3."""
    lines: list[bytes] = []
    left = octets
    while left > MAX_LINE + 2:
        line = _line(rng)
        lines.append(line)
        left -= len(line) + 2
    if left < 3:
        # Too little for a line: the one before gives some.
        left += len(lines.pop()) + 2
    lines.append((b"x" * (left - 2)) if left < 12 else _exactly(left - 2, rng))
    return _CRLF.join(lines) + _CRLF


def _line(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.02:
        return b"."
    start = b".." if kind < 0.03 else b"." if kind < 0.05 else b""
    return start + b" ".join(rng.choices(_WORDS, k=8))[: MAX_LINE - 8].rstrip()


def _exactly(octets: int, rng: Random) -> bytes:
    words = b" ".join(rng.choices(_WORDS, k=octets // 2))
    return words[: octets - 1].rstrip().ljust(octets, b".")


def bare(octets: int, rng: Random) -> Part:
    """Text without a MIME field, for messages that have no room for one (RFC 2045 §5.2 says what it is)."""
    return Part(b"", prose(octets - len(_CRLF), rng))


def text(octets: int, rng: Random) -> Part:
    return Part(_PLAIN, prose(octets - len(_PLAIN) - len(_CRLF), rng))


def html(octets: int, rng: Random) -> Part:
    around = len(_HTML) + len(_CRLF) + len(_HTML_BEGIN) + len(_HTML_END)
    return Part(_HTML, _HTML_BEGIN + prose(octets - around, rng) + _HTML_END)


def attachment(octets: int, rng: Random) -> Part:
    """Random octets in base64; up to 80 octets less than asked, for base64 comes by the line."""
    kind = rng.choice((b"application/pdf", b"image/jpeg", b"application/octet-stream"))
    header = (
        b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="%08x"\r\n' % (kind, rng.getrandbits(32))
    )
    lines = max(1, (octets - len(header) - len(_CRLF)) // (MAX_LINE + 2))
    encoded = base64.encodebytes(rng.randbytes(lines * (MAX_LINE // 4 * 3)))
    return Part(header, encoded.replace(b"\n", _CRLF))


def multipart(
    subtype: bytes, octets: int, rng: Random, first: Maker, others: Sequence[tuple[Maker, float]]
) -> Part:
    """Several parts: each of the others takes a share of the room, and the first takes what is left, exactly."""
    boundary = b"=_%016x" % rng.getrandbits(64)
    header = b'Content-Type: multipart/%b; boundary="%b"\r\n' % (subtype, boundary)
    opening, between, closing = (
        b"--%b\r\n" % boundary,
        b"\r\n--%b\r\n" % boundary,
        b"\r\n--%b--\r\n" % boundary,
    )
    around = len(header) + len(_CRLF) + len(opening) + len(between) * len(others) + len(closing)
    room = octets - around
    parts = [make(int(room * share), rng) for make, share in others]
    parts.insert(0, first(room - sum(part.octets for part in parts), rng))
    return Part(header, opening + between.join(part.encode() for part in parts) + closing)


def alternative(octets: int, rng: Random) -> Part:
    return multipart(b"alternative", octets, rng, text, [(html, 0.6)])


def mixed(octets: int, rng: Random) -> Part:
    return multipart(b"mixed", octets, rng, text, [(attachment, _attached(octets))])


def nested(octets: int, rng: Random) -> Part:
    """Text and HTML with its picture, and two attachments: three levels deep."""
    share = _attached(octets)
    return multipart(b"mixed", octets, rng, related, [(attachment, share * 0.7), (attachment, share * 0.2)])


def related(octets: int, rng: Random) -> Part:
    return multipart(b"related", octets, rng, alternative, [(attachment, _attached(octets))])


def _attached(octets: int) -> float:
    """The share of a message that its attachments take: what people write themselves does not grow with it."""
    return max(0.4, 1 - 20_000 / octets)


class _Structure(NamedTuple):
    """A structure and the sizes that it is made for."""

    make: Maker
    least: int
    most: int
    weight: float


# Ours: large messages are large by what is attached to them.
_STRUCTURES: Final = (
    _Structure(bare, 0, 599, 1.0),
    _Structure(text, 600, 100_000, 0.4),
    _Structure(alternative, 1_200, 100_000, 0.4),
    _Structure(mixed, 2_500, 1 << 40, 0.3),
    _Structure(nested, 5_000, 1 << 40, 0.2),
)


def structure(octets: int, rng: Random) -> Part:
    """A structure as mail of this size has it: header, empty line and body are exactly `octets`, 40 or more."""
    fitting = [each for each in _STRUCTURES if each.least <= octets <= each.most]
    make = rng.choices(fitting, weights=[each.weight for each in fitting])[0].make
    if make is bare:
        return bare(octets, rng)
    part = make(octets - len(_VERSION), rng)
    return Part(_VERSION + part.header, part.body)
