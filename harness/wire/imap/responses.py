"""What an IMAP server says, as records; every one keeps its octets and what breaks the grammar in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.structure import BodyPart, Envelope
from harness.wire.imap.values import Value
from harness.wire.lines import WireFault

__all__ = [
    "BodySection",
    "Capability",
    "Code",
    "Condition",
    "Continuation",
    "ESearch",
    "Enabled",
    "Fetch",
    "FetchData",
    "Flags",
    "Identity",
    "MailboxEntry",
    "MailboxStatus",
    "Namespace",
    "NamespaceEntry",
    "Numbered",
    "Other",
    "Response",
    "Search",
    "Tagged",
    "Untagged",
    "Vanished",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """`raw` has every octet, the last CRLF included; positions of `faults` count in it."""

    raw: bytes = field(repr=False)
    faults: tuple[WireFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Untagged(Response):
    """A response that begins with ``*``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation(Response):
    """``+`` and what follows it."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Code:
    """A response code: its name in upper case, and what follows it, unread (RFC 3501 §7.1; RFC 5530 §3)."""

    name: str
    argument: bytes = b""

    @property
    def words(self) -> list[bytes]:
        return self.argument.split(b" ")

    @property
    def number(self) -> int:
        """The argument as a number; `ValueError` where it is none."""
        return int(self.argument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged(Response):
    """The completion of a command: OK, NO or BAD."""

    tag: bytes
    status: str
    code: Code | None
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Untagged):
    """OK, NO, BAD, BYE or PREAUTH without a tag."""

    status: str
    code: Code | None
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability(Untagged):
    """Names in upper case."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled(Untagged):
    """What ENABLE switched on, in upper case (RFC 5161 §3.2)."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxEntry(Untagged):
    """LIST or LSUB: attributes as written, the delimiter (None for NIL), the name as written, extended data."""

    kind: str
    attributes: frozenset[str]
    delimiter: bytes | None
    name: bytes
    extended: Mapping[str, Value]

    def has(self, attribute: str) -> bool:
        """Whether it carries the attribute, in any case."""
        return attribute.lower() in {a.lower() for a in self.attributes}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus(Untagged):
    """STATUS: the name as written, items in upper case -> number; others as they stand."""

    name: bytes
    items: Mapping[str, int]
    others: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags(Untagged):
    """FLAGS."""

    flags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Untagged):
    """SEARCH (or SORT): numbers in the order they came, and MODSEQ where it was given (RFC 7162 §3.1.5)."""

    numbers: tuple[int, ...]
    modseq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ESearch(Untagged):
    """ESEARCH (RFC 4731 §3.1): the command's tag, whether numbers are UIDs, and what was asked for."""

    tag: bytes | None
    uid: bool
    minimum: int | None
    maximum: int | None
    count: int | None
    all: SequenceSet | None
    modseq: int | None
    others: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Untagged):
    """EXISTS, RECENT or EXPUNGE with its number."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class BodySection:
    """``BODY[section]<origin>`` or ``BINARY[section]<origin>``; the section in upper case, without brackets."""

    section: bytes
    origin: int | None
    content: bytes | None
    binary: bool = False


@dataclass(frozen=True, slots=True)
class FetchData:
    """The items of one FETCH response; None for what was not in it.

    Attributes:
        others: Items that have no field here, in upper case.
    """

    flags: frozenset[str] | None = None
    uid: int | None = None
    octets: int | None = None
    internaldate: bytes | None = None
    modseq: int | None = None
    envelope: Envelope | None = None
    body: BodyPart | None = None
    bodystructure: BodyPart | None = None
    sections: tuple[BodySection, ...] = ()
    others: Mapping[str, Value] = field(default_factory=dict)

    def section(
        self, section: bytes = b"", *, origin: int | None = None, binary: bool = False
    ) -> bytes | None:
        """The content of a section, None where it was not sent or is NIL."""
        for found in self.sections:
            if (found.section, found.origin, found.binary) == (section.upper(), origin, binary):
                return found.content
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Untagged):
    """FETCH for one message."""

    number: int
    data: FetchData


@dataclass(frozen=True, slots=True)
class NamespaceEntry:
    """One namespace: prefix as written, delimiter, None for NIL."""

    prefix: bytes
    delimiter: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace(Untagged):
    """NAMESPACE (RFC 2342 §5): personal, other users', shared; empty for NIL."""

    personal: tuple[NamespaceEntry, ...]
    others: tuple[NamespaceEntry, ...]
    shared: tuple[NamespaceEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Untagged):
    """ID (RFC 2971 §3.2); empty for NIL."""

    fields: Mapping[bytes, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished(Untagged):
    """VANISHED (RFC 7162 §3.2.10); `earlier` where it answers a question about the past."""

    earlier: bool
    uids: SequenceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Untagged):
    """A response that is not known here, or that could not be read: its name in upper case, and the rest."""

    name: str
    rest: bytes
