"""``[accounts]`` of a world file: its tables, and how they become `AccountSettings`."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from harness.errors import WorldFileError
from reference_server.world.accounts import (
    AccountSettings,
    BackEnd,
    KeptAs,
    LdapAccounts,
    SaslauthdAccounts,
    SqlAccounts,
)

__all__ = ["AccountsTable", "read_accounts"]

# Ours: a person waits for it; a client gives up after minutes.
Seconds = Annotated[float, msgspec.Meta(gt=0, le=120)]
# No more than there are threads to ask in.
Connections = Annotated[int, msgspec.Meta(ge=1, le=64)]

# RFC 5802 and Dovecot keep a password on one line.
_MAX_PASSWORD_OCTETS: Final = 1024


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key that is not known is a mistake, never ignored."""


class SqlTable(_Table, frozen=True):
    url: str
    query: str
    password: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    scheme: str = ""
    kept_as: KeptAs = KeptAs.HASHES
    connections: Connections = 16
    timeout_s: Seconds = 5.0


class LdapTable(_Table, frozen=True):
    url: str
    start_tls: bool = False
    ca: str | None = None
    user_dn: str = ""
    base: str = ""
    filter: str = ""
    bind_dn: str = ""
    bind_password: str | None = None
    bind_password_env: str | None = None
    bind_password_file: str | None = None
    group: str = ""
    group_filter: str = "(member={dn})"
    address: str | None = None
    timeout_s: Seconds = 5.0


class SaslauthdTable(_Table, frozen=True):
    socket: str
    user: str = "{user}"
    realm: str = ""
    service: str = "imap"
    timeout_s: Seconds = 5.0


class AccountsTable(_Table, frozen=True):
    order: tuple[BackEnd, ...] = ()
    sql: SqlTable | None = None
    ldap: LdapTable | None = None
    saslauthd: SaslauthdTable | None = None


