"""What an IMAP server says, one class for each form; made by `parser`, read by clients and checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.wire.imap.codes import Code
from harness.wire.imap.fetch import FetchData
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.states import Answer
from harness.wire.imap.tokens import Value
from harness.wire.lines import WireFault

__all__ = [
    "Capability",
    "Condition",
    "Continuation",
    "ESearch",
    "Enabled",
    "Exists",
    "Expunge",
    "Fetch",
    "Flags",
    "Id",
    "ListData",
    "Namespace",
    "NamespaceData",
    "Other",
    "Recent",
    "Response",
    "Search",
    "StatusData",
    "Tagged",
    "Unknown",
    "Untagged",
    "Vanished",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response, whole.

    Attributes:
        raw: The octets as they came, literals and CRLFs included.
        faults: What breaks a rule, with positions in `raw`.
    """

    raw: bytes = b""
    faults: tuple[WireFault, ...] = ()

    def __str__(self) -> str:
        return self.raw.removesuffix(b"\r\n").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Tagged(Response):
    """The completion of a command: OK, NO or BAD (RFC 3501 §7.1)."""

    tag: bytes
    status: Answer
    code: Code | None
    text: bytes


@dataclass(frozen=True, slots=True)
class Continuation(Response):
    """``+``: the server asks for more; `text` may be a SASL challenge in base64 (RFC 3501 §7.5)."""

    code: Code | None
    text: bytes


@dataclass(frozen=True, slots=True)
class Unknown(Response):
    """A line that is none of the three: no tag and status, no ``*``, no ``+``."""


@dataclass(frozen=True, slots=True)
class Untagged(Response):
    """Base of all that begins with ``*``."""


@dataclass(frozen=True, slots=True)
class Condition(Untagged):
    """``* OK``, NO, BAD, PREAUTH or BYE (RFC 3501 §7.1)."""

    status: Answer
    code: Code | None
    text: bytes


@dataclass(frozen=True, slots=True)
class Capability(Untagged):
    """Capabilities as they came (RFC 3501 §7.2.1)."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enabled(Untagged):
    """Extensions that ENABLE switched on (RFC 5161 §3.2)."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flags(Untagged):
    """The flags of the mailbox (RFC 3501 §7.2.6)."""

    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListData(Untagged):
    """One mailbox of LIST or, where `subscribed`, LSUB (RFC 3501 §7.2.2, §7.2.3; RFC 5258 §6).

    Attributes:
        name: As on the wire: modified UTF-7, or UTF-8 in IMAP4rev2.
        delimiter: Of the hierarchy, None for none.
        extended: Extended data items, by name in upper case.
    """

    attributes: tuple[str, ...]
    delimiter: bytes | None
    name: bytes
    extended: Mapping[str, Value] = field(default_factory=dict)
    subscribed: bool = False

    def has(self, attribute: str) -> bool:
        """Whether an attribute is there, in any case of letters."""
        return attribute.lower() in {found.lower() for found in self.attributes}

    @property
    def childinfo(self) -> tuple[str, ...]:
        """The selection options that children of this mailbox match (RFC 5258 §3.5)."""
        found = self.extended.get("CHILDINFO")
        options = found if isinstance(found, tuple) else ()
        return tuple(option.decode("latin-1").upper() for option in options if isinstance(option, bytes))

    @property
    def oldname(self) -> bytes | None:
        """The name before a rename, or as the client wrote it (RFC 9051 §6.3.9.7)."""
        found = self.extended.get("OLDNAME")
        name = found[0] if isinstance(found, tuple) and found else None
        return name if isinstance(name, bytes) else None


@dataclass(frozen=True, slots=True)
class StatusData(Untagged):
    """STATUS of a mailbox (RFC 3501 §7.2.4).

    Attributes:
        items: By name in upper case, numbers.
        extended: Items whose value is no number.
    """

    name: bytes
    items: Mapping[str, int]
    extended: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search(Untagged):
    """What SEARCH found, in the order sent (RFC 3501 §7.2.5); with `sort`, what SORT did.

    Attributes:
        modseq: The highest mod-sequence of all found, where MODSEQ was searched (RFC 7162 §3.1.5).
    """

    numbers: tuple[int, ...]
    modseq: int | None = None
    sort: bool = False


@dataclass(frozen=True, slots=True)
class ESearch(Untagged):
    """What an extended SEARCH found (RFC 9051 §7.3.4; RFC 4731 §3.1).

    Attributes:
        tag: Of the SEARCH, None where none was sent.
        uid: The numbers are UIDs.
        items: By name in upper case: MIN, MAX, COUNT and MODSEQ are numbers, ALL is a set.
    """

    tag: bytes | None
    uid: bool
    items: Mapping[str, int | SequenceSet | Value]

    @property
    def all(self) -> SequenceSet | None:
        found = self.items.get("ALL")
        return found if isinstance(found, SequenceSet) else None

    @property
    def numbers(self) -> tuple[int, ...]:
        """What ALL lists, ascending; empty where nothing was found or ALL was not asked for."""
        return () if self.all is None or self.all.has_largest else tuple(self.all.expand())

    def number(self, name: str) -> int | None:
        """MIN, MAX, COUNT or MODSEQ, None where it was not sent."""
        found = self.items.get(name)
        return found if isinstance(found, int) else None


@dataclass(frozen=True, slots=True)
class Exists(Untagged):
    """How many messages the mailbox has (RFC 3501 §7.3.1)."""

    count: int


@dataclass(frozen=True, slots=True)
class Recent(Untagged):
    r"""How many messages have ``\Recent`` (RFC 3501 §7.3.2)."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunge(Untagged):
    """A message is gone; the numbers behind it move up at once (RFC 3501 §7.4.1)."""

    number: int


@dataclass(frozen=True, slots=True)
class Fetch(Untagged):
    """Data of one message (RFC 3501 §7.4.2)."""

    number: int
    data: FetchData


@dataclass(frozen=True, slots=True)
class Vanished(Untagged):
    """UIDs that are gone; `earlier` ones before this session, and they move no numbers (RFC 7162 §3.2.10)."""

    earlier: bool
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace: its prefix, its delimiter, and extensions by name (RFC 2342 §5)."""

    prefix: bytes
    delimiter: bytes | None
    extensions: tuple[tuple[bytes, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class NamespaceData(Untagged):
    """The three kinds of namespaces, each empty where it is ``NIL`` (RFC 9051 §7.3.2)."""

    personal: tuple[Namespace, ...]
    other: tuple[Namespace, ...]
    shared: tuple[Namespace, ...]


@dataclass(frozen=True, slots=True)
class Id(Untagged):
    """What the server says of itself, names in lower case (RFC 2971 §3.2); empty for ``NIL``."""

    fields: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Other(Untagged):
    """A response unknown to us, or one that breaks its grammar beyond reading (then there is a fault).

    Attributes:
        name: In upper case, without the number before it; empty where there is none.
        number: What stands before the name, None for nothing.
        arguments: All behind the name, literals included, CRLF not.
    """

    name: str
    number: int | None
    arguments: bytes
