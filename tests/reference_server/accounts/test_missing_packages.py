"""Back ends are extras: where a package is missing, the error says what to install."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import UsageError
from reference_server.accounts import accounts_of, drivers
from reference_server.world import Site
from reference_server.world.accounts import AccountSettings, BackEnd, LdapAccounts, SqlAccounts

QUERY = "SELECT password, address FROM users WHERE user = :user"
SQL = AccountSettings((BackEnd.SQL,), sql=SqlAccounts("sqlite:///users.sqlite", QUERY))
LDAP = AccountSettings((BackEnd.LDAP,), ldap=LdapAccounts("ldap://127.0.0.1", user_dn="uid={user}"))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A package as if it were not installed; what was imported of ours is imported anew, and put back."""

    def hide(package: str) -> None:
        for name in [each for each in sys.modules if each.startswith("reference_server.accounts.")]:
            if name.rpartition(".")[2] in (
                "sql",
                "drivers",
                "schemes",
                "stored",
                "crypt3",
                "ldap",
                "ldap_connection",
            ):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize(
    ("package", "settings", "extra"),
    [("sqlalchemy", SQL, "sql"), ("bcrypt", SQL, "sql"), ("passlib", SQL, "sql"), ("ldap3", LDAP, "ldap")],
)
def test_the_error_names_the_extra(
    site: Any,
    make_store: Any,
    without: Callable[[str], None],
    package: str,
    settings: AccountSettings,
    extra: str,
) -> None:
    without(package)

    with pytest.raises(
        UsageError, match=rf"need {package}: install it with 'pip install mailproof\[{extra}\]'"
    ):
        accounts_of(site(accounts=settings), make_store())


def test_a_driver_that_is_missing_is_told_too(
    site: Any, make_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "find_spec", lambda name: None)
    settings = replace(SQL, sql=SqlAccounts("mysql://mailread@127.0.0.1/mail", QUERY))

    with pytest.raises(UsageError, match=r"need pymysql: install it with 'pip install mailproof\[sql\]'"):
        accounts_of(site(accounts=settings), make_store())


def test_a_world_of_its_own_needs_neither(
    site: Callable[..., Site], make_store: Any, without: Callable[[str], None]
) -> None:
    for package in ("sqlalchemy", "ldap3", "passlib", "bcrypt"):
        without(package)

    assert accounts_of(site(), make_store()).verify("alice", "secret") is None
