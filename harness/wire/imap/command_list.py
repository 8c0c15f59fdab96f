"""LIST, LSUB and STATUS: patterns, options and counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.wire.imap.command_tokens import Scanner

__all__ = ["List", "Status", "list_", "lsub", "status"]

_SELECTION: Final = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
_RETURN: Final = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS"})
# RFC 3501 §6.3.10; RFC 9051 §6.3.11 (SIZE, DELETED); RFC 7162 §3.1.7.
_COUNTS: Final = frozenset(
    {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "SIZE", "DELETED", "HIGHESTMODSEQ"}
)


@dataclass(frozen=True, slots=True)
class List:
    """Arguments of LIST and LSUB; names are octets, for their encoding depends on the revision.

    Attributes:
        extended: Options, RETURN or several patterns were given (RFC 5258 §3).
        counts: What RETURN (STATUS (…)) asks for (RFC 5819 §2).
    """

    reference: bytes
    patterns: tuple[bytes, ...]
    selection: frozenset[str] = frozenset()
    returning: frozenset[str] = frozenset()
    counts: tuple[str, ...] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Arguments of STATUS, the counts in upper case."""

    mailbox: bytes
    counts: tuple[str, ...]


def list_(scan: Scanner) -> List:
    """The arguments of LIST.

    Raises:
        CommandError: As `Scanner`; also for an option that is not known and for RECURSIVEMATCH alone.

    Source: RFC 3501 §9; RFC 5258 §6 (unknown options: §3; RECURSIVEMATCH: §3.1); RFC 5819 §4; RFC 6154 §6.
    """
    scan.space()
    selection: frozenset[str] | None = None
    if scan.next_is(b"("):
        start = scan.at
        selection = frozenset(scan.in_parentheses(_option(scan, _SELECTION), may_be_empty=True))
        if "RECURSIVEMATCH" in selection and not selection & {"SUBSCRIBED", "SPECIAL-USE"}:
            scan.at = start
            raise scan.fail("RECURSIVEMATCH needs a selection option to go with", "RFC 5258 §3.1")
        scan.space()
    reference = scan.astring()
    scan.space()
    several = scan.next_is(b"(")
    patterns = scan.in_parentheses(scan.list_mailbox) if several else (scan.list_mailbox(),)
    returning: dict[str, tuple[str, ...]] | None = None
    if scan.skip(b" "):
        scan.expect(b"RETURN")
        scan.space()
        returning = dict(scan.in_parentheses(lambda: _return_option(scan), may_be_empty=True))
    return List(
        reference,
        patterns,
        selection or frozenset(),
        frozenset(returning or ()),
        (returning or {}).get("STATUS", ()),
        extended=several or selection is not None or returning is not None,
    )


def lsub(scan: Scanner) -> List:
    """The arguments of LSUB (RFC 3501 §6.3.9)."""
    scan.space()
    reference = scan.astring()
    scan.space()
    return List(reference, (scan.list_mailbox(),))


def status(scan: Scanner) -> Status:
    """The arguments of STATUS (RFC 3501 §6.3.10)."""
    scan.space()
    mailbox = scan.astring()
    scan.space()
    return Status(mailbox, _counts(scan))


def _counts(scan: Scanner) -> tuple[str, ...]:
    return scan.in_parentheses(_option(scan, _COUNTS))


def _return_option(scan: Scanner) -> tuple[str, tuple[str, ...]]:
    option = _option(scan, _RETURN)()
    return option, _OPTION_VALUES[option](scan) if option in _OPTION_VALUES else ()


def _spaced_counts(scan: Scanner) -> tuple[str, ...]:
    scan.space()
    return _counts(scan)


_OPTION_VALUES: Final[Mapping[str, Callable[[Scanner], tuple[str, ...]]]] = MappingProxyType(
    {"STATUS": _spaced_counts}
)


def _option(scan: Scanner, known: frozenset[str]) -> Callable[[], str]:
    def read() -> str:
        start = scan.at
        option = scan.word("an option")
        if option not in known:
            scan.at = start
            raise scan.fail(
                f"no such option: {option[:40]}; known: {', '.join(sorted(known))}", "RFC 5258 §3"
            )
        return option

    return read
