"""RFC 3501 §2.3.1, §5.2, §7.4.1: two sessions on one mailbox, beside a model of it."""

import time
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import Exists, Expunge, Fetch
from harness.wire.imap.results import Result, found
from suites.covers import covers, proves
from suites.imap.scratch import Scratch, append, carried_out, message, name_for, plain_flags, select, told
from suites.machine import CheckMachine, run_machine, step
from suites.needs import endpoint, needs

_PAUSE_S: Final = 0.02

_sessions = st.sampled_from([0, 1])
_places = st.integers(0, 7)
_flags = st.lists(st.sampled_from([r"\Seen", r"\Flagged", r"\Deleted"]), min_size=1, max_size=2, unique=True)


class _Session:
    """A session and what it has been told: the UID of each message by number, None while it is unknown."""

    def __init__(self, box: Scratch) -> None:
        self.box = box
        self.uids: list[int | None] = [None] * (box.selected.exists or 0)

    def hear(self, result: Result, there: set[int]) -> Result:
        """Follow the responses to a command; `there` are the UIDs that nobody has removed."""
        for response in result.responses:
            match response:
                case Exists(count=count):
                    with proves("RFC3501-5.2-nk1"):
                        assert count >= len(self.uids), (
                            f"EXISTS fell from {len(self.uids)}: {told(result.responses)}"
                        )
                    self.uids += [None] * (count - len(self.uids))
                case Expunge(number=number):
                    self._forget(number, result, there)
                case Fetch(number=number, data=data) if data.uid is not None:
                    self._recognize(number, data.uid, result)
                case _:
                    pass
        return result

    def _forget(self, number: int, result: Result, there: set[int]) -> None:
        with proves("RFC3501-6.4.3-nk1"):
            assert number <= len(self.uids), f"of {len(self.uids)} messages: {told(result.responses)}"
            gone = self.uids.pop(number - 1)
            assert gone not in there, (
                f"the message with the UID {gone} was not removed: {told(result.responses)}"
            )

    def _recognize(self, number: int, uid: int, result: Result) -> None:
        with proves("RFC3501-2.3.1.1-b"):
            assert number <= len(self.uids), f"of {len(self.uids)} messages: {told(result.responses)}"
            known = self.uids[number - 1]
            assert known in {None, uid}, f"message {number} has had the UID {known}: {told(result.responses)}"
        self.uids[number - 1] = uid


