"""Running worlds with TLS settings, and clients of three protocols that look at what they are shown."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.clients.imap import ImapClient
from harness.clients.pop3 import Pop3Client
from harness.clients.smtp import SmtpClient
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.target import Protocol
from harness.tls import TlsContext, facts_of
from harness.wire.tls import TlsFacts
from reference_server import ONE_SERVER, Server
from reference_server.tls import CertificateAuthority, CertificateSource, TlsSettings


@dataclass
class Session:
    """One that goes on: its transport, and whether somebody is still there."""

    transport: Transport
    is_alive: Callable[[], bool]


def start_smtp(transport: Transport, context: ssl.SSLContext, name: str) -> Session:
    client = SmtpClient(transport, timeout_s=10)
    client.read_greeting()
    client.starttls(context, name)
    return Session(transport, lambda: client.ehlo(b"[127.0.0.1]").klass == 2)


def start_pop3(transport: Transport, context: ssl.SSLContext, name: str) -> Session:
    client = Pop3Client(transport, timeout_s=10)
    client.read_greeting()
    client.stls(context, name)
    return Session(transport, lambda: "UIDL" in client.capa())


def start_imap(transport: Transport, context: ssl.SSLContext, name: str) -> Session:
    client = ImapClient(transport, timeout_s=10)
    client.read_greeting()
    client.starttls(context, name)
    return Session(transport, lambda: client.noop().ok)


STARTS = {Protocol.SMTP: start_smtp, Protocol.POP3: start_pop3, Protocol.IMAP: start_imap}


@pytest.fixture(params=STARTS, ids=str)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """One of the three that upgrade to TLS."""
    return request.param


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Run a host with these TLS settings."""
    with ExitStack() as running:

        def start(**settings: object) -> Server:
            return running.enter_context(Server(replace(ONE_SERVER, tls=TlsSettings(**settings))))

        yield start


@pytest.fixture
def trusting() -> Callable[..., TlsContext]:
    """A client's context that trusts a server's authority."""

    def make(server: Server, own_certificate: Path | None = None) -> TlsContext:
        context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=server.ca_pem)
        if own_certificate is not None:
            context.load_cert_chain(own_certificate)
        return context

    return make


@pytest.fixture
def look() -> Callable[..., TlsFacts]:
    """The facts of one connection in implicit TLS, after the greeting."""

    def connect(
        server: Server,
        context: ssl.SSLContext,
        name: str = "mail.example.test",
        protocol: Protocol = Protocol.IMAPS,
        session: ssl.SSLSession | None = None,
    ) -> TlsFacts:
        endpoint = server.target.endpoints[protocol]
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name, session=session) as secure,
        ):
            assert secure.recv(1000)
            return facts_of(secure)

    return connect


@pytest.fixture
def issue(tmp_path: Path) -> Callable[..., CertificateSource]:
    """A certificate in a file, by an authority of its own unless one is given."""

    def write(
        *names: str, file: str = "", days: int = 30, authority: CertificateAuthority | None = None
    ) -> CertificateSource:
        path = tmp_path / (file or f"{names[0]}.pem")
        path.write_bytes((authority or CertificateAuthority()).issue(*names, days=days))
        return CertificateSource(file=path)

    return write


@pytest.fixture
def open_session() -> Callable[..., AbstractContextManager[Session]]:
    """A session in TLS by STARTTLS or STLS."""

    @contextmanager
    def begin(
        server: Server, protocol: Protocol, context: ssl.SSLContext, name: str = "localhost"
    ) -> Iterator[Session]:
        endpoint = server.target.endpoints[protocol]
        with Transport.connect(endpoint, timeout_s=10, transcript=Transcript("t")) as transport:
            yield STARTS[protocol](transport, context, name)

    return begin