_LOGIN: Final = ("user", "local_part", "domain")
# As SQLAlchemy finds them; `\:` is no parameter.
_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def read_accounts(
    table: AccountsTable,
    source: Path | str,
    base: Path,
    refuse: Callable[[Path | str, str, str], WorldFileError],
) -> AccountSettings:
    """The settings; relative paths start at `base`.

    Raises:
        WorldFileError: Made by `refuse`: where something is missing, contradicts or cannot be meant.
    """
    reader = _Reader(source, base, refuse)
    return AccountSettings(
        order=reader.order(table),
        sql=reader.sql(table.sql) if table.sql else None,
        ldap=reader.ldap(table.ldap) if table.ldap else None,
        saslauthd=reader.saslauthd(table.saslauthd) if table.saslauthd else None,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    source: Path | str
    base: Path
    refuse: Callable[[Path | str, str, str], WorldFileError]

    def fail(self, key: str, problem: str) -> WorldFileError:
        return self.refuse(self.source, f"accounts.{key}", problem)

    def order(self, table: AccountsTable) -> tuple[BackEnd, ...]:
        """One back end needs no order; of several the file says who is asked first."""
        given = [each for each in BackEnd if each is not BackEnd.WORLD and getattr(table, each.value)]
        if not table.order:
            if len(given) > 1:
                names = ", ".join(f"'{each.value}'" for each in given)
                raise self.fail("order", f"is missing: say who is asked first, as in order = [{names}]")
            return tuple(given) or (BackEnd.WORLD,)
        if len(set(table.order)) < len(table.order):
            raise self.fail("order", "names a place twice")
        for each in table.order:
            if each is not BackEnd.WORLD and each not in given:
                raise self.fail(
                    "order", f"names {each.value!r}, and there is no table [accounts.{each.value}]"
                )
        for each in given:
            if each not in table.order:
                raise self.fail("order", f"leaves out {each.value!r}, which has a table; nobody would ask it")
        return table.order

    def sql(self, table: SqlTable) -> SqlAccounts:
        parts = urlsplit(table.url)
        if not parts.scheme or "://" not in table.url:
            raise self.fail(
                "sql.url",
                "is no URL of a database such as mysql://mailread@127.0.0.1:3306/mail or sqlite:///users.db",
            )
        named = set(_PARAMETER.findall(table.query))
        for name in sorted(named - set(_LOGIN)):
            raise self.fail("sql.query", f"asks for :{name}; known here: {_listed(':', _LOGIN)}")
        if not named & {"user", "local_part"}:
            raise self.fail(
                "sql.query", "asks for nobody; name the user by :user, or by :local_part and :domain"
            )
        return SqlAccounts(
            url=self._beside(table.url),
            query=table.query,
            password=self.secret("sql", "password", table.password, table.password_env, table.password_file),
            scheme=table.scheme.upper().removeprefix("{").removesuffix("}"),
            kept_as=table.kept_as,
            connections=table.connections,
            timeout_s=table.timeout_s,
        )

    def _beside(self, url: str) -> str:
        """SQLite's URL with its path absolute: it is relative to the world file, as every path is."""
        beginning, found, path = url.partition(":///")
        relative = beginning.startswith("sqlite") and found and not path.startswith(("/", ":memory:"))
        return f"{beginning}:///{(self.base / path).absolute()}" if relative else url

    def ldap(self, table: LdapTable) -> LdapAccounts:
        parts = urlsplit(table.url)
        if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path.strip("/"):
            raise self.fail("ldap.url", f"{table.url!r} is not ldap://host:port or ldaps://host:port")
        if table.start_tls and parts.scheme == "ldaps":
            raise self.fail("ldap.start_tls", "has no place with ldaps, which is TLS from the beginning")
        if bool(table.user_dn) == bool(table.base and table.filter):
            raise self.fail(
                "ldap.user_dn",
                "says how a user's entry is named; give it, or base and filter to search for the entry, not both",
            )
        self.fields("ldap.user_dn", table.user_dn, _LOGIN)
        self.fields("ldap.filter", table.filter, _LOGIN)
        self.fields("ldap.group_filter", table.group_filter, (*_LOGIN, "dn"))
        for place, template in (("user_dn", table.user_dn), ("filter", table.filter)):
            if template and not re.search(r"\{(user|local_part)\}", template):
                raise self.fail(
                    f"ldap.{place}", "is the same for every user; put {user} or {local_part} into it"
                )
        address = table.address or ("{local_part}@{domain}" if table.user_dn else "{mail}")
        for name in _FIELD.findall(address):
            if not _ATTRIBUTE.fullmatch(name.replace("_", "-")):
                raise self.fail("ldap.address", f"{{{name}}} is no attribute")
        secret = self.secret(
            "ldap", "bind_password", table.bind_password, table.bind_password_env, table.bind_password_file
        )
        if bool(table.bind_dn) != bool(secret):
            raise self.fail("ldap.bind_dn", "and a bind_password go together: a name without one is nobody's")
        given = msgspec.structs.asdict(table)
        for source in ("bind_password_env", "bind_password_file"):
            del given[source]
        ca = self.base / table.ca if table.ca else None
        return LdapAccounts(**given | {"ca": ca, "bind_password": secret or "", "address": address})

    def saslauthd(self, table: SaslauthdTable) -> SaslauthdAccounts:
        self.fields("saslauthd.user", table.user, _LOGIN)
        self.fields("saslauthd.realm", table.realm, _LOGIN)
        return SaslauthdAccounts(
            self.base / table.socket, table.user, table.realm, table.service, table.timeout_s
        )

    def fields(self, key: str, template: str, known: Iterable[str]) -> None:
        for name in _FIELD.findall(template):
            if name not in known:
                raise self.fail(key, f"{{{name}}} is not known here; known: {_listed('', known)}")

    def secret(
        self, table: str, key: str, given: str | None, variable: str | None, file: str | None
    ) -> str | None:
        """A password that is written down, or in the environment, or alone in a file; None for none."""
        if sum(each is not None for each in (given, variable, file)) > 1:
            raise self.fail(f"{table}.{key}", f"give one of {key}, {key}_env and {key}_file")
        if file is not None:
            return self._first_line(f"{table}.{key}_file", self.base / file)
        if variable is None:
            return given
        if found := os.environ.get(variable, ""):
            return found
        raise self.fail(f"{table}.{key}_env", f"the environment has no variable {variable!r}")

    def _first_line(self, key: str, path: Path) -> str:
        try:
            with path.open("rb") as file:
                octets = file.read(_MAX_PASSWORD_OCTETS + 1)
            lines = octets.decode().splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise self.fail(key, f"{path} cannot be read ({reason})") from exc
        if len(octets) > _MAX_PASSWORD_OCTETS or len(lines) != 1 or not lines[0]:
            raise self.fail(key, f"{path} does not hold one line, the password")
        return lines[0]


def _listed(mark: str, names: Iterable[str]) -> str:
    return ", ".join(f"{mark}{name}" for name in names)
