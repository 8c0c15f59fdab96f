"""Deviations of MAIL and RCPT: addresses, case, sizes."""

import re

from harness.wire.smtp.address import Mailbox
from harness.wire.smtp.commands import Command
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer


@fault("smtp.quoted-sender-gets-553")
class QuotedSenderGets553(SmtpSession):
    """A quoted local part in MAIL is answered 553."""

    def do_mail(self, command: Command) -> Answer:
        if command.argument.upper().startswith(b'FROM:<"'):
            return answer(553, "5.1.7", "No quotes, please")
        return super().do_mail(command)


@fault("smtp.control-characters-taken")
class ControlCharactersTaken(SmtpSession):
    """Control characters in a command are passed over."""

    def command_line(self, line: bytes) -> None:
        super().command_line(re.sub(rb"[\0-\10\13-\37\177]", b"", line))


@fault("smtp.eight-bit-commands-taken")
class EightBitCommandsTaken(SmtpSession):
    """Octets above 127 in an address are passed over where SMTPUTF8 is not offered."""

    def do_mail(self, command: Command) -> Answer:
        if self.extended:
            return super().do_mail(command)
        ascii_only = re.sub(rb"[\200-\377]", b"x", command.argument)
        return super().do_mail(Command(command.verb, ascii_only, command.offset))


@fault("smtp.unknown-parameters-ignored")
class UnknownParametersIgnored(SmtpSession):
    """Parameters nobody knows are passed over."""

    def mail_keywords(self) -> frozenset[str]:
        return _Everything()

    def rcpt_keywords(self) -> frozenset[str]:
        return _Everything()


class _Everything(frozenset[str]):
    def __contains__(self, member: object) -> bool:
        return True


@fault("smtp.source-route-gets-501")
class SourceRouteGets501(SmtpSession):
    """A source route is a syntax error."""

    def do_rcpt(self, command: Command) -> Answer:
        if command.argument.startswith(b"TO:<@"):
            return answer(501, "5.1.3", "Bad recipient address syntax")
        return super().do_rcpt(command)


@fault("smtp.source-route-gets-550")
class SourceRouteGets550(SmtpSession):
    """A source route is refused as policy."""

    def do_rcpt(self, command: Command) -> Answer:
        if command.argument.startswith(b"TO:<@"):
            return answer(550, "5.7.1", "No source routes")
        return super().do_rcpt(command)


@fault("smtp.postmaster-needs-domain")
class PostmasterNeedsDomain(SmtpSession):
    """RCPT TO:<Postmaster> is refused."""

    def takes(self, mailbox: Mailbox) -> bool:
        return bool(mailbox.domain) and super().takes(mailbox)

    def reply_to_unknown_recipient(self, mailbox: Mailbox | None) -> Answer:
        return answer(550, "5.1.1", "No such user here")


@fault("smtp.postmaster-in-lower-case-only")
class PostmasterInLowerCaseOnly(SmtpSession):
    """postmaster with a domain is known in lower case only."""

    def takes(self, mailbox: Mailbox) -> bool:
        if mailbox.domain and mailbox.local_part.lower() == b"postmaster" != mailbox.local_part:
            return False
        return super().takes(mailbox)


@fault("smtp.quoted-recipient-gets-550")
class QuotedRecipientGets550(SmtpSession):
    """A recipient in quotes is nobody."""

    def do_rcpt(self, command: Command) -> Answer:
        if command.argument.upper().startswith(b'TO:<"'):
            return answer(550, "5.1.1", "No such user here")
        return super().do_rcpt(command)


@fault("smtp.relaying-gets-554")
class RelayingGets554(SmtpSession):
    """Relaying is refused by 554."""

    def reply_to_unknown_recipient(self, mailbox: Mailbox | None) -> Answer:
        if mailbox is not None and not self.is_known_domain(mailbox.domain.decode()):
            return answer(554, "5.7.1", "Relaying denied")
        return super().reply_to_unknown_recipient(mailbox)


# Case


@fault("smtp.verbs-in-upper-case-only")
class VerbsInUpperCaseOnly(SmtpSession):
    """A verb without arguments that is not in upper case is unknown."""

    def command_line(self, line: bytes) -> None:
        verb = line.partition(b" ")[0]
        if verb != verb.upper() and verb.upper() not in (b"MAIL", b"RCPT"):
            self.say(answer(500, "5.5.1", "Command not recognized"))
            return
        super().command_line(line)


@fault("smtp.labels-in-upper-case-only")
class LabelsInUpperCaseOnly(SmtpSession):
    """FROM: is known in upper case only."""

    def do_mail(self, command: Command) -> Answer:
        if not command.argument.startswith(b"FROM:"):
            return answer(501, "5.5.4", "FROM: expected")
        return super().do_mail(command)


@fault("smtp.keywords-in-upper-case-only")
class KeywordsInUpperCaseOnly(SmtpSession):
    """A parameter of MAIL that is not in upper case is unknown."""

    def do_mail(self, command: Command) -> Answer:
        if re.search(rb"> [A-Z]*[a-z]", command.argument):
            return answer(555, "5.5.4", "Parameter not recognized")
        return super().do_mail(command)


@fault("smtp.domains-in-lower-case-only")
class DomainsInLowerCaseOnly(SmtpSession):
    """A domain with capitals is not ours."""

    def takes(self, mailbox: Mailbox) -> bool:
        return mailbox.domain == mailbox.domain.lower() and super().takes(mailbox)


# Sizes


@fault("smtp.local-part-of-63-octets")
class LocalPartOf63Octets(SmtpSession):
    """A local part of 64 octets in front of a short domain is refused."""

    def do_mail(self, command: Command) -> Answer:
        local_part, _, domain = command.argument.partition(b"@")
        if len(local_part) - len(b"FROM:<") > 63 and len(domain) < 60:
            return answer(501, "5.1.7", "Local part too long")
        return super().do_mail(command)


@fault("smtp.path-of-255-octets")
class PathOf255Octets(SmtpSession):
    """A path of 256 octets is refused."""

    def do_mail(self, command: Command) -> Answer:
        if len(command.argument.partition(b" ")[0]) - len(b"FROM:") > 255:
            return answer(501, "5.1.7", "Path too long")
        return super().do_mail(command)


@fault("smtp.command-line-of-511-octets")
class CommandLineOf511Octets(SmtpSession):
    """A NOOP of 512 octets is refused."""

    def do_noop(self, command: Command) -> Answer:
        if len(command.argument) + len(b"NOOP \r\n") > 511:
            return answer(500, "5.5.2", "Line too long")
        return super().do_noop(command)


@fault("smtp.99-recipients")
class NinetyNineRecipients(SmtpSession):
    """The hundredth recipient is answered 452."""

    def do_rcpt(self, command: Command) -> Answer:
        if len(self.recipients) == 99:
            return self.reply_to_too_many_recipients()
        return super().do_rcpt(command)


@fault("smtp.too-many-recipients-get-451")
class TooManyRecipientsGet451(SmtpSession):
    """Recipients beyond the limit are answered 451."""

    def reply_to_too_many_recipients(self) -> Answer:
        return answer(451, "4.5.3", "Too many recipients")
