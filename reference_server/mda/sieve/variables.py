"""Variables: the action set and the test string (RFC 5229)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.arguments import Arguments, Choice, CommandWords, StringList, TestWords
from reference_server.mda.sieve.execution import Command, Run, Test
from reference_server.mda.sieve.match import Match, read_match
from reference_server.mda.sieve.strings import IDENTIFIER, Template

__all__ = ["VARIABLE_COMMANDS", "VARIABLE_TESTS", "variable_name"]

_IDENTIFIER: Final = re.compile(IDENTIFIER)
# Ours: what a modifier costs for each octet, beside a comparison.
_MODIFYING: Final = 8
_WILDCARD: Final = re.compile(rb"[*?\\]")

# RFC 5229 §4.1: of one precedence only one, the highest first.
_MODIFIERS: Final[tuple[Mapping[str, Callable[[bytes], bytes]], ...]] = (
    {":lower": bytes.lower, ":upper": bytes.upper},
    {
        ":lowerfirst": lambda value: value[:1].lower() + value[1:],
        ":upperfirst": lambda value: value[:1].upper() + value[1:],
    },
    {":quotewildcard": lambda value: _WILDCARD.sub(rb"\\\g<0>", value)},
    {":length": lambda value: b"%d" % len(value.decode("utf-8", "replace"))},
)


def variable_name(arguments: Arguments, template: Template) -> str:
    """A name that can be set, in lower case (RFC 5229 §4).

    Raises:
        SieveError: It is not constant, a match variable, in a namespace, or no name.
    """
    name = arguments.literal(template, "a variable's name").decode("utf-8", "replace")
    if not _IDENTIFIER.fullmatch(name):
        raise arguments.error(f"{name[:40]!r} cannot be the name of a variable", template.place)
    return name.lower()


@dataclass(frozen=True, slots=True)
class Set(Command):
    name: str
    value: Template
    modifiers: tuple[Callable[[bytes], bytes], ...]

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        chosen = ((group, arguments.choice(*(Choice(tag) for tag in group))) for group in _MODIFIERS)
        modifiers = tuple(group[tag.name] for group, tag in chosen if tag is not None)
        return cls(variable_name(arguments, arguments.string()), arguments.string(), modifiers)

    def execute(self, run: Run) -> None:
        value = run.expand(self.value)
        for modifier in self.modifiers:
            run.spend(_MODIFYING * len(value), self.value.place)
            value = modifier(value)
        run.assign(self.name, value, self.value.place)


@dataclass(frozen=True, slots=True)
class StringTest(Test):
    """White space counts here, and an empty string is none for ``:count`` (RFC 5229 §5)."""

    sources: StringList
    keys: StringList
    match: Match

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match = read_match(arguments)
        return cls(arguments.strings(), arguments.strings(), match)

    def holds(self, run: Run) -> bool:
        values = [run.expand(source) for source in self.sources]
        return self.match.any(run, values, self.keys, count=sum(map(bool, values)))


VARIABLE_COMMANDS: Final[CommandWords] = {"set": ("variables", Set.read)}
VARIABLE_TESTS: Final[TestWords] = {"string": ("variables", StringTest.read)}
