"""Deviations of IMAP's login: LOGIN, AUTHENTICATE, STARTTLS; and of ENABLE."""

from typing import Final

from harness.wire import sasl
from harness.wire.imap.commands import Authenticate, Command, Enable, NoArguments
from reference_server.faults import fault
from reference_server.imap.answers import Completion, bad, no, ok
from reference_server.imap.session import ImapSession
from reference_server.sasl.login import Refused

# ENABLE's names as RFCs and clients write them.
_SPELLED: Final = frozenset({b"CONDSTORE", b"IMAP4rev2", b"IMAP4REV2", b"QRESYNC"})


class _LetsAnybodyIn(ImapSession):
    def let_in(self) -> Completion:
        self.user = self.context.site.users[0].name
        return ok("Logged in")

    def is_known(self, refused: Refused) -> bool:
        user = refused.user.partition("@")[0]
        return user in {known.name for known in self.context.site.users}

    @property
    def by_mechanism(self) -> bool:
        """Whether the client logs in by AUTHENTICATE."""
        return self._exchange is not None


@fault("imap.login-without-literals")
class LoginWithoutLiterals(ImapSession):
    """LOGIN takes no literals."""

    def command_octets(self, octets: bytes) -> None:
        tag, _, rest = octets.partition(b" ")
        if rest.upper().startswith(b"LOGIN ") and b"}\r\n" in rest:
            self.say(tag + b" NO Wrong user or password\r\n")
            return
        super().command_octets(octets)


@fault("imap.login-of-anybody")
class LoginOfAnybody(_LetsAnybodyIn):
    """LOGIN succeeds with any password."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Completion:
        return super().reply_to_wrong_credentials(refused) if self.by_mechanism else self.let_in()


@fault("imap.login-names-the-user")
class LoginNamesTheUser(_LetsAnybodyIn):
    """LOGIN says that there is no such user."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Completion:
        if self.by_mechanism or self.is_known(refused):
            return super().reply_to_wrong_credentials(refused)
        return Completion("NO", "There is no such user", "AUTHENTICATIONFAILED")


@fault("imap.logindisabled-and-login")
class LogindisabledAndLogin(ImapSession):
    """LOGINDISABLED is listed, and LOGIN works all the same."""

    def capabilities(self) -> list[str]:
        return super().capabilities() + ([] if self.user or self.tls else ["LOGINDISABLED"])


@fault("imap.plain-fails")
class PlainFails(ImapSession):
    """AUTHENTICATE fails with true credentials."""

    def auth_step(
        self, command: Command, exchange: sasl.ServerMechanism, response: bytes | None
    ) -> Completion | None:
        if response is not None:
            raise no("Wrong user or password", "AUTHENTICATIONFAILED")
        return super().auth_step(command, exchange, response)


@fault("imap.authenticate-anybody")
class AuthenticateAnybody(_LetsAnybodyIn):
    """AUTHENTICATE succeeds with any password."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Completion:
        return self.let_in() if self.by_mechanism else super().reply_to_wrong_credentials(refused)


@fault("imap.authenticate-names-the-user")
class AuthenticateNamesTheUser(_LetsAnybodyIn):
    """AUTHENTICATE says that there is no such user."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Completion:
        if self.by_mechanism and not self.is_known(refused):
            return Completion("NO", "There is no such user", "AUTHENTICATIONFAILED")
        return super().reply_to_wrong_credentials(refused)


@fault("imap.unknown-mechanism-is-bad")
class UnknownMechanismIsBad(ImapSession):
    """AUTHENTICATE with an unknown mechanism gets BAD."""

    def reply_to_unknown_mechanism(self, arguments: Authenticate) -> Completion:
        return Completion("BAD", "Mechanism not known")


@fault("imap.cancel-gets-no")
class CancelGetsNo(ImapSession):
    """A cancelled AUTHENTICATE gets NO."""

    def reply_to_cancel(self) -> Completion:
        return Completion("NO", "Authentication cancelled")


@fault("imap.unasked-response-gets-no")
class UnaskedResponseGetsNo(ImapSession):
    """CRAM-MD5 with an initial response gets NO."""

    def reply_to_unasked_response(self) -> Completion:
        return Completion("NO", "The mechanism takes no initial response")


