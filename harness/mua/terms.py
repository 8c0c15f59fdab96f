"""On which terms we talk to a server: TLS or not, who logs in and how."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from ssl import SSLContext, create_default_context

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import MailproofError
from harness.target import Account, Endpoint, Limits
from harness.wire.smtp.replies import Reply

__all__ = ["AuthMode", "Declined", "Terms", "TlsMode", "connect", "is_loopback"]


class TlsMode(StrEnum):
    """What is asked of TLS.

    `AUTO`: what the endpoint implies, and STARTTLS where it is offered. `REQUIRE`: either of the two, or nothing is
    sent. `STARTTLS`, `IMPLICIT` and `NONE` force one way, whatever the endpoint implies.
    """

    AUTO = "auto"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"
    REQUIRE = "require"


class AuthMode(StrEnum):
    """How one logs in. `AUTO`: by what is offered, and never with a password in the clear over a network."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    NONE = "none"


class Declined(MailproofError):
    """A server, or our own terms, said no.

    Attributes:
        stage: What was said no to: ``greeting``, ``EHLO``, ``STARTTLS``, ``AUTH`` …
        reply: The server's own; None where the no is ours.
    """

    def __init__(self, where: str, stage: str, problem: str, reply: Reply | None = None) -> None:
        self.where = where
        self.stage = stage
        self.problem = problem
        self.reply = reply
        super().__init__(f"{where}: {problem}")


@dataclass(frozen=True, slots=True)
class Terms:
    """How to connect and log in.

    Attributes:
        mechanism: By which SASL mechanism, whatever is offered; ``""`` for the strongest that is.
        account: Who logs in; None for nobody.
        certificate: TLS shows a client certificate.
        context: What certificates are held against; default: the system's authorities.
        server_name: The name a certificate must carry; None for the endpoint's host.
        record: Makes the transcript of a connection from its label; one that shows what it is given is fine.
    """

    context: SSLContext = field(default_factory=create_default_context, repr=False)
    tls: TlsMode = TlsMode.AUTO
    auth: AuthMode = AuthMode.AUTO
    mechanism: str = ""
    account: Account | None = None
    certificate: bool = False
    server_name: str | None = None
    timeout_s: float = Limits.timeout_s
    record: Callable[[str], Transcript] = Transcript

    def implicit(self, endpoint: Endpoint) -> bool:
        """Whether TLS starts with the connection."""
        if self.tls in {TlsMode.AUTO, TlsMode.REQUIRE}:
            return endpoint.implicit_tls
        return self.tls is TlsMode.IMPLICIT

    def wants_starttls(self, transport: Transport, endpoint: Endpoint, *, offered: bool) -> bool:
        """Whether to start TLS now, in a session that offers it or not.

        Raises:
            Declined: It is asked for and not to be had.
        """
        if transport.tls or self.tls is TlsMode.NONE:
            return False
        if not offered and self.tls is not TlsMode.AUTO:
            raise Declined(str(endpoint), "STARTTLS", f"TLS is asked for (--tls {self.tls}) and not offered")
        return offered

    def login(self, transport: Transport, endpoint: Endpoint) -> Account | None:
        """Who is to log in by showing the password, None for nobody.

        Raises:
            Declined: The password would go over a network in the clear, and nobody asked for that.
        """
        if self.account is None or self.auth is AuthMode.NONE:
            return None
        if self.auth is AuthMode.AUTO and not transport.tls and not is_loopback(endpoint.host):
            raise Declined(
                str(endpoint),
                "AUTH",
                "no TLS, so the password is not sent; force it with --auth plain, or log in as nobody "
                "with --auth none",
            )
        return self.account

    def name_of(self, endpoint: Endpoint) -> str:
        """The name that the certificate at this endpoint must carry."""
        return self.server_name or endpoint.host


def connect(endpoint: Endpoint, terms: Terms) -> Transport:
    """A connection on these terms, greeting unread. Raises `ConnectFailed`, `TlsFailed`."""
    return Transport.connect(
        endpoint,
        timeout_s=terms.timeout_s,
        transcript=terms.record(str(endpoint)),
        tls_context=terms.context if terms.implicit(endpoint) else None,
        server_hostname=terms.name_of(endpoint),
    )


def is_loopback(host: str) -> bool:
    """Whether a host, as an endpoint names it, is this one."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
