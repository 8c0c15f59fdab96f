"""A host's relay, put together: queue, MX lookup, courier, on the host's own address."""

import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from harness.errors import UsageError
from harness.target import Protocol
from harness.tls import TlsContext
from reference_server.context import Context
from reference_server.relay.connection import Peer
from reference_server.relay.courier import Courier
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.resolver import Resolver
from reference_server.relay.routing import Router
from reference_server.relay.runner import Relay
from reference_server.world.filters import StageKind
from reference_server.world.model import RelayTls

__all__ = ["RelayService"]


@dataclass
class RelayService:
    """What runs beside a host's listeners as long as it is up.

    Attributes:
        ports: The host's own, as they are when the relay starts; its MDA may listen there.
    """

    context: Context
    ports: Mapping[Protocol, int]
    _rng: random.Random = field(init=False)
    _tls: Mapping[RelayTls, ssl.SSLContext] = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.context.world.seed)  # noqa: S311 (the order of equal MX hosts is no secret)
        self._tls = contexts(self.context.tls.ca_pem, self.context.world.relay.tls_ca)

    async def run(self) -> None:
        """Until it is cancelled; what was under way then is tried again at the next start."""
        courier = self.courier()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(courier.tend)
                await self.context.variant(Relay)(self.context, courier).run()
        finally:
            await courier.aclose()

    def courier(self) -> Courier:
        """Sends from the host's own address."""
        context = self.context
        lmtp = self.ports.get(Protocol.LMTP)
        return context.variant(Courier)(
            self.router(),
            hello=context.hostname,
            smtp_port=context.world.network.smtp_port,
            limits=context.world.relay,
            tls=self._tls,
            journal=context.journal,
            host=context.hostname,
            source=context.host.address,
            lmtp=(context.host.address, lmtp) if lmtp else None,
            filters={
                stage.name: Peer(stage.name, stage.at.host, stage.at.port, lmtp=stage.lmtp, inside=True)
                for stage in context.world.filters
                if stage.kind is StageKind.AFTER_QUEUE and stage.at and context.hostname in stage.hosts
            },
            dialogue=context.variant(Dialogue),
        )

    def router(self) -> Router:
        """Asks the world's DNS."""
        context = self.context
        network = context.world.network
        resolver = Resolver(
            network.dns_address,
            network.dns_port,
            timeout_s=context.world.relay.dns_timeout_s,
            journal=context.journal,
            host=context.hostname,
            clock=context.clock,
        )
        return context.variant(Router)(
            resolver,
            own_names=[context.hostname],
            own_addresses=[context.host.address],
            rng=self._rng,
            journal=context.journal,
            host=context.hostname,
        )


def contexts(ca_pem: str, ca: Path | None) -> dict[RelayTls, ssl.SSLContext]:
    """What certificates are held against, by what is asked of TLS.

    Args:
        ca_pem: The world's own authority.
        ca: A file with the one to trust in its place.

    Raises:
        UsageError: The file cannot be read, or holds no certificate.
    """
    any_will_do = opportunistic()
    return {
        RelayTls.OPPORTUNISTIC: any_will_do,
        RelayTls.REQUIRED: any_will_do,
        RelayTls.VERIFIED: verifying(ca_pem, ca),
    }


def opportunistic() -> ssl.SSLContext:
    """TLS against those who only listen: no certificate is checked (RFC 3207 §4.1 leaves that to the sender)."""
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verifying(ca_pem: str, ca: Path | None) -> ssl.SSLContext:
    """The exchanger's name must be among the certificate's alternative names (RFC 9525 §6)."""
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    try:
        context.load_verify_locations(cafile=ca, cadata=None if ca else ca_pem)
    except ssl.SSLError as exc:
        raise UsageError(f"relay.tls_ca: {ca} holds no certificate in PEM form") from exc
    except OSError as exc:
        raise UsageError(f"relay.tls_ca: {ca} cannot be read ({exc.strerror})") from exc
    return context
