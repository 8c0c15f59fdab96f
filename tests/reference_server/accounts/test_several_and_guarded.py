"""Directories in a row, and one that is down: nobody is let in, refused or kept waiting by mistake."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from reference_server.accounts import Abilities, BackEndDown, BackEndUnavailable, ScramSecrets
from reference_server.accounts.guarded import PROBES, Guarded
from reference_server.accounts.several import Several

_PATIENCE_S = 30.0


@dataclass
class Fake:
    """Knows these users by the password ``secret``; raises `trouble` where there is some."""

    users: tuple[str, ...] = ()
    trouble: BackEndUnavailable | None = None
    abilities: Abilities = Abilities.VERIFY | Abilities.KNOWN
    asked: int = 0
    closed: bool = False
    before: Callable[[], object] = field(default=lambda: None)

    def verify(self, user: str, password: str) -> str | None:
        return self.known(user) if password == "secret" or self.trouble else None

    def known(self, user: str) -> str | None:
        self.asked += 1
        self.before()
        if self.trouble is not None:
            raise self.trouble
        return f"{user}@example.test" if user in self.users else None

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        return ScramSecrets(user.encode(), 4096, b"", b"") if self.known(user) else None

    def password(self, user: str) -> str | None:
        return "secret" if self.known(user) else None

    def close(self) -> None:
        self.closed = True


def test_the_first_that_says_yes_is_believed() -> None:
    first, second = Fake(("alice",)), Fake(("alice", "bob"))
    both = Several([first, second])

    assert both.verify("alice", "secret") == "alice@example.test"
    assert second.asked == 0
    assert both.verify("bob", "secret") == "bob@example.test"
    assert both.known("bob") == "bob@example.test"
    assert both.password("bob") == "secret"
    assert both.scram_secrets("bob", "SCRAM-SHA-1") is not None
    assert both.verify("carol", "secret") is None
    assert both.verify("bob", "wrong") is None


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_cannot_answer_refuses_nobody_and_keeps_nobody_out(order: int) -> None:
    down = Fake(("alice",), trouble=BackEndUnavailable("down"))
    both = Several([down, Fake(("bob",))][::order])

    assert both.verify("bob", "secret") == "bob@example.test"
    for user, password in (("alice", "secret"), ("bob", "wrong"), ("carol", "secret")):
        with pytest.raises(BackEndUnavailable):
            both.verify(user, password)


def test_only_what_all_can_do_is_offered() -> None:
    both = Several([Fake(), Fake(abilities=Abilities.VERIFY | Abilities.SCRAM)])

    assert both.abilities == Abilities.VERIFY


def test_all_are_closed() -> None:
    both = [Fake(), Fake()]

    Several(both).close()

    assert all(each.closed for each in both)


def test_a_guard_passes_answers_on() -> None:
    fake = Fake(("alice",))
    guarded = Guarded("sql", fake)

    assert guarded.abilities == fake.abilities
    assert guarded.verify("alice", "secret") == "alice@example.test"
    assert guarded.known("nobody") is None
    assert guarded.password("alice") == "secret"
    assert guarded.scram_secrets("nobody", "SCRAM-SHA-1") is None
    guarded.close()
    assert fake.closed


def test_while_it_is_down_a_few_find_out_and_the_others_are_told_at_once() -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()
    fake = Fake(("alice",), trouble=BackEndDown("refused"))
    guarded = Guarded("ldap", fake)
    with pytest.raises(BackEndDown):
        guarded.known("alice")

    def wait() -> None:
        inside.release()
        assert go_on.wait(_PATIENCE_S)

    fake.before = wait
    ended: list[BackEndDown] = []

    def probe() -> None:
        try:
            guarded.known("alice")
        except BackEndDown as exc:
            ended.append(exc)

    probes = [threading.Thread(target=probe) for _ in range(PROBES)]
    for each in probes:
        each.start()
    for _ in probes:
        assert inside.acquire(timeout=_PATIENCE_S)

    with pytest.raises(BackEndDown, match="others are finding out"):
        guarded.known("alice")

    go_on.set()
    for each in probes:
        each.join()
    assert len(ended) == PROBES
    assert fake.asked == 1 + PROBES


def test_it_is_asked_again_as_soon_as_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    fake = Fake(("alice",), trouble=BackEndDown("refused"))
    guarded = Guarded("ldap", fake)
    for _ in range(3):
        with pytest.raises(BackEndDown):
            guarded.verify("alice", "secret")

    fake.trouble = None

    assert guarded.verify("alice", "secret") == "alice@example.test"
    assert [record.message for record in caplog.records] == [
        "accounts: ldap: refused; log-ins get a temporary failure",
        "accounts: ldap answers again",
    ]


def test_rubbish_for_one_user_does_not_put_off_the_others() -> None:
    inside, go_on = threading.Event(), threading.Event()
    fake = Fake(("alice",), trouble=BackEndUnavailable("two rows"))
    guarded = Guarded("sql", fake)
    for _ in range(PROBES + 1):
        with pytest.raises(BackEndUnavailable, match="two rows"):
            guarded.known("alice")

    fake.trouble = None
    fake.before = lambda: (inside.set(), go_on.wait(_PATIENCE_S))
    slow = [threading.Thread(target=guarded.known, args=("alice",)) for _ in range(PROBES + 1)]
    for each in slow:
        each.start()
    assert inside.wait(_PATIENCE_S)
    fake.before = lambda: None

    assert guarded.known("alice") == "alice@example.test"
    go_on.set()
    for each in slow:
        each.join()
