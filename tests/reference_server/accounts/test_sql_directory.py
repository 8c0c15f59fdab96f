"""SQL: one row of one user, and nothing that a name can make of the query."""

import socket
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from reference_server.accounts import Abilities, BackEndDown, BackEndUnavailable
from reference_server.accounts.scram import derive
from reference_server.accounts.sql import SqlDirectory
from reference_server.world.accounts import KeptAs, SqlAccounts

QUERY = (
    "SELECT password, user || '@' || domain AS address FROM users"
    " WHERE user = :local_part AND domain = :domain AND active"
)
BCRYPT = "{BLF-CRYPT}$2y$05$Xmp/8uBDtknVwDdkBtbmbOoi48tI8GeiRSYbbcN073t.r1Px7XJ/i"
KEYS = derive("secret", "SCRAM-SHA-256", b"sixteen octets..")
SCRAM = "{SCRAM-SHA-256}4096," + ",".join(
    b64encode(each).decode() for each in (KEYS.salt, KEYS.stored_key, KEYS.server_key)
)
ROWS = [
    ("alice", "example.test", BCRYPT, 1),
    ("bob", "example.test", "{PLAIN}secret", 1),
    ("dave", "example.test", SCRAM, 1),
    ("lost", "example.test", "{LANMAN}secret", 1),
    ("broken", "example.test", "{BLF-CRYPT}secret", 1),
    ("locked", "example.test", "{SHA512-CRYPT}!", 1),
    ("none", "example.test", None, 1),
    ("blob", "example.test", b"{PLAIN}secret", 1),
    ("number", "example.test", 12345, 1),
    ("mallory", "example.test", "{PLAIN}secret", 0),
    ("twin", "example.test", "{PLAIN}secret", 1),
    ("twin", "example.test", "{PLAIN}other", 1),
    ("not an address", "example.test", "{PLAIN}secret", 1),
]
HOSTILE = [
    "alice' OR '1'='1",
    "' OR 1=1 --",
    "x'; DROP TABLE users; --",
    'alice" --',
    "alice\\",
    ":user",
    "%",
    "ali_e",
    "álice",
    "😀",
    "x" * 250,
]


@pytest.fixture
def opened(database: Callable[..., Path]) -> Iterator[Callable[..., SqlDirectory]]:
    path = database(*ROWS)
    directories: list[SqlDirectory] = []

    def make(**changes: Any) -> SqlDirectory:
        given = replace(SqlAccounts(f"sqlite:///{path}", QUERY, timeout_s=0.5), **changes)
        directories.append(SqlDirectory(given, "example.test"))
        return directories[-1]

    yield make
    for each in directories:
        each.close()


@pytest.fixture
def primed(opened: Callable[..., SqlDirectory]) -> SqlDirectory:
    """One that has seen a quick hash, which unknown users cost from then on."""
    directory = opened()
    assert directory.verify("alice", "secret")
    return directory


@pytest.mark.parametrize("user", ["alice", "bob", "dave", "blob"])
def test_a_password_is_checked_by_its_own_scheme(opened: Callable[..., SqlDirectory], user: str) -> None:
    directory = opened()

    assert directory.verify(user, "secret") == f"{user}@example.test"
    assert directory.verify(f"{user.upper()}@Example.TEST", "secret") == f"{user}@example.test"
    assert directory.verify(user, "wrong") is None
    assert directory.known(user) == f"{user}@example.test"


@pytest.mark.parametrize("user", ["nobody", "mallory", "locked", "none", "alice@second.test"])
def test_who_cannot_log_in_is_refused(primed: SqlDirectory, user: str) -> None:
    for password in ("secret", "!", "None"):
        assert primed.verify(user, password) is None


@pytest.mark.parametrize("user", ["lost", "broken", "number", "twin", "not an address"])
def test_what_cannot_be_read_is_neither_a_refusal_nor_an_entry(
    opened: Callable[..., SqlDirectory], user: str
) -> None:
    with pytest.raises(BackEndUnavailable) as raised:
        opened().verify(user, "secret")

    assert not isinstance(raised.value, BackEndDown), "the others would be put off for one bad row"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("user", HOSTILE)
def test_a_name_is_a_name_whatever_is_in_it(primed: SqlDirectory, user: str) -> None:
    assert primed.verify(user, "secret") is None
    assert primed.verify("alice", "secret") == "alice@example.test"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_whatever_the_name_nobody_else_comes_in(primed: SqlDirectory, user: str) -> None:
    assert primed.verify(user, "secret") is None


def test_an_unknown_user_costs_what_the_last_known_one_did(opened: Callable[..., SqlDirectory]) -> None:
    directory = opened()
    assert directory._decoy.scheme == "ARGON2ID"

    directory.verify("alice", "wrong")
    assert directory._decoy.scheme == "BLF-CRYPT"

    assert directory.verify("nobody", "secret") is None, "and the decoy's own password lets nobody in"
    assert directory.verify("none", "secret") is None


