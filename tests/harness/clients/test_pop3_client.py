"""The POP3 client against a peer at the other end of a socket pair, whose words wait before they are asked for."""

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import trustme

from harness.clients.pop3 import Pop3Client, Pop3Refused
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError, TimedOut
from harness.wire.pop3.responses import MultiLine
from harness.wire.pop3.states import Answer, State

BOUND_S = 10.0
QUIET_S = 0.1
SECRET = "tanstaaf secret"


@dataclass
class Peer:
    """The server's end: says octets, tells what it heard since it was last asked."""

    sock: socket.socket

    def say(self, *responses: bytes) -> None:
        self.sock.sendall(b"".join(responses))

    def heard(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def ends() -> Iterator[tuple[Pop3Client, Peer]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport = Transport(ours, "pop3://192.0.2.1:110", timeout_s=BOUND_S, transcript=Transcript("test"))
    with theirs, Pop3Client(transport, timeout_s=BOUND_S) as client:
        yield client, Peer(theirs)


@pytest.fixture
def client(ends: tuple[Pop3Client, Peer]) -> Pop3Client:
    return ends[0]


@pytest.fixture
def peer(ends: tuple[Pop3Client, Peer]) -> Peer:
    return ends[1]


@pytest.fixture
def logged_in(client: Pop3Client, peer: Peer) -> Pop3Client:
    peer.say(b"+OK ready\r\n+OK\r\n+OK\r\n")
    assert client.read_greeting().ok
    assert client.login("alice", SECRET).ok
    assert peer.heard() == b"USER alice\r\nPASS " + SECRET.encode() + b"\r\n"
    return client


def test_a_session_from_greeting_to_quit(logged_in: Pop3Client, peer: Peer) -> None:
    peer.say(
        b"+OK 2 320\r\n",
        b"+OK\r\n1 120\r\n2 200\r\n.\r\n",
        b"+OK 2 200\r\n",
        b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
        b"+OK 2 b\r\n",
        b"+OK\r\nSubject: x\r\n\r\n..dot\r\n.\r\n",
        b"+OK\r\nSubject: x\r\n\r\n.\r\n",
        b"+OK marked\r\n",
        b"+OK back\r\n",
        b"+OK\r\n",
        b"+OK\r\nTOP\r\nSASL PLAIN LOGIN\r\n.\r\n",
        b"+OK bye\r\n",
    )
    assert logged_in.stat() == (2, 320)
    assert logged_in.list_() == [(1, 120), (2, 200)]
    assert logged_in.list_(2) == [(2, 200)]
    assert logged_in.uidl() == [(1, b"a"), (2, b"b")]
    assert logged_in.uidl(2) == [(2, b"b")]
    assert logged_in.retr(1) == b"Subject: x\r\n\r\n.dot\r\n"
    assert logged_in.top(1, 0) == b"Subject: x\r\n\r\n"
    assert logged_in.dele(1).text == b"marked"
    assert logged_in.rset().ok
    assert logged_in.noop().ok
    assert logged_in.capa() == {"TOP": [], "SASL": ["PLAIN", "LOGIN"]}
    assert not logged_in.closed
    assert logged_in.quit().ok
    assert logged_in.closed
    assert peer.heard().split(b"\r\n")[:-1] == [
        b"STAT", b"LIST", b"LIST 2", b"UIDL", b"UIDL 2", b"RETR 1", b"TOP 1 0", b"DELE 1", b"RSET", b"NOOP",
        b"CAPA", b"QUIT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (Pop3Client.stat, b"STAT"),
        (Pop3Client.list_, b"LIST"),
        (Pop3Client.uidl, b"UIDL"),
        (Pop3Client.capa, b"CAPA"),
        (lambda client: client.list_(3), b"LIST 3"),
        (lambda client: client.uidl(3), b"UIDL 3"),
        (lambda client: client.retr(3), b"RETR 3"),
        (lambda client: client.top(3, 1), b"TOP 3 1"),
    ],
)
def test_data_that_is_refused_is_an_error_with_command_and_answer(
    logged_in: Pop3Client, peer: Peer, ask: Callable[[Pop3Client], object], line: bytes
) -> None:
    peer.say(b"-ERR [SYS/TEMP] later\r\n")
    with pytest.raises(Pop3Refused, match=r"was answered -ERR \[SYS/TEMP\] later") as caught:
        ask(logged_in)
    assert caught.value.command == line
    assert caught.value.status.has_code("SYS")


def test_what_is_out_of_sequence_is_refused_and_not_sent(client: Pop3Client, peer: Peer) -> None:
    for ask in (client.stat, client.list_, client.noop, lambda: client.retr(1), lambda: client.pass_(SECRET)):
        with pytest.raises(LocalProtocolError, match="out of sequence"):
            ask()
    assert peer.heard() == b""


def test_pass_is_due_right_after_an_accepted_user(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"-ERR never heard of\r\n+OK\r\n-ERR invalid password\r\n")
    assert not client.login("nobody", SECRET).ok
    assert peer.heard() == b"USER nobody\r\n"
    assert client.user("alice").ok
    assert client.state is State.NAMED
    assert not client.pass_(SECRET).ok
    assert client.state is State.AUTHORIZATION


def test_any_line_can_be_sent_and_is_read_in_its_form(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"-ERR not yet\r\n-ERR what?\r\n+OK\r\nUSER\r\n.\r\n+OK\r\nx y\r\n.\r\n+OK\r\n")
    assert not client.command(b"RETR 1").ok
    assert not client.command(b"XYZZ").ok
    assert client.command(b"capa").ok
    assert client.multiline(b"LIST").lines == [b"x y"]
    assert client.state is None
    assert client.command(b"NOOP").ok
    assert client.state is State.TRANSACTION


@pytest.mark.parametrize("line", [b"NOOP\r\nQUIT", b"NOOP\n", b"NOOP\r"])
def test_a_line_cannot_hold_two(client: Pop3Client, peer: Peer, line: bytes) -> None:
    for send in (client.command, client.multiline, lambda line: client.pipeline([line])):
        with pytest.raises(LocalProtocolError, match="CR or LF"):
            send(line)
    assert peer.heard() == b""


def test_raw_sends_anything_and_after_it_nothing_is_refused(client: Pop3Client, peer: Peer) -> None:
    client.raw(b"\0\r", shown=b"something")
    assert peer.heard() == b"\0\r"
    assert client.state is None
    peer.say(b"-ERR\r\n+OK 0 0\r\n")
    assert not client.read_status().ok
    assert client.stat() == (0, 0)
    assert client.state is State.TRANSACTION


def test_who_reads_says_which_responses_have_more_lines(logged_in: Pop3Client, peer: Peer) -> None:
    logged_in.raw(b"LIST\r\nNOOP\r\n")
    peer.say(b"+OK\r\n1 5\r\n.\r\n+OK\r\n+OK unasked\r\n")
    listing, *rest = logged_in.responses_within(QUIET_S, multi_line=[True])
    assert isinstance(listing, MultiLine)
    assert listing.lines == [b"1 5"]
    assert [response.raw for response in rest] == [b"+OK\r\n", b"+OK unasked\r\n"]


def test_a_pipeline_goes_out_in_one_piece_and_each_line_is_answered(
    logged_in: Pop3Client, peer: Peer
) -> None:
    peer.say(b"+OK\r\nx\r\n.\r\n-ERR\r\n+OK\r\n")
    responses = logged_in.pipeline([b"RETR 1", b"RETR 2", b"QUIT"])
    assert peer.heard() == b"RETR 1\r\nRETR 2\r\nQUIT\r\n"
    assert [(type(response).__name__, response.ok) for response in responses] == [
        ("MultiLine", True),
        ("MultiLine", False),
        ("Status", True),
    ]
    assert logged_in.state is State.UPDATE


def test_apop_by_the_example_of_the_rfc(client: Pop3Client, peer: Peer) -> None:
    # RFC 1939 §7
    peer.say(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n+OK\r\n")
    client.read_greeting()
    assert client.apop("mrose", "tanstaaf").ok
    assert peer.heard() == b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"
    assert b"c4c9" not in client.transcript.sent()
    assert client.state is State.TRANSACTION


def test_apop_needs_a_timestamp(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"+OK ready\r\n")
    client.read_greeting()
    with pytest.raises(LocalProtocolError, match="no timestamp"):
        client.apop("mrose", "tanstaaf")


PLAIN = b64encode(b"\0alice\0" + SECRET.encode())


@pytest.mark.parametrize(
    ("log_in", "answers", "sent"),
    [
        (
            lambda client: client.login("alice", SECRET),
            b"+OK\r\n+OK\r\n",
            b"USER alice\r\nPASS " + SECRET.encode() + b"\r\n",
        ),
        (lambda client: client.auth_plain("alice", SECRET), b"+OK\r\n", b"AUTH PLAIN " + PLAIN + b"\r\n"),
        (
            lambda client: client.auth_plain("alice", SECRET, initial=False),
            b"+ \r\n+OK\r\n",
            b"AUTH PLAIN\r\n" + PLAIN + b"\r\n",
        ),
        (
            lambda client: client.auth_login("alice", SECRET),
            b"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK\r\n",
            b"AUTH LOGIN\r\nYWxpY2U=\r\n" + b64encode(SECRET.encode()) + b"\r\n",
        ),
    ],
)
def test_a_login_leaves_no_secret_in_the_transcript(
    client: Pop3Client, peer: Peer, log_in: Callable[[Pop3Client], object], answers: bytes, sent: bytes
) -> None:
    peer.say(answers)
    log_in(client)
    assert peer.heard() == sent
    assert client.state is State.TRANSACTION
    for secret in (SECRET.encode(), PLAIN, b64encode(SECRET.encode())):
        assert secret not in client.transcript.sent()


def test_a_password_that_cannot_be_sent_is_not_told(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"+OK\r\n")
    with pytest.raises(LocalProtocolError) as caught:
        client.login("alice", SECRET + "\r\n")
    assert SECRET not in str(caught.value)


def test_a_long_initial_response_waits_for_the_challenge(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"+ \r\n+OK\r\n")
    assert client.auth_plain("alice", "x" * 200).ok
    assert peer.heard().startswith(b"AUTH PLAIN\r\n")


@pytest.mark.parametrize("challenge", [b"+ !\r\n", b"+ eA==\r\n"])
def test_a_challenge_that_cannot_be_answered_is_cancelled(
    client: Pop3Client, peer: Peer, challenge: bytes
) -> None:
    peer.say(challenge, b"-ERR cancelled\r\n")
    assert client.auth_plain("alice", SECRET).answer is Answer.ERR
    assert peer.heard().endswith(b"\r\n*\r\n")
    assert client.state is State.AUTHORIZATION


def test_a_response_that_looks_like_a_command_is_none(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"+ \r\n+OK\r\n")
    assert client.command(b"AUTH PLAIN").answer is Answer.CHALLENGE
    assert client.command(b"LIST").ok
    assert client.state is State.TRANSACTION


def test_stls_drops_what_came_in_the_clear(client: Pop3Client, peer: Peer) -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mx.example.test").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    heard = []
    peer.sock.settimeout(BOUND_S)

    def serve() -> None:
        peer.sock.sendall(b"+OK go\r\n+OK injected\r\n")
        while b"STLS\r\n" not in b"".join(heard):
            heard.append(peer.sock.recv(1))
        with server_side.wrap_socket(peer.sock, server_side=True) as tls:
            heard.append(tls.recv(100))
            tls.sendall(b"+OK bye\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    assert client.stls(client_side, "mx.example.test").ok
    assert client.transport.tls
    assert client.state is State.AUTHORIZATION
    assert client.quit().text == b"bye"
    thread.join(BOUND_S)
    assert not thread.is_alive()
    assert b"".join(heard) == b"STLS\r\nQUIT\r\n"


def test_stls_refused_goes_on_in_the_clear(client: Pop3Client, peer: Peer) -> None:
    peer.say(b"-ERR no\r\n+OK\r\n")
    assert not client.stls(ssl.create_default_context(), "mx.example.test").ok
    assert not client.transport.tls
    assert client.quit().ok


def test_silence_and_half_a_response_time_out(logged_in: Pop3Client, peer: Peer) -> None:
    logged_in.timeout_s = QUIET_S
    with pytest.raises(TimedOut):
        logged_in.noop()
    peer.say(b"+OK late\r\n+OK\r\nno end\r\n")
    assert logged_in.read_status(BOUND_S).text == b"late"
    with pytest.raises(TimedOut):
        logged_in.retr(1)


def test_a_lost_connection_is_said(logged_in: Pop3Client, peer: Peer) -> None:
    peer.say(b"+OK\r\nhalf a mess")
    peer.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionLost, match="closed by the peer"):
        logged_in.retr(1)


def test_responses_before_a_close_are_read(logged_in: Pop3Client, peer: Peer) -> None:
    assert not logged_in.at_eof(QUIET_S)
    peer.say(b"-ERR going down\r\n")
    peer.sock.shutdown(socket.SHUT_WR)
    assert logged_in.at_eof(BOUND_S)
    assert logged_in.read_status().text == b"going down"


def test_what_is_no_response_is_said_after_the_responses_before_it(logged_in: Pop3Client, peer: Peer) -> None:
    peer.say(b"+OK\r\n* BYE this is IMAP\r\n")
    assert logged_in.noop().ok
    with pytest.raises(RemoteProtocolError, match="not a POP3 status line"):
        logged_in.read_status()
