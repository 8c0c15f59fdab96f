"""A mailbox as one session knows it: numbers, flags and what the client has not been told yet."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.wire.imap.sequence import SequenceSet
from reference_server.store import MailboxRow, MessageRow, Store

__all__ = ["View"]


@dataclass
class View:
    """Message numbers change only when the client is told (RFC 3501 §7.4.1), so the store may be ahead of the view.

    Attributes:
        uids: The client's numbering: message n has ``uids[n - 1]``.
        recent: UIDs that are recent in this session (RFC 3501 §2.3.2).
        expunged: UIDs in the numbering that the store has no more.
    """

    store: Store
    mailbox: MailboxRow
    read_only: bool
    uids: list[int] = field(default_factory=list)
    recent: set[int] = field(default_factory=set)
    expunged: set[int] = field(default_factory=set)
    _rows: dict[int, MessageRow] = field(default_factory=dict)
    _told: dict[int, MessageRow] = field(default_factory=dict)
    _arrived: list[int] = field(default_factory=list)
    _last_uid: int = 0
    _seen_modseq: int = 0

    def refresh(self) -> None:
        """Learn what the store holds now; the numbering stays."""
        with self.store.transaction():
            mailbox = self.store.mailbox_by_id(self.mailbox.id)
            exists = mailbox is not None and mailbox.uidvalidity == self.mailbox.uidvalidity
            if mailbox is not None and exists:
                if mailbox.highestmodseq == self._seen_modseq:
                    return
                self.mailbox = mailbox
            rows = self.store.messages(self.mailbox.id) if exists else []
            self.note_recent(rows)
        self._seen_modseq = self.mailbox.highestmodseq if exists else 0
        current = {row.uid: row for row in rows}
        self.expunged = {uid for uid in self.uids if uid not in current}
        self._arrived = [uid for uid in current if uid > self._last_uid]
        self._rows |= current

    def note_recent(self, rows: Iterable[MessageRow]) -> None:
        """Recent for the first session that may write, and for those that only look until then."""
        if self.read_only:
            self.recent |= {row.uid for row in rows if row.recent}
        else:
            self.recent |= self.store.take_recent(self.mailbox.id)

    # Numbers

    @property
    def largest_uid(self) -> int:
        """What ``*`` means among UIDs (RFC 9051 §9)."""
        return self.uids[-1] if self.uids else self.mailbox.uidnext

    def number(self, uid: int) -> int:
        """The message number of a UID in the view."""
        return bisect_left(self.uids, uid) + 1

    def chosen(self, numbers: SequenceSet) -> list[int]:
        """The UIDs of these message numbers."""
        count = len(self.uids)
        return [
            uid
            for first, last in numbers.normalised(count or 1).ranges
            for uid in self.uids[first - 1 : last]
        ]

    def chosen_uids(self, uids: SequenceSet) -> list[int]:
        """Those of the view's UIDs that are in the set."""
        return self.among(self.uids, uids)

    def among(self, ordered: Sequence[int], uids: SequenceSet) -> list[int]:
        """Those of these UIDs, rising, that are in the set."""
        ranges = uids.normalised(self.largest_uid).ranges
        spans = ((bisect_left(ordered, first), bisect_right(ordered, last)) for first, last in ranges)
        return [uid for start, end in spans for uid in ordered[start:end]]

    def goes_beyond(self, numbers: SequenceSet) -> bool:
        """Whether a message number is asked for that the client has not been told of."""
        return max(last for _, last in numbers.normalised(len(self.uids) or 1).ranges) > len(self.uids)

    # Messages

    def row(self, uid: int) -> MessageRow:
        """The message as last seen, also when it was expunged meanwhile."""
        return self._rows[uid]

    def replace(self, rows: Iterable[MessageRow]) -> None:
        """The session itself changed these."""
        self._rows |= {row.uid: row for row in rows}

    def all_flags(self) -> set[str]:
        """Every flag in use here."""
        return {flag for uid in self.uids for flag in self._rows[uid].flags}

    # What the client knows

    def tell(self, uid: int) -> None:
        """The client knows the message's flags as they are now."""
        self._told[uid] = self._rows[uid]

    def knows_flags(self, uid: int) -> bool:
        told = self._told.get(uid)
        return told is not None and told.flags == self._rows[uid].flags

    def knows_modseq(self, uid: int) -> bool:
        told = self._told.get(uid)
        return told is not None and told.modseq == self._rows[uid].modseq

    def take_arrived(self) -> list[int]:
        """Number the messages that came since; their flags count as known, for no client assumes any."""
        arrived, self._arrived = self._arrived, []
        self.uids += arrived
        self._last_uid = arrived[-1] if arrived else self._last_uid
        for uid in arrived:
            self.tell(uid)
        return arrived

    def forget(self, uid: int) -> None:
        """Take an expunged message out of the numbering; the client is told so now."""
        del self.uids[self.number(uid) - 1]
        self.expunged.discard(uid)
        self.recent.discard(uid)
        self._rows.pop(uid, None)
        self._told.pop(uid, None)
