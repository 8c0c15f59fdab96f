"""A directory that others do not wait for while it is down."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from reference_server.accounts.directory import Abilities, BackEndDown, Directory, ScramSecrets

__all__ = ["Guarded"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

# Ours: so many find out whether it is back; each of them keeps a worker for as long as a question may take.
PROBES: Final = 2


class Guarded:
    """Asks a directory; while it is down only a few at a time do, and everybody else is told so at once.

    A back end that hangs would else take every worker thread there is, each for the whole time that a question may
    take, and those who do not even ask it would wait behind them.
    """

    def __init__(self, name: str, directory: Directory) -> None:
        self._name = name
        self._directory = directory
        self._lock = threading.Lock()
        self._down = False
        self._asking = 0

    @property
    def abilities(self) -> Abilities:
        return self._directory.abilities

    def verify(self, user: str, password: str) -> str | None:
        return self._ask(lambda: self._directory.verify(user, password))

    def known(self, user: str) -> str | None:
        return self._ask(lambda: self._directory.known(user))

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        return self._ask(lambda: self._directory.scram_secrets(user, mechanism))

    def password(self, user: str) -> str | None:
        return self._ask(lambda: self._directory.password(user))

    def close(self) -> None:
        self._directory.close()

    def _ask(self, question: Callable[[], T]) -> T:
        with self._admitted():
            try:
                answer = question()
            except BackEndDown as exc:
                self._note(exc)
                raise
            self._note(None)
            return answer

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        with self._lock:
            if self._down and self._asking >= PROBES:
                raise BackEndDown(
                    f"{self._name} gave no answer, and others are finding out whether it does again"
                )
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1

    def _note(self, trouble: BackEndDown | None) -> None:
        """It is down, or up; each is said once."""
        with self._lock:
            changed = self._down is not (trouble is not None)
            self._down = trouble is not None
        if changed and trouble is not None:
            _log.warning("accounts: %s: %s; log-ins get a temporary failure", self._name, trouble)
        elif changed:
            _log.warning("accounts: %s answers again", self._name)
