"""saslauthd: what it is asked, and that nothing but its OK lets anybody in."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reference_server.accounts import BackEndDown, BackEndUnavailable
from reference_server.accounts.saslauthd import Saslauthd
from reference_server.world.accounts import SaslauthdAccounts


@pytest.fixture
def directory(saslauthd: Any) -> Saslauthd:
    path, _ = saslauthd
    return Saslauthd(SaslauthdAccounts(path, "{local_part}", "{domain}", timeout_s=0.3), "example.test")


@pytest.mark.parametrize("user", ["alice", "alice@example.test", "Alice@EXAMPLE.test"])
def test_a_user_is_asked_for_by_the_templates(directory: Saslauthd, saslauthd: Any, user: str) -> None:
    assert directory.verify(user, "secret") == "alice@example.test"
    assert saslauthd[1].heard == [b"alice|secret|imap|example.test"]


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("nobody", "secret"), ("alice@second.test", "secret"), ("", "")],
)
def test_a_no_is_a_refusal(directory: Saslauthd, user: str, password: str) -> None:
    assert directory.verify(user, password) is None


@pytest.mark.parametrize("user", ["x" * 300, "alice\0", "alïce" * 60])
def test_what_saslauthd_cannot_read_is_not_asked(directory: Saslauthd, saslauthd: Any, user: str) -> None:
    assert directory.verify(user, "secret") is None
    assert directory.verify("alice", user) is None
    assert saslauthd[1].heard == []


@pytest.mark.parametrize(
    "how",
    ["silent", "slow", "gone at once", "rubbish", "zeros", "a length without an end", "half an answer"],
)
def test_whatever_else_it_does_is_neither_a_refusal_nor_an_entry(
    directory: Saslauthd,
    saslauthd: Any,
    bad_talks: Mapping[str, Callable[[socket.socket], None]],
    how: str,
) -> None:
    saslauthd[1].talk = bad_talks[how]

    with pytest.raises(BackEndUnavailable):
        directory.verify("alice", "secret")


def test_no_mux_is_a_back_end_that_is_down(tmp_path: Path) -> None:
    directory = Saslauthd(SaslauthdAccounts(tmp_path / "mux"), "example.test")

    with pytest.raises(BackEndDown, match="No such file"):
        directory.verify("alice", "secret")
