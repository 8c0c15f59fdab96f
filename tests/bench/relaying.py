"""How fast a queue goes to one destination, beside Postfix's, and mail through a world of two companies."""

import contextlib
import os
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from figures import Figure, compare, rate
from postfix import Postfix, relays_to

from harness.target import Protocol
from reference_server import Server
from reference_server.envelope import Envelope, Recipient
from reference_server.relay.model import NextHop, Transport
from reference_server.relay.queue import Queue
from reference_server.store import INBOX, Store
from reference_server.world import Domain, Host, User, World
from reference_server.world.load import load_world
from reference_server.world.model import Mx

__all__ = ["from_queue_to_one_destination", "through_two_companies"]

MESSAGES: Final = 1000
OCTETS: Final = 1024
PATIENCE_S: Final = 120.0

TWO_COMPANIES: Final = Path(__file__).parents[2] / "examples/worlds/two-companies.toml"
SUBMITTED: Final = 200

SENDER: Final = b"a@example.org"
RECIPIENT: Final = b"b@example.net"

RELAY: Final = "mail.example.org"
SINK: Final = Host("sink.example.net", "127.0.7.2", {Protocol.SMTP: 0})

# One host that relays, and a destination that is somebody else's process.
TO_A_SINK: Final = World(
    name="a queue and a destination",
    hosts=(Host(RELAY, "127.0.7.1", {Protocol.SMTP: 0}), SINK),
    domains=(
        Domain("example.org", RELAY, (Mx(10, RELAY),)),
        Domain("example.net", SINK.name, (Mx(10, SINK.name),)),
    ),
)


def lab() -> Path | None:
    """Where Postfix and its load tools are, on machines that have them."""
    directory = os.environ.get("MAILPROOF_LAB")
    return Path(directory) if directory else None


def content(number: int) -> bytes:
    header = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: number %d\r\n\r\n" % number
    line = b"x" * 70 + b"\r\n"
    return (header + line * (OCTETS // len(line) + 1))[: OCTETS - 2] + b"\r\n"


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for it, looked for every 10 ms."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.01)


def listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port)):
        return True
    return False


@contextlib.contextmanager
def sink(port: int) -> Iterator[None]:
    """Postfix's smtp-sink where there is one, else our own, in a process of its own."""
    with contextlib.ExitStack() as running:
        command = [sys.executable, str(Path(__file__).with_name("sink.py")), SINK.address, str(port)]
        directory = lab()
        if directory is not None:
            # The lab's script runs the tool by whose name it is called.
            link = Path(running.enter_context(TemporaryDirectory())) / "smtp-sink"
            link.symlink_to(directory / "smtp-source")
            command = [str(link), "-u", "nobody", f"{SINK.address}:{port}", "1000"]
        process = running.enter_context(subprocess.Popen(command))
        running.callback(process.kill)
        until("the sink listens", lambda: listens(SINK.address, port))
        yield


def fill(queue: Queue, store: Store) -> None:
    """So many messages, held."""
    next_hops = {RECIPIENT: NextHop(Transport.SMTP, "example.net")}
    envelope = Envelope(SENDER, (Recipient(RECIPIENT),))
    with store.transaction():
        for number in range(MESSAGES):
            queue.add(envelope, content(number), next_hops)
        queue.hold()


def from_queue_to_one_destination() -> Figure:
    with contextlib.ExitStack() as running:
        data = Path(running.enter_context(TemporaryDirectory()))
        server = Server(TO_A_SINK, data_dir=data, only=["dns", RELAY])
        port = server.world.network.smtp_port
        running.enter_context(sink(port))
        running.enter_context(server)
        directory = lab()
        settings = relays_to(SINK.address, port)
        postfix = running.enter_context(Postfix(directory, settings)) if directory else None
        queue, store = server.hosts[RELAY].context.queue, server.hosts[RELAY].store

        def ours() -> float:
            fill(queue, store)

            def empty_it() -> None:
                queue.release()
                until("the queue is empty", lambda: not queue.due_hops())

            return rate(MESSAGES, empty_it)

        def theirs() -> float:
            assert postfix is not None
            postfix.fill(MESSAGES, OCTETS, SENDER.decode(), RECIPIENT.decode())

            postfix.flush()
            return rate(MESSAGES, lambda: until("Postfix's queue is empty", lambda: not postfix.count()))

        return compare(
            "queue to one destination",
            "messages/s",
            ours,
            theirs if postfix else None,
            f"Postfix {postfix.version}" if postfix else "Postfix, not here: MAILPROOF_LAB names no lab",
        )


def on_free_ports(world: World) -> World:
    """The same world, beside whatever else runs on this machine."""
    hosts = tuple(replace(host, listeners=dict.fromkeys(host.listeners, 0)) for host in world.hosts)
    return replace(world, hosts=hosts, network=replace(world.network, dns_port=0, smtp_port=0))


def submit(server: Server, sender: User, recipient: User) -> None:
    """Log in and hand over all messages, on one connection."""
    host = server.hosts[next(d.mailboxes for d in server.world.domains if d.name == sender.domain)]
    port = host.ports[Protocol.SUBMISSIONS]
    tls = ssl.create_default_context(cadata=server.ca_pem)
    with smtplib.SMTP_SSL(host.host.address, port, context=tls) as client:
        client.login(sender.address, sender.password)
        for number in range(SUBMITTED):
            client.sendmail(sender.address, [recipient.address], content(number))


def through_two_companies() -> Figure:
    world = on_free_ports(load_world(TWO_COMPANIES))
    sender, recipient = (world.user(address) for address in ("eric@pangxie.com", "wqp@windchaser.com"))
    assert sender is not None
    assert recipient is not None

    def ours() -> float:
        with TemporaryDirectory() as data, Server(world, data_dir=Path(data)) as server:
            store = server.hosts["mail1.windchaser.com"].store
            inbox = store.mailbox(recipient.name, INBOX)
            assert inbox is not None

            def all_the_way() -> None:
                submit(server, sender, recipient)
                until("all is in the mailbox", lambda: store.status(inbox.id).messages == SUBMITTED)

            return rate(SUBMITTED, all_the_way)

    return compare("submission to mailbox, one client, two companies", "messages/s", ours, None, "none")
