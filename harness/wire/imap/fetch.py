"""FETCH: what a server says of one message."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.imap.bodystructure import BodyStructure, read_body, read_bodystructure
from harness.wire.imap.envelope import Envelope, read_envelope
from harness.wire.imap.tokens import MAX_NUMBER64, Cursor, Unparsable, Value

__all__ = ["ITEMS", "FetchData", "FetchValue", "read_date_time", "read_fetch_data", "section_name"]

FetchValue = int | dt.datetime | Envelope | BodyStructure | tuple[str, ...] | Value

_ITEM: Final = re.compile(rb'[^ ()\["{\r\n]+')
_SECTION: Final = re.compile(
    rb"(?P<part>[1-9][0-9]*(?:\.[1-9][0-9]*)*)?(?:(?P<dot>\.)?(?P<text>HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME))?",
    re.IGNORECASE,
)
_ORIGIN: Final = re.compile(rb"<([0-9]{1,19})>")
_DATE_TIME: Final = re.compile(
    rb"(?P<day>[ 0-9]?[0-9])-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{4}) "
    rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}) (?P<zone>[+-][0-9]{4})"
)
_MONTHS: Final = b"jan feb mar apr may jun jul aug sep oct nov dec".split()


@dataclass(frozen=True, slots=True)
class FetchData:
    """Items by name, in the order they came; the last of a name counts.

    Names are in upper case, sections included: ``FLAGS``, ``BODY[1.MIME]``, ``BODY[HEADER.FIELDS (DATE TO)]<0>``.
    An item unknown to us, or whose value breaks its grammar, has its value as `Value`.

    Source: RFC 3501 §7.4.2; RFC 9051 §7.5.2.
    """

    items: Mapping[str, FetchValue]

    def __contains__(self, name: str) -> bool:
        return name in self.items

    def body(self, section: bytes = b"", origin: int | None = None) -> bytes | None:
        """The octets of ``BODY[section]<origin>``; None where it is ``NIL`` or did not come (see ``in``)."""
        return self._octets(_body_name("BODY", section, origin))

    def binary(self, section: bytes = b"", origin: int | None = None) -> bytes | None:
        """The octets of ``BINARY[section]<origin>``, as `body`."""
        return self._octets(_body_name("BINARY", section, origin))

    def _octets(self, name: str) -> bytes | None:
        found = self.items.get(name)
        return found if isinstance(found, bytes) else None

    def _number(self, name: str) -> int | None:
        found = self.items.get(name)
        return found if isinstance(found, int) else None

    @property
    def flags(self) -> tuple[str, ...] | None:
        found = self.items.get("FLAGS")
        if not isinstance(found, tuple):
            return None
        return tuple(flag for flag in found if isinstance(flag, str))

    @property
    def uid(self) -> int | None:
        return self._number("UID")

    @property
    def modseq(self) -> int | None:
        return self._number("MODSEQ")

    @property
    def size(self) -> int | None:
        """RFC822.SIZE, in octets."""
        return self._number("RFC822.SIZE")

    def binary_size(self, section: bytes = b"") -> int | None:
        """BINARY.SIZE, in octets of the decoded part."""
        return self._number(_body_name("BINARY.SIZE", section, None))

    @property
    def internaldate(self) -> dt.datetime | None:
        """Aware, in the server's zone."""
        found = self.items.get("INTERNALDATE")
        return found if isinstance(found, dt.datetime) else None

    @property
    def envelope(self) -> Envelope | None:
        found = self.items.get("ENVELOPE")
        return found if isinstance(found, Envelope) else None

    @property
    def bodystructure(self) -> BodyStructure | None:
        """BODYSTRUCTURE, or BODY where only that came."""
        found = self.items.get("BODYSTRUCTURE", self.items.get("BODY"))
        return found if isinstance(found, BodyStructure) else None


def section_name(section: bytes) -> str:
    """A section as `FetchData` names it: upper case, header fields without quotes where they are atoms.

    Raises:
        LocalProtocolError: It is no section.
    """
    cursor = Cursor(section)
    try:
        name = _section(cursor)
    except Unparsable as exc:
        raise LocalProtocolError(f"not a section: {section!r}") from exc
    if cursor.more():
        raise LocalProtocolError(f"not a section: {section!r}")
    return name


def _body_name(item: str, section: bytes, origin: int | None) -> str:
    return f"{item}[{section_name(section)}]" + ("" if origin is None else f"<{origin}>")


