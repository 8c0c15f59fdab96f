"""Mailboxes by number, whose mail goes where, and accounts from files and patterns."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.target import Account, Policy
from loadtests import accounts as module
from loadtests.accounts import Accounts, expand, read_accounts
from loadtests.ledger import NOBODY


def made(*names: str, policy: Policy | None = None) -> Accounts:
    return Accounts([Account(name, "secret", name) for name in names], policy or Policy())


PEOPLE = [f"user{number}@example.test" for number in range(10)]


@given(count=st.integers(0, 50), members=st.integers(1, 12))
def test_every_mailbox_belongs_to_exactly_one_member(count: int, members: int) -> None:
    accounts = made(*(f"user{number}@example.test" for number in range(count)))
    shares = [mailbox for index in range(members) for mailbox in accounts.mine(index, members)]
    assert sorted(shares) == list(range(len(accounts)))


def test_mailboxes_are_known_by_number_and_address() -> None:
    accounts = made(*PEOPLE)
    assert len(accounts) == 10
    assert accounts[3] == Account(PEOPLE[3], "secret", PEOPLE[3])
    assert (accounts.names[3], accounts.addresses[3]) == (PEOPLE[3], PEOPLE[3].encode())
    assert accounts.number_of("USER3@Example.Test") == 3
    assert accounts.number_of("user10@example.test") is None


def test_a_user_who_is_there_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="the user 'ann' is there twice"):
        Accounts([Account("ann", "a", "ann@example.test"), Account("ann", "b", "other@example.test")])


@given(count=st.integers(1, 20), seed=st.integers())
def test_recipients_are_different_ones(count: int, seed: int) -> None:
    chosen = made(*PEOPLE).recipients(Random(seed), count)
    assert len(chosen) == len(set(chosen)) == min(count, 10)
    assert set(chosen) <= set(range(10))


def test_every_one_is_a_recipient_as_often_as_another() -> None:
    accounts, random = made(*PEOPLE), Random(1)
    drawn = [accounts.recipient(random) for _ in range(10_000)]
    assert all(900 < drawn.count(mailbox) < 1100 for mailbox in range(10))


def test_mail_of_aliases_and_forwards_is_at_home_where_they_lead() -> None:
    policy = Policy(
        aliases={"User1@example.test": "user2@example.test", "user3@example.test": "user1@example.test"},
        forwards={"user4@example.test": "ann@example.org", "user5@example.test": "user6@example.test"},
    )
    accounts = made(*PEOPLE, policy=policy)
    assert accounts.homes == {1: 2, 3: 2, 4: NOBODY, 5: 6}
    assert accounts.receiving == (0, 2, 6, 7, 8, 9)


def test_aliases_in_a_circle_lead_nowhere() -> None:
    policy = Policy(
        aliases={"user1@example.test": "user2@example.test", "user2@example.test": "user1@example.test"}
    )
    assert made(*PEOPLE, policy=policy).homes == {1: NOBODY, 2: NOBODY}


def test_two_users_of_one_address_have_one_mailbox() -> None:
    accounts = Accounts([Account("ann", "a", "ann@example.test"), Account("bob", "b", "Ann@example.test")])
    assert accounts.homes == {1: 0}
    assert accounts.receiving == (0,)


def test_nobody_is_sent_mail_whose_address_is_no_plain_one() -> None:
    accounts = made("ann", "jörg@example.test", "a b@example.test", "bob@example.test", "eve@ex>ample.test")
    assert accounts.receiving == (3,)
    with pytest.raises(UsageError, match="none can be sent mail"):
        made("ann").recipient(Random(1))


def test_an_unknown_address_is_beside_a_known_one_and_never_the_same() -> None:
    accounts, random = made(*PEOPLE), Random(1)
    unknown = {accounts.unknown(random) for _ in range(100)}
    assert len(unknown) == 100
    assert all(address.startswith(b"nobody-") and address.endswith(b"@example.test") for address in unknown)


def test_a_pattern_stands_for_many() -> None:
    assert list(expand("user{9..11}", "secret", "example.test")) == [
        Account(f"user{number}", "secret", f"user{number}@example.test") for number in (9, 10, 11)
    ]
    assert list(
        expand("u{08..10}@example.org", "pw{1..2}", "example.test", address="m{0..0}@example.test")
    ) == [
        Account(f"u{number}@example.org", f"pw{number}", f"m{number}@example.test")
        for number in ("08", "09", "10")
    ]
    assert list(expand("ann", "{1..3}", "example.test")) == [Account("ann", "{1..3}", "ann@example.test")]


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("user{2..1}", r"the range \{2..1\} must go up"),
        ("user{1..1000001}", "over 1,000,000 numbers at most"),
        ("user{1..2}.{1..2}", "has two ranges"),
    ],
)
def test_a_range_that_means_nothing_is_refused(user: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        list(expand(user, "secret", "example.test"))


def test_accounts_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text('# ours\nann,"a,b"\n\nuser{1..2}@example.org, secret\nbob,pw,robert@example.test\n')
    assert read_accounts(file, "example.test") == (
        Account("ann", "a,b", "ann@example.test"),
        Account("user1@example.org", "secret", "user1@example.org"),
        Account("user2@example.org", "secret", "user2@example.org"),
        Account("bob", "pw", "robert@example.test"),
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"ann,secret\nbob\n", ":2: must be user,password or user,password,address"),
        (b",secret\n", ":1: must be user,password"),
        (b"a,secret,c,d\n", ":1: must be user,password"),
        (b"ann{3..1},secret\n", r":1: the range \{3..1\} must go up"),
        (b"# nothing\n", "has no account"),
        (b"ann,\xff\n", "is no CSV file in UTF-8"),
        (b'ann,"secret\n', "is no CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line_without_a_password(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as refused:
        read_accounts(file, "example.test")
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_missing_or_has_too_many_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_accounts(tmp_path / "none.csv", "example.test")
    file = tmp_path / "accounts.csv"
    file.write_text("user{1..3},secret\nuser{4..6},secret\n")
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 5)
    with pytest.raises(UsageError, match=":2: more than 5 accounts"):
        read_accounts(file, "example.test")
    monkeypatch.setattr(module, "MAX_FILE_OCTETS", 5)
    with pytest.raises(UsageError, match="is too large"):
        read_accounts(file, "example.test")
