"""An IMAP session: the named commands, each counted under its name."""

import re
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Final

from harness.errors import LocalProtocolError
from harness.target import Account
from harness.wire import sasl
from harness.wire.imap.encode import encode_quoted
from harness.wire.imap.sequence import SequenceSet
from harness.wire.lines import CRLF
from loadtests.users.imap_answers import Answer
from loadtests.users.imap_dialogue import astring
from loadtests.users.imap_fetched import Fetched, read_fetched
from loadtests.users.imap_idle import Idling
from loadtests.users.imap_listings import read_list, read_search, read_status
from loadtests.users.imap_mailbox import Mailbox, read_mailbox_data

__all__ = ["ImapSession"]

_SECRET: Final = b"***"
_CAPABILITY: Final = re.compile(rb"(?:\* |\[)CAPABILITY ([^\]\r\n]*)", re.IGNORECASE)
_UID: Final = re.compile(rb"\* \d+ FETCH \(UID (\d+)\)\r\n")
_APPENDUID: Final = re.compile(rb"\[APPENDUID \d+ (\d+)\]", re.IGNORECASE)

# RFC 7888 §5: what LITERAL- lets go without the server's "+".
_SMALL_LITERAL: Final = 4096


class ImapSession(Idling):
    """One session whose greeting was read.

    Mailbox names are octets as on the wire, before quoting; message sets and items are sent as they are given. What
    is to hit one certain message is a command of the ``uid_`` kind: numbers move while others delete.
    """

    _capabilities: frozenset[bytes] | None = None

    # In any state

    @property
    def capabilities(self) -> frozenset[bytes]:
        """In upper case, as last told in this state of login and TLS; asked for where never told."""
        if self._capabilities is None:
            self.told(b"".join(self.command("imap.capability", b"CAPABILITY").responses))
        return self._capabilities or frozenset()

    def told(self, octets: bytes) -> None:
        """Take the capabilities that a greeting or an answer lists, where it does."""
        if found := _CAPABILITY.search(octets):
            self._capabilities = frozenset(found[1].upper().split())

    def noop(self) -> None:
        self.command("imap.noop", b"NOOP")

    def logout(self) -> None:
        """LOGOUT, and close."""
        self.command("imap.logout", b"LOGOUT")
        self.close()

    quit = logout

    # Logging in

    def start_tls(self) -> None:
        """STARTTLS and the handshake; what was told in the clear is forgotten (RFC 9051 §6.2.1)."""
        since_s = monotonic()
        tag = self._new_tag()
        with self._during("imap.starttls", since_s):
            self.connection.send(tag + b"STARTTLS\r\n")
            answer = self._answer(tag)
            if not answer.ok:
                raise self._refusal("imap.starttls", since_s, answer)
            self._forget()
            self.user.start_tls(self.connection)
        self._capabilities = None
        self.recorder.ok("imap.starttls", since_s)

    def log_in(self, account: Account) -> None:
        """LOGIN, or AUTHENTICATE PLAIN where that is all that will do; counted as ``imap.login`` either way."""
        name, secret = account.user.encode(), account.password.encode()
        plain = sasl.encode_initial(sasl.PlainClient(account.user, account.password).initial())
        self.connection.hide(secret, plain)
        if b"LOGINDISABLED" in self.capabilities or not (name + secret).isascii():
            answer = self._authenticate(plain)
        else:
            line = b"LOGIN %b %b" % (astring(name), astring(secret))
            answer = self.command("imap.login", line, shown=b"LOGIN %b %b" % (astring(name), _SECRET))
        self._capabilities = None
        self.told(b"".join(answer.responses) + answer.text)

    def _authenticate(self, plain: bytes) -> Answer:
        """AUTHENTICATE PLAIN, in one write where SASL-IR is offered (RFC 4959 §3)."""
        line = b"AUTHENTICATE PLAIN"
        if b"SASL-IR" in self.capabilities:
            return self.command("imap.login", line + b" " + plain, shown=line + b" " + _SECRET)
        return self._in_two_steps("imap.login", line, plain, shown=_SECRET + CRLF)

    # Mailboxes

    def select(self, mailbox: bytes = b"INBOX") -> Mailbox:
        """SELECT; the result is kept right by what the server says of the mailbox from now on."""
        return self._open(b"SELECT", mailbox)

    def examine(self, mailbox: bytes = b"INBOX") -> Mailbox:
        """As `select`, to read only."""
        return self._open(b"EXAMINE", mailbox)

    def _open(self, verb: bytes, name: bytes) -> Mailbox:
        self.mailbox = None
        answer = self.command("imap.select", b"%b %b" % (verb, astring(name)))
        self.mailbox = read_mailbox_data(name, answer)
        return self.mailbox

    def close_mailbox(self) -> None:
        """CLOSE: expunge in silence, and no mailbox is selected (RFC 3501 §6.4.2)."""
        self.command("imap.close", b"CLOSE")
        self.mailbox = None

    def list_(self, pattern: bytes = b"*") -> list[bytes]:
        """LIST: the names of the mailboxes that can be selected."""
        answer = self.command("imap.list", b'LIST "" %b' % encode_quoted(pattern))
        names = map(read_list, answer.responses)
        return [name for name in names if name is not None]

    def status(self, mailbox: bytes, items: bytes = b"(MESSAGES UIDNEXT UNSEEN)") -> dict[str, int]:
        answer = self.command("imap.status", b"STATUS %b %b" % (astring(mailbox), items))
        return {name: number for response in answer.responses for name, number in read_status(response)}

    def create(self, mailbox: bytes) -> None:
        self.command("imap.create", b"CREATE " + astring(mailbox))

    def delete(self, mailbox: bytes) -> None:
        self.command("imap.delete", b"DELETE " + astring(mailbox))

    def append(self, mailbox: bytes, content: bytes, flags: bytes = b"") -> int | None:
        r"""APPEND, in one write where non-synchronizing literals are offered (RFC 7888 §3, §5).

        Args:
            flags: As in ``(\Seen)``.

        Returns:
            The message's UID, where the server tells it.
        """
        small = len(content) <= _SMALL_LITERAL and b"LITERAL-" in self.capabilities
        at_once = small or b"LITERAL+" in self.capabilities
        words = [b"APPEND", astring(mailbox), *([flags] if flags else [])]
        line = b"%b {%d%b}" % (b" ".join(words), len(content), b"+" if at_once else b"")
        if at_once:
            answer = self.command("imap.append", b"%b\r\n%b" % (line, content), octets=len(content))
        else:
            answer = self._in_two_steps("imap.append", line, content, octets=len(content))
        found = _APPENDUID.search(answer.text)
        return int(found[1]) if found else None

    # Messages

    def fetch(self, numbers: bytes, items: bytes) -> Answer:
        """FETCH by message numbers; `Answer.fetched` reads it."""
        return self.command("imap.fetch", b"FETCH %b %b" % (numbers, items))

    def uid_fetch(self, uids: bytes, items: bytes) -> Answer:
        return self.command("imap.fetch", b"UID FETCH %b %b" % (uids, items))

    def each_fetched(self, sets: Iterable[bytes], items: bytes, *, uid: bool = True) -> Iterator[Fetched]:
        """UID FETCH set after set, one message at a time in memory; who does not take them all must `close`.

        Args:
            uid: The sets are of UIDs; else of message numbers, and FETCH is sent.
        """
        verb = b"UID FETCH" if uid else b"FETCH"
        for response in self.each("imap.fetch", (b"%b %b %b" % (verb, each, items) for each in sets)):
            if (found := read_fetched(response)) is not None:
                yield found

    def all_uids(self) -> list[int]:
        """The UIDs of all messages of the selected mailbox, by FETCH, which more servers get right than SEARCH."""
        if not self._selected().exists:
            return []
        answer = self.fetch(b"1:*", b"(UID)")
        if answer.plain and len(found := _UID.findall(answer.octets)) == answer.octets.count(b"\r\n"):
            return list(map(int, found))
        return [each.uid for each in answer.fetched if each.uid is not None]

    def learn_uids(self) -> list[int]:
        """The UIDs of all messages of the selected mailbox, in their order; only unknown ones are asked for."""
        mailbox = self._selected()
        if len(mailbox.uids) < mailbox.exists:
            for found in self.fetch(b"%d:*" % (len(mailbox.uids) + 1), b"(UID)").fetched:
                if found.uid is not None:
                    mailbox.learn(found.number, found.uid)
        return mailbox.uids

    def search(self, criteria: bytes) -> list[int]:
        """SEARCH: message numbers."""
        return self._found(b"SEARCH " + criteria)

    def uid_search(self, criteria: bytes) -> list[int]:
        """UID SEARCH: UIDs."""
        return self._found(b"UID SEARCH " + criteria)

    def store(self, numbers: bytes, what: bytes, flags: bytes) -> Answer:
        r"""STORE, as in ``store(b"1", b"+FLAGS.SILENT", rb"(\Seen)")``."""
        return self.command("imap.store", b"STORE %b %b %b" % (numbers, what, flags))

    def uid_store(self, uids: bytes, what: bytes, flags: bytes) -> Answer:
        return self.command("imap.store", b"UID STORE %b %b %b" % (uids, what, flags))

    def uid_copy(self, uids: bytes, mailbox: bytes) -> None:
        self.command("imap.copy", b"UID COPY %b %b" % (uids, astring(mailbox)))

    def uid_move(self, uids: bytes, mailbox: bytes) -> None:
        """UID MOVE; where MOVE is not offered, what clients do without it: COPY and `remove`."""
        if b"MOVE" in self.capabilities:
            self.command("imap.move", b"UID MOVE %b %b" % (uids, astring(mailbox)))
        else:
            self.uid_copy(uids, mailbox)
            self.remove(uids)

    def expunge(self) -> None:
        self.command("imap.expunge", b"EXPUNGE")

    def uid_expunge(self, uids: bytes) -> None:
        """UID EXPUNGE: UIDPLUS must be offered (RFC 4315 §2.1)."""
        self.command("imap.expunge", b"UID EXPUNGE " + uids)

    def remove(self, uids: bytes) -> None:
        r"""Delete these messages and no others, for good.

        Without UIDPLUS, messages that somebody else has marked as deleted keep their mark and stay: it is taken from
        them while EXPUNGE runs.
        """
        self.uid_store(uids, b"+FLAGS.SILENT", rb"(\Deleted)")
        if b"UIDPLUS" in self.capabilities:
            self.uid_expunge(uids)
            return
        ours = SequenceSet.parse(uids)
        others = [uid for uid in self.uid_search(b"DELETED") if not ours.contains(uid)]
        kept = SequenceSet.of(others).encode() if others else b""
        if kept:
            self.uid_store(kept, b"-FLAGS.SILENT", rb"(\Deleted)")
        self.expunge()
        if kept:
            self.uid_store(kept, b"+FLAGS.SILENT", rb"(\Deleted)")

    # Beneath them

    def _selected(self) -> Mailbox:
        if self.mailbox is None:
            raise LocalProtocolError("no mailbox is selected")
        return self.mailbox

    def _found(self, line: bytes) -> list[int]:
        answer = self.command("imap.search", line)
        return [number for response in answer.responses for number in read_search(response)]

    def _in_two_steps(
        self, operation: str, line: bytes, then: bytes, *, shown: bytes | None = None, octets: int = 0
    ) -> Answer:
        """Send a line, wait for the server's ``+``, and send the rest, which gets its CRLF here."""
        tag, since_s = self._new_tag(), monotonic()
        with self._during(operation, since_s):
            self.connection.send(tag + line + CRLF)
            answer = self._go_ahead(tag)
            if answer is None:
                self.connection.send(then + CRLF, shown=shown)
                answer = self._answer(tag)
        return self._counted(operation, since_s, answer, octets)
