"""A world of ours, and beside it a real mail server that asks our DNS.

The servers are started by the scripts in the directory that MAILPROOF_LAB names (docs/neighbours.md says what they
must do); where it is not set, nothing here runs.
"""

import datetime as dt
import json
import os
import re
import secrets
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.target import Account, Endpoint, Protocol, Target
from reference_server import Server
from reference_server.clock import Clock
from reference_server.journal import Event, Kind
from reference_server.store import INBOX
from reference_server.world.load import load_world
from reference_server.world.model import Record, Trouble
from reference_server.world.records import records_of

T = TypeVar("T")

WORLD = Path(__file__).parents[2] / "examples" / "worlds" / "neighbour.toml"

# How long mail may take from one server to the other, with a machine that has other things to do.
_PATIENCE_S = 60.0
_LOOK_S = 0.1
_START_S = 90.0


def eventually(look: Callable[[], T], what: str, patience_s: float = _PATIENCE_S) -> T:
    """The first true thing that `look` returns."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(_LOOK_S)
    return found


@dataclass(frozen=True)
class Letter:
    """A message, and the word in it that nobody else uses."""

    token: str
    content: bytes = field(repr=False)


def letter(
    sender: str,
    recipient: str,
    body: bytes = b"Hello.\r\n",
    fields: Sequence[str] = (),
    subject: str = "letter",
) -> Letter:
    """A message with all the fields that a submission server might want to add."""
    token = f"n{secrets.token_hex(6)}"
    header = [
        f"From: <{sender}>",
        f"To: <{recipient}>",
        f"Subject: {subject} {token}",
        "Date: Tue, 24 Nov 2026 12:00:00 +0000",
        f"Message-ID: <{token}@client.example.org>",
        *fields,
    ]
    return Letter(token, "".join(f"{line}\r\n" for line in header).encode() + b"\r\n" + body)


def submit(
    target: Target,
    account: int,
    sender: str,
    recipients: Sequence[str],
    content: bytes,
    *,
    mail: Sequence[bytes] = (),
    rcpt: Sequence[bytes] = (),
    chunks: Sequence[bytes] = (),
) -> None:
    """Log in over TLS and hand a message over; every reply must be 2yz. With `chunks`, these by BDAT."""
    live = LiveTarget(target)
    try:
        client = live.submission(account=account)
        replies = [client.mail(b"<%s>" % sender.encode(), *mail)]
        replies += [client.rcpt(b"<%s>" % recipient.encode(), *rcpt) for recipient in recipients]
        for number, chunk in enumerate(chunks, start=1):
            replies.append(client.bdat(chunk, last=number == len(chunks)))
        if not chunks:
            replies.append(client.data(content))
        assert all(reply.klass == 2 for reply in replies), client.transcript
        client.quit()
    finally:
        live.close()


# The real server


@dataclass(frozen=True)
class Product:
    """One product: its script, where its ports start, and how an operator looks after it.

    Attributes:
        empty: What `show_queue` prints where nothing waits.
        settings: The file that `forward` and `plain` change.
        forward: Lets the mail of {user} go to {target}.
        forget: Makes it try hosts again that were down.
        plain: Takes the extensions away; None where no setting does.
        reload: Makes the server read its settings again; `reloaded` is in its log once it has.
    """

    script: str
    port_base: int
    log: str
    show_queue: str
    flush: str
    settings: str
    forward: str
    plain: str | None = None
    forget: str = "true"
    reload: str = "true"
    reloaded: str = ""
    empty: str = ""


PRODUCTS = {
    name: Product(**table)
    for name, table in tomllib.loads(Path(__file__).with_name("products.toml").read_text()).items()
}


class Neighbour:
    """A real server on 127.0.0.1 that has the mailboxes of example.test.

    Attributes:
        target: Where it listens, and who has an account.
        offers: What it says to EHLO from outside, after STARTTLS.
    """

    def __init__(self, name: str, scripts: Path, directory: Path, dns: str) -> None:
        self.name = name
        self.directory = directory
        self._product = PRODUCTS[name]
        self._script = str(scripts / self._product.script)
        self._environment = os.environ | {
            "LAB_DNS": dns,
            "LAB_PORT_BASE": str(self._product.port_base),
            "LAB_MX_PORT": str(self.smtp_port),
            "LAB_STATE": str(directory.with_suffix(".state")),
        }

    @property
    def smtp_port(self) -> int:
        return self._product.port_base + 25

    @property
    def log(self) -> Path:
        return self.directory / self._product.log

    def start(self) -> None:
        """Returns when every port answers."""
        self._do("start", str(self.directory))
        info = json.loads((self.directory / "info.json").read_text())
        self.target = Target(
            name=self.name,
            domain=info["domain"],
            endpoints={p: Endpoint.parse(p, info[p]) for p in Protocol if p in info},
            accounts=tuple(Account(a["user"], a["password"], a["user"]) for a in info["accounts"]),
            ca_pem=Path(info["ca"]).read_text(),
        )
        with self.smtp() as client:
            self.offers = client.extensions

    def stop(self) -> None:
        """The mail that waits in its queue stays there."""
        self._do("stop", str(self.directory))

    def run(self, command: str) -> str:
        """A shell command inside the server's own file system; what it printed."""
        return self._do("exec", str(self.directory), "bash", "-c", command)

    @contextmanager
    def forwarding(self, user: str, target: str) -> Iterator[None]:
        """With the mail of one of its users going on to another address."""
        with self._changed(self._product.forward.format(user=user, target=target)):
            yield

    @contextmanager
    def plain(self) -> Iterator[None]:
        """With SMTP as it was before the extensions."""
        assert self._product.plain is not None, f"{self.name} cannot do without its extensions"
        with self._changed(self._product.plain):
            yield

    @contextmanager
    def _changed(self, change: str) -> Iterator[None]:
        file = self._product.settings
        self.run(f"touch {file} && cp -p {file} {file}.kept")
        try:
            self.run(f"set -e\n{change}")
            self._reload()
            yield
        finally:
            self.run(f"mv {file}.kept {file}")
            self._reload()

    def _reload(self) -> None:
        word = self._product.reloaded
        before = self.log.read_text(errors="replace").count(word)
        self.run(self._product.reload)
        if word:
            eventually(lambda: self.log.read_text(errors="replace").count(word) > before, "it has reloaded")

    def _do(self, verb: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._script, verb, *arguments],
            env=self._environment,
            capture_output=True,
            timeout=_START_S,
            check=False,
        )
        assert done.returncode == 0, f"{self.name}: {verb}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace")

    @contextmanager
    def smtp(self) -> Iterator[SmtpClient]:
        """A session from outside, over TLS."""
        live = LiveTarget(self.target)
        try:
            client = live.smtp()
            live.start_tls(client)
            yield client
        finally:
            live.close()

    def send(self, sender: str, recipient: str, message: Letter, **how: Sequence[bytes]) -> None:
        """As a user of it."""
        account = [account.address for account in self.target.accounts].index(sender)
        submit(self.target, account, sender, [recipient], message.content, **how)

    def inbox(self, user: str, token: str) -> list[bytes]:
        """The messages with this word in them, their lines ended by CRLF."""
        files = self.directory.glob(f"mail/{user.partition('@')[0]}*/Maildir/[nc]*/*")
        octets = (file.read_bytes() for file in sorted(files))
        return [re.sub(rb"\r?\n", b"\r\n", each) for each in octets if token.encode() in each]

    def queue(self) -> str:
        """What waits, as the server tells it; nothing where nothing does."""
        shown = self.run(self._product.show_queue).strip()
        return "" if shown == self._product.empty else shown

    def flush(self) -> None:
        """Try at once what waits."""
        self.run(self._product.flush)

    def forget(self) -> None:
        """Hold nothing against hosts that were down."""
        self.run(self._product.forget)


