"""The world as one object, and `serve()` for those who want a target and nothing else."""

import ipaddress
import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from harness.errors import RunFailed, UsageError
from harness.target import FilterSwitch, Outside, Protocol, SocketAddress, Target
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.dns import Authority, serve_dns
from reference_server.errand import Workers
from reference_server.faults import Faults
from reference_server.filters.batch import BatchScanner
from reference_server.filters.chain import queue_stages
from reference_server.host import RunningHost
from reference_server.journal import Journal
from reference_server.ports import free_port
from reference_server.relay.service import RelayService
from reference_server.runtime import AsyncioSide, TrioSide
from reference_server.sasl.tokens import TokenIssuer
from reference_server.store import Store
from reference_server.tls import CertificateAuthority, HostTls, TlsSettingsError
from reference_server.world import FILTERED, ONE_SERVER, Host, Network, Site, World
from reference_server.world.filters import StageKind
from reference_server.world.model import MailboxKind, Reach, RelayPolicy
from reference_server.world.records import records_of

__all__ = ["Server", "serve", "serve_world"]

_log = logging.getLogger(__name__)

DNS: Final = "dns"

_DNS_KINDS: Final = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
# Where a check plays the exchangers of everybody else; those beside it are its too.
_ELSEWHERE: Final = "127.0.53.2"


