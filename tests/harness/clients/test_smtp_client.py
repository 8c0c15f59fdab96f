"""The SMTP client against scripted peers on the loopback; every wait on either side is bounded."""

import contextlib
import socket
import ssl
import struct
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import trustme

from harness.clients.smtp import SmtpClient
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError, TimedOut
from harness.target import Endpoint, Protocol
from harness.wire.smtp.replies import EnhancedCode
from harness.wire.smtp.states import State

BOUND_S = 10.0
QUIET_S = 0.2

GREETING = b"220 mx.example.test ESMTP\r\n"
EHLO = b"EHLO [127.0.0.1]\r\n"
OFFERS = b"250-mx.example.test\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000\r\n"


@dataclass
class Peer:
    """Plays a script: the octets it waits for, and the octets it then sends."""

    sock: socket.socket
    problems: list[str] = field(default_factory=list)

    def expect(self, octets: bytes) -> None:
        got = b""
        while len(got) < len(octets):
            piece = self.sock.recv(len(octets) - len(got))
            if not piece:
                break
            got += piece
        if got != octets:
            self.problems.append(f"expected {octets!r}, got {got!r}")

    def play(self, *script: bytes) -> None:
        """Expect and send in turn; the first is sent."""
        for number, octets in enumerate(script):
            if number % 2:
                self.expect(octets)
            else:
                self.sock.sendall(octets)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Peer], None]
