"""Hypothesis example databases: one that remembers what failed in this run, one that plays it again."""

from collections.abc import Iterable
from typing import Final

from hypothesis.database import ExampleDatabase

__all__ = ["ChoiceLog"]

_LONGER: Final = (b".secondary", b".pareto", b".corpus")


class ChoiceLog(ExampleDatabase):
    """Keeps the choices behind failing examples in memory, and serves those it was given.

    A counterexample travels in the run's result as these octets; nothing of a run is kept anywhere else.

    Args:
        replayed: Choices to try again, whatever check asks for them.
    """

    def __init__(self, replayed: Iterable[bytes] = ()) -> None:
        super().__init__()
        self._replayed = tuple(replayed)
        self._saved: dict[bytes, list[bytes]] = {}

    def clear(self) -> None:
        """Forget what the last check saved."""
        self._saved.clear()

    def saved(self) -> list[bytes]:
        """The choices of the smallest failing examples, simplest last failing first; empty where none failed."""
        # Hypothesis keeps the best example under the test's own key and the steps towards it under longer ones.
        return [value for key, values in self._saved.items() if not key.endswith(_LONGER) for value in values]

    def save(self, key: bytes, value: bytes) -> None:
        values = self._saved.setdefault(key, [])
        if value not in values:
            values.append(value)

    def delete(self, key: bytes, value: bytes) -> None:
        values = self._saved.get(key, [])
        if value in values:
            values.remove(value)

    def fetch(self, key: bytes) -> Iterable[bytes]:  # noqa: ARG002 (one check is replayed, whatever its key)
        return iter(self._replayed)
