"""Who may log in: argon2id hashes, and a check that takes as long for an unknown user as for a known one."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from harness.wire.sasl import Credentials
from reference_server.world import Site

__all__ = ["Accounts"]

# The least argon2 takes; see World.cheap_hashes.
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Accounts:
    """The users of a host, by the name one logs in with."""

    def __init__(self, site: Site) -> None:
        self._hasher = _CHEAP if site.world.cheap_hashes else PasswordHasher()
        self._site = site
        self._hashes = {user.name: self._hasher.hash(user.password) for user in site.users}
        self._nobody = self._hasher.hash("nobody's password")

    def authenticate(self, credentials: Credentials) -> str | None:
        """The user's name when the password is right and the client acts for itself, else None.

        A user may be given as ``name`` or by the address, in any case.
        """
        name = self._name(credentials.user)
        try:
            self._hasher.verify(self._hashes.get(name, self._nobody), credentials.password)
        except VerifyMismatchError:
            return None
        if credentials.authorization and self._name(credentials.authorization) != name:
            return None
        return name if name in self._hashes else None

    def _name(self, user: str) -> str:
        known = self._site.user_named(user)
        return known.name if known is not None else ""
