"""How octets, flags and dates are written in IMAP, by client and server alike."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.errors import LocalProtocolError

__all__ = [
    "Literal",
    "encode_astring",
    "encode_date",
    "encode_date_time",
    "encode_flags",
    "encode_list",
    "encode_literal",
    "encode_literal8",
    "encode_nstring",
    "encode_quoted",
    "encode_string",
    "is_atom",
    "to_astring",
]

# RFC 3501 §9: ATOM-CHAR is a CHAR but ( ) { SP CTL % * DQUOTE \ ]; ASTRING-CHAR takes ] back.
_ATOM: Final = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_ASTRING: Final = re.compile(rb"[!#$&'+-\[\]-z|}~]+")
_SPECIAL: Final = re.compile(rb'(["\\])')
# RFC 3501 §9: a quoted string holds TEXT-CHAR; 8-bit octets only as UTF-8 (RFC 9051 §9).
_UNQUOTABLE: Final = re.compile(rb"[\0\r\n]")

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets to be sent as a literal.

    Attributes:
        binary: As a literal8, ``~{n}`` (RFC 3516 §4.4), in which NUL may stand.
        sync: Wait for the server's ``+`` first; without it, LITERAL+ or LITERAL- (RFC 7888 §3, §5) must be offered.
    """

    octets: bytes
    binary: bool = False
    sync: bool = True

    @property
    def announcement(self) -> bytes:
        """``{n}`` or ``{n+}``, ``~`` before it where binary, with the CRLF."""
        return b"%s{%d%s}\r\n" % (b"~" * self.binary, len(self.octets), b"" if self.sync else b"+")


def is_atom(octets: bytes) -> bool:
    """Whether these octets are an atom (RFC 3501 §9)."""
    return _ATOM.fullmatch(octets) is not None


def _is_quotable(octets: bytes, *, utf8: bool) -> bool:
    if _UNQUOTABLE.search(octets):
        return False
    if octets.isascii():
        return True
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return utf8


def encode_quoted(octets: bytes, *, utf8: bool = False) -> bytes:
    """A quoted string.

    Args:
        utf8: 8-bit octets may stand in it, as UTF-8: after ENABLE IMAP4rev2 (RFC 9051 §4.3) or UTF8=ACCEPT.

    Raises:
        LocalProtocolError: Only a literal can carry these octets.
    """
    if not _is_quotable(octets, utf8=utf8):
        raise LocalProtocolError(f"no quoted string holds {octets[:80]!r}")
    return b'"%s"' % _SPECIAL.sub(rb"\\\1", octets)


def encode_literal(octets: bytes) -> bytes:
    """A literal, as a server sends it.

    Raises:
        LocalProtocolError: There is a NUL in it, for which there is only literal8 (RFC 3501 §4.3.1).
    """
    if b"\0" in octets:
        raise LocalProtocolError("no literal holds NUL; use literal8")
    return Literal(octets).announcement + octets


def encode_literal8(octets: bytes) -> bytes:
    """A literal8, as a server sends it (RFC 3516 §4.4)."""
    return Literal(octets, binary=True).announcement + octets


def encode_string(octets: bytes, *, utf8: bool = False) -> bytes:
    """A quoted string where that can carry the octets, else a literal. Raises as `encode_literal`."""
    return encode_quoted(octets, utf8=utf8) if _is_quotable(octets, utf8=utf8) else encode_literal(octets)


def encode_astring(octets: bytes, *, utf8: bool = False) -> bytes:
    """An atom where it can be, else as `encode_string`; ``NIL`` is quoted, lest it be taken for nothing."""
    if _ASTRING.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return encode_string(octets, utf8=utf8)


def to_astring(octets: bytes, *, utf8: bool = False) -> bytes | Literal:
    """What a client sends for an astring: as `encode_astring`, but where only a literal can carry it, that."""
    if _ASTRING.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return encode_quoted(octets, utf8=utf8) if _is_quotable(octets, utf8=utf8) else Literal(octets)


def encode_nstring(octets: bytes | None, *, utf8: bool = False) -> bytes:
    """``NIL`` for None, else as `encode_string`."""
    return b"NIL" if octets is None else encode_string(octets, utf8=utf8)


def encode_list(items: Iterable[bytes]) -> bytes:
    """Encoded items in parentheses: ``(a b c)``."""
    return b"(%s)" % b" ".join(items)


def encode_flags(flags: Iterable[str]) -> bytes:
    r"""A flag list: ``(\Seen $Forwarded)``, in the order given.

    Raises:
        LocalProtocolError: One is neither a keyword, nor a backslash and an atom, nor ``\*``.
    """
    return encode_list([_encode_flag(flag) for flag in flags])


def _encode_flag(flag: str) -> bytes:
    octets = flag.encode("utf-8")
    if octets != rb"\*" and not is_atom(octets.removeprefix(b"\\")):
        raise LocalProtocolError(f"not a flag: {flag!r}")
    return octets


def encode_date(date: dt.date) -> bytes:
    """``1-Feb-1994``, as SEARCH takes it (RFC 3501 §9, date-text)."""
    return f"{date.day}-{_MONTHS[date.month - 1]}-{date.year:04}".encode("ascii")


def encode_date_time(moment: dt.datetime) -> bytes:
    """``" 1-Feb-1994 21:52:25 -0800"``, quotes included, in the zone of `moment` (RFC 3501 §9, date-time).

    Raises:
        LocalProtocolError: `moment` has no zone, or one that is not whole minutes off UTC.
    """
    offset = moment.utcoffset()
    if offset is None or offset % dt.timedelta(minutes=1):
        raise LocalProtocolError(f"a date-time has a zone in whole minutes: {moment!r}")
    minutes = abs(offset) // dt.timedelta(minutes=1)
    sign = "-" if offset < dt.timedelta(0) else "+"
    date = f"{moment.day:2}-{_MONTHS[moment.month - 1]}-{moment.year:04}"
    time = f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return f'"{date} {time} {sign}{minutes // 60:02}{minutes % 60:02}"'.encode("ascii")
