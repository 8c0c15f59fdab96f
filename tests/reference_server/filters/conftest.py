"""Filters that are no programs but a few lines of ours, and hosts whose mail passes them."""

import io
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from harness.wire.smtp.replies import Reply, ReplyReader
from reference_server import ONE_SERVER, Server, World
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.envelope import Envelope, Recipient
from reference_server.filters import Client, Mail
from reference_server.smtp import Role, SmtpSession
from reference_server.store import INBOX, Store
from reference_server.tls import HostTls
from reference_server.world import Site
from reference_server.world.filters import Place, StageKind, StageSettings

HOST = "mail.example.test"

# In halves: no file of this project holds the test virus whole.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD" + b"-ANTI-UBE-TEST-EMAIL*C.34X"

HAM = (
    b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\n"
    b"Subject: =?utf-8?q?caf=C3=A9?=\r\n"
    b"X-Odd:   folded\r\n\t oddly  \r\n\r\n"
    b"Trailing blanks   \r\n..two dots\r\nFrom here\r\n" + b"x" * 900 + b"\r\n\r\n\r\n"
)


def zipped(octets: bytes, name: str = "a.com") -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, octets)
    return archive.getvalue()


def letter(text: str = "Hello\r\n", subject: str = "Hello") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "alice@example.test", "bob@example.test", subject
    message.set_content(text)
    return message


def sealed(message: EmailMessage) -> bytes:
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def with_file(octets: bytes, name: str = "a.com", cte: str = "base64") -> bytes:
    message = letter()
    message.add_attachment(octets, "application", "octet-stream", filename=name, cte=cte)
    return sealed(message)


def forwarded() -> bytes:
    inner = letter()
    inner.add_attachment(EICAR, "application", "octet-stream", filename="a.com")
    outer = letter("see below\n")
    outer.add_attachment(inner)
    return sealed(outer)


def as_text() -> bytes:
    return sealed(letter(EICAR.decode() + "\n"))


WRAPPINGS: dict[str, Callable[[], bytes]] = {
    "text": as_text,
    "base64": lambda: with_file(EICAR),
    "quoted-printable": lambda: with_file(EICAR, cte="quoted-printable"),
    "zip": lambda: with_file(zipped(EICAR), "a.zip"),
    "zip in zip": lambda: with_file(zipped(zipped(EICAR), "b.zip"), "a.zip"),
    "forwarded": forwarded,
}


def mail(content: bytes = HAM, *recipients: str, sender: bytes = b"alice@example.test") -> Mail:
    """A message as the chain gets it; to bob where nobody is named."""
    to = tuple(Recipient(each.encode()) for each in recipients or ("bob@example.test",))
    return Mail(
        Envelope(sender, to),
        content,
        Client("192.0.2.7", "client.example.org"),
        trace=b"Received: from client.example.org\r\n by mail.example.test; now\r\n",
        id="abc",
        hostname=HOST,
    )


@pytest.fixture(params=sorted(WRAPPINGS))
def wrapped_virus(request: pytest.FixtureRequest) -> bytes:
    return WRAPPINGS[request.param]()


# Daemons

Serve = Callable[[socket.socket], None]


