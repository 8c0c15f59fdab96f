"""Worlds of the page on accounts: log-ins by SMTP, POP3 and IMAP, while the back end comes and goes."""

import re
import shutil
import smtplib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from harness.target import Protocol
from reference_server import Server
from reference_server.world.account_tables import AccountsTable, LdapTable, SaslauthdTable, SqlTable
from reference_server.world.load import load_world

PAGE = (Path(__file__).parents[3] / "docs" / "accounts.md").read_text("utf-8")
HOSTILE = [
    "alice' OR '1'='1",
    "*",
    "alice)(uid=*",
    "alice,ou=people",
    "álice",
    "😀",
    "x" * 250,
    "alice@",
    "alice@exam ple",
    "@",
]
EXAMPLES = Path(__file__).parents[3] / "examples" / "worlds"
WORLDS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@dataclass
class BackEnd:
    """A world, and its back end that can be stopped and started."""

    text: str
    stop: Callable[[], object]
    start: Callable[[], object]


@pytest.fixture
def sqlite(documented: Any, tmp_path: Path) -> BackEnd:
    path = tmp_path / "users.sqlite"
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript(documented("CREATE TABLE", "sql"))

    away = tmp_path / "away"
    return BackEnd(
        documented("opened for reading only"), lambda: path.rename(away), lambda: away.rename(path)
    )


@pytest.fixture
def ldap_by_name(documented: Any, ldap: Any, bad_talks: Any) -> BackEnd:
    talk = ldap.talk
    return BackEnd(
        documented("user_dn =").replace("ldap://127.0.0.1:389", ldap.url),
        lambda: setattr(ldap, "talk", bad_talks["gone at once"]),
        lambda: setattr(ldap, "talk", talk),
    )


@pytest.fixture
def mux(documented: Any, saslauthd: Any, bad_talks: Any) -> BackEnd:
    path, stub = saslauthd
    talk = stub.talk
    return BackEnd(
        documented("[accounts.saslauthd]").replace("/run/saslauthd/mux", str(path)),
        lambda: setattr(stub, "talk", bad_talks["rubbish"]),
        lambda: setattr(stub, "talk", talk),
    )


@pytest.fixture(params=["sqlite", "ldap_by_name", "mux"])
def back_end(request: pytest.FixtureRequest) -> BackEnd:
    found: BackEnd = request.getfixturevalue(request.param)
    return found


def test_a_back_end_that_comes_and_goes_is_a_temporary_failure_meanwhile(
    back_end: BackEnd, played: Any, log_in: Any
) -> None:
    server = played(back_end.text)

    for user in ("alice", "alice@example.test", "ALICE@example.test"):
        assert log_in(server, user) == "in"
    for user, password in (("alice", "wrong"), ("nobody", "secret"), ("alice@elsewhere.test", "secret")):
        assert log_in(server, user, password) == "refused"

    back_end.stop()
    for user, password in (("alice", "secret"), ("alice", "wrong"), ("nobody", "secret")):
        assert log_in(server, user, password) == "later"

    back_end.start()
    assert log_in(server, "alice") == "in"
    assert log_in(server, "alice", "wrong") == "refused"


def test_a_name_is_a_name_whatever_is_in_it(back_end: BackEnd, played: Any, log_in: Any) -> None:
    server = played(back_end.text)
    assert log_in(server, "alice") == "in"

    for user in HOSTILE:
        assert log_in(server, user) == "refused", user


def test_who_moves_in_gets_mail_and_keeps_it_over_a_restart(
    sqlite: BackEnd, tmp_path: Path, log_in: Any
) -> None:
    path = tmp_path / "world.toml"
    path.write_text(sqlite.text, "utf-8")

    def accepts(server: Server) -> bool:
        endpoint = server.target.endpoints[Protocol.SMTP]
        with smtplib.SMTP(endpoint.host, endpoint.port) as smtp:
            smtp.ehlo()
            smtp.mail("somebody@example.org")
            return smtp.rcpt("bob@example.test")[0] == 250

    with Server(load_world(path), data_dir=tmp_path) as server:
        assert not accepts(server)
        assert log_in(server, "bob") == "in"
        assert accepts(server)
    with Server(load_world(path), data_dir=tmp_path) as server:
        assert accepts(server)


