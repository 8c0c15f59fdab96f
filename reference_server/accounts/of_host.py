"""What the sessions of a host ask about their clients: directories behind it, mailboxes before it."""

import logging
import secrets
import threading
from typing import Final, Protocol

from reference_server.accounts import scram
from reference_server.accounts.directory import Abilities, Directory, ScramSecrets
from reference_server.accounts.names import Login
from reference_server.world.model import User
from reference_server.world.site import Site

__all__ = ["Accounts"]

_log = logging.getLogger(__name__)

# Ours: an address has 254 octets at most (RFC 5321 §4.5.3.1.3, without its brackets), and no name in the field more.
MAX_USER_OCTETS: Final = 254


class Mailboxes(Protocol):
    """Where mailboxes are made: the host's store."""

    def create_user(self, user: str) -> None: ...

    def users(self) -> list[str]: ...


class Accounts:
    """The accounts of a host, by the name one logs in with; a user is answered by the name of the mailbox.

    All but `abilities`, `instant` and `means` may block, for a bounded time, and raise `BackEndUnavailable`; they may
    be called in many threads at once. Somebody whom a back end knows and the world does not moves in: a mailbox is
    made, and mail to the address is taken.

    Attributes:
        instant: Nothing is asked that takes time, so no worker thread is needed.
    """

    def __init__(self, site: Site, directory: Directory, store: Mailboxes, *, instant: bool) -> None:
        self.instant = instant
        self._site = site
        self._directory = directory
        self._store = store
        self._moving_in = threading.Lock()
        self._secret = secrets.token_bytes(32)

    @property
    def abilities(self) -> Abilities:
        """What can be asked here; mechanisms that need more are not offered."""
        return self._directory.abilities

    def verify(self, user: str, password: str) -> str | None:
        """The mailbox of the user whose password this is; None for a wrong one or an unknown user."""
        if not password or not _is_utf8(password):
            return None
        return self._mailbox(self._directory.verify(asked_for(user), password))

    def known(self, user: str) -> str | None:
        """The mailbox of the user, where there is one."""
        return self._mailbox(self._directory.known(asked_for(user)))

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets:
        """The keys for ``SCRAM-SHA-1`` or ``SCRAM-SHA-256``; for whom there are none made up, the same each time.

        Who proves to have the password is then to be asked for by `known`.
        """
        found = self._directory.scram_secrets(asked_for(user), mechanism)
        if found is not None:
            return found
        login = Login.of(user, self._site.domain)  # a user of ours has the same keys by both names
        return scram.made_up(f"{login.local_part}@{login.domain}", mechanism, self._secret)

    def password(self, user: str) -> str | None:
        """The password where it is kept in the clear, else None."""
        return self._directory.password(asked_for(user))

    def means(self, name: str, mailbox: str) -> bool:
        """Whether a name is that of a mailbox whose owner has logged in: the authorization identity of oneself."""
        found = self._site.user_named(name)
        return found is not None and found.name == mailbox

    def welcome_back(self) -> None:
        """Who has moved in before, in a world whose store has lasted, still gets mail."""
        for name in self._store.users():
            if self._site.user_named(name) is None:
                self._site.move_in(name if "@" in name else f"{name}@{self._site.domain}")

    def close(self) -> None:
        """Give back what the directories hold; twice is once."""
        self._directory.close()

    def _mailbox(self, address: str | None) -> str | None:
        """The name of a user's mailbox, made where there is none yet."""
        if address is None:
            return None
        local_part, _, name = address.rpartition("@")
        domain = self._site.local_domain(name)
        if domain is None:
            _log.warning("%s has an account, and no mailbox can be on %s", address, self._site.host.name)
            return None
        whole = f"{local_part}@{domain.name}"
        return (self._site.user(whole) or self._move_in(whole)).name

    def _move_in(self, address: str) -> User:
        with self._moving_in:
            user = self._site.move_in(address)
            self._store.create_user(user.name)
        return user


def asked_for(user: str) -> str:
    """The name as a directory may be asked for it; one that nobody can have, for what nobody's name can be.

    It is asked for all the same, so that it takes as long as any other.
    """
    readable = _is_utf8(user) and user.isprintable() and 0 < len(user.encode()) <= MAX_USER_OCTETS
    whole = readable and not user.startswith("@") and not user.endswith("@")
    return user if whole else NOBODY


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


# RFC 2606 §2: no such domain is anybody's.
NOBODY: Final = "nobody@nowhere.invalid"
