"""LDAP: binds and searches, what a name can do to them, and what is no answer."""

import gc
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from reference_server.accounts import Abilities, BackEndDown, BackEndUnavailable
from reference_server.accounts.ldap import LdapDirectory
from reference_server.accounts.ldap_connection import escape_dn, escape_filter
from reference_server.world.accounts import LdapAccounts

BASE = "dc=example,dc=test"
BIND = LdapAccounts(
    "", user_dn=f"uid={{local_part}},ou=people,{BASE}", address="{local_part}@{domain}", timeout_s=0.5
)
SEARCH = LdapAccounts(
    "",
    base=BASE,
    filter="(|(uid={user})(mail={user}))",
    bind_dn=f"cn=search,{BASE}",
    bind_password="searching",
    address="{uid}@example.test",
    timeout_s=0.5,
)
GROUP = f"cn=team,ou=groups,{BASE}"
HOSTILE = [
    "*",
    "ali*",
    "alice)(uid=*",
    "*)(objectClass=*",
    "alice,ou=people,dc=example,dc=test",
    "alice+cn=x",
    'al"i;c<e>',
    "\\61lice",
    " alice",
    "#alice",
    "álice",
    "😀",
    "x" * 250,
]


@pytest.fixture
def opened(ldap: Any) -> Any:
    directories: list[LdapDirectory] = []

    def make(given: LdapAccounts, **changes: Any) -> LdapDirectory:
        directories.append(LdapDirectory(replace(given, url=ldap.url, **changes), "example.test"))
        return directories[-1]

    yield make
    for each in directories:
        each.close()


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
def test_who_can_bind_is_let_in(opened: Any, way: LdapAccounts) -> None:
    directory = opened(way)

    assert directory.verify("alice", "secret") == "alice@example.test"
    assert directory.verify("Alice", "secret") == "alice@example.test"
    assert directory.verify("alice", "wrong") is None
    assert directory.verify("nobody", "secret") is None


def test_a_search_finds_a_user_by_another_name(opened: Any) -> None:
    assert opened(SEARCH).verify("robert@example.test", "secret") == "bob@example.test"


def test_the_connection_of_who_searches_is_kept(opened: Any, ldap: Any) -> None:
    directory = opened(SEARCH)

    for _ in range(3):
        assert directory.verify("alice", "secret")

    assert ldap.heard.count(f"bind cn=search,{BASE}".encode()) == 1


def test_an_unknown_user_costs_a_bind_as_a_known_one_does(opened: Any, ldap: Any) -> None:
    opened(SEARCH).verify("nobody", "secret")

    search, bind = ldap.heard[-2:]
    assert search.startswith(b"search ")
    assert bind.startswith(b"bind cn=")
    assert bind.endswith(BASE.encode())


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
@pytest.mark.parametrize("password", ["", "\u00ad", "\u200b\u00ad"])
def test_a_bind_without_a_password_is_never_tried(
    opened: Any, ldap: Any, way: LdapAccounts, password: str
) -> None:
    """RFC 4513 §5.1.2: it succeeds; SASLprep leaves nothing of a soft hyphen."""
    assert opened(way).verify("alice", password) is None
    assert not [heard for heard in ldap.heard if heard.startswith(b"bind uid=")]


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
@pytest.mark.parametrize("user", HOSTILE)
def test_a_name_is_a_name_whatever_is_in_it(opened: Any, ldap: Any, way: LdapAccounts, user: str) -> None:
    assert opened(way).verify(user, "secret") is None


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60))
def test_whatever_the_name_nobody_else_comes_in(opened: Any, ldap: Any, user: str) -> None:
    found = opened(SEARCH, timeout_s=5.0).verify(user, "secret")

    assert found is None or user.lower() in ("alice", "bob", "carol")


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_what_is_escaped_has_no_special_character_left(text: str) -> None:
    for escaped in (escape_dn(text), escape_filter(text)):
        plain = [each for each in escaped if not each.isalnum()]
        assert set(plain) <= {"\\"}
        pieces = escaped.split("\\")
        octets = pieces[0].encode() + b"".join(bytes.fromhex(p[:2]) + p[2:].encode() for p in pieces[1:])
        assert octets.decode() == text