def test_several_places_are_asked_in_order(
    documented: Any, sqlite: BackEnd, played: Any, log_in: Any
) -> None:
    server = played(documented("[accounts]\n"))

    assert log_in(server, "alice@example.test") == "in", "by the database"
    assert log_in(server, "admin") == "in", "by the world"
    assert log_in(server, "nobody") == "refused"

    sqlite.stop()
    assert log_in(server, "admin") == "in"
    assert log_in(server, "alice@example.test") == "later"
    assert log_in(server, "nobody") == "later"


def test_one_may_act_as_oneself_by_the_name_one_logs_in_with(
    ldap: Any, documented: Any, played: Any, log_in_acting_as: Any
) -> None:
    """The mailbox of carol is named otherwise: only the directory knows that she is carol."""
    ldap.entries["uid=carol,ou=people,dc=example,dc=test"]["mail"] = ["c.smith@example.test"]
    text = documented("user_dn =").replace("ldap://127.0.0.1:389", ldap.url)
    server = played(text.replace("{local_part}@{domain}", "{mail}"))

    for name, outcome in (
        ("carol", "in"),
        ("c.smith", "in"),
        ("c.smith@example.test", "in"),
        ("alice", "refused"),
        ("c.smith@second.test", "refused"),
    ):
        assert log_in_acting_as(server, "carol", name) == outcome, name


def test_only_what_can_succeed_is_offered(back_end: BackEnd, played: Any, trusted: Any) -> None:
    server = played(back_end.text)

    endpoint = server.target.endpoints[Protocol.SUBMISSIONS]
    with smtplib.SMTP_SSL(endpoint.host, endpoint.port, context=trusted(server)) as smtp:
        smtp.ehlo()
        offered = set(smtp.esmtp_features["auth"].split())

    assert {"PLAIN", "LOGIN"} <= offered
    assert not [name for name in offered if name.startswith(("SCRAM", "CRAM"))]


@pytest.mark.parametrize("text", WORLDS, ids=lambda text: text.splitlines()[0])
def test_every_world_of_the_page_begins_and_ends(
    text: str, played: Any, log_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands for its back end: nothing is asked before somebody logs in."""
    for name in ("MAIL_DB_PASSWORD", "LDAP_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    (tmp_path / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())

    server = played(text)

    assert server.target.endpoints


def test_the_example_with_a_database_does_what_it_says(anywhere: Any, log_in: Any, tmp_path: Path) -> None:
    for each in EXAMPLES.glob("accounts-sqlite.*"):
        shutil.copy(each, tmp_path)
    with closing(sqlite3.connect(tmp_path / "users.sqlite")) as sql:
        sql.executescript((tmp_path / "accounts-sqlite.sql").read_text())

    with Server(anywhere(load_world(tmp_path / "accounts-sqlite.toml"))) as server:
        for user in ("alice", "bob", "admin"):
            assert log_in(server, user) == "in", user
        assert log_in(server, "mallory") == "refused"

        (tmp_path / "users.sqlite").rename(tmp_path / "away")
        assert log_in(server, "bob") == "later"
        assert log_in(server, "admin") == "in", "known to the world itself"


def test_the_example_with_a_directory_begins_without_one(anywhere: Any, log_in: Any) -> None:
    with Server(anywhere(load_world(EXAMPLES / "accounts-ldap.toml"))) as server:
        assert log_in(server, "alice") == "later"


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("## A database", SqlTable),
        ("## LDAP", LdapTable),
        ("## saslauthd", SaslauthdTable),
    ],
)
def test_a_section_has_the_keys_of_its_table(heading: str, table: type[msgspec.Struct]) -> None:
    section = PAGE.partition(f"\n{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)

    assert sorted(key for row in rows for key in re.findall(r"\w+", row)) == sorted(table.__struct_fields__)


def test_the_page_has_every_place() -> None:
    for place in set(AccountsTable.__struct_fields__) - {"order"}:
        assert f"[accounts.{place}]" in PAGE


def test_the_page_has_every_scheme() -> None:
    from reference_server.accounts.schemes import SCHEMES

    section = PAGE.partition("\n### What passwords are kept as\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"`\{([A-Z0-9-]+)\}`", section)) == set(SCHEMES)
