"""The accounts that a world's file names: argon2id hashes, made when the world begins."""

import secrets
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from reference_server.accounts import scram
from reference_server.accounts.directory import Abilities, ScramSecrets
from reference_server.world.model import User
from reference_server.world.site import Site

__all__ = ["WorldFile"]

# The least argon2 takes; see World.cheap_hashes.
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class WorldFile:
    """The users of a host who have a password in the world."""

    abilities = Abilities.VERIFY | Abilities.KNOWN | Abilities.SCRAM | Abilities.PASSWORD

    def __init__(self, site: Site) -> None:
        self._hasher = _CHEAP if site.world.cheap_hashes else PasswordHasher()
        self._site = site
        self._hashes = {
            user.address: self._hasher.hash(scram.prepared(user.password))
            for user in site.residents
            if user.password
        }
        self._nobody = self._hasher.hash("nobody's password")
        self._secret = secrets.token_bytes(32)
        self._derived = lru_cache(maxsize=None)(self._derive)

    def verify(self, user: str, password: str) -> str | None:
        """As `Directory.verify`; an unknown user costs a hash too."""
        address = self.known(user)
        try:
            self._hasher.verify(self._hashes[address] if address else self._nobody, password)
        except VerifyMismatchError:
            return None
        return address

    def known(self, user: str) -> str | None:
        found = self._resident(user)
        return found.address if found else None

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        """As `Directory.scram_secrets`; derived of the password when first asked for."""
        found = self._resident(user)
        return self._derived(found.password, found.address, mechanism) if found else None

    def password(self, user: str) -> str | None:
        found = self._resident(user)
        return found.password if found else None

    def close(self) -> None:
        """Nothing is held."""

    def _resident(self, user: str) -> User | None:
        found = self._site.user_named(user)
        return found if found is not None and found.address in self._hashes else None

    def _derive(self, password: str, address: str, mechanism: str) -> ScramSecrets:
        salt = scram.made_up(address, mechanism, self._secret).salt
        return scram.derive(password, mechanism, salt)
