"""MAIL and RCPT: the envelope."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.wire.smtp.address import Mailbox, Path
from harness.wire.smtp.commands import Command, parse_mail, parse_rcpt
from harness.wire.smtp.states import Verb
from reference_server.mda.addresses import Addresses
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.hello import Hello
from reference_server.smtp.relaying import relays
from reference_server.smtp.roles import Role

__all__ = ["Recipient", "Transaction"]

_NEEDS_LOGIN: Final = frozenset({Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.BDAT, Verb.BDAT_LAST, Verb.VRFY})


@dataclass(frozen=True, slots=True)
class Recipient:
    """An accepted RCPT: the path as given, and its DSN parameters (RFC 3461 §4)."""

    path: Path
    parameters: Mapping[str, bytes | None]


@dataclass
class Transaction(Hello):
    """The reverse-path and the recipients that were accepted.

    Attributes:
        user: Who logged in, None for nobody, and by which mechanism of SASL.
        returned_by: The after-queue filter that gives the mail back here; ``""`` where it comes for the first time.
    """

    reverse_path: Path | None = None
    mail_parameters: Mapping[str, bytes | None] = field(default_factory=dict)
    recipients: list[Recipient] = field(default_factory=list)
    user: str | None = None
    mechanism: str = ""
    returned_by: str = ""

    def forget_transaction(self) -> None:
        """RFC 5321 §4.1.1.5: sender, recipients and content are discarded."""
        self.reverse_path = None
        self.mail_parameters = {}
        self.recipients = []

    def do_mail(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.2."""
        parsed = parse_mail(command.argument)
        if (refusal := self.check_parameters(parsed.parameters, self.mail_keywords())) is not None:
            return refusal
        if (refusal := self.check_size(parsed.parameters)) is not None:
            return refusal
        if (refusal := self.check_qualified(parsed.reverse_path)) is not None:
            return refusal
        self.reverse_path = parsed.reverse_path
        self.mail_parameters = parsed.parameters
        return answer(250, "2.1.0", "Sender OK")

    def mail_keywords(self) -> frozenset[str]:
        """The parameters that MAIL takes after EHLO; aiosmtpd refuses AUTH= (its issue 299)."""
        known = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID"}
        return frozenset(known | {"AUTH"} if self.role is Role.SUBMISSION else known)

    def rcpt_keywords(self) -> frozenset[str]:
        """The parameters that RCPT takes after EHLO."""
        return frozenset({"NOTIFY", "ORCPT"})

    def check_parameters(
        self, parameters: Mapping[str, bytes | None], known: frozenset[str]
    ) -> Answer | None:
        """RFC 5321 §4.1.1.11: 555 for a parameter that is not known, or not offered because of HELO."""
        for keyword in parameters:
            if keyword not in known or not self.extended:
                return answer(555, "5.5.4", f"Parameter {keyword} not recognized")
        return None

    def check_size(self, parameters: Mapping[str, bytes | None]) -> Answer | None:
        """RFC 1870 §6.1: a declared size above the limit is refused at MAIL."""
        if int(parameters.get("SIZE") or 0) > self.context.world.limits.message_octets:
            return answer(552, "5.3.4", "Message too large")
        return None

    def check_qualified(self, path: Path) -> Answer | None:
        """RFC 6409 §4.2: submission refuses a domain of one label; it has none to complete it with."""
        if self.role is not Role.SUBMISSION or path.mailbox is None:
            return None
        domain = path.mailbox.domain
        if domain.startswith(b"[") or b"." in domain:
            return None
        return answer(554, "5.1.8", "The sender's domain is not fully qualified")

    def do_rcpt(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.3; source routes are read and ignored (§3.3)."""
        parsed = parse_rcpt(command.argument, smtputf8="SMTPUTF8" in self.mail_parameters)
        if (refusal := self.check_parameters(parsed.parameters, self.rcpt_keywords())) is not None:
            return refusal
        if len(self.recipients) >= self.context.world.limits.recipients:
            return self.reply_to_too_many_recipients()
        mailbox = parsed.forward_path.mailbox
        if mailbox is None or not self.takes(mailbox):
            return self.reply_to_unknown_recipient(mailbox)
        self.recipients.append(Recipient(parsed.forward_path, parsed.parameters))
        return answer(250, "2.1.5", "Recipient OK")

    def takes(self, mailbox: Mailbox) -> bool:
        """Whether mail for an address is taken: it is somebody's here, or this host relays it.

        What a filter gives back was taken before.
        """
        if self.returned_by:
            return True
        domain = mailbox.domain.decode()
        if self.context.site.is_local(domain):
            return self.knows(mailbox)
        if self.context.site.is_backup_for(domain):
            return self.knows_elsewhere(mailbox)
        return self.may_relay(mailbox)

    def knows(self, mailbox: Mailbox) -> bool:
        """Whether it is somebody's here; every quoted spelling of a local part is the same (RFC 5321 §4.1.2)."""
        local_part, domain = mailbox.local_part.decode(), mailbox.domain.decode()
        return Addresses(self.context.site).knows(local_part, domain)

    def knows_elsewhere(self, mailbox: Mailbox) -> bool:
        """A backup refuses whom the domain's own host would refuse: what it took it would have to bounce."""
        domain = self.context.world.domain(mailbox.domain.decode())
        if domain is None:
            return False
        local_part = mailbox.local_part.decode()
        return Addresses(self.context.site).lookup(domain, local_part) is not None

    def may_relay(self, mailbox: Mailbox) -> bool:
        """Whether mail of this client goes on to other hosts (RFC 5321 §3.6.2, §7.9)."""
        return relays(self.context.site, peer=self.peer, user=self.user)

    def reply_to_too_many_recipients(self) -> Answer:
        """RFC 5321 §4.5.3.1.10: 452."""
        return answer(452, "4.5.3", "Too many recipients")

    def reply_to_unknown_recipient(self, mailbox: Mailbox | None) -> Answer:
        """RFC 5321 §3.3: 550, whatever the reason; the enhanced code says which."""
        if mailbox is None or self.is_known_domain(mailbox.domain.decode()):
            return answer(550, "5.1.1", "No such user here")
        return answer(550, "5.7.1", "Relaying denied")

    def is_known_domain(self, domain: str) -> bool:
        """Whether mail for the domain is taken for somebody, by this host or for another."""
        return self.context.site.is_local(domain) or self.context.site.is_backup_for(domain)

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        """RFC 4954 §6 and RFC 6409 §4.3: on submission nothing but the session's own commands before login."""
        if self.login_due() and verb in _NEEDS_LOGIN:
            return self.reply_to_login_due() if self.tls else self.reply_to_tls_due()
        return super().refusal_before(verb, command)

    def reply_to_login_due(self) -> Answer:
        """RFC 4954 §6."""
        return answer(530, "5.7.0", "Authentication required")

    def reply_to_tls_due(self) -> Answer:
        """RFC 3207 §4."""
        return answer(530, "5.7.0", "Must issue a STARTTLS command first")

    def login_due(self) -> bool:
        raise NotImplementedError
