"""Accounts in an LDAP directory: whoever can bind with the password may log in (RFC 4513 §5.1)."""

from collections.abc import Callable, Mapping
from typing import Final

from reference_server.accounts.directory import Abilities, BackEndUnavailable, ScramSecrets
from reference_server.accounts.ldap_connection import (
    Entry,
    LdapConnection,
    LdapServer,
    escape_dn,
    escape_filter,
)
from reference_server.accounts.names import Login, fill, kept_address, mailbox_address, names_in
from reference_server.world.accounts import LdapAccounts

__all__ = ["LdapDirectory"]

_LOGIN: Final = frozenset(Login("", "", "").parts)


class LdapDirectory:
    """The entries that a template names, or that a search finds.

    Raises:
        UsageError: A package is missing, or the file of the authorities cannot be read.
    """

    def __init__(self, settings: LdapAccounts, domain: str) -> None:
        self._settings = settings
        self._domain = domain
        self._server = LdapServer(settings)
        # The attributes that make the address.
        self._attributes = sorted(names_in(settings.address) - _LOGIN)
        # Who is known can be said without a password where somebody may look.
        self.abilities = Abilities.VERIFY | (Abilities.KNOWN if settings.bind_dn else Abilities.NOTHING)

    def verify(self, user: str, password: str) -> str | None:
        """As `Directory.verify`; for an unknown user a bind is tried too, to an entry that cannot be."""
        # RFC 4513 §5.1.2: a bind without a password succeeds, and proves nothing.
        if not password:
            return None
        login = Login.of(user, self._domain)
        entry = self._entry(login)
        with self._server.connection() as connection:
            dn = entry.dn if entry is not None else self._server.nobody
            if not connection.bind(dn, password) or entry is None:
                return None
            if not self._in_group(login, entry, connection):
                return None
            return self._address(login, self._whole(entry, connection))

    def known(self, user: str) -> str | None:
        if not self._settings.bind_dn:
            raise BackEndUnavailable("nobody may look into the directory: set bind_dn")
        login = Login.of(user, self._domain)
        entry = self._entry(login)
        if entry is None or not self._in_group(login, entry, None):
            return None
        if self._settings.user_dn:
            found = self._search(
                lambda connection: connection.read(entry.dn, "(objectClass=*)", self._attributes)
            )
            return self._address(login, found) if found is not None else None
        return self._address(login, entry)

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        return None

    def password(self, user: str) -> str | None:
        return None

    def close(self) -> None:
        self._server.close()

    def _entry(self, login: Login) -> Entry | None:
        """The user's entry; where its name follows from the login's, nothing is known of it but the name."""
        settings = self._settings
        if settings.user_dn:
            return Entry(fill(settings.user_dn, login.parts, escape_dn), {})
        wanted = fill(settings.filter, login.parts, escape_filter)
        return self._search(lambda connection: connection.find(settings.base, wanted, self._attributes))

    def _in_group(self, login: Login, entry: Entry, as_user: LdapConnection | None) -> bool:
        """Whether the condition holds; it is looked up by who searches, else by the user."""
        settings = self._settings
        if not settings.group:
            return True
        wanted = fill(settings.group_filter, {**login.parts, "dn": entry.dn}, escape_filter)

        def look(connection: LdapConnection) -> Entry | None:
            return connection.read(settings.group, wanted, ())

        return (
            look(as_user) if as_user is not None and not settings.bind_dn else self._search(look)
        ) is not None

    def _whole(self, entry: Entry, as_user: LdapConnection) -> Entry:
        """The entry with the attributes that are needed; the user may read its own."""
        if not self._settings.user_dn or not self._attributes:
            return entry
        found = as_user.read(entry.dn, "(objectClass=*)", self._attributes)
        if found is None:
            raise BackEndUnavailable(f"{entry.dn} may not read its own entry; set bind_dn and a filter")
        return found

    def _address(self, login: Login, entry: Entry) -> str | None:
        """Of an attribute with several values the first of those that sort first: LDAP gives them in no order."""
        template = self._settings.address
        if not self._attributes:
            return mailbox_address(fill(template, login.parts))
        values: Mapping[str, str] = login.parts
        for name in self._attributes:
            given = sorted(entry.attributes.get(name.lower(), ()), key=str.lower)
            if not given:
                raise BackEndUnavailable(f"{entry.dn} has no {name}, which makes the address")
            values = {**values, name: given[0]}
        return kept_address(fill(template, values))

    def _search(self, look: Callable[[LdapConnection], Entry | None]) -> Entry | None:
        """Look by a connection that is kept; where the server has closed it meanwhile, by a new one."""
        return self._server.ask(look)