@fault("imap.no-base64-gets-no")
class NoBase64GetsNo(ImapSession):
    """A response that is no base64 gets NO."""

    def reply_to_bad_response(self, exc: sasl.SaslError) -> Completion:
        return Completion("NO", "The response cannot be read")


@fault("imap.hides-auth-login")
class HidesAuthLogin(ImapSession):
    """AUTH=LOGIN works and is not listed."""

    def capabilities(self) -> list[str]:
        return [name for name in super().capabilities() if name != "AUTH=LOGIN"]


# STARTTLS


@fault("imap.starttls-fails")
class StarttlsFails(ImapSession):
    """STARTTLS is listed and gets NO."""

    def do_starttls(self, command: Command, arguments: NoArguments) -> Completion:
        if not self.tls:
            raise no("TLS is not available")
        return super().do_starttls(command, arguments)


@fault("imap.runs-cleartext-inside-tls")
class RunsCleartextInsideTls(ImapSession):
    """What came in the clear behind STARTTLS is run inside TLS."""

    def discard_plaintext(self) -> None:
        pass


@fault("imap.lists-starttls-inside-tls")
class ListsStarttlsInsideTls(ImapSession):
    """Inside TLS STARTTLS is listed still."""

    def capabilities(self) -> list[str]:
        return super().capabilities() + (["STARTTLS"] if self.tls and not self.user else [])


@fault("imap.starttls-twice")
class StarttlsTwice(ImapSession):
    """STARTTLS inside TLS is answered OK."""

    def do_starttls(self, command: Command, arguments: NoArguments) -> Completion:
        return ok("TLS is active already") if self.tls else super().do_starttls(command, arguments)


@fault("imap.starttls-gets-no-inside-tls")
class StarttlsGetsNoInsideTls(ImapSession):
    """STARTTLS inside TLS gets NO."""

    def do_starttls(self, command: Command, arguments: NoArguments) -> Completion:
        if self.tls:
            raise no("TLS is active already")
        return super().do_starttls(command, arguments)


# ENABLE


@fault("imap.enable-refuses-strangers")
class EnableRefusesStrangers(ImapSession):
    """ENABLE with an unknown name gets BAD."""

    def do_enable(self, command: Command, arguments: Enable) -> Completion:
        if any(name.startswith("X") for name in arguments.capabilities):
            raise bad("No such extension")
        return super().do_enable(command, arguments)


@fault("imap.enable-takes-idle")
class EnableTakesIdle(ImapSession):
    """ENABLE says that it has switched on what needs no switching on."""

    def enables(self) -> dict[str, str]:
        return super().enables() | {
            name: name for name in ("IDLE", "NAMESPACE", "IMAP4REV1", "ID", "LITERAL+")
        }


@fault("imap.enable-in-capitals")
class EnableInCapitals(ImapSession):
    """ENABLE knows a name in its usual spelling only."""

    def command_octets(self, octets: bytes) -> None:
        tag, _, rest = octets.partition(b" ")
        verb, _, names = rest.partition(b" ")
        if verb.upper() == b"ENABLE" and not _SPELLED.issuperset(names.split()):
            octets = tag + b" ENABLE XNOTHING"
        super().command_octets(octets)


@fault("imap.capability-after-enable")
class CapabilityAfterEnable(ImapSession):
    """CAPABILITY changes with ENABLE."""

    def extensions(self) -> list[str]:
        return super().extensions() + [f"X{name}" for name in sorted(self.enabled)]


@fault("imap.enabled-repeats")
class EnabledRepeats(ImapSession):
    """ENABLED names what earlier commands have enabled as well."""

    def do_enable(self, command: Command, arguments: Enable) -> Completion:
        before, self.enabled = self.enabled, set()
        completion = super().do_enable(command, Enable((*sorted(before), *arguments.capabilities)))
        self.enabled |= before
        return completion


@fault("imap.bad-initial-response-gets-no")
class BadInitialResponseGetsNo(ImapSession):
    """An initial response that is no base64 gets NO."""

    def do_authenticate(self, command: Command, arguments: Authenticate) -> Completion | None:
        completion = super().do_authenticate(command, arguments)
        refused = arguments.initial is not None and completion is not None and completion.status == "BAD"
        return Completion("NO", "The response cannot be read") if refused else completion