class TwoSessions(CheckMachine):
    """A mailbox as UID -> flags, and two sessions on it that are told of each other's changes."""

    def start(self) -> None:
        self.flags: dict[int, frozenset[str]] = {}
        self.removed: set[int] = set()
        first = self.target.imap()
        self.name = name_for(self.target, "two")
        carried_out(first, b"CREATE", encode_astring(self.name))
        boxes = [
            Scratch(self.target, self.name, imap, select(imap, self.name))
            for imap in (first, self.target.imap())
        ]
        self.sessions = [_Session(box) for box in boxes]

    def _ask(self, session: _Session, command: bytes) -> Result:
        return session.hear(session.box.imap.command(command), set(self.flags))

    def _learn_new(self, session: _Session, flags: frozenset[str]) -> None:
        """A message was added, with these flags: look for its UID."""
        self._ask(session, b"NOOP")
        new = set(found(self._ask(session, b"UID SEARCH ALL"))) - set(self.flags) - self.removed
        if len(new) != 1:
            raise Unclear(f"one message was added, the new UIDs are {sorted(new)}")
        highest = max((*self.flags, *self.removed), default=0)
        with proves("RFC3501-2.3.1.1-h"):
            assert min(new) > highest, f"a new message has the UID {min(new)}, there was {highest}"
        self.flags |= dict.fromkeys(new, flags)

    def _settle(self, session: _Session) -> None:
        """NOOP and FETCH until the session knows the mailbox as it is, or `limits.delivery_s` has passed."""
        deadline = time.monotonic() + self.target.limits.delivery_s
        while True:
            self._ask(session, b"NOOP")
            known = self._fetched(session)
            if known == self.flags or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE_S)
        with proves("RFC3501-6.4.3-nk1"):
            assert sorted(known) == sorted(self.flags), (
                f"there are {sorted(self.flags)}, FETCH shows {sorted(known)}"
            )
        with proves("RFC3501-6.4.6-nk1"):
            assert known == self.flags, f"the flags are {self.flags}, FETCH shows {known}"

    def _fetched(self, session: _Session) -> dict[int, frozenset[str]]:
        if not session.uids:
            return {}
        result = self._ask(session, b"FETCH 1:* (UID FLAGS)")
        shown = [each.data for each in result.of(Fetch)]
        return {data.uid: plain_flags(data.flags or ()) for data in shown if data.uid is not None}

    def _message(self, session: _Session, place: int) -> tuple[int, int] | None:
        """Number and UID of a message as the session knows it; None where there is none."""
        if not session.uids:
            return None
        number = place % len(session.uids) + 1
        if session.uids[number - 1] is None:
            self._settle(session)
            number = min(number, len(session.uids))
        uid = session.uids[number - 1] if number else None
        return None if uid is None else (number, uid)

    @rule(by=_sessions)
    @step
    def append(self, by: int) -> None:
        session = self.sessions[by]
        session.hear(append(session.box.imap, self.name, message(self.target)), set(self.flags))
        self._learn_new(session, frozenset())

    @rule(by=_sessions, place=_places, mode=st.sampled_from(["+", "-"]), flags=_flags)
    @step
    def store(self, by: int, place: int, mode: str, flags: list[str]) -> None:
        session = self.sessions[by]
        chosen = self._message(session, place)
        if chosen is None:
            return
        number, uid = chosen
        result = self._ask(
            session, b"STORE %d %sFLAGS (%s)" % (number, mode.encode(), " ".join(flags).encode())
        )
        with proves("RFC3501-7.4.1-a"):
            assert not result.of(Expunge), f"STORE was answered {told(result.responses)}"
        if uid in self.flags:
            if not result.ok:
                raise Unclear(f"STORE was answered {result.tagged}")
            old, given = self.flags[uid], plain_flags(flags)
            self.flags[uid] = old | given if mode == "+" else old - given

    @rule(by=_sessions, place=_places)
    @step
    def copy(self, by: int, place: int) -> None:
        session = self.sessions[by]
        self._settle(session)
        chosen = self._message(session, place)
        if chosen is None:
            return
        result = self._ask(session, b"COPY %d %s" % (chosen[0], encode_astring(self.name)))
        if not result.ok:
            raise Unclear(f"COPY was answered {result.tagged}")
        self._learn_new(session, self.flags[chosen[1]])

    @rule(by=_sessions)
    @step
    def expunge(self, by: int) -> None:
        session = self.sessions[by]
        self._settle(session)
        self.removed |= {uid for uid, flags in self.flags.items() if r"\deleted" in flags}
        self.flags = {uid: flags for uid, flags in self.flags.items() if uid not in self.removed}
        result = self._ask(session, b"EXPUNGE")
        if not result.ok:
            raise Unclear(f"EXPUNGE was answered {result.tagged}")

    @rule(by=_sessions)
    @step
    def fetch(self, by: int) -> None:
        session = self.sessions[by]
        if session.uids:
            result = self._ask(session, b"FETCH 1:* (UID FLAGS)")
            with proves("RFC3501-7.4.1-a"):
                assert not result.of(Expunge), f"FETCH was answered {told(result.responses)}"

    @rule(by=_sessions)
    @step
    def noop(self, by: int) -> None:
        self._settle(self.sessions[by])


@covers(
    "RFC3501-2.3.1.1-b",
    "RFC3501-2.3.1.1-h",
    "RFC3501-5.2-nk1",
    "RFC3501-6.4.3-nk1",
    "RFC3501-6.4.6-nk1",
    "RFC3501-7.4.1-a",
    fault="imap.copy-in-place-drops-flags",
)
@needs(endpoint(Protocol.IMAP, Protocol.IMAPS))
def test_two_sessions_agree_on_one_mailbox(target: LiveTarget) -> None:
    run_machine(TwoSessions, target)
