"""Small programs around the readers, each run in a process of its own: Locust may patch what it likes there.

``python reader_programs.py NAME TARGET.toml PROTOCOL [MODE]`` prints what it saw as one line of JSON.
"""

import json
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, cast

import gevent
import msgspec
from gevent import socket
from gevent.server import StreamServer
from locust.env import Environment

from harness.target import Endpoint, Protocol, Target
from loadtests.accounts import Accounts
from loadtests.content.letters import Letters
from loadtests.context import Context
from loadtests.figures.recorder import Recorder
from loadtests.figures.tally import Tally
from loadtests.ledger.ledger import Book, Ledger
from loadtests.ledger.readers import Readers
from loadtests.ledger.reading import Deleting, Finder
from loadtests.ledger.slots import How
from loadtests.ledger.token import Found, Token
from loadtests.plan import Content, Plan, Reading, Settings, Traffic
from loadtests.users.errors import OperationFailed
from loadtests.users.imap import ImapUser
from loadtests.users.surroundings import provide

RUN, OTHER_RUN = "0123abcd", "fedc9876"
CONTENT = Content(sizes="fixed", octets=2000, pool=3)
WAIT_S = 20.0
FOREIGN = b"From: bob@example.test\r\nSubject: no business of ours\r\n\r\nX-Mailproof-Token: 0123abcd.0.1\r\n"


class Scene:
    """A target, a run, and a hand that puts messages into its mailboxes."""

    def __init__(self, target: Target, protocol: str, mode: str = "leave") -> None:
        settings = Settings(
            traffic=Traffic(tls="off"),
            content=CONTENT,
            timeout_s=10.0,
            reading=Reading(protocol=protocol, mode=mode, every_s=0.2, mailboxes=1),  # type: ignore[arg-type]
        )
        plan = Plan(scenario="", run=RUN, seed=1, target="", out="", settings=settings)
        now_s = monotonic()
        self.environment = Environment(user_classes=[ImapUser], parsed_options=Namespace())
        self.accounts = Accounts(target.accounts)
        self.ledger = Ledger(RUN, 0, now_s)
        self.book = Book(RUN, names=self.accounts.names)
        self.letters = Letters(CONTENT, 1, RUN, 0)
        provide(
            self.environment,
            Context(
                plan=plan,
                worker=0,
                target=target,
                accounts=self.accounts,
                recorder=Recorder(self.environment, Tally(now_s)),
                ledger=self.ledger,
                letters=self.letters,
                started_s=now_s,
            ),
        )
        self.user = ImapUser(self.environment)

    def letter(self, mailbox: int) -> tuple[int, bytes]:
        """A message that is to be delivered: its slot and its content."""
        slot = self.ledger.open([mailbox])
        return slot, self.letters.compose(slot, b"a@example.org", [self.accounts.addresses[mailbox]]).content

    def accept(self, mailbox: int) -> bytes:
        """A message that the target is held to have accepted: its content."""
        slot, content = self.letter(mailbox)
        self.ledger.accepted(slot, monotonic())
        return content

    def store(self, mailbox: int, *contents: bytes, folder: bytes = b"INBOX") -> None:
        with self.user.login(self.accounts[mailbox]) as session:
            for content in contents:
                session.append(folder, content)

    def create(self, mailbox: int, folder: bytes) -> None:
        with self.user.login(self.accounts[mailbox]) as session:
            session.create(folder)

    def left(self) -> dict[str, list[int]]:
        """How many messages each mailbox has."""
        left = {}
        for account in (self.accounts[number] for number in range(len(self.accounts))):
            with self.user.login(account) as session:
                names = sorted(session.list_())
                left[account.user] = [session.status(name, b"(MESSAGES)")["MESSAGES"] for name in names]
        return left

    def audit(self) -> dict[str, Any]:
        self.book.add(0, self.ledger.drain())
        return msgspec.to_builtins(self.book.audit())


def final(target: Target, protocol: str) -> object:
    """Everything that can become of a message, read in two rounds."""
    scene = Scene(target, protocol)
    accept, store = scene.accept, scene.store
    store(0, *(accept(0) for _ in range(3)), FOREIGN)
    accept(0)
    twice = accept(0)
    store(0, twice, twice)
    damaged = bytearray(accept(0))
    damaged[-10] ^= 1
    store(0, bytes(damaged), another_runs())
    store(1, accept(0))
    slot, refused = scene.letter(1)
    scene.ledger.refused(slot)
    store(1, refused)
    readers = Readers(scene.environment)

    first = dict(readers.read(range(3)))
    store(2, accept(2))
    store(0, accept(0))
    second = dict(readers.read(range(3)))
    audit = scene.audit()
    last = dict(readers.read(range(3), remove=True))
    return {
        "problems": [first, second, last],
        "audit": audit,
        "left": scene.left(),
        "again": scene.audit(),
        "notes": readers.notes,
    }


def deposit(target: Target, protocol: str) -> object:
    """Two runs' messages in several mailboxes, one of them the run's own, and somebody else's."""
    scene = Scene(target, protocol)
    scene.store(0, scene.accept(0), FOREIGN, scene.accept(0), another_runs())
    scene.store(1, scene.accept(1))
    scene.create(2, b"Sent")
    scene.store(2, FOREIGN, scene.accept(2), folder=b"Sent")
    return scene.left()


