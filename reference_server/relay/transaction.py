"""MAIL, RCPT and the content: one transaction, and what each of its replies means for whom."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from harness.errors import ConnectionLost, RemoteProtocolError, TransportError
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import EnhancedCode, Reply
from reference_server.relay.fitting import Fitted
from reference_server.relay.model import Fate, Outcome
from reference_server.relay.session import CLOSING, Command, Session
from reference_server.relay.talk import Closing, Content, Doubt, Listen, Record, Talk, Unexpected

__all__ = ["Ledger", "Transaction"]

# Ours: so much of a message is kept back until its turn to be in doubt has come; and one chunk (RFC 3030 §2).
_LAST_OCTETS: Final = 4096
_CHUNK_OCTETS: Final = 1024 * 1024

# RFC 5321 §4.5.3.1.10; RFC 3463 §3.6 (X.5.3).
_TOO_MANY: Final = frozenset({452, 552})
_TOO_MANY_ENHANCED: Final = frozenset({None, EnhancedCode(4, 5, 3), EnhancedCode(5, 5, 3)})


@dataclass
class Ledger:
    """The recipients of one attempt; each leaves `open` once, and is then settled or put off.

    Attributes:
        record: Told of the settled ones by `flush`.
        put_off: Not taken by this peer, surely: another host may be asked.
    """

    open: dict[bytes, None]
    record: Record
    put_off: dict[bytes, Outcome] = field(default_factory=dict)
    _settled: dict[bytes, Outcome] = field(default_factory=dict)

    def decide(self, addresses: Collection[bytes], outcome: Outcome, *, in_doubt: bool = False) -> None:
        """A deferred recipient is put off, unless the peer may have the message all the same."""
        final = in_doubt or outcome.fate is not Fate.DEFERRED
        for address in tuple(addresses):
            del self.open[address]
            (self._settled if final else self.put_off)[address] = outcome

    def flush(self) -> None:
        if self._settled:
            settled, self._settled = self._settled, {}
            self.record(settled)


class Transaction:
    """One mail transaction for the recipients that are open in the ledger.

    At its end they are not, but for those that were too many for the peer: they are for the next transaction. Trouble
    with the peer is raised; those whom the peer may have taken are settled before.
    """

    def __init__(self, session: Session, fitted: Fitted, ledger: Ledger) -> None:
        self._session = session
        self._fitted = fitted
        self._ledger = ledger
        self._accepted: list[bytes] = []
        self._refused = False
        self._go_ahead = False
        self._data_said = False

    def run(self) -> Talk[None]:
        try:
            yield from self._session.converse(self._envelope())
            self._ledger.flush()
            if self._accepted and self._fitted.chunked:
                yield from self.send_chunks(self._fitted.content)
            else:
                yield from self._after_data()
        finally:
            self._ledger.flush()

    def _after_data(self) -> Talk[None]:
        if self._accepted and not self._data_said:
            yield from self._session.converse([self._data()])
        if self._go_ahead:
            yield from self.send_data(self._fitted.content)
        else:
            self._session.leave_unfinished()

    # The envelope

    def _envelope(self) -> Iterator[Command]:
        """Each asked for when it can be sent; without PIPELINING a refused MAIL is the last."""
        yield from self._session.reset_if_due()
        yield self._fitted.mail, self._heard_mail
        for address in tuple(self._ledger.open):
            if self._refused:
                return
            yield self._fitted.rcpt[address], partial(self._heard_rcpt, address)
        if self._session.pipelining and not self._fitted.chunked and not self._refused:
            yield self._data()

    def _data(self) -> Command:
        self._data_said = True
        return b"DATA", self._heard_data

    def _heard_mail(self, reply: Reply) -> None:
        self._refused = reply.klass != 2
        if self._refused:
            self._hear(self._ledger.open, reply, "MAIL")

    def _heard_rcpt(self, address: bytes, reply: Reply) -> None:
        if self._refused:
            return  # without a sender there is nothing to be refused or taken
        if reply.klass == 2:
            self._accepted.append(address)
        elif not self.is_too_many(reply):
            self._hear([address], reply, "RCPT")

    def is_too_many(self, reply: Reply) -> bool:
        """Whether this recipient may be taken in a transaction of its own.

        RFC 5321 §4.5.3.1.10, where 552 is as 452. That is no reason for the first one; and 552 may be about the
        message's size (RFC 1870 §6.4), which the enhanced code tells.
        """
        return bool(self._accepted) and reply.code in _TOO_MANY and reply.enhanced in _TOO_MANY_ENHANCED

    def _heard_data(self, reply: Reply) -> None:
        self._go_ahead = reply.klass == 3
        if self._accepted and not self._go_ahead:
            self._hear(self._accepted, reply, "DATA")

    def _hear(self, addresses: Collection[bytes], reply: Reply, subject: str, *, final: bool = False) -> None:
        """A refusal, or with `final` the answer to the message."""
        if reply.klass not in ({2, 4, 5} if final else {4, 5}):
            raise Unexpected(subject, reply)
        if self._fitted.chunked and reply.klass != 2:
            self._session.leave_unfinished()  # RFC 3030 §2: only RSET clears a failed BDAT
        self._ledger.decide(addresses, self._session.outcome(reply))

    # The content

    def send_data(self, content: bytes) -> Talk[None]:
        """After the 354."""
        if self._accepted:
            yield from self._complete(self.encoded(content))
        elif self._session.lmtp:
            # No recipient, so no reply would come (RFC 2033 §4.2), and none says where the session stands.
            raise RemoteProtocolError("354 in reply to DATA without recipients")
        else:
            yield Content(self.encoded(b""))  # RFC 2920 §3.1: a single dot, for nobody
            yield Listen("the end of data", times=2)

    def encoded(self, content: bytes) -> bytes:
        """RFC 5321 §4.5.2."""
        return encode_data(content)

    def send_chunks(self, content: bytes) -> Talk[None]:
        """BDAT, each chunk answered before the next (RFC 3030 §2)."""
        *chunks, last = [
            content[at : at + _CHUNK_OCTETS] for at in range(0, len(content) or 1, _CHUNK_OCTETS)
        ]
        for chunk in chunks:
            yield from self._put(b"BDAT %d\r\n" % len(chunk) + chunk)
            (reply,) = yield Listen("BDAT")
            if reply.klass != 2:
                self._hear(self._accepted, reply, "BDAT")
                if reply.code == CLOSING:
                    raise Closing(reply)
                return
        yield from self._complete(b"BDAT %d LAST\r\n" % len(last) + last)

    def _put(self, octets: bytes) -> Talk[None]:
        """Send what does not complete the message. A peer that stops it may have said why."""
        try:
            yield Content(octets)
        except ConnectionLost:
            (reply,) = yield Listen("the message")
            self._hear(self._accepted, reply, "a part of the message")
            raise

    def _complete(self, octets: bytes) -> Talk[None]:
        """Send the message, or the end of it, and hear what became of it."""
        if len(octets) > _LAST_OCTETS:
            yield from self._put(octets[:-_LAST_OCTETS])
        yield Doubt()
        try:
            with suppress(ConnectionLost):  # the reply, or its absence, tells more
                yield Content(octets[-_LAST_OCTETS:])
            yield from self._hear_final(self._accepted)
        except (TransportError, RemoteProtocolError) as exc:
            waiting = [address for address in self._accepted if address in self._ledger.open]
            self._ledger.decide(waiting, self._session.lost(exc), in_doubt=True)
            raise

    def _hear_final(self, waiting: Sequence[bytes]) -> Talk[None]:
        """One reply; in LMTP one for each accepted recipient, in their order (RFC 2033 §4.2)."""
        closing: Reply | None = None
        while waiting:
            most = len(waiting) if self._session.lmtp else 1
            for reply in (yield Listen("the message", most=most, times=2)):
                about = waiting[:1] if self._session.lmtp else waiting
                self._hear(about, reply, "the message", final=True)
                waiting = waiting[len(about) :]
                closing = reply if reply.code == CLOSING else closing
            self._ledger.flush()
        if closing is not None:
            raise Closing(closing)
