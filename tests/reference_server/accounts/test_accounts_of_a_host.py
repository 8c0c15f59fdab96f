"""What a host's sessions see of accounts: mailboxes, newcomers, and names that nobody can have."""

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_server.accounts import Abilities, Accounts, accounts_of
from reference_server.accounts.scram import derive
from reference_server.mda.addresses import Addresses
from reference_server.world import Site, User

ALICE = User("alice", "secret", "alice@example.test")


class Everybody:
    """Lets everybody in, as the address it is told; notes who was asked for."""

    abilities = Abilities.VERIFY | Abilities.KNOWN

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.asked: list[str] = []

    def verify(self, user: str, password: str) -> str | None:
        return self.known(user)

    def known(self, user: str) -> str | None:
        self.asked.append(user)
        return self.address or (user.lower() if "@" in user else f"{user}@example.test")

    def scram_secrets(self, user: str, mechanism: str) -> None:
        self.asked.append(user)

    def password(self, user: str) -> str | None:
        return None

    def close(self) -> None:
        pass


def accounts_with(site: Site, directory: Any, store: Any) -> Accounts:
    return Accounts(site, directory, store, instant=False)


def test_the_users_of_the_world_are_known_by_name_and_address(site: Any, make_store: Any) -> None:
    accounts = accounts_of(site(ALICE), make_store())

    for user in ("alice", "ALICE", "alice@example.test", "Alice@Example.Test"):
        assert accounts.verify(user, "secret") == "alice"
        assert accounts.known(user) == "alice"
        assert accounts.password(user) == "secret"
        assert accounts.means(user, "alice")
    for user, password in (
        ("alice", "wrong"),
        ("alice", ""),
        ("bob", "secret"),
        ("alice@second.test", "secret"),
    ):
        assert accounts.verify(user, password) is None
    assert accounts.instant


def test_a_user_without_a_password_logs_in_nowhere(site: Any, make_store: Any) -> None:
    accounts = accounts_of(site(User("bob", "", "bob@example.test")), make_store())

    for password in ("", "nobody's password"):
        assert accounts.verify("bob", password) is None
    assert accounts.known("bob") is None
    assert accounts.password("bob") is None


def test_keys_are_those_of_the_password_or_made_up_and_stay(site: Any, make_store: Any) -> None:
    accounts = accounts_of(site(ALICE), make_store())

    keys = accounts.scram_secrets("alice", "SCRAM-SHA-256")
    nobodys = accounts.scram_secrets("nobody", "SCRAM-SHA-256")

    assert keys == derive("secret", "SCRAM-SHA-256", keys.salt)
    assert accounts.scram_secrets("Alice@example.test", "SCRAM-SHA-256") == keys
    for name in ("nobody", "Nobody", "nobody@example.test"):
        assert accounts.scram_secrets(name, "SCRAM-SHA-256") == nobodys
    assert accounts.scram_secrets("nobody", "SCRAM-SHA-1").salt != nobodys.salt
    assert accounts.scram_secrets("somebody", "SCRAM-SHA-256").salt != nobodys.salt
    assert (len(nobodys.salt), nobodys.iterations) == (len(keys.salt), keys.iterations)
    assert (len(nobodys.stored_key), len(nobodys.server_key)) == (len(keys.stored_key), len(keys.server_key))


def test_a_newcomer_gets_a_mailbox_and_mail(site: Any, make_store: Any) -> None:
    place, store = site(ALICE), make_store("alice")
    accounts = accounts_with(place, Everybody(), store)
    assert not Addresses(place).knows("erin", "example.test")

    assert accounts.verify("erin", "anything") == "erin"
    assert accounts.verify("erin@example.test", "anything") == "erin"

    assert store.names == ["alice", "erin"]
    assert Addresses(place).knows("erin", "example.test")
    assert accounts.means("erin@example.test", "erin")
    assert not accounts.means("alice", "erin")


def test_a_user_of_the_world_keeps_the_mailbox(site: Any, make_store: Any) -> None:
    store = make_store()
    accounts = accounts_with(site(ALICE), Everybody("alice@example.test"), store)

    assert accounts.verify("uid=17", "anything") == "alice"
    assert store.names == []


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("erin@second.test", "erin@second.test"),
        ("robert@example.test", "robert@example.test"),
        ('"a@b"@example.test', '"a@b"@example.test'),
    ],
)
def test_no_two_addresses_share_a_mailbox(site: Any, make_store: Any, address: str, mailbox: str) -> None:
    """The mailbox ``robert`` is somebody's who has another address."""
    place = site(User("robert", "secret", "bob@example.test"))
    accounts = accounts_with(place, Everybody(address), make_store())

    assert accounts.verify("x", "anything") == mailbox
    assert place.user(address).address == address


def test_an_account_whose_mail_is_elsewhere_is_none_of_this_host(
    site: Any, make_store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    store = make_store()

    assert accounts_with(site(), Everybody(), store).verify("bob@elsewhere.test", "anything") is None
    assert store.names == []
    assert "no mailbox can be on mail.example.test" in caplog.text


def test_a_namesake_on_another_host_is_somebody_else(site: Any, make_store: Any) -> None:
    """The mailbox ``alice`` is here; the other alice has hers on the other host."""
    place = site(ALICE, User("alice", "", "alice@elsewhere.test"))
    accounts = accounts_with(place, Everybody(), make_store("alice"))

    assert accounts.verify("alice@elsewhere.test", "anything") is None
    assert accounts.known("alice@elsewhere.test") is None


@pytest.mark.parametrize("user", ["erin@mail.example.test", "erin@[127.0.0.1]", "ERIN@EXAMPLE.TEST"])
def test_the_hosts_own_name_means_its_first_domain(site: Any, make_store: Any, user: str) -> None:
    """RFC 5321 §4.1.3."""
    place, store = site(), make_store()

    assert accounts_with(place, Everybody(), store).verify(user, "anything") == "erin"
    assert [each.address for each in place.users] == ["erin@example.test"]


def test_who_moved_in_before_still_gets_mail(site: Any, make_store: Any) -> None:
    first, store = site(ALICE), make_store("alice")
    accounts = accounts_with(first, Everybody(), store)
    for user in ("erin", "erin@second.test"):
        accounts.verify(user, "anything")

    later = site(ALICE)
    accounts_with(later, Everybody(), store).welcome_back()

    assert [user.address for user in later.users] == [user.address for user in first.users]
    assert [user.name for user in later.users] == store.names


@pytest.mark.parametrize(
    "user",
    [
        "",
        "@",
        "alice@",
        "@example.test",
        "alice\0",
        "alice\r\n",
        "x" * 255,
        "é" * 128,
        "\u202ealice",
        "\ud800",
    ],
)
def test_a_name_that_nobody_can_have_is_asked_for_as_nobodys(site: Any, make_store: Any, user: str) -> None:
    directory = Everybody()
    accounts = accounts_with(site(), directory, make_store())

    accounts.verify(user, "secret")
    accounts.known(user)
    accounts.scram_secrets(user, "SCRAM-SHA-1")

    assert directory.asked == ["nobody@nowhere.invalid"] * 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(st.characters()), password=st.text(st.characters()))
def test_whatever_a_client_says_there_is_an_answer(
    site: Any, make_store: Any, user: str, password: str
) -> None:
    accounts = accounts_of(site(ALICE), make_store())

    found = accounts.verify(user, password)

    assert found is None or (found, password) == ("alice", "secret")
    assert accounts.scram_secrets(user, "SCRAM-SHA-256").iterations == 4096