@pytest.fixture(scope="session", params=sorted(PRODUCTS))
def neighbour(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neighbour]:
    scripts = os.environ.get("MAILPROOF_LAB")
    if not scripts:
        pytest.skip("MAILPROOF_LAB names no directory with the scripts that start real servers")
    if os.geteuid() != 0:
        pytest.skip("port 53, and the name spaces that the real servers live in, need root")
    directory = tmp_path_factory.mktemp(request.param) / "lab"
    server = Neighbour(request.param, Path(scripts), directory, load_world(WORLD).network.dns_address)
    server.start()
    try:
        yield server
    finally:
        server.stop()


# Our world


class OurWorld:
    """The running world, and what has happened in it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.events: list[Event] = []
        self._unlisten = server.journal.listen(self.events.append)
        self.had_hosts_down = False

    def close(self) -> None:
        """Put everything back: hosts, names, and nothing in a queue."""
        self._unlisten()
        self.publish(records_of(self.server.world), self.server.world.troubles)
        for host in self.server.hosts.values():
            host.bring_up()
            host.context.queue.remove()

    def publish(self, records: Iterable[Record], troubles: Iterable[Trouble] = ()) -> None:
        """Change the DNS, and wait until nobody remembers what it said before."""
        assert self.server.dns is not None
        self.server.dns.replace_records(records)
        self.server.dns.replace_troubles(troubles)
        self.clock.move(dt.timedelta(hours=1))

    def hang_up(self) -> None:
        """End the connections that are kept for more mail."""
        self.take_down("mail1.example.org")
        self.bring_up("mail1.example.org")

    @property
    def clock(self) -> Clock:
        return self.server.clock

    def take_down(self, host: str) -> None:
        self.had_hosts_down = True
        self.server.hosts[host].take_down()

    def bring_up(self, host: str) -> None:
        self.server.hosts[host].bring_up()

    def send(self, sender: str, recipient: str, message: Letter, **how: Sequence[bytes]) -> None:
        """As a user of it, by the host that has the mailboxes."""
        host = self.server.hosts["mail1.example.org"]
        account = [account.address for account in host.target.accounts].index(sender)
        submit(host.target, account, sender, [recipient], message.content, **how)

    def inbox(self, address: str, token: str) -> list[bytes]:
        """The messages with this word in them."""
        user = self.server.world.user(address)
        assert user is not None
        store = self.server.hosts["mail1.example.org"].store
        mailbox = store.mailbox(user.name, INBOX)
        assert mailbox is not None
        contents = [store.content(row.content_id) for row in store.messages(mailbox.id)]
        return [each for each in contents if each is not None and token.encode() in each]

    def queued(self, host: str | None = None) -> list[str]:
        """The ids of what waits in the queues, or in one."""
        hosts = [self.server.hosts[host]] if host else self.server.hosts.values()
        return [entry.queue_id for each in hosts for entry in each.context.queue.entries()]

    def attempts(self, host: str) -> int:
        """How often a host has tried in vain what waits there, all recipients together."""
        entries = self.server.hosts[host].context.queue.entries()
        return sum(queued.attempts for entry in entries for queued in entry.recipients)

    def sent(self, peer: str) -> bytes:
        """What our hosts said to a host, commands and content, from the first connection on."""
        return b"".join(
            e.octets for e in self.events if e.kind is Kind.SMTP and e.direction == "sent" and peer in e.peer
        )

    def story(self) -> str:
        """For people."""
        return "\n".join(f"{e.host} {e.kind} {e.peer} {e.direction} {e.text}" for e in self.events)


@pytest.fixture(scope="session")
def server(neighbour: Neighbour) -> Iterator[Server]:
    data = load_world(WORLD)
    with Server(replace(data, network=replace(data.network, smtp_port=neighbour.smtp_port))) as server:
        yield server


@pytest.fixture
def world(server: Server, neighbour: Neighbour) -> Iterator[OurWorld]:
    """As it was in the beginning; what it and the real server did is shown where a test fails.

    One server for all tests: OpenSMTPD keeps its connections, and takes some time to see that they have ended.
    """
    before = neighbour.log.stat().st_size
    running = OurWorld(server)
    yield running
    running.close()
    if running.had_hosts_down:
        neighbour.forget()
    print(running.story())  # noqa: T201 (pytest shows it with a failure)
    with neighbour.log.open("rb") as log:
        log.seek(before)
        print(log.read().decode(errors="replace"))  # noqa: T201 (as above)


# What both have in common


class Post:
    """Follows mail between the two."""

    def __init__(self, world: OurWorld, neighbour: Neighbour) -> None:
        self._world = world
        self._neighbour = neighbour

    def arrived(self, where: OurWorld | Neighbour, address: str, message: Letter) -> bytes:
        """The one copy, once nothing is under way any more."""
        self.found(where, address, message)
        self.settled()
        (copy,) = where.inbox(address, message.token)
        return copy

    def found(self, where: OurWorld | Neighbour, address: str, message: Letter) -> bytes:
        """The first copy, whatever else is under way."""
        return self.wait_for(
            lambda: where.inbox(address, message.token), f"a copy of {message.token} at {address}"
        )[0]

    def settled(self) -> None:
        """Wait until nothing waits in any queue."""

        def is_still() -> bool:
            # From one queue to the other mail is in both for a moment, never in none.
            return not (self._neighbour.queue() or self._world.queued() or self._neighbour.queue())

        self.wait_for(is_still, "an end of all that waits")

    def wait_for(self, look: Callable[[], T], what: str) -> T:
        """As `eventually`; what waits at the real server is tried meanwhile, as its operator can have it."""

        def look_and_flush() -> T:
            found = look()
            if not found and self._neighbour.queue():
                self._neighbour.flush()
            return found

        return eventually(look_and_flush, what)

    @contextmanager
    def plain(self) -> Iterator[None]:
        """With a real server that has no extensions, and no connection from before or after."""
        self._world.hang_up()
        with self._neighbour.plain():
            yield
        self._world.hang_up()


@pytest.fixture
def post(world: OurWorld, neighbour: Neighbour) -> Post:
    return Post(world, neighbour)


@pytest.fixture(name="letter")
def give_letter() -> Callable[..., Letter]:
    return letter


@pytest.fixture(name="eventually")
def give_eventually() -> Callable[..., object]:
    return eventually
