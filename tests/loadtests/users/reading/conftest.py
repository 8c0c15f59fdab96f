"""A POP3 or IMAP server that says what a test tells it to, and a process in which a user meets it."""

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("reading_user_program.py")
LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
TAG = re.compile(rb"A\d+")

# Octets; one of the words hang, close, reset; or several of them.
Said = bytes | str | tuple[bytes | str, ...]
Answer = Said | Callable[[bytes], Said]

WAIT_S = 20


class Gone(Exception):
    """The dialogue is over."""


class Peer:
    """Speaks to each connection in a thread of its own.

    `answers` holds what is said to each command (``GREETING`` first), by its first words in upper case, the longest
    that fits; ``*`` is for what is not listed. Of IMAP ``TAG`` stands for the tag.

    Attributes:
        lines: Commands as they came, tags left out; literals are behind the line that announced them.
        writes: What each reading of the socket gave.
    """

    def __init__(
        self, answers: Mapping[str, Answer], context: ssl.SSLContext, *, tagged: bool, implicit: bool
    ) -> None:
        self.answers = dict(answers)
        self.lines: list[bytes] = []
        self.writes: list[bytes] = []
        self.tagged = tagged
        self._context = context
        self._implicit = implicit
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
            thread.join(timeout=WAIT_S)
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
        connection.settimeout(WAIT_S)
        dialogue = Dialogue(self, connection)
        with suppress(Gone, OSError):
            if self._implicit:
                dialogue.start_tls()
            dialogue.run()
        dialogue.close()

    def answer_to(self, line: bytes) -> Said:
        words = line.decode("latin-1").upper().split(" ")
        for count in (3, 2, 1):
            answer = self.answers.get(" ".join(words[:count]))
            if answer is not None:
                return answer(line) if callable(answer) else answer
        answer = self.answers["*"]
        return answer(line) if callable(answer) else answer


class Dialogue:
    def __init__(self, peer: Peer, connection: socket.socket) -> None:
        self._peer = peer
        self._socket = connection
        self._pending = b""

    def run(self) -> None:
        self._say(self._peer.answer_to(b"GREETING"), b"")
        while True:
            line = self._line()
            tag, _, command = line.partition(b" ") if self._peer.tagged else (b"", b"", line)
            # DONE, and responses to challenges, have no tag.
            if self._peer.tagged and not TAG.fullmatch(tag):
                command = line
            while (literal := LITERAL.search(command)) and self._peer.tagged:
                if not literal[2] and not self._say(self._peer.answer_to(b"LITERAL"), tag).startswith(b"+"):
                    break
                command += b"\r\n" + self._take(int(literal[1])) + self._line()
            self._peer.lines.append(command)
            said = self._say(self._peer.answer_to(command), tag)
            if command.upper() in {b"STLS", b"STARTTLS"} and b"OK" in said[:8]:
                self.start_tls()
            if command.upper() in {b"QUIT", b"LOGOUT"}:
                raise Gone

    def start_tls(self) -> None:
        self._socket = self._peer._context.wrap_socket(self._socket, server_side=True)
        self._pending = b""

    def close(self) -> None:
        self._socket.close()

    def _say(self, said: Said, tag: bytes) -> bytes:
        if isinstance(said, tuple):
            return b"".join(self._say(each, tag) for each in said)
        if said == "hang":
            self._peer._over.wait(WAIT_S)
            raise Gone
        if said == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(said, str):
            raise Gone
        octets = said.replace(b"TAG", tag)
        self._socket.sendall(octets)
        return octets

    def _line(self) -> bytes:
        while b"\r\n" not in self._pending:
            self._receive()
        line, _, self._pending = self._pending.partition(b"\r\n")
        return line

    def _take(self, octets: int) -> bytes:
        while len(self._pending) < octets:
            self._receive()
        taken, self._pending = self._pending[:octets], self._pending[octets:]
        return taken

    def _receive(self) -> None:
        octets = self._socket.recv(65536)
        if not octets:
            raise Gone
        self._peer.writes.append(octets)
        self._pending += octets


IMAP = {
    "GREETING": b"* OK [CAPABILITY IMAP4rev1 LITERAL+ IDLE MOVE UIDPLUS SASL-IR AUTH=PLAIN] ready\r\n",
    "LOGIN": b"TAG OK [CAPABILITY IMAP4rev1 LITERAL+ IDLE MOVE UIDPLUS] welcome\r\n",
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 LITERAL+ IDLE MOVE UIDPLUS AUTH=PLAIN\r\nTAG OK done\r\n",
    "SELECT": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 14] x\r\nTAG OK [READ-WRITE] done\r\n",
    "LITERAL": b"+ go on\r\n",
    "*": b"TAG OK done\r\n",
}
POP3 = {
    "GREETING": b"+OK ready\r\n",
    "CAPA": b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\nSASL PLAIN\r\n.\r\n",
    "STAT": b"+OK 2 300\r\n",
    "LIST": b"+OK\r\n1 100\r\n2 200\r\n.\r\n",
    "UIDL": b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
    "RETR": lambda line: b"+OK\r\nSubject: %b\r\n\r\n..dot\r\n.\r\n" % line[5:],
    "TOP": b"+OK\r\nSubject: x\r\n\r\n.\r\n",
    "*": b"+OK\r\n",
}


@pytest.fixture
def peer(authority: Any) -> Iterator[Callable[..., Peer]]:
    """Makes peers: ``peer("imap", {"NOOP": b"TAG NO no\\r\\n"})``."""
    with ExitStack() as stack:

        def make(protocol: str, answers: Mapping[str, Answer] | None = None) -> Peer:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            base = IMAP if protocol.startswith("imap") else POP3
            tagged, implicit = base is IMAP, protocol.endswith("s")
            made = Peer(base | dict(answers or {}), context, tagged=tagged, implicit=implicit)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture(scope="session")
def process(process_of: Callable[[Path], Any]) -> Any:
    """A process in which users are made."""
    return process_of(PROGRAM)


@pytest.fixture
def meet(authority: Any, tmp_path: Path, process: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    """Runs a user's session against a peer: ``meet(peer, ["noop", ["select", "b:INBOX"]])``."""
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))

    def run(peer: Peer, steps: list[Any], **asked: Any) -> Any:
        protocol = asked.pop("protocol", "imap" if peer.tagged else "pop3")
        target = {
            "domain": "example.test",
            "endpoints": {protocol: f"127.0.0.1:{peer.port}"},
            "accounts": [{"user": "alice@example.test", "password": "sesame-opens"}],
            "ca": str(ca),
        }
        kind = "ImapUser" if peer.tagged else "Pop3User"
        return process({"kind": kind, "target": target, "steps": steps} | asked)

    return run
