"""The databases that can be asked: their drivers, and how each is kept from waiting for ever."""

import math
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from harness.errors import UsageError

__all__ = ["Driver", "driver_of", "driver_url"]


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver of SQLAlchemy's.

    Attributes:
        name: As the scheme of a URL.
        module: What must be installed.
        arguments: What bounds its waits, for a bound in seconds.
        cut: Ends a wait of its connection from another thread, where the arguments do not bound them all.
        keeps: Connections are kept: to open one costs more than to ask.
    """

    name: str
    module: str
    arguments: Callable[[float], dict[str, Any]]
    # Any: a connection of the driver's own, and each has its own kind.
    cut: Callable[[Any], None] | None = None
    keeps: bool = True


def _pymysql(timeout_s: float) -> dict[str, Any]:
    return {"connect_timeout": timeout_s, "read_timeout": timeout_s, "write_timeout": timeout_s}


def _psycopg(timeout_s: float) -> dict[str, Any]:
    """libpq counts whole seconds, two at least."""
    return {
        "connect_timeout": max(2, math.ceil(timeout_s)),
        "options": f"-c statement_timeout={math.ceil(timeout_s * 1000)}",
        # Bound to a connection, and one connection is used by all.
        "prepare_threshold": None,
    }


def _cut_psycopg(connection: Any) -> None:
    """It waits for its socket without an end: a server that is stopped, not gone, answers nothing."""
    with socket.socket(fileno=socket.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def _cut_sqlite(connection: Any) -> None:
    connection.interrupt()


_MARIADB: Final = Driver("mysql+pymysql", "pymysql", _pymysql)
_POSTGRESQL: Final = Driver("postgresql+psycopg", "psycopg", _psycopg, _cut_psycopg)
# A file is opened for each question, so that one that was put in its place is found.
_SQLITE: Final = Driver(
    "sqlite", "sqlite3", lambda timeout_s: {"timeout": timeout_s}, _cut_sqlite, keeps=False
)

# By what a URL may begin with.
_DRIVERS: Final[Mapping[str, Driver]] = {
    "mariadb": _MARIADB,
    "mysql": _MARIADB,
    "mysql+pymysql": _MARIADB,
    "postgresql": _POSTGRESQL,
    "postgresql+psycopg": _POSTGRESQL,
    "sqlite": _SQLITE,
}


def driver_of(url: str) -> Driver:
    """The driver of a URL.

    Raises:
        UsageError: The URL cannot be read, or is of a database that is not known; or the driver is not installed.
    """
    try:
        name = make_url(url).drivername
    except ArgumentError as exc:
        raise UsageError(
            "accounts.sql.url: is no URL of a database such as mysql://mailread@127.0.0.1/mail"
        ) from exc
    driver = _DRIVERS.get(name)
    if driver is None:
        raise UsageError(f"accounts.sql.url: {name!r} is not known; known are {', '.join(_DRIVERS)}")
    if find_spec(driver.module) is None:
        raise UsageError(
            f"accounts in {name} need {driver.module}: install it with 'pip install mailproof[sql]'"
        )
    return driver


def driver_url(driver: Driver, url: str, password: str | None) -> URL:
    """The URL for SQLAlchemy. SQLite's file is opened for reading: a mistyped name makes no new one."""
    made = make_url(url).set(drivername=driver.name)
    if password is not None:
        made = made.set(password=password)
    if driver is not _SQLITE or made.database in (None, "", ":memory:"):
        return made
    path = quote(str(Path(str(made.database)).absolute()))
    return made.set(database=f"file:{path}", query={**made.query, "mode": "ro", "uri": "true"})
