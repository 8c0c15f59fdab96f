"""The tests of RFC 5228 §5, with the address parts of RFC 5233 and the occurrences of RFC 5260."""

from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.addresses import AddressPart, MailAddress
from reference_server.mda.sieve.arguments import Arguments, Choice, StringList, TestWords
from reference_server.mda.sieve.errors import SieveError
from reference_server.mda.sieve.execution import Run, Test
from reference_server.mda.sieve.match import Match, read_match
from reference_server.mda.sieve.occurrence import Occurrence, read_occurrence
from reference_server.mda.sieve.strings import Template

__all__ = ["TESTS"]

_PARTS: Final = (
    Choice(AddressPart.ALL),
    Choice(AddressPart.LOCALPART),
    Choice(AddressPart.DOMAIN),
    Choice(AddressPart.USER, "subaddress"),
    Choice(AddressPart.DETAIL, "subaddress"),
)

# RFC 5228 §5.1: fields that hold addresses and nothing else; in mail as it is found, some more than RFC 5322 has.
_ADDRESS_FIELDS: Final = frozenset(
    name.encode()
    for name in (
        "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender", "resent-reply-to",
        "resent-to", "resent-cc", "resent-bcc", "return-path", "delivered-to", "x-original-to", "envelope-to",
        "errors-to", "return-receipt-to", "disposition-notification-to", "mail-followup-to", "mail-reply-to",
        "apparently-to",
    )
)  # fmt: skip
_NAME_OCTETS: Final = frozenset(range(33, 127)) - {ord(":")}


@dataclass(frozen=True, slots=True)
class Constant(Test):
    """``true`` and ``false``."""

    value: bool

    def holds(self, run: Run) -> bool:
        return self.value


@dataclass(frozen=True, slots=True)
class Not(Test):
    test: Test

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.test())

    def holds(self, run: Run) -> bool:
        return not self.test.holds(run)


@dataclass(frozen=True, slots=True)
class AllOf(Test):
    """From left to right, and no further than needed (RFC 5229 §3.2)."""

    tests: tuple[Test, ...]

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.tests())

    def holds(self, run: Run) -> bool:
        return all(test.holds(run) for test in self.tests)


@dataclass(frozen=True, slots=True)
class AnyOf(Test):
    """From left to right, and no further than needed (RFC 5229 §3.2)."""

    tests: tuple[Test, ...]

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.tests())

    def holds(self, run: Run) -> bool:
        return any(test.holds(run) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Size(Test):
    """A message of exactly the limit is neither over nor under it (RFC 5228 §5.9)."""

    over: bool
    limit_octets: int

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        chosen = arguments.choice(Choice(":over"), Choice(":under"))
        if chosen is None:
            raise arguments.error(":over or :under is missing")
        return cls(chosen.name == ":over", arguments.number())

    def holds(self, run: Run) -> bool:
        octets = run.facts.message.octets
        return octets > self.limit_octets if self.over else octets < self.limit_octets


@dataclass(frozen=True, slots=True)
class Exists(Test):
    """Whether all of the fields are there."""

    names: StringList

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.strings())

    def holds(self, run: Run) -> bool:
        return all(run.facts.message.fields(run.expand(name)) for name in self.names)


@dataclass(frozen=True, slots=True)
class Header(Test):
    names: StringList
    keys: StringList
    match: Match
    occurrence: Occurrence

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match, occurrence = read_match(arguments), read_occurrence(arguments)
        return cls(arguments.strings(), arguments.strings(), match, occurrence)

    def holds(self, run: Run) -> bool:
        values = [
            value
            for name in self.names
            for value in self.occurrence.of(run.facts.message.values(run.expand(name)))
        ]
        return self.match.any(run, values, self.keys)


@dataclass(frozen=True, slots=True)
class Address(Test):
    names: StringList
    keys: StringList
    match: Match
    part: AddressPart
    occurrence: Occurrence

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match, part, occurrence = read_match(arguments), _read_part(arguments), read_occurrence(arguments)
        names = arguments.strings()
        for name in names:
            if name.constant is not None:
                _check_address_field(name.constant, name)
        return cls(names, arguments.strings(), match, part, occurrence)

    def holds(self, run: Run) -> bool:
        addresses = [address for name in self.names for address in self._addresses(run, name)]
        return self.match.any(run, _parts(run, addresses, self.part), self.keys, count=len(addresses))

    def _addresses(self, run: Run, template: Template) -> list[MailAddress]:
        name = run.expand(template)
        _check_address_field(name, template)
        found = self.occurrence.of(run.facts.message.addresses(name))
        return [address for field in found for address in field]


@dataclass(frozen=True, slots=True)
class Envelope(Test):
    """The envelope's ``from`` and ``to``; the null reverse-path is empty in every part (RFC 5228 §5.4)."""

    parts: StringList
    keys: StringList
    match: Match
    part: AddressPart

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match, part = read_match(arguments), _read_part(arguments)
        names = arguments.strings()
        for name in names:
            if name.constant is not None:
                _envelope_part(name.constant, name)
        return cls(names, arguments.strings(), match, part)

    def holds(self, run: Run) -> bool:
        named = {_envelope_part(run.expand(name), name) for name in self.parts}
        found: list[MailAddress] = []
        empty: list[bytes] = []
        if "from" in named:
            if run.facts.envelope_from is None:
                empty.append(b"")
            else:
                found.append(run.facts.envelope_from)
        if "to" in named:
            found.append(run.facts.envelope_to)
        values = empty + _parts(run, found, self.part)
        return self.match.any(run, values, self.keys, count=len(found))


def _read_part(arguments: Arguments) -> AddressPart:
    chosen = arguments.choice(*_PARTS)
    return AddressPart(chosen.name) if chosen else AddressPart.ALL


def _parts(run: Run, addresses: list[MailAddress], part: AddressPart) -> list[bytes]:
    found = (address.part(part, run.facts.separator) for address in addresses)
    return [value for value in found if value is not None]


def _check_address_field(name: bytes, template: Template) -> None:
    """A name that no field can have is no error: it finds nothing (RFC 5228 §2.4.2.2)."""
    if name and _NAME_OCTETS.issuperset(name) and name.lower() not in _ADDRESS_FIELDS:
        raise SieveError(
            template.place, f"{name.decode('ascii')!r} is no field that holds addresses; use header"
        )


def _envelope_part(name: bytes, template: Template) -> str:
    part = name.decode("utf-8", "replace").lower()
    if part not in ("from", "to"):
        raise SieveError(template.place, f"an envelope has a from and a to, no {part!r}")
    return part


TESTS: Final[TestWords] = {
    "address": (None, Address.read),
    "allof": (None, AllOf.read),
    "anyof": (None, AnyOf.read),
    "envelope": ("envelope", Envelope.read),
    "exists": (None, Exists.read),
    "false": (None, lambda _arguments: Constant(False)),
    "header": (None, Header.read),
    "not": (None, Not.read),
    "size": (None, Size.read),
    "true": (None, lambda _arguments: Constant(True)),
}
