"""Accounts in a database: SQLite, MariaDB or MySQL, PostgreSQL, by the query of whoever runs it."""

import secrets
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import UsageError
from reference_server.accounts import scram
from reference_server.accounts.deadline import cut_off
from reference_server.accounts.directory import Abilities, BackEndDown, BackEndUnavailable, ScramSecrets
from reference_server.accounts.names import Login, kept_address
from reference_server.accounts.schemes import SCHEMES, SchemeError, Stored, read_stored
from reference_server.world.accounts import KeptAs, SqlAccounts

try:
    import sqlalchemy as sql
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError
    from sqlalchemy.exc import TimeoutError as NoConnection

    from reference_server.accounts.drivers import driver_of, driver_url
except ImportError as exc:
    raise UsageError(
        f"accounts in a database need {exc.name}: install it with 'pip install mailproof[sql]'"
    ) from exc

__all__ = ["SqlDirectory"]

_ALWAYS: Final = Abilities.VERIFY | Abilities.KNOWN
_ABILITIES: Final[Mapping[KeptAs, Abilities]] = {
    KeptAs.HASHES: _ALWAYS,
    KeptAs.SCRAM_SHA_1: _ALWAYS | Abilities.SCRAM_SHA_1,
    KeptAs.SCRAM_SHA_256: _ALWAYS | Abilities.SCRAM_SHA_256,
    KeptAs.CLEARTEXT: _ALWAYS | Abilities.SCRAM | Abilities.PASSWORD,
}
# argon2id of "nobody's password", with argon2-cffi's own parameters.
_NOBODY: Final = (
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4"
    "$bm9ib2R5bm9ib2R5bm9ibw$7Kfmm2PXs3Ge/QLrviwywts+jBeZLAW8UvcGKQZwjmk"
)


@dataclass(frozen=True, slots=True)
class _Account:
    """A row: whose it is, and the password as it is kept; None where nobody can log in by it."""

    address: str
    stored: Stored | None


