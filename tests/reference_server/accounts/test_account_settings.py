"""``[accounts]`` of a world file: what is read, and what is refused in one line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import WorldFileError
from reference_server.world import World
from reference_server.world.accounts import BackEnd, KeptAs
from reference_server.world.load import world_of

HOSTS = {
    "hosts": [{"name": "mail.example.test", "address": "127.0.0.1"}],
    "domains": [{"name": "example.test", "mailboxes": "mail.example.test", "catch_all": "alice"}],
    "users": [{"address": "alice@example.test", "password": "secret"}],
}
SQL = {"url": "sqlite:///users.sqlite", "query": "SELECT password, address FROM users WHERE user = :user"}
LDAP = {"url": "ldap://ldap.example.test", "user_dn": "uid={user},dc=example,dc=test"}
SEARCH = {"url": "ldap://ldap.example.test", "base": "dc=example,dc=test", "filter": "(uid={user})"}
SASLAUTHD = {"socket": "mux"}


def read(base: Path, accounts: Mapping[str, Any], **rest: Any) -> World:
    return world_of({**HOSTS, **rest, "accounts": accounts}, source="world.toml", base=base)


def test_without_a_table_the_world_knows_its_users(tmp_path: Path) -> None:
    assert world_of(HOSTS, source="world.toml").accounts.order == (BackEnd.WORLD,)
    assert read(tmp_path, {}).accounts.in_the_world


@pytest.mark.parametrize("place", ["sql", "ldap", "saslauthd"])
def test_one_table_needs_no_order(tmp_path: Path, place: str) -> None:
    tables = {"sql": SQL, "ldap": LDAP, "saslauthd": SASLAUTHD}

    settings = read(tmp_path, {place: tables[place]}).accounts

    assert settings.order == (BackEnd(place),)
    assert getattr(settings, place) is not None


def test_several_are_asked_in_the_order_that_is_given(tmp_path: Path) -> None:
    settings = read(tmp_path, {"order": ["ldap", "world", "sql"], "sql": SQL, "ldap": LDAP}).accounts

    assert settings.order == (BackEnd.LDAP, BackEnd.WORLD, BackEnd.SQL)


def test_paths_start_at_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        {
            "order": ["sql", "ldap", "saslauthd"],
            "sql": SQL,
            "ldap": {**LDAP, "ca": "ca.pem"},
            "saslauthd": SASLAUTHD,
        },
    ).accounts

    assert settings.sql is not None
    assert settings.ldap is not None
    assert settings.saslauthd is not None
    assert settings.sql.url == f"sqlite:///{tmp_path}/users.sqlite"
    assert settings.ldap.ca == tmp_path / "ca.pem"
    assert settings.saslauthd.socket == tmp_path / "mux"


def test_a_password_is_written_down_or_in_the_environment_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_DB_PASSWORD", "of the environment")
    (tmp_path / "password").write_text("of the file\n")

    for given, password in (
        ({"password": "written down"}, "written down"),
        ({"password_env": "MAIL_DB_PASSWORD"}, "of the environment"),
        ({"password_file": "password"}, "of the file"),
        ({}, None),
    ):
        sql = read(tmp_path, {"sql": {**SQL, **given}}).accounts.sql
        assert sql is not None
        assert sql.password == password
        assert password is None or password not in repr(sql)


def test_the_mailbox_in_ldap_has_a_default_for_each_way(tmp_path: Path) -> None:
    by_name, by_search = (read(tmp_path, {"ldap": table}).accounts.ldap for table in (LDAP, SEARCH))

    assert by_name is not None
    assert by_search is not None
    assert (by_name.address, by_search.address) == ("{local_part}@{domain}", "{mail}")


def test_a_scheme_may_have_its_braces(tmp_path: Path) -> None:
    sql = read(tmp_path, {"sql": {**SQL, "scheme": "{ssha}", "kept_as": "SCRAM-SHA-1"}}).accounts.sql

    assert sql is not None
    assert (sql.scheme, sql.kept_as) == ("SSHA", KeptAs.SCRAM_SHA_1)


def test_users_need_no_password_where_a_back_end_has_it(tmp_path: Path) -> None:
    users = [{"address": "alice@example.test"}]

    assert read(tmp_path, {"sql": SQL}, users=users).users[0].password == ""
    with pytest.raises(WorldFileError, match=r"users\[alice@example.test\].password: give exactly one"):
        read(tmp_path, {}, users=users)


@pytest.mark.parametrize(
    ("accounts", "problem"),
    [
        ({"place": "sql"}, "accounts.place: no such key; known here: order, sql, ldap, saslauthd"),
        ({"order": ["nis"]}, "accounts.order[0]: 'nis' is none of world, sql, ldap, saslauthd"),
        ({"order": ["sql"]}, "accounts.order: names 'sql', and there is no table [accounts.sql]"),
        ({"order": ["world", "world"]}, "accounts.order: names a place twice"),
        ({"sql": SQL, "ldap": LDAP}, "accounts.order: is missing: say who is asked first"),
        ({"order": ["world"], "sql": SQL}, "accounts.order: leaves out 'sql'"),
        ({"sql": {"url": "x"}}, "accounts.sql.query: is missing"),
        ({"sql": {**SQL, "url": "users.sqlite"}}, "accounts.sql.url: is no URL of a database"),
        (
            {"sql": {**SQL, "query": "SELECT :password"}},
            "accounts.sql.query: asks for :password; known here: :user",
        ),
        ({"sql": {**SQL, "query": "SELECT 1"}}, "accounts.sql.query: asks for nobody"),
        ({"sql": {**SQL, "query": "SELECT :domain"}}, "accounts.sql.query: asks for nobody"),
        ({"sql": {**SQL, "kept_as": "md5"}}, "accounts.sql.kept_as: 'md5' is none of hashes"),
        (
            {"sql": {**SQL, "connections": 0}},
            "accounts.sql.connections: must be a whole number >= 1, and is 0",
        ),
        ({"sql": {**SQL, "timeout_s": 0}}, "accounts.sql.timeout_s: must be"),
        (
            {"sql": {**SQL, "password": "x", "password_file": "y"}},
            "accounts.sql.password: give one of password",
        ),
        (
            {"sql": {**SQL, "password_env": "NO_SUCH"}},
            "accounts.sql.password_env: the environment has no variable",
        ),
        (
            {"ldap": {**LDAP, "bind_password_env": "NO_SUCH"}},
            "accounts.ldap.bind_password_env: the environment has",
        ),
        ({"sql": {**SQL, "password_file": "none"}}, "accounts.sql.password_file: "),
        ({"ldap": {**LDAP, "url": "http://x"}}, "accounts.ldap.url: 'http://x' is not ldap://host:port"),
        ({"ldap": {**LDAP, "url": "ldap://x/dc=y"}}, "accounts.ldap.url: 'ldap://x/dc=y' is not"),
        ({"ldap": {**LDAP, "url": "ldaps://x", "start_tls": True}}, "accounts.ldap.start_tls: has no place"),
        ({"ldap": {"url": "ldap://x"}}, "accounts.ldap.user_dn: says how a user's entry is named"),
        ({"ldap": {**LDAP, **SEARCH}}, "accounts.ldap.user_dn: says how a user's entry is named"),
        ({"ldap": {**LDAP, "user_dn": "uid=alice"}}, "accounts.ldap.user_dn: is the same for every user"),
        ({"ldap": {**LDAP, "user_dn": "uid={name}"}}, "accounts.ldap.user_dn: {name} is not known here"),
        ({"ldap": {**SEARCH, "filter": "(uid={dn})"}}, "accounts.ldap.filter: {dn} is not known here"),
        ({"ldap": {**LDAP, "group_filter": "(x={y})"}}, "accounts.ldap.group_filter: {y} is not known here"),
        ({"ldap": {**LDAP, "address": "{a b}@c"}}, "accounts.ldap.address: {a b} is no attribute"),
        ({"ldap": {**LDAP, "bind_dn": "cn=x"}}, "accounts.ldap.bind_dn: and a bind_password go together"),
        ({"ldap": {**LDAP, "bind_password": "x"}}, "accounts.ldap.bind_dn: and a bind_password go together"),
        ({"saslauthd": {}}, "accounts.saslauthd.socket: is missing"),
        ({"saslauthd": {**SASLAUTHD, "realm": "{x}"}}, "accounts.saslauthd.realm: {x} is not known here"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_key(
    tmp_path: Path, accounts: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(WorldFileError) as raised:
        read(tmp_path, accounts)

    assert f"world.toml: {problem}" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"two\nlines\n", b"\xff", b"x" * 2000])
def test_a_file_that_is_no_password_is_told_without_what_is_in_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)

    with pytest.raises(WorldFileError, match=r"accounts\.sql\.password_file") as raised:
        read(tmp_path, {"sql": {**SQL, "password_file": "password"}})

    assert "two" not in str(raised.value)
