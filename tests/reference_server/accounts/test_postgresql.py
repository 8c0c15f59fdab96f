"""PostgreSQL as it is installed: log-ins while it comes and goes, and while it hangs."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

_PATIENCE_S = 60
_ROWS = """
CREATE TABLE users ("user" text, domain text, password text, active boolean);
INSERT INTO users VALUES ('alice', 'example.test', '{PLAIN}secret', true),
    ('mallory', 'example.test', '{PLAIN}secret', false);
CREATE USER mailread PASSWORD 'secret';
GRANT SELECT ON users TO mailread;
"""


@dataclass
class PostgreSql:
    """A server of its own on loopback, in a directory."""

    directory: Path
    port: int
    # It refuses to be run by root.
    as_somebody: tuple[str, ...]

    def make(self) -> None:
        password = self.directory / "password"
        password.write_text("secret")
        self._do(
            "initdb", "-A", "scram-sha-256", "-U", "owner", "--pwfile", str(password), "-N", "-D", self._data
        )
        self.start()
        self._do(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", "postgres", "-c", _ROWS
        )

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k '' -F"
        self._do("pg_ctl", "start", "-w", "-D", self._data, "-o", options, "-l", str(self.directory / "log"))

    def stop(self) -> None:
        self._do("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def processes(self) -> list[psutil.Process]:
        master = psutil.Process(int((Path(self._data) / "postmaster.pid").read_text().splitlines()[0]))
        return [master, *master.children()]

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _do(self, *command: str) -> None:
        subprocess.run(
            [*self.as_somebody, *command],
            env=os.environ | {"PGPASSWORD": "secret", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=True,
            cwd=self.directory,
        )


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSql]:
    root = os.geteuid() == 0
    for program in ("initdb", "pg_ctl", "psql", *(("runuser",) if root else ())):
        if shutil.which(program) is None:
            pytest.skip(f"PostgreSQL cannot be started here: there is no {program}")
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="postgresql-") as directory:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        if root:
            shutil.chown(directory, "postgres")
        server = PostgreSql(Path(directory), port, ("runuser", "-u", "postgres", "--") if root else ())
        server.make()
        yield server
        server.stop()


@pytest.fixture
def world(postgresql: PostgreSql, documented: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The world of the page on accounts."""
    monkeypatch.setenv("MAIL_DB_PASSWORD", "secret")
    text = str(documented("postgresql://"))
    return text.replace("127.0.0.1:5432/mail", f"127.0.0.1:{postgresql.port}/postgres")


def test_a_database_that_comes_and_goes_is_a_temporary_failure_meanwhile(
    world: str, postgresql: PostgreSql, played: Any, log_in: Any
) -> None:
    server = played(world)

    assert log_in(server, "alice") == "in"
    for user, password in (
        ("alice", "wrong"),
        ("nobody", "secret"),
        ("mallory", "secret"),
        ("' OR 1=1 --", "x"),
    ):
        assert log_in(server, user, password) == "refused", user

    postgresql.stop()
    try:
        for user, password in (("alice", "secret"), ("alice", "wrong"), ("nobody", "secret")):
            assert log_in(server, user, password) == "later", user
    finally:
        postgresql.start()

    assert log_in(server, "alice") == "in"


def test_a_database_that_hangs_is_a_temporary_failure_too(
    world: str, postgresql: PostgreSql, played: Any, log_in: Any
) -> None:
    """A kept connection hangs, then a new one."""
    server = played(world.replace("\nquery", "\ntimeout_s = 1\nquery"))
    assert log_in(server, "alice") == "in"

    stopped = postgresql.processes()
    for each in stopped:
        each.suspend()
    try:
        assert log_in(server, "alice") == "later"
    finally:
        for each in stopped:
            each.resume()

    assert log_in(server, "alice") == "in"