class SqlDirectory:
    """Whoever a query finds.

    Raises:
        UsageError: The database or the default scheme is not known, or a package is missing.
    """

    def __init__(self, settings: SqlAccounts, domain: str) -> None:
        if settings.scheme and settings.scheme not in SCHEMES:
            raise UsageError(f"accounts.sql.scheme: {settings.scheme!r} is none of {', '.join(SCHEMES)}")
        self.abilities = _ABILITIES[settings.kept_as]
        self._settings = settings
        self._domain = domain
        self._driver = driver_of(settings.url)
        self._query = sql.text(settings.query)
        self._parameters = frozenset(self._query.compile().params)
        self._engine = sql.create_engine(
            driver_url(self._driver, settings.url, settings.password),
            connect_args=self._driver.arguments(settings.timeout_s),
            # One question is one round trip: no transaction is begun, and none is to be rolled back.
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            hide_parameters=True,
            **(self._pool() if self._driver.keeps else {"poolclass": sql.NullPool}),
        )
        self._secret = secrets.token_bytes(32)
        # Whom the database does not know costs what the last one cost whom it knows.
        self._decoy = read_stored(_NOBODY)

    def verify(self, user: str, password: str) -> str | None:
        account = self._account(user)
        stored = (account and account.stored) or self._decoy
        try:
            fits = stored.fits(password)
        except SchemeError as exc:
            raise BackEndUnavailable(f"the password of {user!r} cannot be checked: {exc}") from exc
        if account is None or account.stored is None:
            return None
        self._decoy = stored
        return account.address if fits else None

    def known(self, user: str) -> str | None:
        account = self._account(user)
        return account.address if account is not None else None

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        account = self._account(user)
        salt = scram.made_up(account.address if account else user, mechanism, self._secret).salt
        if account is None or account.stored is None:
            if self._settings.kept_as is KeptAs.CLEARTEXT:
                scram.derive(user, mechanism, salt)  # as long as for whom there is a password
            return None
        try:
            return account.stored.scram(mechanism, salt)
        except SchemeError as exc:
            raise BackEndUnavailable(f"the keys of {user!r} cannot be read: {exc}") from exc

    def password(self, user: str) -> str | None:
        account = self._account(user)
        return account.stored.cleartext() if account is not None and account.stored is not None else None

    def close(self) -> None:
        self._engine.dispose()

    def _account(self, user: str) -> _Account | None:
        """The one row of a user; one that has a locked password is nobody's."""
        row = self._row(Login.of(user, self._domain))
        if row is None:
            return None
        for column in ("password", "address"):
            if column not in row:
                raise BackEndUnavailable(f"the query gives no column {column}, but {', '.join(row)}")
        address = _text(row["address"], user)
        if not address:
            raise BackEndUnavailable(f"the query gives no address for {user!r}")
        password = _text(row["password"], user)
        try:
            stored = read_stored(password, self._settings.scheme) if password else None
        except SchemeError as exc:
            raise BackEndUnavailable(f"the password of {user!r} cannot be checked: {exc}") from exc
        if stored is not None and stored.locked:
            return None
        return _Account(kept_address(address), stored)

    def _row(self, login: Login) -> Mapping[str, object] | None:
        """What the query gives. A connection that the database has closed, as when it begins anew, is made again."""
        parameters = {name: value for name, value in login.parts.items() if name in self._parameters}
        began_s = time.monotonic()
        try:
            try:
                return self._fetch(parameters)
            except _Lost:
                if time.monotonic() - began_s > self._settings.timeout_s / 2:
                    raise
                return self._fetch(parameters)
        except _Lost as exc:
            raise BackEndDown(str(exc)) from exc

    def _fetch(self, parameters: Mapping[str, str]) -> Mapping[str, object] | None:
        with self._connection() as connection, self._bounded(connection):
            try:
                rows = connection.execute(self._query, parameters).mappings().fetchmany(2)
            except DBAPIError as exc:
                if exc.connection_invalidated:
                    raise _Lost(f"{exc.orig}") from exc
                raise BackEndUnavailable(f"the query fails: {exc.orig}") from exc
            except SQLAlchemyError as exc:
                raise BackEndUnavailable(f"the query fails: {exc}") from exc
        if len(rows) > 1:
            raise BackEndUnavailable("the query gives more than one row for a user; add a condition")
        return {str(column).lower(): value for column, value in rows[0].items()} if rows else None

    def _pool(self) -> dict[str, Any]:
        return {
            "poolclass": sql.QueuePool,
            "pool_size": self._settings.connections,
            "max_overflow": 0,
            "pool_timeout": self._settings.timeout_s,
        }

    def _connection(self) -> sql.Connection:
        try:
            return self._engine.connect()
        except NoConnection as exc:
            raise BackEndUnavailable(
                f"all {self._settings.connections} connections were busy for {self._settings.timeout_s:g} s"
            ) from exc
        except DBAPIError as exc:
            raise _Lost(f"{exc.orig}") from exc
        except Exception as exc:  # a driver's, for octets that are no database's
            raise _Lost(f"it cannot be spoken with ({type(exc).__name__}: {exc})") from exc

    def _bounded(self, connection: sql.Connection) -> AbstractContextManager[object]:
        cut = self._driver.cut
        if cut is None:
            return nullcontext()
        raw = connection.connection.dbapi_connection
        return cut_off(self._settings.timeout_s, lambda: cut(raw))


class _Lost(Exception):
    """The database cannot be reached, or has closed the connection."""


def _text(value: object, user: str) -> str:
    """A column's text; MariaDB gives octets for a binary one."""
    match value:
        case None:
            return ""
        case str(text):
            return text
        case bytes(octets):
            return octets.decode("utf-8", "replace")
        case _:
            raise BackEndUnavailable(f"the query gives {type(value).__name__}, no text, for {user!r}")
