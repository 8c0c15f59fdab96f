"""Whether a message meets the criteria of a SEARCH."""

import datetime as dt
import email.utils
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.wire.imap import command_search as keys
from harness.wire.imap.sequence import SequenceSet
from reference_server.imap.view import View
from reference_server.mime import Part, decode_words, parse_message, text_of
from reference_server.store import Store

__all__ = ["Searcher"]


@dataclass
class Searcher:
    """One SEARCH over one view; a message is read once, and only when a criterion asks for its content.

    Source: RFC 3501 §6.4.4; RFC 9051 §6.4.4; RFC 5182 §2.1 (``$``); RFC 7162 §3.1.5 (MODSEQ).
    """

    store: Store
    view: View
    saved: frozenset[int]
    _resolved: dict[tuple[SequenceSet, str], frozenset[int]] = field(default_factory=dict, repr=False)
    _message: tuple[int, Part] | None = field(default=None, repr=False)

    def matches(self, key: keys.Key, uid: int) -> bool:
        """Whether the message meets the criterion."""
        match key:
            case keys.And(inner):
                return all(self.matches(each, uid) for each in inner)
            case keys.Or(left, right):
                return self.matches(left, uid) or self.matches(right, uid)
            case keys.Not(inner_key):
                return not self.matches(inner_key, uid)
            case keys.Header() | keys.Text():
                return self.matches_text(key, uid)
            case _:
                return self.matches_row(key, uid)

    def matches_row(self, key: keys.Key, uid: int) -> bool:
        """Criteria on what is known without the content."""
        row = self.view.row(uid)
        match key:
            case keys.Flagged(flag):
                return flag.lower() in {each.lower() for each in row.flags}
            case keys.Recent():
                return uid in self.view.recent
            case keys.New():
                return uid in self.view.recent and "\\Seen" not in row.flags
            case keys.Numbers() | keys.Uids() | keys.Saved():
                return self.is_among(key, uid)
            case keys.Sized(larger, octets):
                return row.octets > octets if larger else row.octets < octets
            case keys.Dated():
                return self.is_dated(key, uid)
            case keys.Changed(modseq):
                return row.modseq >= modseq
            case _:
                return True

    def is_among(self, key: keys.Numbers | keys.Uids | keys.Saved, uid: int) -> bool:
        match key:
            case keys.Numbers(numbers):
                return uid in self.resolved(numbers, self.view.chosen)
            case keys.Uids(uids):
                return uid in self.resolved(uids, self.view.chosen_uids)
            case keys.Saved():
                return uid in self.saved

    def resolved(self, numbers: SequenceSet, chosen: Callable[[SequenceSet], list[int]]) -> frozenset[int]:
        """The UIDs of a set, worked out once."""
        key = (numbers, chosen.__name__)
        if key not in self._resolved:
            self._resolved[key] = frozenset(chosen(numbers))
        return self._resolved[key]

    def is_dated(self, key: keys.Dated, uid: int) -> bool:
        """Time and zone are disregarded."""
        date = self.sent_date(uid) if key.sent else self.view.row(uid).internaldate.date()
        if date is None:
            return False
        return {"before": date < key.date, "on": date == key.date, "since": date >= key.date}[key.relation]

    def sent_date(self, uid: int) -> dt.date | None:
        """The day that the Date field names; None where it names none."""
        value = self.message(uid).field(b"date")
        parsed = email.utils.parsedate_tz(value.decode("latin-1")) if value else None
        try:
            return dt.date(*parsed[:3]) if parsed else None
        except ValueError:
            return None

    def matches_text(self, key: keys.Header | keys.Text, uid: int) -> bool:
        message = self.message(uid)
        if isinstance(key, keys.Header):
            name = key.field.lower().encode("latin-1")
            values = [found.text for found in message.fields if found.name.lower() == name]
            return any(self.contains(decode_words(value), key.text) for value in values)
        texts = [text_of(message), *([decode_words(message.header)] if key.header_too else [])]
        return any(self.contains(text, key.text) for text in texts)

    def contains(self, text: str, wanted: bytes) -> bool:
        """Case makes no difference (RFC 3501 §6.4.4); an empty string is in every text."""
        return wanted.decode("utf-8", "replace").casefold() in text.casefold()

    def message(self, uid: int) -> Part:
        if self._message is None or self._message[0] != uid:
            self._message = (uid, parse_message(self.store.content(self.view.row(uid).content_id) or b""))
        return self._message[1]
