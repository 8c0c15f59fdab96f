"""A server that asks for client certificates, and clients of its three protocols that log in by a mechanism."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness.clients.imap import ImapClient
from harness.clients.pop3 import Pop3Client
from harness.clients.smtp import SmtpClient
from harness.clients.tls import client_context
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import TransportError
from harness.target import Protocol
from harness.wire import sasl
from reference_server import ONE_SERVER, Server
from reference_server.tls.settings import ClientCertificates, TlsSettings

BOUND_S = 20.0
WORLD = replace(ONE_SERVER, tls=TlsSettings(client_certificates=ClientCertificates.OPTIONAL))


@dataclass
class Session:
    """One connection, greeted; every protocol answers the same questions."""

    protocol: Protocol
    client: SmtpClient | Pop3Client | ImapClient

    @property
    def offered(self) -> list[str]:
        match self.client:
            case SmtpClient(extensions=extensions):
                return extensions.get("AUTH", "").split()
            case Pop3Client() as pop3:
                return pop3.capa().get("SASL", [])
            case ImapClient(capabilities=known):
                return [name[5:] for name in known if name.startswith("AUTH=")]

    def log_in(self, name: str, identity: sasl.Identity) -> bytes:
        """Authenticate; what the server says last, in octets."""
        mechanism = sasl.client_mechanism(
            name, identity, offered=self.offered, facts=self.client.transport.tls_facts
        )
        return self.authenticate(mechanism)

    def authenticate(self, mechanism: sasl.ClientMechanism) -> bytes:
        match self.client:
            case ImapClient() as imap:
                return imap.authenticate(mechanism, initial=True).tagged.raw
            case Pop3Client() as pop3:
                return pop3.authenticate(mechanism).raw
            case SmtpClient() as smtp:
                return smtp.authenticate(mechanism).raw

    @property
    def transcript(self) -> Transcript:
        return self.client.transcript

    def end(self) -> None:
        """Leave; of a POP3 server, so that the maildrop is free when this returns."""
        with suppress(TransportError):
            if isinstance(self.client, Pop3Client) and not self.client.transport.closed:
                self.client.command(b"QUIT")
        self.client.close()


def is_in(said: bytes) -> bool:
    """Whether what a server said last lets the client in."""
    return said.startswith((b"235 ", b"+OK")) or b" OK" in said.partition(b"\r\n")[0]


@dataclass
class Running:
    server: Server
    directory: Path
    sessions: list[Session] = field(default_factory=list)

    def end_sessions(self) -> None:
        while self.sessions:
            self.sessions.pop().end()

    def certificate_of(self, *names: str) -> Path:
        """A client certificate, with its key, that the world's authority has signed."""
        path = self.directory / f"{names[0]}.pem"
        path.write_bytes(self.server.authority.issue(*names))
        return path

    def connect(self, protocol: Protocol, *, certificate: Path | None = None) -> Session:
        """In TLS from the first octet where the protocol is so."""
        target = replace(self.server.target, client_certificate=certificate, client_pem=None)
        transport = Transport.connect(
            target.endpoints[protocol],
            timeout_s=BOUND_S,
            transcript=Transcript("test"),
            tls_context=client_context(target) if protocol.implicit_tls else None,
            server_hostname="localhost",
        )
        match protocol:
            case Protocol.POP3 | Protocol.POP3S:
                client: SmtpClient | Pop3Client | ImapClient = Pop3Client(transport, timeout_s=BOUND_S)
            case Protocol.IMAP | Protocol.IMAPS:
                client = ImapClient(transport, timeout_s=BOUND_S)
            case _:
                client = SmtpClient(transport, timeout_s=BOUND_S)
        client.read_greeting()
        if isinstance(client, SmtpClient):
            client.ehlo()
        self.sessions.append(Session(protocol, client))
        return self.sessions[-1]


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Run a world, once each; ended when all tests are."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}

        def start(**changes: object) -> Running:
            world = replace(WORLD, **changes)
            key = repr(world)
            if key not in running:
                server = stack.enter_context(Server(world))
                running[key] = Running(server, tmp_path_factory.mktemp("certificates"))
            return running[key]

        yield start


@pytest.fixture
def run(run_once: Callable[..., Running]) -> Iterator[Callable[..., Running]]:
    """As `run_once`; the sessions end with the test."""
    used: list[Running] = []

    def start(**changes: object) -> Running:
        used.append(run_once(**changes))
        return used[-1]

    yield start
    for each in used:
        each.end_sessions()


@pytest.fixture
def alice() -> sasl.Identity:
    return sasl.Identity("alice@example.test", "secret")
