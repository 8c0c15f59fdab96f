"""Deleting what was read, so that the audit knows of it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from loadtests.ledger.reading import Finder
from loadtests.ledger.slots import How
from loadtests.ledger.token import Found

__all__ = ["deleting"]


@contextmanager
def deleting(finder: Finder, taken: Collection[Found]) -> Iterator[None]:
    """A block in which these messages are deleted: they are, where it succeeds, and maybe where it does not.

    When they came is not told: who looks now and then would count the time until then.
    """
    finder.deletes()
    how = How.MAYBE
    try:
        yield
        how = How.COUNTED
    finally:
        for found in taken:
            finder.tell(found, how)
