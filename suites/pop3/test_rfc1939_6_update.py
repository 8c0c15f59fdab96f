"""RFC 1939 §6: what QUIT removes, and what it does not."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import TOKEN_HEADER
from suites.needs import endpoint, needs
from suites.pop3.maildrop import Drop, ended, fresh_messages, log_in, maildrop, numbers_by_token, owner_index

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)

# Ours: messages put in a moment ago are among the newest, and a look at all the others takes time.
_NEWEST = 20

_BODIES = (b"One.\r\n", b"Two.\r\n", b"Three.\r\n")


def tokens(drop: Drop) -> list[bytes]:
    """The token of each message, in their order."""
    mark = TOKEN_HEADER + b": "
    return [content.partition(mark)[2].partition(b"\r\n")[0] for content in drop.contents.values()]


def marked(drop: Drop, places: set[int]) -> None:
    for place in sorted(places):
        if not (status := drop.pop3.command(b"DELE %d" % drop.numbers[place])).ok:
            raise Unclear(f"DELE was answered {status}")


def left_over(target: LiveTarget, names: list[bytes], *, at_least: set[int]) -> set[int]:
    """Which of the messages a new session still finds, by their place; looks again where one of `at_least` is not."""
    pop3 = log_in(target, account=owner_index(target))
    found = numbers_by_token(target, pop3, names, newest=_NEWEST)
    if not {names[place] for place in at_least} <= set(found):
        found = numbers_by_token(target, pop3, names)
    ended(pop3)
    return {place for place, name in enumerate(names) if name in found}


@covers("RFC1939-6-a", fault="pop3.lost-session-updates")
@needs(_POP3)
@given(places=st.sets(st.integers(0, 2), min_size=1), reset=st.booleans())
def test_a_session_that_ends_without_quit_removes_nothing(
    target: LiveTarget, places: set[int], reset: bool
) -> None:
    with maildrop(target, fresh_messages(target, _BODIES)) as drop:
        marked(drop, places)
        drop.pop3.transport.reset() if reset else drop.pop3.transport.close()
        left = left_over(target, tokens(drop), at_least={0, 1, 2})
        assert left == {0, 1, 2}, (
            f"DELE of {sorted(places)}, no QUIT; of three messages {sorted(left)} are left"
        )


@covers("RFC1939-6-c", fault="pop3.quit-removes-a-neighbour")
@needs(_POP3)
@given(places=st.sets(st.integers(0, 2), min_size=1, max_size=2))
def test_quit_spares_the_unmarked(target: LiveTarget, places: set[int]) -> None:
    with maildrop(target, fresh_messages(target, _BODIES)) as drop:
        marked(drop, places)
        drop.pop3.command(b"QUIT")
        left = left_over(target, tokens(drop), at_least={0, 1, 2} - places)
        spared = {0, 1, 2} - places
        assert spared <= left, f"DELE of {sorted(places)} and QUIT; of three messages {sorted(left)} are left"


@covers("RFC1939-6-nk1", fault="pop3.quit-removes-nothing")
@needs(_POP3)
@given(places=st.sets(st.integers(0, 2), min_size=1))
def test_quit_removes_the_marked(target: LiveTarget, places: set[int]) -> None:
    with maildrop(target, fresh_messages(target, _BODIES)) as drop:
        marked(drop, places)
        status = drop.pop3.command(b"QUIT")
        if not status.ok:
            raise Unclear(f"QUIT was answered {status}: some messages were not removed")
        left = left_over(target, tokens(drop), at_least=set())
        assert not places & left, (
            f"DELE of {sorted(places)} and QUIT; of three messages {sorted(left)} are left"
        )
