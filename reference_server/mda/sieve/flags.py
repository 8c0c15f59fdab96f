"""IMAP flags: setflag, addflag, removeflag and hasflag (RFC 5232)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.arguments import Arguments, CommandWords, StringList, TestWords
from reference_server.mda.sieve.execution import Command, Run, Test
from reference_server.mda.sieve.match import Match, read_match
from reference_server.mda.sieve.strings import Template
from reference_server.mda.sieve.variables import variable_name

__all__ = ["FLAG_COMMANDS", "FLAG_TESTS", "flags_of"]

# Ours: more than any store keeps for one message.
MAX_FLAGS: Final = 100

# RFC 3501 §2.3.2; \Recent cannot be set (RFC 5232 §2).
_SYSTEM: Final = {
    flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}
# flag-keyword is an atom (RFC 3501 §9).
_KEYWORD: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]{1,200}')

Change = Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]


def flags_of(lists: Iterable[bytes]) -> tuple[str, ...]:
    """The flags of strings that hold any number each, every flag once; what is no flag is ignored (RFC 5232 §2)."""
    return _distinct(flag for octets in lists for word in octets.split() if (flag := _flag(word)) is not None)


def _flag(word: bytes) -> str | None:
    if word.startswith(b"\\"):
        return _SYSTEM.get(word.decode("ascii", "replace").lower())
    return word.decode("ascii") if _KEYWORD.fullmatch(word) else None


def _distinct(flags: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for flag in flags:
        if len(found) < MAX_FLAGS:
            found.setdefault(flag.lower(), flag)
    return tuple(found.values())


def _without(old: tuple[str, ...], gone: tuple[str, ...]) -> tuple[str, ...]:
    names = {flag.lower() for flag in gone}
    return tuple(flag for flag in old if flag.lower() not in names)


_CHANGES: Final[Mapping[str, Change]] = {
    "setflag": lambda _old, given: given,
    "addflag": lambda old, given: _distinct(old + given),
    "removeflag": _without,
}


@dataclass(frozen=True, slots=True)
class ChangeFlags(Command):
    """On the named variable, or on the internal one where `variable` is None (RFC 5232 §3)."""

    change: Change
    variable: str | None
    flags: StringList

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        variable = None
        if arguments.left > 1:
            arguments.scope.demand("variables", "naming a variable", arguments.place)
            variable = variable_name(arguments, arguments.string())
        return cls(_CHANGES[arguments.node.name], variable, arguments.strings())

    def execute(self, run: Run) -> None:
        given = flags_of(run.expand(each) for each in self.flags)
        if self.variable is None:
            run.flags = self.change(run.flags, given)
        else:
            old = flags_of([run.variables.get(self.variable, b"")])
            run.assign(self.variable, " ".join(self.change(old, given)).encode(), self.flags[0].place)


@dataclass(frozen=True, slots=True)
class HasFlag(Test):
    """Each flag of each variable against each key, where a key with spaces is several (RFC 5232 §4)."""

    variables: StringList | None
    keys: StringList
    match: Match

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match = read_match(arguments)
        variables = None
        if arguments.left > 1:
            arguments.scope.demand("variables", "naming a variable", arguments.place)
            variables = arguments.strings()
            for name in variables:
                variable_name(arguments, name)
        return cls(variables, arguments.strings(), match)

    def holds(self, run: Run) -> bool:
        flags = [flag.encode() for each in self._lists(run) for flag in each]
        keys = tuple(
            Template(word, (word,), key.place) for key in self.keys for word in run.expand(key).split()
        )
        return self.match.any(run, flags, keys)

    def _lists(self, run: Run) -> Sequence[tuple[str, ...]]:
        if self.variables is None:
            return [run.flags]
        names = (name.source.decode("ascii").lower() for name in self.variables)
        return [flags_of([run.variables.get(name, b"")]) for name in names]


FLAG_COMMANDS: Final[CommandWords] = dict.fromkeys(_CHANGES, ("imap4flags", ChangeFlags.read))
FLAG_TESTS: Final[TestWords] = {"hasflag": ("imap4flags", HasFlag.read)}
