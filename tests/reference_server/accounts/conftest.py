"""Back ends of our own that need nothing installed, and behave as badly as a test wants."""

import imaplib
import poplib
import re
import smtplib
import socket
import socketserver
import sqlite3
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness.target import Protocol
from harness.wire.sasl import ClientMechanism, PlainClient, ScramClient
from reference_server import Server
from reference_server.world import Domain, Host, Mx, Site, User, World
from reference_server.world.load import load_world

_PATIENCE_S = 30.0

HOST = Host("mail.example.test", "127.0.0.1")
DOMAINS = (
    Domain("example.test", mailboxes=HOST.name, mx=(Mx(10, HOST.name),)),
    Domain("second.test", mailboxes=HOST.name, mx=(Mx(10, HOST.name),)),
    Domain("elsewhere.test", mailboxes="mx.elsewhere.test"),
)


@pytest.fixture
def site() -> Callable[..., Site]:
    """A host with two domains, and a user of its own or none."""

    def make(*users: User, **settings: object) -> Site:
        return Site(World("accounts", (HOST,), DOMAINS, users, cheap_hashes=True, **settings), HOST)

    return make


class Store:
    """As much of a store as accounts need."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def create_user(self, user: str) -> None:
        if user not in self.names:
            self.names.append(user)

    def users(self) -> list[str]:
        return self.names


@pytest.fixture
def make_store() -> type[Store]:
    return Store


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., Path]:
    """A database of SQLite with these rows: user, domain, password, active."""

    def make(*rows: Sequence[object]) -> Path:
        path = tmp_path / "users.sqlite"
        with closing(sqlite3.connect(path)) as sql, sql:
            sql.execute("CREATE TABLE users (user TEXT, domain TEXT, password TEXT, active INT)")
            sql.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
        return path

    return make


@dataclass
class Stub:
    """A server whose answer to each connection is a function; it notes what it was sent.

    Attributes:
        talk: Speaks with one client until it returns; can be changed at any time.
    """

    talk: Callable[[socket.socket], None]
    heard: list[bytes] = field(default_factory=list)
    _clients: list[socket.socket] = field(default_factory=list)

    def serve(self, server: socketserver.BaseServer) -> Iterator["Stub"]:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            for client in self._clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            server.server_close()

    def handler(self) -> type[socketserver.BaseRequestHandler]:
        stub = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(_PATIENCE_S)
                stub._clients.append(self.request)
                with suppress(OSError):
                    stub.talk(self.request)

        return Handler


class _Threads(socketserver.ThreadingMixIn):
    """`server_close` waits for every conversation: none outlives its test."""

    daemon_threads = False
    request_queue_size = 128


class _UnixServer(_Threads, socketserver.UnixStreamServer):
    pass


class _TcpServer(_Threads, socketserver.TCPServer):
    allow_reuse_address = True


def silence(client: socket.socket) -> None:
    """Say nothing until the client has gone."""
    while client.recv(4096):
        pass


def says(octets: bytes) -> Callable[[socket.socket], None]:
    """Whatever was asked, these octets, and then the end."""

    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(octets)

    return talk


def trickle(client: socket.socket) -> None:
    """An answer that never ends: so many octets are announced, and come too slowly for anybody."""
    client.recv(4096)
    waiting = threading.Event()
    for octet in b"\x30\x84\x00\x00\xff\xff" + b"\0" * 1000:
        client.sendall(bytes([octet]))
        waiting.wait(0.02)


def _counted(client: socket.socket) -> bytes:
    octets = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
    return client.recv(octets, socket.MSG_WAITALL) if octets else b""


@pytest.fixture
def saslauthd(tmp_path: Path) -> Iterator[tuple[Path, Stub]]:
    """Its mux, and the stub; alice of the realm example.test has the password ``secret``."""

    def talk(client: socket.socket) -> None:
        question = tuple(_counted(client) for _ in range(4))
        stub.heard.append(b"|".join(question))
        right = (b"alice", b"secret", b"imap", b"example.test")
        answer = b"OK" if question == right else b"NO authentication failed"
        client.sendall(len(answer).to_bytes(2, "big") + answer)

    stub = Stub(talk)
    path = tmp_path / "mux"
    for running in stub.serve(_UnixServer(str(path), stub.handler())):
        yield path, running


# As much of BER as LDAP needs (RFC 4511 §5.1).


def ber(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag]) + b"\x82" + len(content).to_bytes(2, "big") + content


def unber(octets: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element in a row."""
    found: list[tuple[int, bytes]] = []
    while octets:
        tag, size, start = octets[0], octets[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(octets[2:start], "big")
        found.append((tag, octets[start : start + size]))
        octets = octets[start + size :]
    return found


def result(tag: int, code: int) -> bytes:
    return ber(tag, ber(0x0A, bytes([code])), ber(0x04), ber(0x04))


@dataclass
class LdapStub(Stub):
    """Entries by name, with ``userpassword`` for those who can bind.

    Attributes:
        code: Answers every bind, where it is not None.
        patience: So many requests are answered on a connection before the server closes it.
    """

    entries: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    code: int | None = None
    patience: int = 1000
    port: int = 0

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def converse(self, client: socket.socket) -> None:
        left = self.patience
        while left and (received := client.recv(65536)):
            for _, message in unber(received):
                left -= 1
                (_, number), (operation, request) = unber(message)[:2]
                for answer in self.answers(operation, unber(request) if operation != 0x42 else []):
                    client.sendall(ber(0x30, ber(0x02, number), answer))

    def answers(self, operation: int, request: list[tuple[int, bytes]]) -> Iterator[bytes]:
        match operation:
            case 0x60:
                name, password = request[1][1].decode(), request[2][1].decode()
                self.heard.append(f"bind {name}".encode())
                known = {unescaped(dn): entry for dn, entry in self.entries.items()}.get(unescaped(name), {})
                code = 0 if not password or password in known.get("userpassword", ()) else 49
                yield result(0x61, code if self.code is None else self.code)
            case 0x63:
                base, scope, wanted = request[0][1].decode(), request[1][1][0], request[6]
                self.heard.append(b"search " + wanted[1])
                for dn, entry in self.entries.items():
                    below = dn == base or (scope == 2 and dn.endswith(f",{base}"))
                    if below and self.holds(wanted, entry):
                        yield self.entry(dn, entry)
                yield result(0x65, 0)

    def holds(self, wanted: tuple[int, bytes], entry: Mapping[str, Sequence[str]]) -> bool:
        """RFC 4511 §4.5.1.7: and, or, equality, presence; a pattern with stars matches what is there."""
        match wanted:
            case 0xA0, inner:
                return all(self.holds(each, entry) for each in unber(inner))
            case 0xA1, inner:
                return any(self.holds(each, entry) for each in unber(inner))
            case 0xA3, inner:
                (_, name), (_, value) = unber(inner)
                return value.decode() in entry.get(name.decode().lower(), ())
            case 0x87, name:
                return name.decode().lower() in ("objectclass", *entry)
            case 0xA4, inner:
                return unber(inner)[0][1].decode().lower() in entry
        raise AssertionError(f"a filter that is not known here: {wanted}")

    @staticmethod
    def entry(dn: str, entry: Mapping[str, Sequence[str]]) -> bytes:
        attributes = (
            ber(0x30, ber(0x04, name.encode()), ber(0x31, *(ber(0x04, value.encode()) for value in values)))
            for name, values in entry.items()
            if name != "userpassword"
        )
        return ber(0x64, ber(0x04, dn.encode()), ber(0x30, *attributes))


def unescaped(dn: str) -> str:
    """Names with an octet written in hexadecimal, and as it is, are one (RFC 4514 §2.4)."""
    octets = bytearray()
    rest = dn.encode()
    while rest:
        if rest[:1] == b"\\":
            octets.append(int(rest[1:3], 16))
            rest = rest[3:]
        else:
            octets.append(rest[0])
            rest = rest[1:]
    return octets.decode()


@pytest.fixture
def ldap() -> Iterator[LdapStub]:
    """A directory with alice and bob; alice is in a group."""
    people = "ou=people,dc=example,dc=test"
    stub = LdapStub(
        talk=silence,
        entries={
            "cn=search,dc=example,dc=test": {"userpassword": ["searching"]},
            f"uid=alice,{people}": {
                "uid": ["alice"],
                "mail": ["alice@example.test"],
                "userpassword": ["secret"],
            },
            f"uid=bob,{people}": {
                "uid": ["bob"],
                "mail": ["robert@example.test", "bob@example.test"],
                "userpassword": ["secret"],
            },
            f"uid=carol,{people}": {"uid": ["carol"], "userpassword": ["secret"]},
            "cn=team,ou=groups,dc=example,dc=test": {"member": [f"uid=alice,{people}"]},
        },
    )
    stub.talk = stub.converse
    server = _TcpServer(("127.0.0.1", 0), stub.handler())
    stub.port = server.server_address[1]
    yield from stub.serve(server)


@pytest.fixture
def bad_talks() -> Mapping[str, Callable[[socket.socket], None]]:
    """How a back end can go wrong that takes connections."""
    return {
        "silent": silence,
        "slow": trickle,
        "gone at once": lambda client: None,
        "rubbish": says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        "zeros": says(b"\0" * 64),
        "a length without an end": says(b"\xff" * 64),
        "half an answer": says(b"\x00\x20OK"),
    }


# Worlds of the page on accounts, and log-ins by every protocol.


PAGE = Path(__file__).parents[3] / "docs" / "accounts.md"


@pytest.fixture
def documented() -> Callable[[str], str]:
    """The one example of the page, in a language, that has these words in it."""

    def find(words: str, language: str = "toml") -> str:
        blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        (found,) = [block for block in blocks if words in block]
        return str(found)

    return find


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """The running world of a file with this text."""
    with ExitStack() as running:

        def play(text: str) -> Server:
            path = tmp_path / "world.toml"
            path.write_text(text, "utf-8")
            return running.enter_context(Server(load_world(path)))

        yield play


# What came of a log-in.
IN, REFUSED, LATER = "in", "refused", "later"

_SMTP = {235: IN, 535: REFUSED, 454: LATER}
_CODES = {"AUTH": REFUSED, "AUTHENTICATIONFAILED": REFUSED, "SYS/TEMP": LATER, "UNAVAILABLE": LATER}


def by_smtp(server: Server, user: str, password: str) -> str:
    endpoint = server.target.endpoints[Protocol.SUBMISSIONS]
    with smtplib.SMTP_SSL(endpoint.host, endpoint.port, timeout=_PATIENCE_S, context=trust(server)) as smtp:
        smtp.ehlo()
        code, _text = smtp.docmd("AUTH", f"PLAIN {plain(user, password)}")
        return _SMTP[code]


def by_pop3(server: Server, user: str, password: str) -> str:
    endpoint = server.target.endpoints[Protocol.POP3S]
    pop3 = poplib.POP3_SSL(endpoint.host, endpoint.port, timeout=_PATIENCE_S, context=trust(server))
    try:
        if user.isascii() and user.isalnum() and len(user) < 40:  # RFC 1939 §3 has room for so many in a line
            pop3.user(user)
            pop3.pass_(password)
        else:
            pop3._shortcmd("AUTH PLAIN")
            pop3._shortcmd(plain(user, password))
    except poplib.error_proto as exc:
        return code_in(str(exc))
    else:
        return IN
    finally:
        pop3.close()


def by_imap(server: Server, user: str, password: str) -> str:
    return imap_outcome(server, PlainClient(user, password))


def imap_outcome(server: Server, mechanism: ClientMechanism) -> str:
    endpoint = server.target.endpoints[Protocol.IMAPS]
    imap = imaplib.IMAP4_SSL(endpoint.host, endpoint.port, timeout=_PATIENCE_S, ssl_context=trust(server))
    try:
        imap.authenticate(mechanism.name, mechanism.respond)
    except imaplib.IMAP4.error as exc:
        return code_in(str(exc))
    else:
        return IN
    finally:
        imap.shutdown()


def plain(user: str, password: str) -> str:
    """RFC 4616 §2."""
    return b64encode(f"\0{user}\0{password}".encode()).decode()


def code_in(text: str) -> str:
    found = re.search(r"\[([A-Z/]+)\]", text)
    assert found, text
    return _CODES[found[1]]


def trust(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=server.ca_pem)
    context.check_hostname = False
    return context


@pytest.fixture
def anywhere() -> Callable[[World], World]:
    """A world on free ports, so that it runs beside whatever else does."""
    return lambda world: replace(world, network=replace(world.network, dns_port=0, smtp_port=0))


@pytest.fixture
def trusted() -> Callable[[Server], ssl.SSLContext]:
    return trust


@pytest.fixture
def log_in_by_scram() -> Callable[..., str]:
    """What comes of a log-in with keys, by IMAP."""
    return lambda server, user: imap_outcome(server, ScramClient("SCRAM-SHA-256", user, "secret"))


@pytest.fixture
def log_in_acting_as() -> Callable[..., str]:
    """What comes of a log-in that names whom to act as, by IMAP (RFC 4616 §2)."""
    return lambda server, user, other: imap_outcome(server, PlainClient(user, "secret", other))


@pytest.fixture
def log_in() -> Callable[..., str]:
    """Log in by all three protocols; the one thing that comes of it."""

    def by_all(server: Server, user: str, password: str = "secret") -> str:
        found = {way(server, user, password) for way in (by_smtp, by_pop3, by_imap)}
        assert len(found) == 1, found
        return found.pop()

    return by_all
