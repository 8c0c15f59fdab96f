"""Which of several fields of one name a test means: ``:index`` and ``:last`` (RFC 5260)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from reference_server.mda.sieve.arguments import Arguments

__all__ = ["Occurrence", "read_occurrence"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The `number`th of its name, from 1 at the top or from the `last` one up; without a `number` all of them."""

    number: int | None = None
    last: bool = False

    def of(self, found: Sequence[T]) -> Sequence[T]:
        if self.number is None:
            return found
        if self.number > len(found):
            return ()
        return (found[-self.number if self.last else self.number - 1],)


def read_occurrence(arguments: Arguments) -> Occurrence:
    number = arguments.tag_number(":index", "index")
    last = arguments.flag(":last", "index")
    if last and number is None:
        raise arguments.error(":last goes with :index")
    if number == 0:
        raise arguments.error(":index counts from 1")
    return Occurrence(number, last)
