"""Deviations in whom a server relays for, and in what it sends back (RFC 2505 §2.1, RFC 5321 §6.2)."""

import re
from collections.abc import Mapping
from dataclasses import replace

from harness.wire.smtp.address import Mailbox
from harness.wire.smtp.commands import Command
from reference_server.faults import fault
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.plan import Refusal
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer
from reference_server.smtp.roles import Role
from reference_server.smtp.transaction import Recipient

_HACK = re.compile(rb"<([^<>@%\"]+)%([^<>@%]+)@[^<>@%]+>")


@fault("relay.open-to-all")
class OpenToAll(SmtpSession):
    """The MX relays for everybody."""

    def may_relay(self, mailbox: Mailbox) -> bool:
        return self.role is Role.MX or super().may_relay(mailbox)


@fault("relay.claimed-sender-relays")
class ClaimedSenderRelays(SmtpSession):
    """The MX relays for everybody who gives a local domain in MAIL."""

    def may_relay(self, mailbox: Mailbox) -> bool:
        claimed = self.reverse_path.mailbox if self.reverse_path is not None else None
        local = claimed is not None and self.is_known_domain(claimed.domain.decode())
        return local or super().may_relay(mailbox)


@fault("relay.percent-hack")
class PercentHack(SmtpSession):
    """Mail for ``user%elsewhere@here`` is relayed to ``user@elsewhere``."""

    _follows = False

    def do_rcpt(self, command: Command) -> Answer:
        found = _HACK.fullmatch(command.argument.partition(b":")[2])
        if found is None or self.role is not Role.MX:
            return super().do_rcpt(command)
        self._follows = True
        try:
            return super().do_rcpt(replace(command, argument=b"TO:<%s@%s>" % found.groups()))
        finally:
            self._follows = False

    def may_relay(self, mailbox: Mailbox) -> bool:
        return self._follows or super().may_relay(mailbox)


@fault("relay.tls-relays")
class TlsRelays(SmtpSession):
    """The MX relays for everybody who uses TLS."""

    def may_relay(self, mailbox: Mailbox) -> bool:
        return (self.tls and self.role is Role.MX) or super().may_relay(mailbox)


@fault("relay.failed-login-relays")
class FailedLoginRelays(SmtpSession):
    """Who has tried to log in is not asked again."""

    _tried = False

    def reply_to_wrong_credentials(self) -> Answer:
        self._tried = True
        return super().reply_to_wrong_credentials()

    def login_due(self) -> bool:
        return super().login_due() and not self._tried

    def may_relay(self, mailbox: Mailbox) -> bool:
        return self._tried or super().may_relay(mailbox)


@fault("relay.submission-without-login")
class SubmissionWithoutLogin(SmtpSession):
    """Submission takes mail from everybody, to everybody."""

    def login_due(self) -> bool:
        return False

    def may_relay(self, mailbox: Mailbox) -> bool:
        return self.role is Role.SUBMISSION or super().may_relay(mailbox)


@fault("relay.null-sender-refused")
class NullSenderRefused(SmtpSession):
    """MAIL FROM:<> is refused."""

    def do_mail(self, command: Command) -> Answer:
        reply = super().do_mail(command)
        if reply.klass != 2 or self.reverse_path is None or self.reverse_path.mailbox is not None:
            return reply
        return Answer(550, ("Give a sender",), "5.1.7")


class _TakesUnknown(SmtpSession):
    """Every local part of a local domain is taken."""

    def knows(self, mailbox: Mailbox) -> bool:
        return True


@fault("relay.unknown-taken-at-rcpt")
class UnknownTakenAtRcpt(_TakesUnknown):
    """RCPT is accepted for nobody; the end of data says so."""


@fault("relay.unknown-bounces")
class UnknownBounces(_TakesUnknown):
    """Mail for nobody is accepted, and a notification goes to the sender."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        refused = super().deliver(recipients, content)
        acceptance = self.context.variant(Acceptance)(self.context)
        plan = acceptance.plan(self.envelope(recipients), content)
        with self.context.store.transaction():
            acceptance.report(plan, {address: refusal.outcome for address, refusal in refused.items()})
        return {}
