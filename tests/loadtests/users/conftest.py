"""A mail server that says what a test tells it to, and a process in which a user meets it."""

import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

PROGRAM = Path(__file__).with_name("smtp_user_program.py")

Answer = bytes | str | Callable[[bytes], "bytes | str"]

EHLO = b"250-peer.example.test\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n"


class Gone(Exception):
    """The dialogue is over."""


class SmtpPeer:
    """Speaks SMTP or LMTP to each connection, in a thread of its own.

    `answers` holds what is said to each verb (``GREETING``, ``END`` for the content, ``AUTH-MORE`` for what
    follows a 334): octets, a function of the line, or one of the words ``hang``, ``close``, ``reset``.
    """

    def __init__(
        self, answers: Mapping[str, Answer], context: ssl.SSLContext | None, *, implicit: bool
    ) -> None:
        self.answers = {
            "GREETING": b"220 peer.example.test\r\n",
            "EHLO": EHLO,
            "LHLO": EHLO,
            "STARTTLS": b"220 go ahead\r\n",
            "AUTH": b"235 welcome\r\n",
            "MAIL": b"250 sender\r\n",
            "RCPT": b"250 recipient\r\n",
            "DATA": b"354 go on\r\n",
            "END": b"250 queued\r\n",
            "RSET": b"250 flushed\r\n",
            "QUIT": b"221 bye\r\n",
        } | dict(answers)
        self.lines: list[bytes] = []
        self.contents: list[bytes] = []
        self.writes: list[bytes] = []
        self._context = context
        self._implicit = implicit
        self._open = ExitStack()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        # Wakes `accept`, which closing the listener would not.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()
        assert not [thread for thread in self._threads if thread.is_alive()]

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._over.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        dialogue = _Dialogue(self, connection)
        with suppress(Gone, OSError):
            if self._implicit:
                dialogue.start_tls()
            dialogue.run()
        dialogue.close()


class _Dialogue:
    def __init__(self, peer: SmtpPeer, connection: socket.socket) -> None:
        self._peer = peer
        self._socket = connection
        self._pending = b""

    def run(self) -> None:
        self._say("GREETING", b"")
        while True:
            line = self._line()
            self._peer.lines.append(line)
            verb = line.split(b" ")[0].decode().upper()
            said = self._say(verb, line)
            if verb == "STARTTLS" and said.startswith(b"2"):
                self.start_tls()
            while verb == "AUTH" and said.startswith(b"3"):
                said = self._say("AUTH-MORE", self._line())
            if verb == "DATA" and said.startswith(b"3"):
                self._peer.contents.append(self._content())
                self._say("END", line)
            if verb == "QUIT":
                raise Gone

    def start_tls(self) -> None:
        assert self._peer._context is not None
        self._socket = self._peer._context.wrap_socket(self._socket, server_side=True)

    def close(self) -> None:
        self._socket.close()

    def _say(self, verb: str, line: bytes) -> bytes:
        answer = self._peer.answers[verb]
        octets = answer(line) if callable(answer) else answer
        if octets == "hang":
            self._peer._over.wait(20)
            raise Gone
        if octets == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(octets, str):
            raise Gone
        self._socket.sendall(octets)
        return octets

    def _line(self) -> bytes:
        return self._until(b"\r\n")

    def _content(self) -> bytes:
        if self._pending.startswith(b".\r\n"):
            self._pending = self._pending[3:]
            return b""
        if not self._pending:
            self._receive()
            return self._content()
        return self._until(b"\r\n.\r\n")

    def _until(self, end: bytes) -> bytes:
        while end not in self._pending:
            self._receive()
        found, _, self._pending = self._pending.partition(end)
        return found

    def _receive(self) -> None:
        octets = self._socket.recv(65536)
        if not octets:
            raise Gone
        self._peer.writes.append(octets)
        self._pending += octets


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def smtp_peer(authority: trustme.CA) -> Iterator[Callable[..., SmtpPeer]]:
    """Makes peers; ``name`` is the one that the certificate carries."""
    with ExitStack() as stack:

        def make(*, name: str = "127.0.0.1", implicit: bool = False, **answers: Answer) -> SmtpPeer:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            said = {verb.replace("_", "-"): answer for verb, answer in answers.items()}
            peer = SmtpPeer(said, context, implicit=implicit)
            stack.callback(peer.close)
            return peer

        yield make


Ask = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="session")
def process_of() -> Iterator[Callable[[Path], Ask]]:
    """Starts a program that answers one request after the other, a line of JSON each: Locust takes long to import."""
    with ExitStack() as stack:
        yield lambda program: stack.enter_context(answering(program))


@contextmanager
def answering(program: Path) -> Iterator[Ask]:
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(asked: dict[str, Any]) -> Any:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            watchdog = threading.Timer(60, process.kill)
            watchdog.start()
            line = process.stdout.readline()
            watchdog.cancel()
            assert line, "the process has ended"
            return json.loads(line)

        yield ask
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def users(process_of: Callable[[Path], Ask]) -> Ask:
    """A process in which users are made and run."""
    return process_of(PROGRAM)


@pytest.fixture
def meet(authority: trustme.CA, tmp_path: Path, users: Ask) -> Callable[..., Any]:
    """Runs a user's sessions against a peer, in the process of `users`; returns what was seen there."""
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))

    def run(peer: SmtpPeer, **asked: Any) -> Any:
        return users({"port": peer.port, "ca": str(ca)} | asked)

    return run
