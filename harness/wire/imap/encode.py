"""How IMAP writes strings, mailbox names, flags and dates; both sides use it."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Final

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.wire.imap.mutf7 import encode_mutf7

__all__ = [
    "encode_astring",
    "encode_date_time",
    "encode_flags",
    "encode_literal",
    "encode_mailbox",
    "encode_nstring",
    "encode_quoted",
    "encode_string",
    "parse_date_time",
]

# RFC 3501 §9: ATOM-CHAR and "]".
_ASTRING: Final = re.compile(rb"[^(){ %*\"\\\x00-\x1f\x7f-\xff]+")
_QUOTABLE: Final = re.compile(rb"[^\x00\r\n\x80-\xff]*")

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE_TIME: Final = re.compile(
    r"(?P<day>[ 0-3][0-9])-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{4}) "
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}) (?P<sign>[+-])(?P<zh>[0-9]{2})(?P<zm>[0-9]{2})"
)


def encode_quoted(octets: bytes) -> bytes:
    """A quoted string.

    Raises:
        LocalProtocolError: It holds NUL, CR, LF or an octet above 127 (RFC 3501 §9).
    """
    if not _QUOTABLE.fullmatch(octets):
        raise LocalProtocolError(f"cannot be quoted: {octets[:80]!r}")
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def encode_literal(octets: bytes) -> bytes:
    """A literal as a server sends it, or a client that need not wait."""
    return b"{%d}\r\n%s" % (len(octets), octets)


def encode_string(octets: bytes) -> bytes:
    """Quoted where possible and short, else a literal."""
    if len(octets) <= 256 and _QUOTABLE.fullmatch(octets):
        return encode_quoted(octets)
    return encode_literal(octets)


def encode_nstring(octets: bytes | None) -> bytes:
    """``NIL``, or a string."""
    return b"NIL" if octets is None else encode_string(octets)


def encode_astring(octets: bytes) -> bytes:
    """An atom where possible, else a string."""
    return octets if _ASTRING.fullmatch(octets) and octets.upper() != b"NIL" else encode_string(octets)


def encode_mailbox(name: str, *, utf8: bool = False) -> bytes:
    """A mailbox name: modified UTF-7 for IMAP4rev1 (RFC 3501 §5.1.3), UTF-8 in quotes for IMAP4rev2 (RFC 9051 §5.1)."""
    if not utf8 or name.isascii():
        return encode_astring(name.encode("ascii") if utf8 else encode_mutf7(name))
    return b'"' + name.encode("utf-8").replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def encode_flags(flags: Iterable[str]) -> bytes:
    """A parenthesised list, system flags first."""
    ordered = sorted(flags, key=lambda flag: (not flag.startswith("\\"), flag))
    return b"(" + " ".join(ordered).encode("ascii") + b")"


def encode_date_time(date: dt.datetime) -> bytes:
    """``"17-Jul-1996 02:44:25 -0700"`` with its quotes (RFC 3501 §9); seconds are cut, the offset is kept."""
    offset = date.utcoffset() or dt.timedelta()
    minutes = abs(int(offset.total_seconds())) // 60
    sign = "-" if offset < dt.timedelta() else "+"
    return (
        f'"{date.day:2d}-{_MONTHS[date.month - 1]}-{date.year:04d} {date.hour:02d}:{date.minute:02d}:{date.second:02d} '
        f'{sign}{minutes // 60:02d}{minutes % 60:02d}"'
    ).encode("ascii")


def parse_date_time(octets: bytes) -> dt.datetime:
    """The date of an INTERNALDATE or APPEND, without its quotes; aware.

    Raises:
        RemoteProtocolError: Not a date-time of RFC 3501 §9, or no such day.
    """
    found = _DATE_TIME.fullmatch(octets.decode("latin-1"))
    if found is None or found["month"].title() not in _MONTHS:
        raise RemoteProtocolError(f"not a date-time: {octets[:80]!r}")
    minutes = int(found["zh"]) * 60 + int(found["zm"])
    try:
        zone = dt.timezone(dt.timedelta(minutes=-minutes if found["sign"] == "-" else minutes))
        return dt.datetime(
            int(found["year"]),
            _MONTHS.index(found["month"].title()) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            int(found["second"]),
            tzinfo=zone,
        )
    except ValueError as exc:
        raise RemoteProtocolError(f"no such date: {octets[:80]!r}") from exc
