"""Keeping a mailbox in step by IMAP, as programs do that keep a copy: look, read, file, answer, delete, wait."""

import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import ClassVar, Final, NamedTuple

from locust.env import Environment

from harness.errors import UsageError
from loadtests.ledger.known import folder_name
from loadtests.ledger.reading import Finder
from loadtests.scenarios.habits.deleting import deleting
from loadtests.scenarios.habits.memory import Folder, Memories, mailbox_of, random_of
from loadtests.scenarios.habits.staying import stay
from loadtests.users.errors import OperationFailed
from loadtests.users.imap import ImapSession, ImapUser

__all__ = ["ACTIONS", "Syncer"]

_INBOX: Final = b"INBOX"
_FILED: Final = "filed"
_ARCHIVED: Final = "archived"
# Ours: what one looks into of a heap of new mail.
_READ_AT_ONCE: Final = 5
_NAMESPACE: Final = re.compile(rb'\* NAMESPACE \(\("((?:[^"\\])*)" ', re.IGNORECASE)

_folders: Final[Memories[Folder]] = Memories()
_filings: Final[Memories["_Filing"]] = Memories()


class _Filing:
    """One of the run's own folders: its name once it is there, and whether somebody has begun to make it."""

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.begun = False


class _Seat(NamedTuple):
    """One of a user's connections, with what is remembered of the folder that it has selected."""

    imap: ImapSession
    folder: Folder


