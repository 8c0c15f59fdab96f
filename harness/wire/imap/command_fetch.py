"""FETCH: data items, sections and modifiers."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.wire.imap.command_tokens import MAX_NUMBER64, Scanner
from harness.wire.imap.sequence import SequenceSet

__all__ = ["Fetch", "Item", "Section", "fetch"]


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between the brackets of BODY[…].

    Attributes:
        part: The part's numbers; empty for the message itself.
        text: ``HEADER``, ``HEADER.FIELDS``, ``HEADER.FIELDS.NOT``, ``TEXT``, ``MIME``, or empty for all of it.
        fields: Field names as they were given, for the two FIELDS.
    """

    part: tuple[int, ...] = ()
    text: str = ""
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A data item.

    Attributes:
        name: In upper case: ``FLAGS``, ``BODYSTRUCTURE``, ``BODY`` without a section, ``BODY[]`` and ``BINARY[]``
            with one, ``BINARY.SIZE[]``, ``RFC822.SIZE`` and so on.
        partial: First octet and at most how many.
        peek: \\Seen is left alone.
    """

    name: str
    section: Section | None = None
    partial: tuple[int, int] | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Arguments of FETCH; `numbers` are UIDs in UID FETCH, None stands for ``$``.

    Attributes:
        changed_since: RFC 7162 §3.1.4.1, None where it is not asked for.
        vanished: RFC 7162 §3.2.6.
    """

    numbers: SequenceSet | None
    items: tuple[Item, ...]
    changed_since: int | None = None
    vanished: bool = False


def _items(*names: str) -> tuple[Item, ...]:
    return tuple(map(Item, names))


# RFC 3501 §6.4.5.
_MACROS: Final[Mapping[str, tuple[Item, ...]]] = MappingProxyType(
    {
        "FAST": _items("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
        "ALL": _items("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
        "FULL": _items("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
    }
)
_PLAIN: Final = frozenset(
    {
        "ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822", "RFC822.HEADER", "RFC822.SIZE", "RFC822.TEXT",
        "BODY", "BODYSTRUCTURE", "UID", "MODSEQ",
    }
)  # fmt: skip
_WITH_SECTION: Final = frozenset({"BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK", "BINARY.SIZE"})
_SECTION_TEXTS: Final = ("HEADER.FIELDS.NOT", "HEADER.FIELDS", "HEADER", "TEXT", "MIME")


def fetch(scan: Scanner) -> Fetch:
    """The arguments of FETCH, to the end of the command.

    Raises:
        CommandError: As `Scanner`.

    Source: RFC 3501 §9; RFC 9051 §9; RFC 3516 §7; RFC 7162 §7.
    """
    scan.space()
    numbers = scan.sequence_set()
    scan.space()
    items = _requested(scan)
    changed_since, vanished = None, False
    if scan.skip(b" "):
        modifiers = dict(scan.in_parentheses(lambda: _modifier(scan)))
        changed_since, vanished = modifiers.get("CHANGEDSINCE"), "VANISHED" in modifiers
    return Fetch(numbers, items, changed_since, vanished)


def _modifier(scan: Scanner) -> tuple[str, int | None]:
    start = scan.at
    match scan.word("a modifier"):
        case "CHANGEDSINCE":
            scan.space()
            return "CHANGEDSINCE", scan.number(least=1, most=MAX_NUMBER64)
        case "VANISHED":
            return "VANISHED", None
        case other:
            scan.at = start
            raise scan.fail(f"no such FETCH modifier: {other[:40]}", "RFC 7162 §7")


def _requested(scan: Scanner) -> tuple[Item, ...]:
    if scan.next_is(b"("):
        return scan.in_parentheses(lambda: _item(scan))
    for name, items in _MACROS.items():
        if scan.skip(name.encode()):
            return items
    return (_item(scan),)


def _item(scan: Scanner) -> Item:
    start = scan.at
    name = scan.label("a data item")
    if scan.next_is(b"[") and name in _WITH_SECTION:
        return _sectioned(scan, name)
    if name not in _PLAIN:
        scan.at = start
        raise scan.fail(f"no such data item: {name[:40]}")
    return Item(name)


def _sectioned(scan: Scanner, name: str) -> Item:
    binary = name.startswith("BINARY")
    section = _section(scan, parts_only=binary)
    partial = None
    if name != "BINARY.SIZE" and scan.skip(b"<"):
        origin = scan.number(most=MAX_NUMBER64)
        scan.expect(b".")
        partial = (origin, scan.number(least=1, most=MAX_NUMBER64))
        scan.expect(b">")
    return Item(name.removesuffix(".PEEK") + "[]", section, partial, peek=name.endswith((".PEEK", ".SIZE")))


def _section(scan: Scanner, *, parts_only: bool) -> Section:
    scan.expect(b"[")
    part: list[int] = []
    text = ""
    while not scan.next_is(b"]"):
        if part:
            scan.expect(b".")
        if not parts_only and (text := _section_text(scan)):
            break
        part.append(scan.number(least=1))
    if text == "MIME" and not part:
        raise scan.fail("MIME is of a part, and no part is given", "RFC 3501 §6.4.5")
    fields: tuple[bytes, ...] = ()
    if text.startswith("HEADER.FIELDS"):
        scan.space()
        fields = scan.in_parentheses(scan.astring)
    scan.expect(b"]")
    return Section(tuple(part), text, fields)


def _section_text(scan: Scanner) -> str:
    return next((text for text in _SECTION_TEXTS if scan.skip(text.encode())), "")
