"""Who a message goes to by SMTP, and what became of it for each of them."""

from dataclasses import dataclass
from enum import StrEnum

from harness.wire.smtp.address import Mailbox
from harness.wire.smtp.replies import Reply
from harness.wire.smtp.xtext import encode_xtext

__all__ = ["Envelope", "Fate", "Outcome"]


class Fate(StrEnum):
    """What became of a message for one recipient."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"  # nobody decided: no connection, or it broke


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went for one recipient.

    Attributes:
        server: Who decided: the endpoint, or ``""`` where nobody was asked.
        stage: What decided: a command, ``greeting``, ``content``, ``connect``, ``DNS`` …
        reply: The reply that decided; None where none did, and `problem` says why.
    """

    recipient: Mailbox
    fate: Fate
    server: str
    stage: str
    reply: Reply | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SMTP envelope (RFC 5321 §2.3.1).

    Attributes:
        reverse_path: None for the null reverse-path.
        smtputf8: The content needs it (RFC 6531 §3.4).
        mail_parameters: As on the wire, ``RET=HDRS``; one given here takes the place of ours of that keyword.
        rcpt_parameters: The same, for every recipient.
        notify: When to be told what became of it, ``SUCCESS,DELAY`` (RFC 3461 §4.1); empty to leave it to the server.
    """

    reverse_path: Mailbox | None
    recipients: tuple[Mailbox, ...]
    smtputf8: bool = False
    mail_parameters: tuple[bytes, ...] = ()
    rcpt_parameters: tuple[bytes, ...] = ()
    notify: bytes = b""

    @property
    def needs_smtputf8(self) -> bool:
        everybody = [*self.recipients, *filter(None, [self.reverse_path])]
        return self.smtputf8 or any(mailbox.needs_smtputf8 for mailbox in everybody)

    def parameters_for(self, recipient: Mailbox) -> tuple[bytes, ...]:
        """The parameters of RCPT for one recipient; NOTIFY goes with the ORCPT of RFC 3461 §4.2."""
        if not self.notify:
            return self.rcpt_parameters
        address = recipient.encode()
        original = (b"ORCPT=rfc822;" + encode_xtext(address),) if address.isascii() else ()
        return (b"NOTIFY=" + self.notify, *original, *self.rcpt_parameters)
