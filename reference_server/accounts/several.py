"""Several directories as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TypeVar

from reference_server.accounts.directory import Abilities, BackEndUnavailable, Directory, ScramSecrets

__all__ = ["Several"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Several:
    """Directories asked in order; the first that says yes is believed.

    One that cannot answer might have said yes: where none of the others does, neither a refusal nor an entry follows.
    """

    directories: Sequence[Directory]

    @property
    def abilities(self) -> Abilities:
        """What all of them can do: a client picks a mechanism before it says who it is."""
        return reduce(and_, (each.abilities for each in self.directories))

    def verify(self, user: str, password: str) -> str | None:
        return self._first(lambda directory: directory.verify(user, password))

    def known(self, user: str) -> str | None:
        return self._first(lambda directory: directory.known(user))

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        return self._first(lambda directory: directory.scram_secrets(user, mechanism))

    def password(self, user: str) -> str | None:
        return self._first(lambda directory: directory.password(user))

    def close(self) -> None:
        for directory in self.directories:
            directory.close()

    def _first(self, ask: Callable[[Directory], T | None]) -> T | None:
        silent: BackEndUnavailable | None = None
        for directory in self.directories:
            try:
                answer = ask(directory)
            except BackEndUnavailable as exc:
                silent = exc
            else:
                if answer is not None:
                    return answer
        if silent is not None:
            raise silent
        return None
