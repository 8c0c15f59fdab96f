"""What a sending SMTP or LMTP client says, and what it makes of the replies; without any I/O."""

from collections.abc import Mapping
from typing import Final

from harness.errors import RemoteProtocolError, TransportError
from reference_server.envelope import Envelope
from reference_server.relay.fitting import Fitted, Fitting, Unfit
from reference_server.relay.model import Fate, Outcome
from reference_server.relay.session import Session
from reference_server.relay.talk import Closing, Record, Talk
from reference_server.relay.transaction import Ledger, Transaction

__all__ = ["Dialogue"]


class Dialogue(Session):
    """A session that hands messages over, one after the other.

    A fault is a subclass; what it changes about messages goes into a `fitting` or `transaction` of its own.

    Attributes:
        prefer_chunks: BDAT is used where it is offered, not only where the content needs it.
    """

    fitting: type[Fitting] = Fitting
    transaction: type[Transaction] = Transaction
    prefer_chunks = False

    def transact(self, envelope: Envelope, content: bytes, record: Record) -> Talk[Mapping[bytes, Outcome]]:
        """Hand one message over, in as many transactions as the peer needs for its recipients.

        Args:
            record: Told of recipients as soon as it is certain what became of them: taken, failed, or deferred while
                the peer may have the message. Called before anything else is awaited.

        Returns:
            The recipients that surely were not taken, each with the reason: another host may be asked.

        Each recipient is recorded or returned, once. Trouble with the peer ends the session and raises nothing.
        """
        ledger = Ledger({recipient.address: None for recipient in envelope.recipients}, record)
        fitted = self._fit(envelope, content, ledger)
        try:
            while ledger.open:
                yield from self.transaction(self, fitted, ledger).run()
        except Closing as exc:
            self.alive = False
            ledger.decide(ledger.open, self.outcome(exc.reply))
        except (TransportError, RemoteProtocolError) as exc:
            self.alive = False
            ledger.decide(ledger.open, self.lost(exc))
        return ledger.put_off

    def _fit(self, envelope: Envelope, content: bytes, ledger: Ledger) -> Fitted:
        """The message for this peer; who cannot be served by it is settled."""
        try:
            fitted = self.fitting(self.extensions, prefer_chunks=self.prefer_chunks).fit(envelope, content)
        except Unfit as why:
            ledger.decide(ledger.open, self._unfit(why))
            fitted = _NOTHING
        for address, unfit in fitted.unfit.items():
            ledger.decide([address], self._unfit(unfit))
        ledger.flush()
        return fitted

    def _unfit(self, why: Unfit) -> Outcome:
        return Outcome(Fate.FAILED, why.status, why.reason, self.remote)


_NOTHING: Final = Fitted(b"", {}, {}, b"")
