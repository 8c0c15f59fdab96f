"""Real servers that our clients log in to, and a server of ours that other people's clients log in to.

The real ones are started by the scripts in the directory that MAILPROOF_LAB names (docs/neighbours.md says what they
must do); where it is not set, nothing is run against them.
"""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from harness.clients.imap import ImapClient
from harness.clients.pop3 import Pop3Client
from harness.clients.smtp import SmtpClient
from harness.clients.tls import client_context
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ProtocolError, TransportError
from harness.target import Endpoint, Protocol, Target
from harness.wire import sasl
from reference_server import ONE_SERVER, Server
from reference_server.clock import Clock
from reference_server.sasl.tokens import TokenIssuer
from reference_server.tls import CertificateAuthority
from reference_server.tls.settings import ClientCertificates, TlsSettings
from reference_server.world.sasl import TokenSettings

BOUND_S: Final = 60.0
_LOOK_S: Final = 0.2
SECRET: Final = "a secret that has thirty-two octets or more"
ALICE: Final = "alice@example.test"

# Where each product's ports start.
PORTS: Final = {"postfix_dovecot": 21200, "exim_dovecot": 21300}

# What Dovecot 2.3 knows beside its passwords: tokens that it checks itself, and certificates.
_MORE: Final = """
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = /srv/oauth2.conf
}
passdb {
  driver = static
  mechanisms = external
  args = nopassword=y
}
auth_ssl_username_from_cert = yes
ssl_verify_client_cert = yes
ssl_require_crl = no
ssl_ca = </srv/clients.pem
"""
_TOKENS: Final = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=/srv/keys/
issuers = mailproof
username_attribute = sub
"""


@dataclass(frozen=True)
class RealServer:
    """One that runs; its clients are known by password, token and certificate."""

    target: Target
    issuer: TokenIssuer
    certificate: Path

    def identity(self, name: str, user: str = ALICE, password: str = "secret") -> sasl.Identity:
        """What a mechanism shows."""
        if name == "EXTERNAL":
            return sasl.Identity(user, certificate=True)
        if name in {"OAUTHBEARER", "XOAUTH2"}:
            lifetime_s = 600.0 if password == "secret" else -600.0
            return sasl.Identity(user, token=self.issuer.issue(user, lifetime_s=lifetime_s))
        return sasl.Identity(user, password)

    def log_in(self, protocol: Protocol, name: str, identity: sasl.Identity) -> tuple[bool, bytes]:
        """Whether a mechanism lets in, and what was said; skips where the server does not offer it."""
        shown = replace(self.target, client_certificate=self.certificate if identity.certificate else None)
        endpoint = self.target.endpoints[protocol]
        transport = Transport.connect(
            endpoint,
            timeout_s=BOUND_S,
            transcript=Transcript("test"),
            tls_context=client_context(shown),
            server_hostname="localhost",
        )
        match protocol:
            case Protocol.SUBMISSIONS:
                with SmtpClient(transport, timeout_s=BOUND_S) as smtp:
                    smtp.read_greeting()
                    smtp.ehlo()
                    offered = smtp.extensions["AUTH"].split()
                    reply = smtp.authenticate(self._mechanism(name, identity, offered, transport, endpoint))
                    return reply.klass == 2, reply.raw
            case Protocol.POP3S:
                with Pop3Client(transport, timeout_s=BOUND_S) as pop3:
                    pop3.read_greeting()
                    offered = pop3.capa()["SASL"]
                    status = pop3.authenticate(self._mechanism(name, identity, offered, transport, endpoint))
                    return status.ok, status.raw
            case _:
                with ImapClient(transport, timeout_s=BOUND_S) as imap:
                    imap.read_greeting()
                    offered = [word[5:] for word in imap.capabilities if word.startswith("AUTH=")]
                    mechanism = self._mechanism(name, identity, offered, transport, endpoint)
                    result = imap.authenticate(mechanism, initial="SASL-IR" in imap.capabilities)
                    return result.ok, result.tagged.raw

    def _mechanism(
        self,
        name: str,
        identity: sasl.Identity,
        offered: list[str],
        transport: Transport,
        endpoint: Endpoint,
    ) -> sasl.ClientMechanism:
        if name not in offered:
            pytest.skip(f"{self.target.name} does not offer {name} at {endpoint.protocol}")
        return sasl.client_mechanism(
            name,
            identity,
            offered=offered,
            facts=transport.tls_facts,
            host=endpoint.host,
            port=endpoint.port,
        )


@pytest.fixture(scope="module", params=sorted(PORTS))
def real_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    """Each product in turn, told of our issuer and of our authority."""
    scripts = os.environ.get("MAILPROOF_LAB")
    if not scripts:
        pytest.skip("MAILPROOF_LAB names no directory with scripts that start real servers")
    name = str(request.param)
    directory = tmp_path_factory.mktemp("lab") / name
    environment = os.environ | {"LAB_PORT_BASE": str(PORTS[name])}

    def do(verb: str, *arguments: str) -> None:
        subprocess.run(
            [f"{scripts}/{name}.sh", verb, str(directory), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * BOUND_S,
            check=True,
        )

    do("start")
    try:
        certificate = teach(directory)
        do("exec", "doveadm", "-c", "/srv/dovecot.conf", "reload")
        server = RealServer(target_in(directory), TokenIssuer(TokenSettings(SECRET), Clock()), certificate)
        wait_until_ready(server)
        yield server
    finally:
        do("stop")


def wait_until_ready(server: RealServer) -> None:
    """Dovecot begins anew, and Postfix and Exim need it to greet."""
    deadline = time.monotonic() + BOUND_S
    while True:
        try:
            server.log_in(Protocol.IMAPS, "OAUTHBEARER", server.identity("OAUTHBEARER"))
            for protocol in (Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS):
                let_in, said = server.log_in(protocol, "PLAIN", server.identity("PLAIN"))
                assert let_in, said
        except (TransportError, ProtocolError, AssertionError, pytest.skip.Exception):
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def teach(directory: Path) -> Path:
    """Dovecot's settings for tokens and certificates; alice's certificate."""
    settings = directory / "dovecot.conf"
    known = re.sub(
        r"^auth_mechanisms = .*$",
        r"\g<0> oauthbearer xoauth2 external",
        settings.read_text(),
        flags=re.MULTILINE,
    )
    authority = CertificateAuthority()
    key = directory / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_text(base64.b64encode(SECRET.encode()).decode())
    shared = directory / "keys" / "shared"
    shared.symlink_to(".")
    (directory / "oauth2.conf").write_text(_TOKENS)
    (directory / "clients.pem").write_text(authority.ca_pem)
    settings.write_text(known + _MORE)
    certificate = directory / "alice.pem"
    certificate.write_bytes(authority.issue(ALICE, common_name=ALICE))
    return certificate


def target_in(directory: Path) -> Target:
    info = json.loads((directory / "info.json").read_text())
    return Target(
        name=info["name"],
        domain=info["domain"],
        endpoints={
            protocol: Endpoint.parse(protocol, info[protocol]) for protocol in Protocol if protocol in info
        },
        ca=Path(info["ca"]),
    )


# Ours


@dataclass(frozen=True)
class OurServer:
    """One of ours, and the files that foreign clients want to see of it."""

    server: Server
    ca: Path
    certificate: Path

    def endpoint(self, protocol: Protocol) -> Endpoint:
        return self.server.target.endpoints[protocol]


@pytest.fixture(scope="module")
def our_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    world = replace(ONE_SERVER, tls=TlsSettings(client_certificates=ClientCertificates.OPTIONAL))
    directory = tmp_path_factory.mktemp("ours")
    with Server(world) as server:
        ca, certificate = directory / "ca.pem", directory / "alice.pem"
        ca.write_text(server.ca_pem)
        certificate.write_bytes(server.authority.issue(ALICE))
        yield OurServer(server, ca, certificate)