class Syncer(ImapUser):
    """Somebody whose mail program keeps a mailbox in step for as long as the session lasts (`traffic.stay_s`).

    It stores to, moves and deletes the run's own messages and no others, and moves them from INBOX to folders of the
    run's own.

    Attributes:
        header_items: What it fetches of messages that are new to it; some field of them must name the message.
        idles: It hears of new mail by IDLE, where that is offered; else it asks.
    """

    abstract = True
    header_items: ClassVar[bytes] = (
        b"(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID REFERENCES IN-REPLY-TO"
        b" CONTENT-TYPE)])"
    )
    idles: ClassVar[bool] = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.random: Final = random_of(self.shared)

    def check(self) -> None:
        """
        Raises:
            UsageError: The profile names an action that there is none of, or mailboxes would have to be shared.
        """
        super().check()
        settings = self.shared.plan.settings
        for action in settings.traffic.actions:
            if action not in ACTIONS:
                raise UsageError(f"traffic.actions.{action}: no such action; known: {', '.join(ACTIONS)}")
        if len(self.shared.accounts) < self.shared.plan.workers:
            raise UsageError(
                f"{len(self.shared.accounts)} accounts for {self.shared.plan.workers} generator processes: each must"
                " have one of its own, or two of them delete the same message"
            )

    def session(self) -> None:
        traffic = self.shared.plan.settings.traffic
        seats = [self._sit(number) for number in range(traffic.connections)]
        leaves_s = monotonic() + traffic.stay_s
        while True:
            seat = self.random.choice(seats)
            self._act(seat)
            if monotonic() >= leaves_s:
                break
            self._wait(seats[0], min(self._thinks_s(), leaves_s - monotonic()))
        for seat in seats:
            seat.imap.logout()

    # Coming and waiting

    def _sit(self, number: int) -> _Seat:
        """Connect; the first connection is for INBOX, the others for the run's folder where there is one."""
        imap = self.login()
        name = _INBOX if number == 0 else self._filing(_FILED).name or _INBOX
        folder: Folder = _folders.of(self.shared, (self.account.user, name), Folder)
        folder.open(imap.select(name))
        seat = _Seat(imap, folder)
        self._look(seat)
        return seat

    def _look(self, seat: _Seat) -> None:
        """Fetch the headers of what is new, and read some of it, where this session reads at all."""
        folder, new = seat.folder, []
        answer = seat.imap.uid_fetch(b"%d:*" % folder.next_uid, self.header_items)
        for fetched in answer.fetched:
            # RFC 3501 §6.4.8: the set has the last message in it, however low its UID.
            if fetched.uid is None or fetched.uid < folder.next_uid:
                continue
            folder.next_uid = fetched.uid + 1
            if self._finder.token(fetched.content) is not None:
                new.append(fetched.uid)
        try:
            if self.shared.plan.settings.traffic.actions.get("read"):
                for uid in new[-_READ_AT_ONCE:]:
                    self._read_one(seat.imap, uid)
        finally:
            folder.ours += new

    def _wait(self, seat: _Seat, wait_s: float) -> None:
        if wait_s > 0 and stay(seat.imap, wait_s, idle=self.idles):
            self._look(seat)

    def _thinks_s(self) -> float:
        mean_s = self.shared.plan.settings.traffic.think_s
        return self.random.expovariate(1 / mean_s) if mean_s else 0.0

    # Acting

    def _act(self, seat: _Seat) -> None:
        """Do one of the things that the profile has it do."""
        actions = self.shared.plan.settings.traffic.actions
        if actions:
            (action,) = self.random.choices(list(actions), list(actions.values()))
            ACTIONS[action](self, seat)

    def _read(self, seat: _Seat) -> None:
        """Read a message again, which marks it as read."""
        with seat.folder.holding(self.random) as uid:
            if uid is not None:
                self._read_one(seat.imap, uid)

    def _read_one(self, imap: ImapSession, uid: int) -> None:
        imap.uid_fetch(b"%d" % uid, b"(UID FLAGS BODYSTRUCTURE)")
        imap.uid_fetch(b"%d" % uid, b"(UID BODY.PEEK[])")
        imap.uid_store(b"%d" % uid, b"+FLAGS", rb"(\Seen)")

    def _refresh(self, seat: _Seat) -> None:
        """Ask for the flags of all messages that are remembered."""
        if seat.folder.ours:
            seat.imap.uid_fetch(b"%d:*" % min(seat.folder.ours), b"(UID FLAGS)")

    def _flag(self, seat: _Seat) -> None:
        with seat.folder.holding(self.random) as uid:
            if uid is not None:
                sign = self.random.choice((b"+", b"-"))
                seat.imap.uid_store(b"%d" % uid, sign + b"FLAGS", rb"(\Flagged)")

    def _search(self, seat: _Seat) -> None:
        seat.imap.uid_search(self.random.choice(_SEARCHES))

    def _file(self, seat: _Seat) -> None:
        """Move a message from INBOX to a folder of the run's, or from there to another.

        Never into INBOX: who waits there for mail would take it for mail that has just come.
        """
        in_inbox = seat.imap.mailbox is not None and seat.imap.mailbox.name == _INBOX
        to = self._run_folder(seat.imap, _FILED if in_inbox else _ARCHIVED)
        # Without MOVE a move that breaks off leaves two copies, and the target would be called to account for it.
        if to is not None and b"MOVE" in seat.imap.capabilities and (uid := self._taken_from(seat.folder)):
            seat.imap.uid_move(b"%d" % uid, to)

    def _append(self, seat: _Seat) -> None:
        """Keep a copy of what was sent, in a folder of the run's."""
        shared, account = self.shared, self.account
        to = self._run_folder(seat.imap, _FILED)
        if to is None:
            return
        slot = shared.ledger.open([mailbox_of(self)])
        address = account.address.encode()
        letter = shared.letters.compose(slot, address, [address])
        try:
            seat.imap.append(to, letter.content, rb"(\Seen)")
        except OperationFailed:
            (shared.ledger.unsure if seat.imap.closed else shared.ledger.refused)(slot)
            raise
        shared.ledger.accepted(slot, monotonic())

    def _delete(self, seat: _Seat) -> None:
        """Delete a message for good, after it was read: it is owed no more."""
        if (uid := self._taken_from(seat.folder)) is None:
            return
        fetched = seat.imap.uid_fetch(b"%d" % uid, b"(UID BODY.PEEK[])").fetched
        finder = self._finder
        found = finder.found(next((each.content for each in fetched if each.uid == uid), None))
        if found is not None:
            with deleting(finder, [found]):
                seat.imap.remove(b"%d" % uid)

    # What there is in the mailbox

    def _taken_from(self, folder: Folder) -> int | None:
        """A message to take away, None where there is none, or somebody else may take away the same."""
        return folder.take(self.random) if self.owns(self.shared, mailbox_of(self)) else None

    @property
    def _finder(self) -> Finder:
        return Finder(self.shared.ledger, mailbox_of(self))

    def _filing(self, folder: str) -> _Filing:
        return _filings.of(self.shared, (self.account.user, folder), _Filing)

    def _run_folder(self, imap: ImapSession, folder: str) -> bytes | None:
        """A folder of the run's own, made where it is not there; None while somebody else makes it, or cannot."""
        filing = self._filing(folder)
        if not filing.begun:
            filing.begun = True
            name = _prefix(imap) + folder_name(self.shared.plan.run, folder).encode()
            if name not in imap.list_(name):
                imap.create(name)
            filing.name = name
        return filing.name


_SEARCHES: Final = (b"UNSEEN", b"UNDELETED SINCE 1-Jan-2020", b"FLAGGED", b"SUBJECT mail", b"LARGER 20000")

# What a session may do, by the name that profiles have for it.
ACTIONS: Final[Mapping[str, Callable[[Syncer, _Seat], None]]] = {
    "read": Syncer._read,
    "refresh": Syncer._refresh,
    "flag": Syncer._flag,
    "search": Syncer._search,
    "move": Syncer._file,
    "append": Syncer._append,
    "delete": Syncer._delete,
}


def _prefix(imap: ImapSession) -> bytes:
    """What the names of one's own folders begin with (RFC 2342 §5)."""
    if b"NAMESPACE" not in imap.capabilities:
        return b""
    answer = imap.command("imap.namespace", b"NAMESPACE")
    found = next(filter(None, map(_NAMESPACE.match, answer.responses)), None)
    return found[1] if found else b""