def another_runs() -> bytes:
    letters = Letters(CONTENT, 1, OTHER_RUN, 0)
    return letters.compose(7, b"a@example.org", [b"alice@example.test"]).content


def own_folders(target: Target, protocol: str) -> object:
    """Messages that the run itself moved into a mailbox of its own."""
    scene = Scene(target, protocol)
    folder = b"mailproof-%b-box" % RUN.encode()
    scene.create(0, folder)
    scene.create(0, b"mailproof-%b-box" % OTHER_RUN.encode())
    scene.store(0, scene.accept(0), FOREIGN, folder=folder)
    scene.store(0, scene.accept(0))
    readers = Readers(scene.environment)
    problems = dict(readers.read(range(3)))
    audit = scene.audit()
    dict(readers.read(range(3), remove=True))
    return {"problems": problems, "audit": audit, "left": scene.left()}


class Teller:
    """Stands in for a finder, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, _found: Found, how: How) -> None:
        self.told.append(how.name)


def refused_deletion(_target: Target, protocol: str) -> object:
    """A deletion that the server says it did not do, or not for all."""
    teller = Teller()
    taken = [Found(Token(RUN, 0, slot), True) for slot in range(2)]
    with suppress(OperationFailed), Deleting(cast("Finder", teller), taken):
        raise OperationFailed(f"{protocol}.quit", "-ERR", "some deleted messages were not removed")
    return teller.told


class Watched(Readers):
    """Readers of which one can tell whether they have looked yet."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.finders: list[Finder] = []

    def _finder(self, mailbox: int) -> Finder:
        self.finders.append(super()._finder(mailbox))
        return self.finders[-1]


def watch(target: Target, protocol: str, mode: str) -> object:
    """A reader in the run, and then the final reading."""
    scene = Scene(target, protocol, mode)
    scene.store(0, FOREIGN)
    readers = Watched(scene.environment)
    readers.watch()
    began = until(lambda: any(finder.absent_s is not None for finder in readers.finders))
    contents = []
    for _ in range(4):
        contents.append(scene.accept(0))
        scene.store(0, contents[-1], another_runs() if len(contents) == 2 else FOREIGN)
        gevent.sleep(0.1)
    noticed = until(lambda: seen(scene, mode) == 4)
    readers.stop()
    left = scene.left()[scene.accounts[0].user]
    problems = dict(readers.read(range(3)))
    return {
        "noticed": began and noticed,
        "left": left,
        "problems": problems,
        "audit": scene.audit(),
        "notes": readers.notes,
    }


def seen(scene: Scene, mode: str) -> int:
    """Deliveries that a reader saw in the run; those that it deleted, where it deletes."""
    audit = scene.audit()
    found: int = audit["found_once"] if mode == "delete" else audit["readable_after_ms"]["count"]
    return found


def until(condition: Callable[[], bool]) -> bool:
    deadline_s = monotonic() + WAIT_S
    while not condition() and monotonic() < deadline_s:
        gevent.sleep(0.05)
    return condition()


def cut(target: Target, protocol: str) -> object:
    """Readings that break off, at any place, and go on."""
    filler = Scene(target, protocol)
    contents = [filler.accept(0) for _ in range(12)]
    filler.store(0, *contents, FOREIGN)
    state = filler.ledger.drain()
    rng, outcomes = Random(4), Counter[str]()
    for _ in range(8):
        with cutting(target, protocol, [rng.randrange(30_000) for _ in range(2)]) as proxied:
            scene = Scene(proxied, protocol)
            scene.book.add(0, state)
            scene.ledger._number = 1
            problems = dict(Readers(scene.environment).read([0]))
            audit = scene.audit()
            outcomes[f"{problems[0]} {audit['found_once']} {audit['duplicated']} {audit['lost']}"] += 1
    return outcomes


@contextmanager
def cutting(target: Target, protocol: str, cuts: list[int]) -> Iterator[Target]:
    """The same target behind somebody who cuts the first connections, each after so many octets of the server's."""
    kind = Protocol(protocol)
    upstream = target.endpoints[kind]

    def serve(client: Any, _address: object) -> None:
        limit = cuts.pop(0) if cuts else None
        with client, socket.create_connection((upstream.host, upstream.port)) as server:
            up = gevent.spawn(pump, client, server, None)
            pump(server, client, limit)
            up.kill()

    proxy = StreamServer(("127.0.0.1", 0), serve)
    proxy.start()
    try:
        endpoint = Endpoint(kind, "127.0.0.1", proxy.server_port)
        yield replace(
            target,
            endpoints={kind: endpoint}
            | ({} if kind is Protocol.IMAP else {Protocol.IMAP: target.endpoints[Protocol.IMAP]}),
        )
    finally:
        proxy.stop()


def pump(source: Any, sink: Any, limit: int | None) -> None:
    while octets := source.recv(4096):
        sink.sendall(octets if limit is None else octets[:limit])
        if limit is not None:
            limit -= len(octets)
            if limit <= 0:
                return


PROGRAMS: dict[str, Callable[..., object]] = {
    each.__name__: each for each in (final, deposit, own_folders, refused_deletion, watch, cut)
}

if __name__ == "__main__":
    name, file, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(PROGRAMS[name](Target.load(Path(file)), *arguments)) + "\n")
