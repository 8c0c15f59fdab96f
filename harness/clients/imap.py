"""An IMAP client on a blocking connection: the named commands."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext

from harness.clients.imap_session import SECRET, ImapSession, Piece
from harness.clients.sasl import converse
from harness.errors import LocalProtocolError
from harness.wire import sasl
from harness.wire.imap.encode import Literal, to_astring
from harness.wire.imap.fetch import FetchData
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import (
    Capability,
    Continuation,
    ListData,
    NamespaceData,
    StatusData,
    Tagged,
    Untagged,
)
from harness.wire.imap.results import ImapRefused, Result, SelectResult, fetched, found
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.states import Answer, Verb, in_sequence
from harness.wire.lines import CRLF

__all__ = ["Idle", "ImapClient", "ImapRefused", "Literal", "Result", "SelectResult"]

# Message numbers or UIDs, as on the wire or parsed.
Numbers = bytes | SequenceSet


class ImapClient(ImapSession):
    """One session over a connected transport.

    There are three doors. The named commands (`select`, `fetch`, ...) refuse what the state table forbids, with
    `LocalProtocolError`, and send nothing; those that return data raise `ImapRefused` where it is refused.
    `command` and `send` send any command. `raw` sends any octets.

    Mailbox names are octets as on the wire, before quoting (`wire.imap.mutf7`); they, users and passwords are quoted
    or sent as literals as they need. What else a command takes is sent as it is given.
    """

    def _check(self, verb: Verb) -> None:
        if self.state is not None and not in_sequence(self.state, verb):
            raise LocalProtocolError(
                f"{verb} is out of sequence ({self.state}); command() sends it all the same"
            )

    def _polite(self, verb: Verb, *pieces: Piece, shown: bytes | None = None) -> Result:
        self._check(verb)
        return self.command(verb.encode(), *pieces, shown=shown)

    def _asked(self, verb: Verb, *pieces: Piece) -> Result:
        """As `_polite`, of a command that is asked for its data."""
        return _data(verb, self._polite(verb, *pieces))

    def _uid(self, *pieces: Piece) -> Result:
        return self._polite(Verb.UID, *pieces)

    def _astring(self, octets: bytes) -> Piece:
        return to_astring(octets, utf8=self._reader.utf8)

    # In any state

    @property
    def capabilities(self) -> frozenset[str]:
        """Capabilities in upper case, as last heard in this state of login and TLS; asked for where never heard."""
        return self.capability() if self._capabilities is None else self._capabilities

    def capability(self) -> frozenset[str]:
        """Ask for them, known or not. Raises `ImapRefused`."""
        told = self._asked(Verb.CAPABILITY).of(Capability)
        return frozenset(name.upper() for name in told[-1].capabilities) if told else frozenset()

    def noop(self) -> Result:
        return self._polite(Verb.NOOP)

    def id_(self, parameters: bytes = b"NIL") -> Result:
        """ID (RFC 2971 §3.1); the answer is the result's `Id`."""
        return self._polite(Verb.ID, parameters)

    def logout(self) -> Result:
        """LOGOUT and its answer; the connection stays open on our side until `close`."""
        return self._polite(Verb.LOGOUT)

    # Logging in

    def starttls(self, context: SSLContext, hostname: str | None) -> Result:
        """STARTTLS and, where accepted, the handshake; what came in the clear is dropped (RFC 9051 §6.2.1).

        Raises:
            TlsFailed: The handshake failed or the certificate was refused.
        """
        result = self._polite(Verb.STARTTLS)
        if result.ok:
            # What came in the clear behind the OK is nobody's response.
            self._reader = ResponseReader()
            self._arrived.clear()
            self._capabilities = None
            self.transport.start_tls(context, hostname)
            self._move(Verb.TLS_HANDSHAKE, Answer.OK)
        return result

    def login(self, user: str, password: str) -> Result:
        """LOGIN; the password does not reach the transcript."""
        name, secret = self._astring(user.encode()), self._astring(password.encode())
        shown = b"LOGIN %s %s" % (name if isinstance(name, bytes) else SECRET, SECRET)
        self._check(Verb.LOGIN)
        self._capabilities = None
        return self._polite(Verb.LOGIN, name, secret, shown=shown)

    def authenticate_plain(self, user: str, password: str, *, initial: bool = False) -> Result:
        """AUTHENTICATE PLAIN (RFC 4616); no secret reaches the transcript."""
        return self.authenticate(sasl.PlainClient(user, password), initial=initial)

    def authenticate(self, mechanism: sasl.ClientMechanism, *, initial: bool = False) -> Result:
        """Run a SASL exchange to its end. A challenge nobody can read is cancelled (RFC 3501 §6.2.2).

        Args:
            initial: Send the initial response with the command; SASL-IR must be offered (RFC 4959 §3).

        Raises:
            ServerUnproven: As `converse`.
        """
        self._check(Verb.AUTHENTICATE)
        self._capabilities = None
        words = [Verb.AUTHENTICATE.encode(), mechanism.name.encode()]
        first = mechanism.initial() if initial else None
        if first is None:
            tag = self.send(*words)
        else:
            tag = self.send(*words, sasl.encode_initial(first), shown=b" ".join([*words, SECRET]))
        deadline = self._deadline(None)

        def read() -> Continuation | Result:
            return self._go_ahead(tag, deadline) or self.wait_tagged(tag)

        def respond(line: bytes, shown: bytes) -> Continuation | Result:
            self.transport.send(line + CRLF, shown=shown + CRLF)
            return read()

        end = converse(
            mechanism,
            read(),
            self.transcript,
            respond=respond,
            challenge_in=lambda said: said.text if isinstance(said, Continuation) else None,
            accepted=lambda said: isinstance(said, Result) and said.ok,
        )
        return end if isinstance(end, Result) else self.wait_tagged(tag)

    # Mailboxes

    def enable(self, *capabilities: bytes) -> Result:
        return self._polite(Verb.ENABLE, *capabilities)

    def select(self, mailbox: bytes, *parameters: bytes) -> SelectResult:
        """SELECT; parameters as in ``(CONDSTORE)``."""
        return SelectResult.read(self._polite(Verb.SELECT, self._astring(mailbox), *parameters))

    def examine(self, mailbox: bytes, *parameters: bytes) -> SelectResult:
        """EXAMINE, as `select`."""
        return SelectResult.read(self._polite(Verb.EXAMINE, self._astring(mailbox), *parameters))

    def create(self, mailbox: bytes) -> Result:
        return self._polite(Verb.CREATE, self._astring(mailbox))

    def delete(self, mailbox: bytes) -> Result:
        return self._polite(Verb.DELETE, self._astring(mailbox))

    def rename(self, old: bytes, new: bytes) -> Result:
        return self._polite(Verb.RENAME, self._astring(old), self._astring(new))

    def subscribe(self, mailbox: bytes) -> Result:
        return self._polite(Verb.SUBSCRIBE, self._astring(mailbox))

    def unsubscribe(self, mailbox: bytes) -> Result:
        return self._polite(Verb.UNSUBSCRIBE, self._astring(mailbox))

    def list_(self, reference: bytes, pattern: bytes, *options: bytes) -> list[ListData]:
        """LIST; arguments as they go over the wire, options as in ``RETURN (CHILDREN)``. Raises `ImapRefused`."""
        return self._asked(Verb.LIST, reference, pattern, *options).of(ListData)

    def lsub(self, reference: bytes, pattern: bytes) -> list[ListData]:
        """LSUB, as `list_`."""
        return self._asked(Verb.LSUB, reference, pattern).of(ListData)

    def namespace(self) -> NamespaceData | None:
        """NAMESPACE; None where no data came. Raises `ImapRefused`."""
        told = self._asked(Verb.NAMESPACE).of(NamespaceData)
        return told[-1] if told else None

    def status(self, mailbox: bytes, items: bytes) -> dict[str, int]:
        """STATUS with items as in ``(MESSAGES UIDNEXT)``. Raises `ImapRefused`."""
        told = self._asked(Verb.STATUS, self._astring(mailbox), items).of(StatusData)
        return dict(told[-1].items) if told else {}

    def append(
        self,
        mailbox: bytes,
        content: bytes,
        *,
        flags: bytes = b"",
        date: bytes = b"",
        sync: bool = True,
        binary: bool = False,
    ) -> Result:
        """APPEND; flags as in ``(\\Seen)``, the date with its quotes (`wire.imap.encode`).

        Args:
            sync: Wait for the server's ``+``; else LITERAL+ or LITERAL- must be offered (RFC 7888 §3, §5).
            binary: Send a literal8; BINARY must be offered (RFC 3516 §4.4).
        """
        self._check(Verb.APPEND)
        words = [word for word in (flags, date) if word]
        literal = Literal(content, binary=binary, sync=sync)
        return self.command(Verb.APPEND.encode(), self._astring(mailbox), *words, literal)

    @contextmanager
    def idle(self) -> Iterator["Idle"]:
        """IDLE as long as the block lasts; DONE at its end (RFC 2177 §3).

        Raises:
            ImapRefused: IDLE was refused.
        """
        self._check(Verb.IDLE)
        tag = self.send(Verb.IDLE.encode())
        if self._go_ahead(tag, self._deadline(None)) is None:
            raise ImapRefused(Verb.IDLE, self.wait_tagged(tag))
        idling = Idle(self, tag)
        self._move(Verb.IDLE, Answer.CONTINUE)
        self._sent[tag] = Verb.DONE
        yield idling
        idling.done()

    # Messages

    def fetch(self, numbers: Numbers, items: bytes) -> dict[int, FetchData]:
        """FETCH, by message number. Raises `ImapRefused`."""
        return fetched(self._asked(Verb.FETCH, _octets(numbers), items), uid=False)

    def uid_fetch(self, uids: Numbers, items: bytes) -> dict[int, FetchData]:
        """UID FETCH, by UID; a response without one is left out. Raises `ImapRefused`."""
        return fetched(_data("UID FETCH", self._uid(b"FETCH", _octets(uids), items)), uid=True)

    def search(self, *criteria: Piece) -> list[int]:
        """SEARCH: message numbers. Raises `ImapRefused`."""
        return found(self._asked(Verb.SEARCH, *criteria))

    def uid_search(self, *criteria: Piece) -> list[int]:
        """UID SEARCH: UIDs. Raises `ImapRefused`."""
        return found(_data("UID SEARCH", self._uid(b"SEARCH", *criteria)))

    def store(self, numbers: Numbers, what: bytes, flags: bytes) -> Result:
        """STORE, as in ``store(b"1", b"+FLAGS", rb"(\\Seen)")``."""
        return self._polite(Verb.STORE, _octets(numbers), what, flags)

    def uid_store(self, uids: Numbers, what: bytes, flags: bytes) -> Result:
        return self._uid(b"STORE", _octets(uids), what, flags)

    def copy(self, numbers: Numbers, mailbox: bytes) -> Result:
        return self._polite(Verb.COPY, _octets(numbers), self._astring(mailbox))

    def uid_copy(self, uids: Numbers, mailbox: bytes) -> Result:
        return self._uid(b"COPY", _octets(uids), self._astring(mailbox))

    def move(self, numbers: Numbers, mailbox: bytes) -> Result:
        return self._polite(Verb.MOVE, _octets(numbers), self._astring(mailbox))

    def uid_move(self, uids: Numbers, mailbox: bytes) -> Result:
        return self._uid(b"MOVE", _octets(uids), self._astring(mailbox))

    def expunge(self) -> Result:
        return self._polite(Verb.EXPUNGE)

    def uid_expunge(self, uids: Numbers) -> Result:
        """UID EXPUNGE: UIDPLUS must be offered (RFC 4315 §2.1)."""
        return self._uid(b"EXPUNGE", _octets(uids))

    def close_mailbox(self) -> Result:
        """CLOSE: expunge in silence, and no mailbox is selected (RFC 3501 §6.4.2)."""
        return self._polite(Verb.CLOSE)

    def unselect(self) -> Result:
        """UNSELECT (RFC 3691 §2)."""
        return self._polite(Verb.UNSELECT)


class Idle:
    """A running IDLE; `result` is its completion once it has ended."""

    def __init__(self, client: ImapClient, tag: bytes) -> None:
        self._client = client
        self._tag = tag
        self.result: Result | None = None

    def wait(self, timeout_s: float) -> Untagged:
        """The next untagged response; `TimedOut` where none comes, `ImapRefused` where the server ends the IDLE."""
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._client.read_response(deadline - time.monotonic())
            if isinstance(response, Untagged):
                return response
            if isinstance(response, Tagged) and response.tag == self._tag:
                self._client.put_back([response])
                self.result = self._client.wait_tagged(self._tag)
                raise ImapRefused(Verb.IDLE, self.result)

    def done(self) -> Result:
        """End it; what came and was not waited for is in the result. Twice is once."""
        if self.result is None:
            self._client.transport.send(b"DONE" + CRLF)
            self.result = self._client.wait_tagged(self._tag)
        return self.result


def _octets(numbers: Numbers) -> bytes:
    return numbers if isinstance(numbers, bytes) else numbers.encode()


def _data(command: str, result: Result) -> Result:
    if not result.ok:
        raise ImapRefused(command, result)
    return result
