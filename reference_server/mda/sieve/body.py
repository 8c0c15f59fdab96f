"""The test body (RFC 5173): rules by what a message says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.arguments import Arguments, Choice, StringList, TestWords
from reference_server.mda.sieve.execution import Run, Test
from reference_server.mda.sieve.match import Match, read_match
from reference_server.mda.sieve.message import SearchedPart

__all__ = ["BODY_TESTS"]


@dataclass(frozen=True, slots=True)
class Body(Test):
    """The undecoded body, the parts of some types, or all the text there is.

    Attributes:
        types: The argument of ``:content``; None for ``:raw`` and ``:text``.
    """

    raw: bool
    types: StringList | None
    keys: StringList
    match: Match

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match = read_match(arguments)
        chosen = arguments.choice(Choice(":raw"), Choice(":text"), Choice(":content"))
        name = chosen.name if chosen else ":text"
        types = arguments.values_of(chosen) if chosen and name == ":content" else None
        return cls(name == ":raw", types, arguments.strings(), match)

    def holds(self, run: Run) -> bool:
        """Wildcards set no match variables here (RFC 5173)."""
        return self.match.any(run, self._values(run), self.keys, captures=False)

    def _values(self, run: Run) -> Sequence[bytes]:
        message = run.facts.message
        if self.raw:
            return [message.root.body]
        if self.types is None:
            return message.texts
        types = [run.expand(name).lower() for name in self.types]
        return list(_of_types(message.parts, types))


def _of_types(parts: Sequence[SearchedPart], types: Sequence[bytes]) -> Iterator[bytes]:
    for part in parts:
        if any(_is_of(part.media_type, wanted) for wanted in types):
            yield from part.strings


def _is_of(media_type: bytes, wanted: bytes) -> bool:
    """``""`` is every type, ``text`` every subtype, ``text/plain`` that alone; with stray slashes it is none."""
    if b"/" not in wanted:
        return not wanted or media_type.partition(b"/")[0] == wanted
    return media_type == wanted


BODY_TESTS: Final[TestWords] = {"body": ("body", Body.read)}