class Server:
    """A mail world on loopback; started once, stopped once.

    Args:
        world: Domains, hosts, users and rules; default: example.test with alice, bob and carol on one host.
        faults: Names of deviations to switch on (`reference_server.faults`), on every host.
        host: The address of the only host, where the world has one, in place of the world's.
        data_dir: Where each host's store goes, as ``NAME.sqlite``; without it everything is in memory and gone at
            `stop`.
        only: What to run: hosts by name, and ``"dns"``; default: all. The rest is another process's.

    Attributes:
        authority: Who signs the hosts' certificates, and everybody else's that a test needs.
        hosts: By name. `store` and `target` are the first one's.
        dns: The world's names, which can be changed while it runs; None where they are another process's.

    Raises:
        KeyError: There is no such fault, or no such host.
        ValueError: A host would relay for everybody, and is not on loopback.
        OSError: An address cannot be listened on.
        TlsSettingsError: A host's certificate, or another setting of its TLS, cannot be used.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        faults: Iterable[str] = (),
        host: str | None = None,
        data_dir: Path | None = None,
        only: Iterable[str] = (),
    ) -> None:
        world = world or ONE_SERVER
        if host is not None:
            world = replace(world, hosts=(replace(world.hosts[0], address=host), *world.hosts[1:]))
        only = tuple(only)
        chosen = [world.host(name) for name in only if name != DNS] or list(world.hosts)
        for each in chosen:
            if each.relay is RelayPolicy.OPEN:
                warn_of_open_relay(each)
        self.faults = Faults(faults)
        self.world = replace(world, network=settled(world))
        self.clock = Clock()
        self.journal = Journal(self.clock)
        self._data_dir = data_dir
        self.authority = CertificateAuthority()
        self._account_workers, self._filter_workers = Workers(), Workers()
        self.issuer = TokenIssuer(self.world.sasl.tokens, self.clock)
        self._running = ExitStack()
        try:
            self.hosts: Mapping[str, RunningHost] = {each.name: self._make(each) for each in chosen}
        except BaseException:
            self._running.close()
            raise
        self.dns = Authority(records_of(self.world), self.world.troubles) if self._has_dns(only) else None
        self._started = False
        self._reaching = threading.Lock()

    @property
    def store(self) -> Store:
        return self._first.store

    @property
    def target(self) -> Target:
        """What `mailproof check` needs to know; `RuntimeError` before `start`."""
        if not self._started:
            raise RuntimeError("the server has not been started")
        return self._first.target

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority behind every host's."""
        return self.authority.ca_pem

    def set_reach(self, host: str, reach: str) -> str:
        """Let a host be up, down, slow or unreachable from now on, in any thread; returns its whole name.

        Raises:
            KeyError: There is no such host here.
            ValueError: There is no such word.
            OSError: A port was taken by somebody else meanwhile.
        """
        name = self.world.host(host).name
        if name not in self.hosts:
            raise KeyError(f"{name} is another process's; here are {', '.join(self.hosts)}")
        with self._reaching:
            self.hosts[name].set_reach(Reach(reach))
        return name

    def open_console(self, listen: SocketAddress) -> AbstractContextManager[str]:
        """The world in the browser, as it lives; gives the URL. Entering it raises `OSError` as a socket does."""
        from reference_server.console.app import open_console

        return open_console(self, listen)

    def renew(self) -> dict[str, str]:
        """Read certificates again while everything goes on; handshakes from now on show the new ones.

        Returns:
            Of every host what became of it: ``""``, or why it keeps what it had.
        """
        return {name: renewed(running.context.tls) for name, running in self.hosts.items()}

    def start(self) -> Self:
        """Listen; returns when every host that is up accepts on all its ports.

        Raises:
            OSError: An address cannot be listened on; nothing is left running.
        """
        asyncio_side, trio_side = AsyncioSide(), TrioSide()
        try:
            for side in (asyncio_side, trio_side):
                side.start()
                self._running.callback(side.stop)
            if self.dns is not None:
                network = self.world.network
                trio_side.start_task(
                    partial(serve_dns, self.dns, network.dns_address, network.dns_port, journal=self.journal)
                )
            for running in self.hosts.values():
                self._running.callback(running.stop)
                running.start(asyncio_side, trio_side)
        except BaseException:
            self.stop()
            raise
        self._started = True
        return self

    def stop(self) -> None:
        """End every session and close the stores; no thread, socket or file stays. Twice is once."""
        self._running.close()

    @property
    def _first(self) -> RunningHost:
        return next(iter(self.hosts.values()))

    def _has_dns(self, only: tuple[str, ...]) -> bool:
        return self.world.network.own and (not only or DNS in only)

    def _make(self, host: Host) -> RunningHost:
        site = Site(self.world, replace(host, mail_directory=self._mail_directory(host)))
        path = str(self._data_dir / f"{host.name}.sqlite") if self._data_dir else ":memory:"
        store = Store(path, self.clock)
        self._running.callback(store.close)
        names = [host.name, host.address, "localhost", *(domain.name for domain in site.domains)]
        tls = self.faults.variant(HostTls)(site.tls, names, self.authority)
        self._running.callback(tls.close)
        tls.warn()
        context = Context.make(
            site,
            store,
            tls,
            clock=self.clock,
            faults=self.faults,
            journal=self.journal,
            account_workers=self._account_workers,
            filter_workers=self._filter_workers,
            issuer=self.issuer,
        )
        self._running.callback(context.accounts.close)
        ports = ports_of(self.world, host)
        relay = RelayService(context, ports)
        scanners = (
            BatchScanner(context, stage, self._directory(host, stage.directory))
            for stage in queue_stages(site)
            if stage.kind is StageKind.BATCH
        )
        tasks = (relay.run, *(scanner.run for scanner in scanners))
        return RunningHost(context, ports, self.authority.ca_pem, tasks)

    def _mail_directory(self, host: Host) -> Path:
        """Where mbox files and Maildirs go; without a data directory they are gone at the end, as everything is."""
        if host.mailbox_kind is MailboxKind.STORE:
            return host.mail_directory
        return self._directory(host, host.mail_directory)

    def _directory(self, host: Host, path: Path) -> Path:
        if path.is_absolute():
            return path
        base = self._data_dir or Path(self._running.enter_context(TemporaryDirectory(prefix="mailproof-")))
        return base / host.name / path

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def renewed(tls: HostTls) -> str:
    """Why a host keeps the certificates that it had; ``""`` where it has new ones."""
    try:
        tls.renew()
    except TlsSettingsError as exc:
        return str(exc)
    return ""


def settled(world: World) -> Network:
    """The world's network with every port chosen that was left open; `OSError` where an address is not ours."""
    network = world.network
    if not network.own:
        return network
    return replace(
        network,
        dns_port=network.dns_port or free_port([network.dns_address], *_DNS_KINDS),
        smtp_port=network.smtp_port or free_port([h.address for h in world.hosts], socket.SOCK_STREAM),
    )