@contextmanager
def serving(serve: Serve) -> Iterator[Place]:
    """A daemon that does this with each connection, in a thread each."""
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        threads: list[threading.Thread] = []

        def one(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(20)
                try:
                    serve(connection)
                except OSError:
                    return  # the other side has had enough

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=one, args=(connection,)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield Place("127.0.0.1", listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            accepting.join()
            for thread in threads:
                thread.join()


@pytest.fixture
def daemon() -> Iterator[Callable[[Serve], Place]]:
    with ExitStack() as running:
        yield lambda serve: running.enter_context(serving(serve))


def nobody() -> Place:
    """A place where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Place("127.0.0.1", listener.getsockname()[1])


def silent(connection: socket.socket) -> None:
    """Reads for ever and says nothing."""
    while connection.recv(65536):
        pass


def closes(connection: socket.socket) -> None:
    """Hangs up at once."""


def endless(connection: socket.socket) -> None:
    """Talks for ever."""
    while True:
        connection.sendall(b"x" * 65536)


def rubbish(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"\xff\xff\xff\xffwhat?\r\n\r\n\0\r\n")


MISBEHAVIOUR = {"silent": silent, "closes": closes, "endless": endless, "rubbish": rubbish}


@pytest.fixture(params=[*MISBEHAVIOUR, "nobody"])
def broken(request: pytest.FixtureRequest, daemon: Callable[[Serve], Place]) -> Place:
    """A filter that does everything but its work."""
    return nobody() if request.param == "nobody" else daemon(MISBEHAVIOUR[request.param])


def stage(kind: StageKind, **settings: Any) -> StageSettings:
    settings.setdefault("timeout_s", 0.5)
    return StageSettings(kind, settings.pop("name", kind.value), (HOST,), **settings)


# Hosts


@pytest.fixture(scope="session")
def host_tls() -> HostTls:
    return HostTls.made_for("localhost")


@pytest.fixture
def make_context(host_tls: HostTls) -> Iterator[Callable[..., Context]]:
    stores: list[Store] = []

    def make(*stages: StageSettings, world: World = ONE_SERVER, faults: Any = None) -> Context:
        clock = Clock()
        stores.append(Store(":memory:", clock))
        world = replace(world, filters=stages)
        return Context.make(Site(world, world.hosts[0]), stores[-1], host_tls, clock=clock, faults=faults)

    yield make
    for store in stores:
        store.close()


class Talk:
    """A session without a network, whose errands are run at once."""

    def __init__(self, context: Context, role: Role = Role.MX, **more: Any) -> None:
        self.session = context.variant(SmtpSession)(context, role, "192.0.2.7", **more)
        self._reader = ReplyReader()
        self.hear(self.session.greet())
        self.say(b"LHLO c.example.org\r\n" if role is Role.LMTP else b"EHLO c.example.org\r\n")

    def hear(self, octets: bytes) -> list[Reply]:
        return self._reader.feed(octets)

    def say(self, octets: bytes) -> list[Reply]:
        replies = self.hear(self.session.receive(octets))
        while (errand := self.session.errand) is not None:
            replies += self.hear(self.session.errand_done(errand.run()))
        return replies

    def send(self, content: bytes, *recipients: str, sender: str = "alice@example.test") -> list[Reply]:
        """A transaction; the replies to the content."""
        self.say(f"MAIL FROM:<{sender}>\r\n".encode())
        for recipient in recipients or ("bob@example.test",):
            self.say(f"RCPT TO:<{recipient}>\r\n".encode())
        return self.say(b"BDAT %d LAST\r\n" % len(content) + content)


def inbox(store: Store, user: str = "bob") -> list[bytes]:
    mailbox = store.mailbox(user, INBOX)
    assert mailbox is not None
    return [store.content(row.content_id) or b"" for row in store.messages(mailbox.id)]


@pytest.fixture
def running() -> Iterator[Callable[..., Server]]:
    """Worlds of one server that run."""
    with ExitStack() as started:

        def start(*stages: StageSettings, **settings: Any) -> Server:
            world = replace(ONE_SERVER, filters=stages, **settings.pop("world", {}))
            return started.enter_context(Server(world, **settings))

        yield start


class Tools:
    """What the tests of filters share."""

    EICAR, GTUBE, HAM, HOST = EICAR, GTUBE, HAM, HOST
    Talk = Talk
    inbox = staticmethod(inbox)
    letter = staticmethod(letter)
    mail = staticmethod(mail)
    nobody = staticmethod(nobody)
    sealed = staticmethod(sealed)
    serving = staticmethod(serving)
    stage = staticmethod(stage)
    with_file = staticmethod(with_file)
    wrappings = WRAPPINGS
    zipped = staticmethod(zipped)


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools
