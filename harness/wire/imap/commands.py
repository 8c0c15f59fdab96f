"""IMAP commands as a server reads them: a tag, a verb, and arguments that are one record for each verb."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

from harness.wire.imap import command_fetch, command_list, command_search
from harness.wire.imap.command_tokens import MAX_NUMBER64, CommandError, Scanner
from harness.wire.imap.sequence import SequenceSet

__all__ = [
    "Append",
    "Arguments",
    "Authenticate",
    "Command",
    "CommandError",
    "Copy",
    "Create",
    "Enable",
    "Id",
    "Login",
    "Mailbox",
    "NoArguments",
    "Qresync",
    "Rename",
    "Select",
    "Store",
    "UidExpunge",
    "parse_command",
    "read_tag",
]


@dataclass(frozen=True, slots=True)
class NoArguments:
    """CAPABILITY, NOOP, LOGOUT, STARTTLS, CHECK, CLOSE, UNSELECT, EXPUNGE, IDLE, NAMESPACE."""


@dataclass(frozen=True, slots=True)
class Login:
    user: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`initial` is base64 as it came, or ``=``; None where none is given (RFC 4959 §3)."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """DELETE, SUBSCRIBE, UNSUBSCRIBE."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class Create:
    """`special_use` as in ``(USE (\\Drafts))`` (RFC 6154 §3)."""

    mailbox: bytes
    special_use: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rename:
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Qresync:
    """What the client knows of a mailbox (RFC 7162 §3.2.5); `match` is message numbers and their UIDs."""

    uidvalidity: int
    modseq: int
    uids: SequenceSet | None = None
    match: tuple[SequenceSet, SequenceSet] | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT and EXAMINE."""

    mailbox: bytes
    condstore: bool = False
    qresync: Qresync | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """`binary` where the content came as a literal8 (RFC 3516 §4.4)."""

    mailbox: bytes
    content: bytes = field(repr=False)
    flags: tuple[str, ...] = ()
    date: dt.datetime | None = None
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """`mode` is ``add``, ``remove`` or ``replace``; `numbers` None stands for ``$``."""

    numbers: SequenceSet | None
    mode: str
    flags: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY and MOVE."""

    numbers: SequenceSet | None
    mailbox: bytes


@dataclass(frozen=True, slots=True)
class UidExpunge:
    """RFC 4315 §2.1."""

    numbers: SequenceSet | None


@dataclass(frozen=True, slots=True)
class Enable:
    """Capability names in upper case."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971 §3.1; None for NIL."""

    parameters: tuple[tuple[bytes, bytes | None], ...] | None


Arguments = (
    NoArguments | Login | Authenticate | Mailbox | Create | Rename | Select | Append | Store | Copy | UidExpunge
    | Enable | Id | command_list.List | command_list.Status | command_fetch.Fetch | command_search.Search
)  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """A command; `verb` in upper case, ``FETCH`` also for ``UID FETCH``, which has `uid` set."""

    tag: bytes
    verb: str
    arguments: Arguments
    uid: bool = False

    @property
    def name(self) -> str:
        """As it was written: ``UID FETCH``."""
        return f"UID {self.verb}" if self.uid else self.verb


def parse_command(octets: bytes, *, utf8: bool = False) -> Command:
    """Read a command.

    Args:
        octets: From the tag to before the last CRLF, literals inline as they came.
        utf8: Quoted strings may hold UTF-8 (RFC 9051 §4.3).

    Raises:
        CommandError: The octets break the grammar or name no command; it carries the tag where there is one.

    Source: RFC 3501 §9; RFC 9051 §9; RFC 2971 §4; RFC 3516 §7; RFC 4315 §4; RFC 5161 §4; RFC 5258 §6;
    RFC 6154 §6; RFC 6851 §4.1; RFC 7162 §7; RFC 7888 §8.
    """
    scan = Scanner(octets, utf8=utf8)
    tag = scan.tag()
    try:
        scan.space()
        return _command(scan, tag)
    except CommandError as exc:
        raise CommandError(exc.position, exc.rule, exc.problem, tag) from exc


def read_tag(octets: bytes) -> bytes | None:
    """The tag of a command that may be broken otherwise, None where there is none."""
    scan = Scanner(octets)
    try:
        return scan.tag()
    except CommandError:
        return None


def _command(scan: Scanner, tag: bytes) -> Command:
    start = scan.at
    verb = scan.word("a command")
    uid = verb == "UID"
    if uid:
        scan.space()
        verb = scan.word("a command")
    parse = (_UID_COMMANDS if uid else _COMMANDS).get(verb)
    if parse is None:
        scan.at = start
        raise scan.fail(f"no such command: {verb[:40]}", "RFC 3501 §2.2.2")
    arguments = parse(scan)
    scan.end()
    return Command(tag, verb, arguments, uid)


def _spaced(scan: Scanner, read: Callable[[], T]) -> T:
    scan.space()
    return read()


def _none(_: Scanner) -> NoArguments:
    return NoArguments()


def _login(scan: Scanner) -> Login:
    return Login(_spaced(scan, scan.astring), _spaced(scan, scan.astring))


def _authenticate(scan: Scanner) -> Authenticate:
    mechanism = _spaced(scan, scan.word)
    if not scan.skip(b" "):
        return Authenticate(mechanism)
    # Whether it is base64 is the exchange's to say.
    initial, scan.at = scan.octets[scan.at :], len(scan.octets)
    return Authenticate(mechanism, initial)


def _mailbox(scan: Scanner) -> Mailbox:
    return Mailbox(_spaced(scan, scan.astring))


def _create(scan: Scanner) -> Create:
    mailbox = _spaced(scan, scan.astring)
    if not scan.skip(b" "):
        return Create(mailbox)
    scan.expect(b"(USE ")
    special_use = scan.in_parentheses(scan.flag)
    scan.expect(b")")
    return Create(mailbox, special_use)


def _rename(scan: Scanner) -> Rename:
    return Rename(_spaced(scan, scan.astring), _spaced(scan, scan.astring))


def _select(scan: Scanner) -> Select:
    mailbox = _spaced(scan, scan.astring)
    if not scan.skip(b" "):
        return Select(mailbox)
    parameters = dict(scan.in_parentheses(lambda: _select_parameter(scan)))
    return Select(mailbox, "CONDSTORE" in parameters, parameters.get("QRESYNC"))


def _select_parameter(scan: Scanner) -> tuple[str, Qresync | None]:
    start = scan.at
    match scan.word("a parameter"):
        case "CONDSTORE":
            return "CONDSTORE", None
        case "QRESYNC":
            scan.space()
            return "QRESYNC", _qresync(scan)
        case other:
            scan.at = start
            raise scan.fail(f"no such SELECT parameter: {other[:40]}", "RFC 7162 §7")


def _qresync(scan: Scanner) -> Qresync:
    scan.expect(b"(")
    uidvalidity = scan.number(least=1)
    modseq = _spaced(scan, lambda: scan.number(least=1, most=MAX_NUMBER64))
    uids, match = None, None
    if scan.next_is(b" ") and not scan.next_is(b" ("):
        uids = _spaced(scan, scan.numbers)
    if scan.skip(b" ("):
        match = (scan.numbers(), _spaced(scan, scan.numbers))
        scan.expect(b")")
    scan.expect(b")")
    return Qresync(uidvalidity, modseq, uids, match)


def _append(scan: Scanner) -> Append:
    mailbox = _spaced(scan, scan.astring)
    scan.space()
    flags: tuple[str, ...] = ()
    date = None
    if scan.next_is(b"("):
        flags = scan.flag_list()
        scan.space()
    if scan.next_is(b'"'):
        date = scan.date_time()
        scan.space()
    content, binary = scan.any_literal()
    if not binary and b"\0" in content:
        raise scan.fail("NUL in a literal; a literal8 may hold it", "RFC 3501 §9")
    return Append(mailbox, content, flags, date, binary)


_MODES: Final = {b"+FLAGS": "add", b"-FLAGS": "remove", b"FLAGS": "replace"}


def _store(scan: Scanner) -> Store:
    numbers = _spaced(scan, scan.sequence_set)
    scan.space()
    unchanged_since = None
    if scan.skip(b"(UNCHANGEDSINCE "):
        unchanged_since = scan.number(most=MAX_NUMBER64)
        scan.expect(b")")
        scan.space()
    mode = next((mode for word, mode in _MODES.items() if scan.skip(word)), None)
    if mode is None:
        raise scan.fail("FLAGS, +FLAGS or -FLAGS expected")
    silent = scan.skip(b".SILENT")
    scan.space()
    return Store(numbers, mode, _store_flags(scan), silent, unchanged_since)


def _store_flags(scan: Scanner) -> tuple[str, ...]:
    if scan.next_is(b"("):
        return scan.flag_list()
    flags = [scan.flag()]
    while scan.skip(b" "):
        flags.append(scan.flag())
    return tuple(flags)


def _copy(scan: Scanner) -> Copy:
    return Copy(_spaced(scan, scan.sequence_set), _spaced(scan, scan.astring))


def _uid_expunge(scan: Scanner) -> UidExpunge:
    return UidExpunge(_spaced(scan, scan.sequence_set))


def _enable(scan: Scanner) -> Enable:
    capabilities = [_spaced(scan, scan.word)]
    while scan.more():
        capabilities.append(_spaced(scan, scan.word))
    return Enable(tuple(capabilities))


def _id(scan: Scanner) -> Id:
    scan.space()
    if scan.skip(b"NIL"):
        return Id(None)
    return Id(scan.in_parentheses(lambda: (scan.string(), _spaced(scan, scan.nstring)), may_be_empty=True))


_COMMANDS: Final[Mapping[str, Callable[[Scanner], Arguments]]] = MappingProxyType(
    dict.fromkeys(
        (
            "CAPABILITY",
            "NOOP",
            "LOGOUT",
            "STARTTLS",
            "CHECK",
            "CLOSE",
            "UNSELECT",
            "EXPUNGE",
            "IDLE",
            "NAMESPACE",
        ),
        _none,
    )
    | dict.fromkeys(("DELETE", "SUBSCRIBE", "UNSUBSCRIBE"), _mailbox)
    | dict.fromkeys(("SELECT", "EXAMINE"), _select)
    | dict.fromkeys(("COPY", "MOVE"), _copy)
    | {
        "LOGIN": _login,
        "AUTHENTICATE": _authenticate,
        "CREATE": _create,
        "RENAME": _rename,
        "APPEND": _append,
        "STORE": _store,
        "ENABLE": _enable,
        "ID": _id,
        "LIST": command_list.list_,
        "LSUB": command_list.lsub,
        "STATUS": command_list.status,
        "FETCH": command_fetch.fetch,
        "SEARCH": command_search.search,
    }
)

_UID_COMMANDS: Final[Mapping[str, Callable[[Scanner], Arguments]]] = MappingProxyType(
    {verb: _COMMANDS[verb] for verb in ("COPY", "MOVE", "FETCH", "STORE", "SEARCH")}
    | {"EXPUNGE": _uid_expunge}
)