@pytest.mark.parametrize("code", [1, 2, 7, 8, 11, 13, 34, 51, 52, 53, 80])
def test_a_code_that_is_neither_yes_nor_no_is_no_answer(opened: Any, ldap: Any, code: int) -> None:
    """RFC 4511 §A.2."""
    ldap.code = code

    with pytest.raises(BackEndUnavailable):
        opened(BIND).verify("alice", "secret")


@pytest.mark.parametrize("code", [32, 48, 49])
def test_a_code_that_says_no_is_a_refusal(opened: Any, ldap: Any, code: int) -> None:
    ldap.code = code

    assert opened(BIND).verify("alice", "secret") is None


def test_who_searches_and_is_refused_is_the_operators_mistake(opened: Any) -> None:
    with pytest.raises(BackEndUnavailable, match="bind_dn"):
        opened(SEARCH, bind_password="wrong").verify("alice", "secret")


def test_a_filter_that_finds_two_is_no_answer(opened: Any) -> None:
    with pytest.raises(BackEndUnavailable, match="more than one"):
        opened(SEARCH, filter="(|(uid={user})(uid=bob))").verify("alice", "secret")


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
def test_a_group_is_a_condition(opened: Any, way: LdapAccounts) -> None:
    directory = opened(way, group=GROUP)

    assert directory.verify("alice", "secret") == "alice@example.test"
    assert directory.verify("alice", "wrong") is None
    assert directory.verify("bob", "secret") is None


def test_a_group_that_is_not_there_has_no_members(opened: Any) -> None:
    assert opened(SEARCH, group=f"cn=nobody,{BASE}").verify("alice", "secret") is None


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
def test_an_address_is_made_of_attributes(opened: Any, way: LdapAccounts) -> None:
    directory = opened(way, address="{mail}")

    assert directory.verify("alice", "secret") == "alice@example.test"
    assert directory.verify("bob", "secret") == "bob@example.test"
    with pytest.raises(BackEndUnavailable, match="has no mail"):
        directory.verify("carol", "secret")


def test_who_is_known_can_be_said_where_somebody_may_look(opened: Any) -> None:
    assert opened(BIND).abilities == Abilities.VERIFY

    directory = opened(SEARCH, group=GROUP)

    assert directory.abilities == Abilities.VERIFY | Abilities.KNOWN
    assert directory.known("alice") == "alice@example.test"
    assert directory.known("bob") is None
    assert directory.known("nobody") is None


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
@pytest.mark.parametrize(
    "how",
    ["silent", "slow", "gone at once", "rubbish", "zeros", "a length without an end", "half an answer"],
)
def test_whatever_else_it_does_is_neither_a_refusal_nor_an_entry(
    opened: Any,
    ldap: Any,
    bad_talks: Mapping[str, Callable[[socket.socket], None]],
    way: LdapAccounts,
    how: str,
) -> None:
    ldap.talk = bad_talks[how]

    with pytest.raises(BackEndDown):
        opened(way).verify("alice", "secret")


@pytest.mark.parametrize("way", [BIND, SEARCH], ids=["bind", "search, then bind"])
def test_a_server_that_is_not_there_is_down_and_leaves_no_socket_open(way: LdapAccounts) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"ldap://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(BackEndDown, match="refused"):
            LdapDirectory(replace(way, url=url), "example.test").verify("alice", "secret")

    gc.collect()  # warns of a socket that was not closed, which fails the test


def test_a_kept_connection_that_was_closed_is_made_again(opened: Any, ldap: Any) -> None:
    directory = opened(SEARCH)
    ldap.patience = 2

    for _ in range(3):
        assert directory.known("alice") == "alice@example.test"

    assert ldap.heard.count(f"bind cn=search,{BASE}".encode()) == 3


def test_authorities_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"accounts\.ldap\.ca"):
        LdapDirectory(replace(BIND, url="ldap://127.0.0.1:1", ca=tmp_path / "none.pem"), "example.test")