def ports_of(world: World, host: Host) -> dict[Protocol, int]:
    """Where a host listens; 0 for a port of the system's choice."""
    ports = dict(host.listeners)
    if world.network.own and ports.get(Protocol.SMTP) == 0:
        ports[Protocol.SMTP] = world.network.smtp_port
    if host.lmtp:
        ports.setdefault(Protocol.LMTP, 0)
    return ports


def warn_of_open_relay(host: Host) -> None:
    """An open relay is for tests on this machine, and for nowhere else."""
    if not ipaddress.ip_address(host.address).is_loopback:
        raise ValueError(
            f"{host.name} would be an open relay on {host.address}, which is not a loopback address"
        )
    _log.warning("OPEN RELAY: %s (%s) takes mail from anybody to anybody", host.name, host.address)


@contextmanager
def serve(*, world: World | None = None, faults: Iterable[str] = ()) -> Iterator[Target]:
    """A running server's target; the server ends with the context.

    Without a world it is that of one server, with filters that can be put out of service; where it is to deviate in
    something else, without them: those deviations are of the way that mail takes past no filter.

    The rest of the world is not the server's: it asks the DNS that the target names, and sends to the exchanger that
    it finds there, so that a check can play both (`Target.outside`). A machine with one loopback address has no room
    for an outside: the target names none.
    """
    faults = tuple(faults)
    with ExitStack() as kept:
        switch = None
        if world is None and faults and not any(name.startswith("filters.") for name in faults):
            world = ONE_SERVER
        if world is None:
            directory = kept.enter_context(TemporaryDirectory(prefix="mailproof-"))
            world, switch = switched(FILTERED, Path(directory) / "filters-are-down")
        outside = outside_of(world)
        if outside is not None:
            network = Network(*outside.dns, smtp_port=outside.mx.port, own=False)
            world = replace(world, network=network, hosts=tuple(on_the_port(h, network) for h in world.hosts))
        server = kept.enter_context(Server(world, faults=faults))
        yield replace(server.target, outside=outside, filters=switch)


def switched(world: World, file: Path) -> tuple[World, FilterSwitch]:
    """The world with filters that are out of service as long as the file is there, and how that is done."""
    filters = tuple(replace(stage, down_while=file) for stage in world.filters)
    return replace(world, filters=filters), FilterSwitch(("touch", str(file)), ("rm", "-f", str(file)))


def on_the_port(host: Host, network: Network) -> Host:
    """The host with its SMTP on the port that stands for 25, where it may be any."""
    if host.listeners.get(Protocol.SMTP) != 0:
        return host
    return replace(host, listeners={**host.listeners, Protocol.SMTP: network.smtp_port})


def outside_of(world: World) -> Outside | None:
    """Where somebody else can play the DNS and the exchangers, None where this machine has no address for them."""
    address = world.network.dns_address
    try:
        return Outside(
            dns=SocketAddress(address, free_port([address], *_DNS_KINDS)),
            # No address of a host of its own, which the server would take for itself (RFC 5321 §5.1).
            mx=SocketAddress(_ELSEWHERE, free_port([address, _ELSEWHERE], socket.SOCK_STREAM)),
        )
    except OSError as exc:
        _log.warning("relaying cannot be checked: %s", exc)
        return None


@contextmanager
def serve_world(
    path: Path | None, *, data_dir: Path | None = None, only: Iterable[str] = ()
) -> Iterator[Server]:
    """The running world of a file; of no file, the world of one server.

    Raises:
        UsageError: The file is wrong, or it has no such host.
        RunFailed: An address or a port cannot be had.
    """
    from reference_server.world.load import load_world

    world = load_world(path) if path is not None else ONE_SERVER
    try:
        server = Server(world, data_dir=data_dir, only=only).start()
    except KeyError as exc:
        raise UsageError(f"--only: {exc.args[0]}") from exc
    except OSError as exc:
        raise RunFailed(
            f"{world.name}: cannot listen ({exc}); are its addresses this machine's, and free?"
        ) from exc
    try:
        yield server
    finally:
        server.stop()
