"""A mailbox on an IMAP server."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from harness.clients.imap import ImapClient, Literal, Result
from harness.errors import ProtocolError, RunFailed, TimedOut, TransportError
from harness.mua.box import Box, Entry, Mark, checked_size, entry_of
from harness.mua.login import choose_mechanism
from harness.mua.screen import wire_text
from harness.mua.terms import AuthMode, Declined, Terms, connect
from harness.target import Endpoint
from harness.wire.imap.encode import to_astring
from harness.wire.imap.fetch import FetchData
from harness.wire.imap.mutf7 import encode_mailbox_name
from harness.wire.imap.responses import Exists

__all__ = ["ImapBox", "open_imap"]

_FIELDS: Final = b"HEADER.FIELDS (DATE FROM SUBJECT)"
_LISTED: Final = b"(UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[" + _FIELDS + b"])"
_MARKS: Final = {"\\answered": Mark.ANSWERED, "\\flagged": Mark.FLAGGED, "\\deleted": Mark.DELETED}

# Ours: UIDs in one command, so that no line is longer than servers take (RFC 7162 §4: 8192 octets).
_BATCH: Final = 500

# Ours, below the 30 minutes that RFC 3501 §5.4 lets a server wait, and what middle boxes allow.
_IDLE_S: Final = 300.0


def open_imap(endpoint: Endpoint, terms: Terms) -> ImapClient:
    """A session that is greeted, in TLS and logged in as the terms say.

    Raises:
        Declined: The server, or the terms, said no.
        TransportError, ProtocolError: As `ImapClient`.
    """
    client = ImapClient(connect(endpoint, terms), timeout_s=terms.timeout_s)
    try:
        _begin(client, endpoint, terms)
    except BaseException:
        client.close()
        raise
    return client


def _begin(client: ImapClient, endpoint: Endpoint, terms: Terms) -> None:
    greeting = client.read_greeting()
    if greeting.status == "BYE":
        raise Declined(str(endpoint), "greeting", f"greets with {wire_text(greeting.raw)}")
    if greeting.status == "PREAUTH":
        return
    if terms.wants_starttls(client.transport, endpoint, offered="STARTTLS" in client.capabilities):
        _accepted(endpoint, "STARTTLS", client.starttls(terms.context, terms.name_of(endpoint)))
    _log_in(client, endpoint, terms)


def _accepted(endpoint: Endpoint, what: str, result: Result) -> None:
    if not result.ok:
        raise Declined(str(endpoint), what, f"{what} was answered {wire_text(result.tagged.raw)}")


def _log_in(client: ImapClient, endpoint: Endpoint, terms: Terms) -> None:
    offered = client.capabilities
    by_command = terms.auth is AuthMode.LOGIN and not terms.mechanism
    names = [name.removeprefix("AUTH=") for name in offered if name.startswith("AUTH=")]
    mechanism = None if by_command else choose_mechanism(terms, client.transport, endpoint, names)
    account = terms.account if mechanism else terms.login(client.transport, endpoint)
    if account is None:
        raise Declined(str(endpoint), "login", "nobody logs in, so there is nothing to read; give --user")
    if mechanism is not None:
        result = client.authenticate(mechanism, initial="SASL-IR" in offered)
    else:
        result = client.login(account.user, account.password)
    _accepted(endpoint, f"login of {account.user}", result)


class ImapBox(Box):
    """One mailbox, selected; messages are kept by UID, so others may come and go.

    Raises:
        RunFailed: There is no such mailbox, or it cannot be opened.
    """

    def __init__(self, client: ImapClient, folder: str = "INBOX") -> None:
        self._client = client
        self.name = folder
        selected = client.select(encode_mailbox_name(folder))
        if not selected.ok:
            raise RunFailed(f"{folder} cannot be opened: {wire_text(selected.result.tagged.raw)}")
        self._uids = sorted(client.uid_search(b"ALL"))

    @property
    def count(self) -> int:
        return len(self._uids)

    def refresh(self) -> int:
        self._client.noop()
        arrived = set(self._client.uid_search(b"ALL")) - set(self._uids)
        self._uids += sorted(arrived)
        return len(arrived)

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        by_uid = {self._uids[number - 1]: number for number in numbers}
        found = [
            _entry(by_uid[uid], data)
            for batch in _batches(sorted(by_uid))
            for uid, data in self._client.uid_fetch(batch, _LISTED).items()
            if uid in by_uid
        ]
        return sorted(found, key=lambda entry: entry.number)

    def content(self, number: int) -> bytes:
        uid = b"%d" % self._uids[number - 1]
        known = self._client.uid_fetch(uid, b"(RFC822.SIZE)").get(int(uid))
        if known is None:
            raise RunFailed(f"{self.name}: message {number} is gone")
        checked_size(self.name, number, known.size or 0)
        data = self._client.uid_fetch(uid, b"(BODY.PEEK[])").get(int(uid))
        octets = data.body() if data is not None else None
        if octets is None:
            raise RunFailed(f"{self.name}: the server gives no text of message {number}")
        return octets

    def mark_read(self, number: int) -> bool:
        return self._store(number, rb"(\Seen)")

    def mark_answered(self, number: int) -> bool:
        return self._store(number, rb"(\Answered)")

    def _store(self, number: int, flags: bytes) -> bool:
        return self._client.uid_store(b"%d" % self._uids[number - 1], b"+FLAGS.SILENT", flags).ok

    def unread(self) -> list[int]:
        return self._numbers(self._client.uid_search(b"UNSEEN"))

    def search(self, text: str, numbers: Iterable[int]) -> list[int]:
        """By the server: RFC 3501 §6.4.4."""
        try:
            octets = text.encode()
        except UnicodeEncodeError as exc:
            raise RunFailed(f"{text!r} is not Unicode text") from exc
        charset = () if text.isascii() else (b"CHARSET", b"UTF-8")
        piece = to_astring(octets) if text.isascii() else Literal(octets)
        found = self._numbers(self._client.uid_search(*charset, b"TEXT", piece))
        return sorted(set(found) & set(numbers))

    def _numbers(self, uids: Iterable[int]) -> list[int]:
        known = {uid: number for number, uid in enumerate(self._uids, 1)}
        return sorted(known[uid] for uid in uids if uid in known)

    def watch(self, seconds: float | None = None) -> Iterator[int]:
        """The numbers of messages as they arrive (IDLE, RFC 2177); without end, or up to so much silence.

        Raises:
            RunFailed: The server does not offer IDLE.
        """
        if "IDLE" not in self._client.capabilities:
            raise RunFailed("the server does not offer IDLE, so nothing can be watched")
        while True:
            arrived = self._wait(_IDLE_S if seconds is None else seconds)
            new = self.refresh()
            yield from range(self.count - new + 1, self.count + 1)
            if seconds is not None and not arrived:
                return

    def _wait(self, seconds: float) -> bool:
        with self._client.idle() as idling, suppress(TimedOut):
            while True:
                if isinstance(idling.wait(seconds), Exists):
                    return True
        return False

    def finish(self, *, deleted: Collection[int], read: Collection[int]) -> str:  # noqa: ARG002 (marked already)
        """Only what was marked here is expunged; without UIDPLUS, nothing where others have marked too."""
        done = ""
        if deleted:
            uids = [self._uids[number - 1] for number in sorted(deleted)]
            for batch in _batches(uids):
                self._client.uid_store(batch, b"+FLAGS.SILENT", rb"(\Deleted)")
            done = self._expunge(uids)
        with suppress(TransportError, ProtocolError):
            self._client.logout()
        return done

    def _expunge(self, uids: list[int]) -> str:
        if "UIDPLUS" in self._client.capabilities:
            for batch in _batches(uids):
                self._client.uid_expunge(batch)
        elif set(self._client.uid_search(b"DELETED")) <= set(uids):
            self._client.expunge()
        else:
            return (
                f"{len(uids)} marked as deleted; others are marked too, so the server was not told to expunge"
            )
        return f"{len(uids)} deleted"

    def close(self) -> None:
        self._client.close()


def _batches(uids: Sequence[int]) -> Iterator[bytes]:
    for at in range(0, len(uids), _BATCH):
        yield b",".join(b"%d" % uid for uid in uids[at : at + _BATCH])


def _entry(number: int, data: FetchData) -> Entry:
    flags = {flag.lower() for flag in data.flags or ()}
    marks = {mark for flag, mark in _MARKS.items() if flag in flags}
    if "\\seen" not in flags:
        marks.add(Mark.UNREAD)
    return entry_of(number, data.body(_FIELDS) or b"", data.size or 0, marks, data.internaldate)