def _section(cursor: Cursor) -> str:
    """What stands between the brackets (RFC 3501 §9, section-spec)."""
    found = _SECTION.match(cursor.octets, cursor.at)
    if found is None:
        raise cursor.fail("a section expected")
    if bool(found["dot"]) != bool(found["part"] and found["text"]):
        raise cursor.fail("a part and what of it are parted by a dot")
    name = found[0].decode("ascii").upper()
    if name == "MIME":
        cursor.note("MIME is of a part")
    cursor.at = found.end()
    if "HEADER.FIELDS" not in name:
        return name
    cursor.space()
    fields = cursor.in_parentheses(lambda: cursor.astring().decode("latin-1").upper(), least=1)
    return f"{name} ({' '.join(fields)})"


def _flags(cursor: Cursor) -> FetchValue:
    return cursor.flag_list()


def _number64(cursor: Cursor) -> FetchValue:
    return cursor.number(most=MAX_NUMBER64)


def _mod_sequence(cursor: Cursor) -> FetchValue:
    cursor.expect(b"(")
    number = cursor.number(least=1, most=MAX_NUMBER64)
    cursor.expect(b")")
    return number


def _literal8(cursor: Cursor) -> FetchValue:
    return cursor.nstring(binary=True)


def read_date_time(cursor: Cursor) -> dt.datetime:
    """A quoted date-time, as INTERNALDATE has it (RFC 3501 §9, date-time)."""
    start = cursor.at
    text = cursor.string()
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise cursor.fail(f"not a date-time: {text[:40]!r}", at=start)
    if len(found["day"]) != 2:
        cursor.note("a day of the month of one character", at=start)
    try:
        hour, minute, second = map(int, found["time"].split(b":"))
        date = (int(found["year"]), _MONTHS.index(found["month"].lower()) + 1, int(found["day"]))
        return dt.datetime(*date, hour, minute, second, tzinfo=_zone(found["zone"]))
    except ValueError as exc:
        raise cursor.fail(f"no such time: {text[:40]!r}", at=start) from exc


def _zone(text: bytes) -> dt.timezone:
    offset = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return dt.timezone(-offset if text.startswith(b"-") else offset)


# Name -> what reads its value.
ITEMS: Final[Mapping[str, Callable[[Cursor], FetchValue]]] = MappingProxyType(
    {
        "FLAGS": _flags,
        "UID": Cursor.nz_number,
        "MODSEQ": _mod_sequence,  # RFC 7162 §7
        "ENVELOPE": read_envelope,
        "INTERNALDATE": read_date_time,
        "RFC822": Cursor.nstring,
        "RFC822.HEADER": Cursor.nstring,
        "RFC822.TEXT": Cursor.nstring,
        "RFC822.SIZE": _number64,
        "BODY": read_body,
        "BODYSTRUCTURE": read_bodystructure,
    }
)

# The same, for names with a section.
SECTION_ITEMS: Final[Mapping[str, Callable[[Cursor], FetchValue]]] = MappingProxyType(
    {"BODY": Cursor.nstring, "BINARY": _literal8, "BINARY.SIZE": Cursor.number}
)


def read_fetch_data(cursor: Cursor) -> FetchData:
    """``(name value name value …)``; where an item cannot be read at all, those before it are kept."""
    items: dict[str, FetchValue] = {}

    def item() -> None:
        name, read = _read_name(cursor)
        cursor.space()
        items[name] = cursor.attempt(read, Cursor.value)

    try:
        cursor.in_parentheses(item, least=1)
    except Unparsable as exc:
        cursor.faults.append(exc.fault)
        cursor.at = len(cursor.octets)
    return FetchData(MappingProxyType(items))


def _read_name(cursor: Cursor) -> tuple[str, Callable[[Cursor], FetchValue]]:
    found = _ITEM.match(cursor.octets, cursor.at)
    if found is None:
        raise cursor.fail("the name of an item expected")
    cursor.at = found.end()
    name = found[0].decode("latin-1").upper()
    if not cursor.skip(b"["):
        return name, ITEMS.get(name, Cursor.value)
    start = cursor.at
    section = _section(cursor)
    cursor.expect(b"]")
    if name.startswith("BINARY") and not section.replace(".", "0").isdigit() and section:
        cursor.note("a BINARY section is a part's number", "RFC 3516 §4.3", at=start)
    read = SECTION_ITEMS.get(name, Cursor.value)
    origin = _ORIGIN.match(cursor.octets, cursor.at)
    if origin is None:
        return f"{name}[{section}]", read
    cursor.at = origin.end()
    return f"{name}[{section}]<{int(origin[1])}>", read
