"""What is wrong with a script, and where."""

from dataclasses import dataclass

__all__ = ["Place", "SieveError"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a script; both count from 1, the column in characters."""

    line: int
    column: int


class SieveError(Exception):
    """A script that cannot be compiled, or went wrong while it ran (RFC 5228 §2.10.6).

    Attributes:
        line: Counts from 1.
        column: Counts from 1, in characters.
        problem: What is wrong there.
    """

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"line {place.line}, column {place.column}: {problem}")
        self.line = place.line
        self.column = place.column
        self.problem = problem