Connect = Callable[..., SmtpClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens clients; each is served by a script in a thread of its own, which must run to its end."""
    with contextlib.ExitStack() as stack:

        def open_client(
            script: Script | tuple[bytes, ...], *, lmtp: bool = False, timeout_s: float = BOUND_S
        ) -> SmtpClient:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(BOUND_S)
            problems: list[str] = []

            def serve() -> None:
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(BOUND_S)
                    peer = Peer(sock, problems)
                    if isinstance(script, tuple):
                        peer.play(*script)
                    else:
                        script(peer)

            thread = threading.Thread(target=serve)
            thread.start()

            def finish() -> None:
                thread.join(BOUND_S)
                assert not thread.is_alive()
                assert not problems

            stack.callback(finish)
            protocol = Protocol.LMTP if lmtp else Protocol.SMTP
            endpoint = Endpoint(protocol, "127.0.0.1", listener.getsockname()[1])
            transport = Transport.connect(endpoint, timeout_s=BOUND_S, transcript=Transcript("test"))
            return stack.enter_context(SmtpClient(transport, timeout_s=timeout_s, lmtp=lmtp))

        yield open_client


def greeted(client: SmtpClient) -> SmtpClient:
    assert client.read_greeting().code == 220
    assert (client.lhlo() if client.lmtp else client.ehlo()).code == 250
    return client


def test_a_transaction_from_greeting_to_quit(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"MAIL FROM:<a@example.org> SIZE=10\r\n", b"250 2.1.0 ok\r\n",
                b"RCPT TO:<b@example.test>\r\n", b"250 ok\r\n",
                b"DATA\r\n", b"354 go\r\n",
                b"Subject: x\r\n\r\n..dot\r\n.\r\n", b"250 taken\r\n",
                b"QUIT\r\n", b"221 bye\r\n",
            )
        )
    )  # fmt: skip
    assert client.greeting.text == "mx.example.test ESMTP"
    assert client.extensions == {"PIPELINING": "", "AUTH": "PLAIN LOGIN", "SIZE": "1000"}
    assert client.mail(b"<a@example.org>", b"SIZE=10").enhanced == EnhancedCode(2, 1, 0)
    assert client.rcpt(b"<b@example.test>").code == 250
    assert client.data(b"Subject: x\r\n\r\n.dot").text == "taken"
    assert client.state is State.READY
    assert client.quit().code == 221
    assert client.closed
    assert client.at_eof(BOUND_S)


def test_what_is_out_of_sequence_is_refused_and_not_sent(connect: Connect) -> None:
    client = greeted(connect((GREETING, EHLO, OFFERS, b"NOOP\r\n", b"250 ok\r\n")))
    for refused in (
        client.data_open,
        client.end_of_data,
        lambda: client.rcpt(b"<b@example.test>"),
        lambda: client.bdat(b"x", last=True),
    ):
        with pytest.raises(LocalProtocolError, match="out of sequence"):
            refused()
    assert client.noop().code == 250


def test_any_line_can_be_sent_and_moves_the_session_as_the_table_says(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"RCPT TO:<b@example.test>\r\n", b"503 no sender\r\n",
                b"mail from:<>\r\n", b"250 ok\r\n",
                b"XYZZY\r\n", b"500 what\r\n",
            )
        )
    )  # fmt: skip
    assert client.command(b"RCPT TO:<b@example.test>").code == 503
    assert client.state is State.READY
    assert client.command(b"mail from:<>").code == 250
    assert client.state is State.MAIL
    assert client.command(b"XYZZY").code == 500
    assert client.state is State.MAIL


def test_a_peer_that_takes_what_is_out_of_sequence_leaves_the_state_unknown(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING,
                EHLO,
                OFFERS,
                b"DATA\r\n",
                b"354 go\r\n",
                b".\r\n",
                b"554 no\r\n",
                b"RSET\r\n",
                b"250 ok\r\n",
            )
        )
    )
    assert client.command(b"DATA").code == 354
    assert client.state is None
    assert client.end_of_data().code == 554
    assert client.rset().code == 250
    assert client.state is State.READY


@pytest.mark.parametrize("line", [b"NOOP\r\nQUIT", b"NOOP\n", b"\r"])
def test_a_line_cannot_hold_two(connect: Connect, line: bytes) -> None:
    client = greeted(connect((GREETING, EHLO, OFFERS)))
    with pytest.raises(LocalProtocolError, match="CR or LF"):
        client.command(line)
    with pytest.raises(LocalProtocolError, match="CR or LF"):
        client.mail(b"<a@example.org>" + line)


def test_raw_sends_anything_and_after_it_nothing_is_refused(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"MAIL FROM:<>\nRCPT", b"500 1\r\n500 2\r\n",
                b"DATA\r\n", b"503 no\r\n",
                b"RSET\r\n", b"250 ok\r\n",
            )
        )
    )  # fmt: skip
    client.raw(b"MAIL FROM:<>\nRCPT")
    assert [client.read_reply().text, client.read_reply().text] == ["1", "2"]
    assert client.data_open().code == 503
    assert client.rset().code == 250
    with pytest.raises(LocalProtocolError):
        client.data_open()


def test_a_pipeline_goes_out_in_one_piece_and_each_line_is_answered(connect: Connect) -> None:
    lines = [b"MAIL FROM:<>", b"RCPT TO:<a@example.test>", b"RCPT TO:<b@example.test>", b"DATA"]
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"\r\n".join(lines) + b"\r\n", b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n",
                b"x\r\n.\r\n", b"250 ok\r\n",
            )
        )
    )  # fmt: skip
    assert [reply.code for reply in client.pipeline(lines)] == [250, 250, 550, 354]
    assert client.state is State.DATA
    client.raw(b"x\r\n")
    assert client.end_of_data().code == 250


def test_lmtp_answers_for_each_recipient(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, b"LHLO [127.0.0.1]\r\n", OFFERS,
                b"MAIL FROM:<>\r\n", b"250 ok\r\n",
                b"RCPT TO:<a@example.test>\r\n", b"250 ok\r\n",
                b"RCPT TO:<b@example.test>\r\n", b"250 ok\r\n",
                b"DATA\r\n", b"354 go\r\n",
                b"x\r\n.\r\n", b"250 a\r\n452 b\r\n",
            ),
            lmtp=True,
        )
    )  # fmt: skip
    client.mail(b"<>")
    client.rcpt(b"<a@example.test>")
    client.rcpt(b"<b@example.test>")
    assert [reply.text for reply in client.data_replies(b"x\r\n", 2)] == ["a", "b"]
    assert client.state is State.READY


def test_data_refused_sends_no_content(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"MAIL FROM:<>\r\n", b"250 ok\r\n",
                b"RCPT TO:<a@example.test>\r\n", b"250 ok\r\n",
                b"DATA\r\n", b"451 later\r\n", b"NOOP\r\n", b"250 ok\r\n",
            )
        )
    )  # fmt: skip
    client.mail(b"<>")
    client.rcpt(b"<a@example.test>")
    assert client.data(b"x\r\n").code == 451
    assert client.noop().code == 250


def test_chunks_are_counted_and_sent_as_they_are(connect: Connect) -> None:
    client = greeted(
        connect(
            (
                GREETING, EHLO, OFFERS,
                b"MAIL FROM:<>\r\n", b"250 ok\r\n",
                b"RCPT TO:<a@example.test>\r\n", b"250 ok\r\n",
                b"BDAT 4\r\n\r\n.\0", b"250 ok\r\n", b"BDAT 0 LAST\r\n", b"250 ok\r\n",
            )
        )
    )  # fmt: skip
    client.mail(b"<>")
    client.rcpt(b"<a@example.test>")
    assert client.bdat(b"\r\n.\0").code == 250
    assert client.state is State.CHUNKS
    assert client.bdat(b"", last=True).code == 250
    assert client.state is State.READY


PASSWORD = "s3same-öpen"
PLAIN = b64encode(f"\0alice\0{PASSWORD}".encode())
OFFERED_SECRETS = [PASSWORD.encode(), b64encode(PASSWORD.encode()), PLAIN, b64encode(b"alice")]


@pytest.mark.parametrize(
    ("login", "script"),
    [
        (lambda c: c.auth_plain("alice", PASSWORD), (b"AUTH PLAIN " + PLAIN + b"\r\n", b"235 ok\r\n")),
        (
            lambda c: c.auth_plain("alice", PASSWORD, initial=False),
            (b"AUTH PLAIN\r\n", b"334 \r\n", PLAIN + b"\r\n", b"235 ok\r\n"),
        ),
        (
            lambda c: c.auth_login("alice", PASSWORD),
            (
                b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n", b64encode(b"alice") + b"\r\n", b"334 UGFzc3dvcmQ6\r\n",
                b64encode(PASSWORD.encode()) + b"\r\n", b"235 ok\r\n",
            ),
        ),
    ],
    ids=["plain", "plain without initial response", "login"],
)  # fmt: skip
def test_a_login_leaves_no_secret_in_the_transcript(
    connect: Connect, login: Callable[[SmtpClient], object], script: tuple[bytes, ...]
) -> None:
    client = greeted(connect((GREETING, EHLO, OFFERS, *script)))
    login(client)
    assert client.state is State.READY
    assert b"AUTH" in client.transcript.sent()
    for secret in OFFERED_SECRETS:
        assert secret not in client.transcript.sent()
        assert secret.decode() not in str(client.transcript)


def test_a_long_initial_response_waits_for_the_challenge(connect: Connect) -> None:
    password = "x" * 400
    response = b64encode(b"\0alice\0" + password.encode())
    client = greeted(
        connect((GREETING, EHLO, OFFERS, b"AUTH PLAIN\r\n", b"334 \r\n", response + b"\r\n", b"535 no\r\n"))
    )
    assert client.auth_plain("alice", password).code == 535


@pytest.mark.parametrize("challenge", [b"334 not base64!\r\n", b"334 c3VycHJpc2U=\r\n"])
def test_a_challenge_that_cannot_be_answered_is_cancelled(connect: Connect, challenge: bytes) -> None:
    client = greeted(
        connect((GREETING, EHLO, OFFERS, b"AUTH PLAIN\r\n", challenge, b"*\r\n", b"501 cancelled\r\n"))
    )
    assert client.auth_plain("alice", "x", initial=False).code == 501
    assert client.state is State.READY


def test_starttls_forgets_what_was_known_before_it(connect: Connect) -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mx.example.test").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)

    def script(peer: Peer) -> None:
        peer.play(GREETING, EHLO, OFFERS, b"STARTTLS\r\n", b"220 go\r\n")
        with server_side.wrap_socket(peer.sock, server_side=True) as tls:
            peer.sock = tls
            peer.play(b"", EHLO, b"250 mx.example.test\r\n")

    client = greeted(connect(script))
    assert client.starttls(client_side, "mx.example.test").code == 220
    assert client.transport.tls
    assert (client.state, client.extensions) == (State.FRESH, {})
    assert client.ehlo().code == 250
    assert client.extensions == {}


def test_starttls_refused_goes_on_in_the_clear(connect: Connect) -> None:
    client = greeted(
        connect((GREETING, EHLO, OFFERS, b"STARTTLS\r\n", b"454 not now\r\n", b"NOOP\r\n", b"250 ok\r\n"))
    )
    assert client.starttls(ssl.create_default_context(), "mx.example.test").code == 454
    assert not client.transport.tls
    assert client.extensions
    assert client.noop().code == 250


def test_silence_times_out(connect: Connect) -> None:
    release = threading.Event()
    client = connect(lambda _: release.wait(BOUND_S), timeout_s=QUIET_S)
    with pytest.raises(TimedOut):
        client.read_greeting()
    release.set()


def test_half_a_reply_is_not_a_reply(connect: Connect) -> None:
    release = threading.Event()

    def script(peer: Peer) -> None:
        peer.play(b"220-one\r\n22")
        release.wait(BOUND_S)
        peer.play(b"0 two\r\n")

    client = connect(script)
    with pytest.raises(TimedOut):
        client.read_reply(QUIET_S)
    assert client.replies_within(QUIET_S) == []
    release.set()
    assert client.read_greeting().lines == (b"one", b"two")


@pytest.mark.parametrize("end", [lambda _: None, Peer.reset], ids=["closed", "reset"])
def test_a_lost_connection_is_said(connect: Connect, end: Script) -> None:
    def script(peer: Peer) -> None:
        peer.play(GREETING, EHLO)
        end(peer)

    client = connect(script)
    client.read_greeting()
    with pytest.raises(ConnectionLost):
        client.ehlo()


def test_replies_before_a_close_are_read(connect: Connect) -> None:
    client = connect((GREETING + b"421 4.3.2 going down\r\n",))
    client.read_greeting()
    assert client.at_eof(BOUND_S)
    assert client.read_reply().code == 421
    assert client.replies_within(BOUND_S) == []


def test_all_replies_up_to_a_close_come_at_once(connect: Connect) -> None:
    client = connect((GREETING + b"250 one\r\n250-two\r\n250 two\r\n421 bye\r\n",))
    client.read_greeting()
    assert [reply.code for reply in client.replies_within(BOUND_S)] == [250, 250, 421]


def test_an_open_connection_is_not_at_its_end(connect: Connect) -> None:
    client = connect((GREETING, b"NOOP\r\n", b"250 ok\r\n"))
    assert not client.at_eof(QUIET_S)
    assert client.read_greeting().code == 220
    assert client.noop().code == 250


def test_what_is_no_reply_is_said_after_the_replies_before_it(connect: Connect) -> None:
    client = connect((GREETING + b"* BAD what\r\n",))
    assert client.read_greeting().code == 220
    with pytest.raises(RemoteProtocolError, match="not a reply line"):
        client.read_reply()


def test_replies_within_ends_for_a_peer_that_never_does(connect: Connect) -> None:
    stop = threading.Event()

    def script(peer: Peer) -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(0.02):
                peer.play(b"250 again\r\n")

    client = connect(script, timeout_s=QUIET_S)
    assert client.read_reply(BOUND_S).code == 250
    try:
        assert all(reply.code == 250 for reply in client.replies_within(0.5))
    finally:
        stop.set()