def test_what_is_kept_decides_what_can_be_offered(opened: Callable[..., SqlDirectory]) -> None:
    always = Abilities.VERIFY | Abilities.KNOWN

    assert opened().abilities == always
    assert opened(kept_as=KeptAs.SCRAM_SHA_256).abilities == always | Abilities.SCRAM_SHA_256
    assert opened(kept_as=KeptAs.CLEARTEXT).abilities == always | Abilities.SCRAM | Abilities.PASSWORD


def test_keys_are_kept_or_derived_and_stay(opened: Callable[..., SqlDirectory]) -> None:
    directory = opened()

    assert directory.scram_secrets("dave", "SCRAM-SHA-256") == KEYS
    assert directory.scram_secrets("dave", "SCRAM-SHA-1") is None
    derived = directory.scram_secrets("bob", "SCRAM-SHA-1")
    assert derived is not None
    assert derived == derive("secret", "SCRAM-SHA-1", derived.salt)
    assert directory.scram_secrets("bob", "SCRAM-SHA-1") == derived
    for user in ("alice", "nobody", "mallory", "none"):
        assert directory.scram_secrets(user, "SCRAM-SHA-256") is None


def test_a_password_in_the_clear_is_given_where_there_is_one(opened: Callable[..., SqlDirectory]) -> None:
    assert opened().password("bob") == "secret"
    for user in ("alice", "dave", "none", "nobody"):
        assert opened().password(user) is None


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT password FROM users WHERE user = :local_part", "no column address, but password"),
        ("SELECT user AS address FROM users WHERE user = :local_part", "no column password"),
        ("SELECT password, NULL AS address FROM users WHERE user = :local_part", "no address for 'alice'"),
        ("SELECT password, user AS address FROM users WHERE user = :local_part", "'alice' is no address"),
        ("SELECT password FROM nowhere WHERE user = :user", "no such table"),
        ("SELEC password WHERE :user", "the query fails"),
    ],
)
def test_a_query_that_gives_something_else_is_no_answer(
    opened: Callable[..., SqlDirectory], query: str, problem: str
) -> None:
    with pytest.raises(BackEndUnavailable, match=problem):
        opened(query=query).verify("alice", "secret")


def test_the_query_may_ask_by_the_whole_name(opened: Callable[..., SqlDirectory]) -> None:
    query = "SELECT password, :user AS address FROM users WHERE user || '@' || domain = :user"

    assert opened(query=query).verify("Alice@example.test", "secret") == "alice@example.test"


def test_a_query_without_an_end_is_cut_off(opened: Callable[..., SqlDirectory]) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n WHERE :user = i"

    with pytest.raises(BackEndUnavailable, match="interrupted"):
        opened(query=endless).verify("alice", "secret")


def test_a_database_that_somebody_else_has_locked_is_no_answer(
    opened: Callable[..., SqlDirectory], tmp_path: Path
) -> None:
    directory = opened()
    with closing(sqlite3.connect(tmp_path / "users.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BackEndUnavailable, match="locked"):
            directory.verify("alice", "secret")

    assert directory.verify("alice", "secret")


def test_a_file_that_is_not_there_is_a_back_end_that_is_down(tmp_path: Path) -> None:
    directory = SqlDirectory(SqlAccounts(f"sqlite:///{tmp_path}/none.sqlite", QUERY), "example.test")

    with pytest.raises(BackEndDown):
        directory.verify("alice", "secret")
    assert not (tmp_path / "none.sqlite").exists(), "a question makes no database"
    directory.close()


def test_a_file_that_is_no_database_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_bytes(b"this is no database" * 100)
    directory = SqlDirectory(SqlAccounts(f"sqlite:///{tmp_path}/text.sqlite", QUERY), "example.test")

    with pytest.raises(BackEndUnavailable):
        directory.verify("alice", "secret")
    directory.close()


@pytest.mark.parametrize("database", ["mysql", "postgresql"])
@pytest.mark.parametrize(
    "how",
    ["silent", "slow", "gone at once", "rubbish", "zeros", "a length without an end", "half an answer"],
)
def test_a_server_that_is_no_database_is_down(
    ldap: Any, bad_talks: Mapping[str, Callable[[socket.socket], None]], database: str, how: str
) -> None:
    """PostgreSQL's own library counts whole seconds, two at least."""
    ldap.talk = bad_talks[how]
    url = f"{database}://mailread@127.0.0.1:{ldap.port}/mail"
    directory = SqlDirectory(SqlAccounts(url, QUERY, timeout_s=0.5), "example.test")

    with pytest.raises(BackEndDown):
        directory.verify("alice", "secret")
    directory.close()


def test_many_threads_ask_at_once(opened: Callable[..., SqlDirectory]) -> None:
    directory = opened(connections=4, timeout_s=30.0)
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(directory.verify("bob", "secret"))) for _ in range(16)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert found == ["bob@example.test"] * 16


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": "oracle://x/y"}, r"accounts\.sql\.url: 'oracle' is not known; known are mariadb"),
        ({"url": "mysql+other://x/y"}, "is not known"),
        ({"url": "nothing"}, "is no URL"),
        ({"scheme": "LANMAN"}, r"accounts\.sql\.scheme: 'LANMAN' is none of"),
    ],
)
def test_a_setting_that_means_nothing_is_told_at_once(
    opened: Callable[..., SqlDirectory], changes: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        opened(**changes)
