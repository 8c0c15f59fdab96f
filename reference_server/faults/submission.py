"""Faults of submission and of TLS: what RFC 6409, RFC 3207 and RFC 8314 ask for, broken."""

import functools
import socket
import ssl
import warnings
from dataclasses import replace

from harness.wire.smtp.address import Mailbox, Path
from harness.wire.smtp.commands import Command
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.states import Verb
from reference_server.faults import fault
from reference_server.smtp.carrier import Carrier
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession
from reference_server.smtp.transaction import Recipient
from reference_server.tls import CertificateAuthority


@fault("submission.null-reverse-path-refused")
class NullReversePathRefused(SmtpSession):
    """Users are refused MAIL FROM:<>."""

    def check_qualified(self, path: Path) -> Answer | None:
        if self.role is Role.SUBMISSION and path.mailbox is None:
            return answer(550, "5.1.0", "A sender is required")
        return super().check_qualified(path)


@fault("submission.unqualified-sender")
class UnqualifiedSender(SmtpSession):
    """A sender's domain of one label is taken and kept."""

    def check_qualified(self, path: Path) -> Answer | None:
        return None


@fault("submission.relay-without-login")
class RelayWithoutLogin(SmtpSession):
    """Submission takes mail for anywhere from anybody."""

    def login_due(self) -> bool:
        return False

    def may_relay(self, mailbox: Mailbox) -> bool:
        return True


@fault("submission.bad-sender-taken")
class BadSenderTaken(SmtpSession):
    """MAIL from a user is taken whatever stands in it."""

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        if self.role is Role.SUBMISSION and verb is Verb.MAIL:
            return answer(250, "2.1.0", "Sender OK")
        return super().reply_to_bad_argument(verb, exc)


class _Without(SmtpSession):
    """Does not offer one extension to users."""

    keyword = ""

    def extensions(self) -> dict[str, str]:
        offered = super().extensions()
        if self.role is Role.SUBMISSION:
            offered.pop(self.keyword, None)
        return offered


@fault("submission.no-enhanced-codes")
class NoEnhancedCodes(_Without):
    """Submission does not offer ENHANCEDSTATUSCODES."""

    keyword = "ENHANCEDSTATUSCODES"


@fault("submission.no-pipelining")
class NoPipelining(_Without):
    """Submission does not offer PIPELINING."""

    keyword = "PIPELINING"


@fault("submission.no-auth")
class NoAuth(_Without):
    """Submission does not offer AUTH."""

    keyword = "AUTH"


@fault("submission.message-id-not-added")
class MessageIdNotAdded(SmtpSession):
    """A submitted message without Message-ID stays without."""

    def message_id_field(self) -> bytes:
        return b""


@fault("submission.no-received-field")
class NoReceivedField(SmtpSession):
    """A submitted message gets no Received field."""

    def received_field(self, recipients: list[Recipient]) -> bytes:
        return b"" if self.role is Role.SUBMISSION else super().received_field(recipients)


@fault("submission.received-with-esmtps")
class ReceivedWithEsmtps(SmtpSession):
    """The Received field does not tell of the login."""

    def with_protocol(self) -> str:
        return super().with_protocol().removesuffix("A")


@fault("submission.starttls-answered-250")
class StarttlsAnswered250(SmtpSession):
    """STARTTLS on the submission port is answered 250, and TLS starts all the same."""

    def do_starttls(self, command: Command) -> Answer:
        reply = super().do_starttls(command)
        return replace(reply, code=250) if self.wants_tls and self.role is Role.SUBMISSION else reply


@fault("submission.login-outlives-starttls")
class LoginOutlivesStarttls(SmtpSession):
    """A login in the clear is offered, and still counts inside TLS."""

    def auth_allowed(self) -> bool:
        return self.role is Role.SUBMISSION

    def forget_client(self) -> None:
        user = self.user
        super().forget_client()
        self.user = user


@fault("submission.starttls-listed-inside-tls")
class StarttlsListedInsideTls(SmtpSession):
    """EHLO inside TLS still lists STARTTLS to users."""

    def extensions(self) -> dict[str, str]:
        offered = super().extensions()
        return {**offered, "STARTTLS": ""} if self.role is Role.SUBMISSION else offered


@fault("submission.octets-behind-starttls-kept")
class OctetsBehindStarttlsKept(SmtpSession):
    """Commands that came in the clear behind STARTTLS are run inside TLS."""

    def discard_plaintext(self) -> None:
        if self.role is not Role.SUBMISSION:
            super().discard_plaintext()


@fault("submission.tls-due-550")
class TlsDue550(SmtpSession):
    """What needs TLS first is answered 550."""

    def reply_to_tls_due(self) -> Answer:
        return answer(550, "5.7.0", "Must issue a STARTTLS command first")


@fault("submission.tls-due-5.7.1")
class TlsDue571(SmtpSession):
    """What needs TLS first gets the enhanced code 5.7.1."""

    def reply_to_tls_due(self) -> Answer:
        return answer(530, "5.7.1", "Must issue a STARTTLS command first")


@fault("submission.no-service-under-implicit-tls")
class NoServiceUnderImplicitTls(SmtpSession):
    """The port of implicit TLS greets with 554."""

    def greet(self) -> bytes:
        return self.encode(answer(554, "", "No service here")) if self.tls else super().greet()


@fault("submission.tls-cut-off")
class TlsCutOff(Carrier):
    """TLS connections end without close_notify."""

    def end_of_connection(self) -> None:
        if self._writer.get_extra_info("ssl_object") is not None:
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        super().end_of_connection()


@fault("submission.starttls-listed-in-vain")
class StarttlsListedInVain(SmtpSession):
    """The MX lists STARTTLS and answers 454 to it."""

    def do_starttls(self, command: Command) -> Answer:
        if self.role is Role.MX:
            return answer(454, "4.7.0", "TLS is not available")
        return super().do_starttls(command)


@functools.cache
def _old_tls() -> ssl.SSLContext:
    context = CertificateAuthority().context("localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # What Python deprecates is what the fault is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@fault("submission.old-tls-only")
class OldTlsOnly(Carrier):
    """STARTTLS leads to TLS 1.0 or 1.1 and no newer."""

    async def _start_tls(self, dialogue: SmtpSession) -> None:
        self._tls = _old_tls()
        await super()._start_tls(dialogue)
