"""The IMAP client against a peer at the other end of a socket pair, whose words wait before they are asked for."""

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import trustme

from harness.clients.imap import ImapClient, ImapRefused, Literal
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError, TimedOut
from harness.wire import sasl
from harness.wire.imap.responses import Condition, Exists, Expunge, Id, Unknown
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.states import Answer, State

BOUND_S = 10.0
QUIET_S = 0.1
SECRET = "tanstaaf secret"
PLAIN = b64encode(b"\0alice\0" + SECRET.encode())


@dataclass
class Peer:
    """The server's end: says octets, tells what it heard since it was last asked."""

    sock: socket.socket

    def say(self, *responses: bytes) -> None:
        self.sock.sendall(b"".join(response + b"\r\n" for response in responses))

    def heard(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def ends() -> Iterator[tuple[ImapClient, Peer]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport = Transport(ours, "imap://192.0.2.1:143", timeout_s=BOUND_S, transcript=Transcript("test"))
    with theirs, ImapClient(transport, timeout_s=BOUND_S) as client:
        yield client, Peer(theirs)


@pytest.fixture
def peer(ends: tuple[ImapClient, Peer]) -> Peer:
    return ends[1]


@pytest.fixture
def greeted(ends: tuple[ImapClient, Peer]) -> ImapClient:
    client, peer = ends
    peer.say(b"* OK ready")
    assert client.read_greeting().text == b"ready"
    assert client.state is State.NOT_AUTHENTICATED
    return client


@pytest.fixture
def logged_in(greeted: ImapClient, peer: Peer) -> ImapClient:
    """The next tag is A2."""
    peer.say(b"A1 OK in")
    assert greeted.login("alice", "secret").ok
    assert greeted.state is State.AUTHENTICATED
    assert peer.heard() == b"A1 LOGIN alice secret\r\n"
    return greeted


@pytest.fixture
def selected(logged_in: ImapClient, peer: Peer) -> ImapClient:
    """The next tag is A3."""
    peer.say(b"* 3 EXISTS", b"A2 OK [READ-WRITE] done")
    assert logged_in.select(b"INBOX").exists == 3
    assert logged_in.state is State.SELECTED
    assert peer.heard() == b"A2 SELECT INBOX\r\n"
    return logged_in


# Greeting, capabilities, state


@pytest.mark.parametrize(
    ("octets", "state"),
    [
        (b"* OK ready", State.NOT_AUTHENTICATED),
        (b"* PREAUTH hello alice", State.AUTHENTICATED),
        (b"* BYE go away", State.LOGOUT),
    ],
)
def test_the_greeting_says_where_the_session_stands(
    ends: tuple[ImapClient, Peer], octets: bytes, state: State
) -> None:
    client, peer = ends
    peer.say(octets)
    assert client.read_greeting().raw == octets + b"\r\n"
    assert client.state is state
    assert client.closed is (state is State.LOGOUT)


@pytest.mark.parametrize(
    "octets", [b"220 mx.example.test ESMTP", b"+OK ready", b"* NO", b"A1 OK", b"* 3 EXISTS"]
)
def test_what_is_no_greeting_is_refused(ends: tuple[ImapClient, Peer], octets: bytes) -> None:
    client, peer = ends
    peer.say(octets)
    with pytest.raises(RemoteProtocolError, match="not an IMAP greeting"):
        client.read_greeting()


def test_capabilities_are_asked_for_once_and_forgotten_at_login(greeted: ImapClient, peer: Peer) -> None:
    peer.say(b"* CAPABILITY IMAP4rev1 Auth=PLAIN", b"A1 OK", b"A2 OK in", b"* CAPABILITY IMAP4rev2", b"A3 OK")
    for _ in range(2):
        assert greeted.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}
    greeted.login("alice", "secret")
    assert greeted.capabilities == {"IMAP4REV2"}
    assert peer.heard() == b"A1 CAPABILITY\r\nA2 LOGIN alice secret\r\nA3 CAPABILITY\r\n"


def test_capabilities_are_learnt_wherever_they_are_told(ends: tuple[ImapClient, Peer]) -> None:
    client, peer = ends
    peer.say(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready", b"A1 OK [CAPABILITY IMAP4rev1 MOVE] in")
    client.read_greeting()
    assert client.capabilities == {"IMAP4REV1", "IDLE"}
    client.login("alice", "secret")
    assert client.capabilities == {"IMAP4REV1", "MOVE"}
    assert peer.heard() == b"A1 LOGIN alice secret\r\n"


def test_what_is_out_of_sequence_is_refused_and_not_sent(greeted: ImapClient, peer: Peer) -> None:
    for ask in (
        greeted.expunge,
        greeted.unselect,
        lambda: greeted.select(b"INBOX"),
        lambda: greeted.fetch(b"1", b"UID"),
        lambda: greeted.uid_search(b"ALL"),
        lambda: greeted.append(b"INBOX", b""),
        lambda: greeted.idle().__enter__(),
    ):
        with pytest.raises(LocalProtocolError, match="out of sequence"):
            ask()
    assert peer.heard() == b""


def test_command_sends_what_is_out_of_sequence(greeted: ImapClient, peer: Peer) -> None:
    peer.say(b"A1 BAD not now", b"A2 OK oh well", b"A3 OK", b"A4 OK")
    assert greeted.command(b"FETCH 1 UID").status is Answer.BAD
    assert greeted.state is State.NOT_AUTHENTICATED
    assert greeted.command(b"FETCH 1 UID").ok
    assert greeted.state is None
    assert greeted.command(b"NOOP").ok
    assert greeted.command(b"LOGIN a b").ok
    assert greeted.state is State.AUTHENTICATED


# Logging in


@pytest.mark.parametrize(
    ("log_in", "answers", "sent"),
    [
        (
            lambda client: client.login("alice", SECRET),
            [b"A1 OK"],
            b'A1 LOGIN alice "%s"\r\n' % SECRET.encode(),
        ),
        (
            lambda client: client.authenticate_plain("alice", SECRET),
            [b"+ ", b"A1 OK"],
            b"A1 AUTHENTICATE PLAIN\r\n%s\r\n" % PLAIN,
        ),
        (
            lambda client: client.authenticate_plain("alice", SECRET, initial=True),
            [b"A1 OK"],
            b"A1 AUTHENTICATE PLAIN %s\r\n" % PLAIN,
        ),
        (
            lambda client: client.authenticate(sasl.LoginClient("alice", SECRET)),
            [b"+ VXNlcm5hbWU6", b"+ UGFzc3dvcmQ6", b"A1 OK"],
            b"A1 AUTHENTICATE LOGIN\r\nYWxpY2U=\r\n%s\r\n" % b64encode(SECRET.encode()),
        ),
        (
            lambda client: client.login("alice", SECRET + "é"),
            [b"+ go", b"A1 OK"],
            b"A1 LOGIN alice {%d}\r\n%s\r\n" % (len(SECRET) + 2, (SECRET + "é").encode()),
        ),
    ],
)
def test_a_login_leaves_no_secret_in_the_transcript(
    greeted: ImapClient, peer: Peer, log_in: Callable[[ImapClient], object], answers: list[bytes], sent: bytes
) -> None:
    peer.say(*answers)
    log_in(greeted)
    assert peer.heard() == sent
    assert greeted.state is State.AUTHENTICATED
    for secret in (SECRET.encode(), PLAIN, b64encode(SECRET.encode())):
        assert secret not in greeted.transcript.sent()
    assert b"<secret>" in greeted.transcript.sent()


@pytest.mark.parametrize("challenge", [b"+ !", b"+ eA=="])
def test_a_challenge_that_cannot_be_answered_is_cancelled(
    greeted: ImapClient, peer: Peer, challenge: bytes
) -> None:
    peer.say(challenge, b"A1 BAD cancelled")
    assert greeted.authenticate_plain("alice", SECRET).status is Answer.BAD
    assert peer.heard() == b"A1 AUTHENTICATE PLAIN\r\n*\r\n"
    assert greeted.state is State.NOT_AUTHENTICATED


def test_starttls_drops_what_came_in_the_clear(greeted: ImapClient, peer: Peer) -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mx.example.test").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    heard: list[bytes] = []
    peer.sock.settimeout(BOUND_S)

    def serve() -> None:
        peer.sock.sendall(
            b"* CAPABILITY X-CLEAR\r\nA1 OK go\r\n* CAPABILITY X-INJECTED\r\nA2 OK injected\r\n"
        )
        while b"STARTTLS\r\n" not in b"".join(heard):
            heard.append(peer.sock.recv(1))
        with server_side.wrap_socket(peer.sock, server_side=True) as tls:
            heard.append(tls.recv(100))
            tls.sendall(b"* CAPABILITY IMAP4rev1\r\nA2 OK\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    assert greeted.starttls(client_side, "mx.example.test").ok
    assert greeted.transport.tls
    assert greeted.state is State.NOT_AUTHENTICATED
    assert greeted.capabilities == {"IMAP4REV1"}
    thread.join(BOUND_S)
    assert not thread.is_alive()
    assert b"".join(heard) == b"A1 STARTTLS\r\nA2 CAPABILITY\r\n"


def test_starttls_refused_goes_on_in_the_clear(greeted: ImapClient, peer: Peer) -> None:
    peer.say(b"A1 NO", b"A2 OK")
    assert not greeted.starttls(ssl.create_default_context(), "mx.example.test").ok
    assert not greeted.transport.tls
    assert greeted.noop().ok


# Mailboxes


def test_select_tells_all_that_was_said(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(
        b"* 172 EXISTS", b"* 1 RECENT", b"* OK [UNSEEN 12] x", b"* OK [UIDVALIDITY 3857529045] x",
        b"* OK [UIDNEXT 4392] x", b"* OK [HIGHESTMODSEQ 715194045007] x", rb"* FLAGS (\Seen a)",
        rb"* OK [PERMANENTFLAGS (\Seen \*)] x", b"A2 OK [READ-ONLY] x",
    )  # fmt: skip
    told = logged_in.examine(b"a b", b"(CONDSTORE)")
    assert told.ok
    assert (told.exists, told.recent, told.unseen) == (172, 1, 12)
    assert (told.uidvalidity, told.uidnext, told.highestmodseq) == (3857529045, 4392, 715194045007)
    assert (told.flags, told.permanentflags, told.read_only) == (("\\Seen", "a"), ("\\Seen", "\\*"), True)
    assert peer.heard() == b'A2 EXAMINE "a b" (CONDSTORE)\r\n'


def test_what_comes_before_closed_is_of_the_mailbox_left(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"* 4 EXISTS", b"* OK [CLOSED] x", b"* OK [UIDNEXT 7] x", b"A3 OK [READ-WRITE] x")
    told = selected.select(b"other")
    assert (told.exists, told.uidnext, told.recent, told.read_only) == (None, 7, None, False)


def test_a_select_that_fails_leaves_no_mailbox_selected(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"A3 NO no such mailbox")
    assert not selected.select(b"gone").ok
    assert selected.state is State.AUTHENTICATED


def test_mailbox_commands(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(*(b"A%d OK" % number for number in range(2, 8)))
    logged_in.create(b"a")
    logged_in.rename(b"a", b'b "c"')
    logged_in.subscribe(b"NIL")
    logged_in.unsubscribe(b"b")
    logged_in.delete(b"b")
    logged_in.enable(b"IMAP4rev2", b"CONDSTORE")
    assert peer.heard().split(b"\r\n")[:-1] == [
        b"A2 CREATE a", rb'A3 RENAME a "b \"c\""', b'A4 SUBSCRIBE "NIL"', b"A5 UNSUBSCRIBE b", b"A6 DELETE b",
        b"A7 ENABLE IMAP4rev2 CONDSTORE",
    ]  # fmt: skip


def test_data_that_is_asked_for_is_returned(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(
        b'* LIST (\\HasChildren) "/" a', b"* LIST () NIL {3}", b"b c", b"A2 OK",
        b'* LSUB () "/" a', b"A3 OK",
        b"* STATUS a (MESSAGES 3 UIDNEXT 4)", b"A4 OK",
        b'* NAMESPACE (("" "/")) NIL NIL', b"A5 OK",
        b'* ID ("name" "x")', b"A6 OK",
    )  # fmt: skip
    assert [(found.name, found.delimiter) for found in logged_in.list_(b'""', b"*")] == [
        (b"a", b"/"),
        (b"b c", None),
    ]
    assert [found.subscribed for found in logged_in.lsub(b'""', b"%")] == [True]
    assert logged_in.status(b"a", b"(MESSAGES UIDNEXT)") == {"MESSAGES": 3, "UIDNEXT": 4}
    namespace = logged_in.namespace()
    assert namespace is not None
    assert namespace.personal[0].delimiter == b"/"
    assert logged_in.id_().of(Id)[0].fields == {"name": b"x"}


@pytest.mark.parametrize(
    "ask",
    [
        ImapClient.capability,
        ImapClient.namespace,
        lambda client: client.list_(b'""', b"*"),
        lambda client: client.status(b"a", b"(MESSAGES)"),
        lambda client: client.fetch(b"1", b"UID"),
        lambda client: client.uid_fetch(b"1", b"UID"),
        lambda client: client.search(b"ALL"),
        lambda client: client.uid_search(b"ALL"),
        lambda client: client.idle().__enter__(),
    ],
)
def test_data_that_is_refused_is_an_error_with_command_and_answer(
    selected: ImapClient, peer: Peer, ask: Callable[[ImapClient], object]
) -> None:
    peer.say(b"A3 NO [UNAVAILABLE] later")
    with pytest.raises(ImapRefused, match=r"was answered A3 NO \[UNAVAILABLE\] later") as caught:
        ask(selected)
    assert caught.value.result.has_code("UNAVAILABLE")
    assert caught.value.command.encode() in peer.heard()


# Literals


def test_a_literal_waits_for_the_server(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(b"* 4 EXISTS", b"+ go", b"A2 OK [APPENDUID 1 7] done")
    result = logged_in.append(b"a", b"x\r\ny", flags=rb"(\Seen)", date=b'" 1-Jan-2024 00:00:00 +0000"')
    assert peer.heard() == b'A2 APPEND a (\\Seen) " 1-Jan-2024 00:00:00 +0000" {4}\r\nx\r\ny\r\n'
    assert result.ok
    assert [response.count for response in result.of(Exists)] == [4]


def test_a_literal_that_is_refused_is_not_sent(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(b"* 4 EXISTS", b"A2 NO [TRYCREATE] no such mailbox", b"A3 OK")
    result = logged_in.append(b"a", b"content")
    assert result.has_code("TRYCREATE")
    assert len(result.of(Exists)) == 1
    assert logged_in.noop().ok
    assert peer.heard() == b"A2 APPEND a {7}\r\nA3 NOOP\r\n"


def test_literals_need_not_wait(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(b"A2 OK", b"A3 OK")
    logged_in.append(b"a", b"content", sync=False)
    logged_in.append(b"a", b"\0", sync=False, binary=True)
    assert peer.heard() == b"A2 APPEND a {7+}\r\ncontent\r\nA3 APPEND a ~{1+}\r\n\0\r\n"


def test_several_literals_in_one_command(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"+ a", b"+ b", b"* SEARCH 2", b"A3 OK")
    assert selected.search(b"TEXT", Literal(b"\xc3\xa9"), b"SUBJECT", Literal(b"")) == [2]
    assert peer.heard() == b"A3 SEARCH TEXT {2}\r\n\xc3\xa9 SUBJECT {0}\r\n\r\n"


@pytest.mark.parametrize("piece", [b"NOOP\r\nA9 LOGOUT", b"NOOP\n", b"\rNOOP"])
def test_a_piece_cannot_hold_two_lines(logged_in: ImapClient, peer: Peer, piece: bytes) -> None:
    for send in (logged_in.command, logged_in.send, lambda piece: logged_in.pipeline([piece])):
        with pytest.raises(LocalProtocolError, match="CR or LF"):
            send(piece)
    assert peer.heard() == b""


# Messages


def test_message_commands(selected: ImapClient, peer: Peer) -> None:
    peer.say(*(b"A%d OK" % number for number in range(3, 12)))
    selected.store(SequenceSet.of([1, 2, 5]), b"+FLAGS", rb"(\Deleted)")
    selected.uid_store(b"7", b"FLAGS.SILENT", b"()")
    selected.copy(b"1:*", b"a")
    selected.uid_copy(b"7", b"a")
    selected.move(b"1", b"a b")
    selected.uid_move(b"7", b"a")
    selected.expunge()
    selected.uid_expunge(b"7")
    selected.unselect()
    assert selected.state is State.AUTHENTICATED
    assert peer.heard().split(b"\r\n")[:-1] == [
        rb"A3 STORE 1:2,5 +FLAGS (\Deleted)", b"A4 UID STORE 7 FLAGS.SILENT ()", b"A5 COPY 1:* a", b"A6 UID COPY 7 a",
        b'A7 MOVE 1 "a b"', b"A8 UID MOVE 7 a", b"A9 EXPUNGE", b"A10 UID EXPUNGE 7", b"A11 UNSELECT",
    ]  # fmt: skip


def test_fetch_takes_responses_for_one_message_together(selected: ImapClient, peer: Peer) -> None:
    responses = [
        b"* 2 FETCH (UID 7 BODY[] {3}",
        b"abc)",
        rb"* 2 FETCH (UID 7 FLAGS (\Seen))",
        b"* 3 FETCH (FLAGS ())",
    ]
    peer.say(*responses, b"A3 OK", *responses, b"A4 OK")
    data = selected.fetch(b"2:3", b"(BODY[])")
    assert data.keys() == {2, 3}
    assert (data[2].body(), data[2].flags, data[2].uid) == (b"abc", ("\\Seen",), 7)
    assert selected.uid_fetch(b"7", b"(BODY[])").keys() == {7}


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ([b"* SEARCH 5 2", b"* SEARCH 9"], [5, 2, 9]),
        ([b'* ESEARCH (TAG "A3") UID ALL 2,4:6'], [2, 4, 5, 6]),
        ([b"* SEARCH"], []),
        ([], []),
    ],
)
def test_searches_in_either_form(
    selected: ImapClient, peer: Peer, said: list[bytes], numbers: list[int]
) -> None:
    peer.say(*said, b"A3 OK")
    assert selected.uid_search(b"ALL") == numbers


# Several commands at once, IDLE


def test_a_pipeline_goes_out_in_one_piece_and_may_be_completed_in_any_order(
    selected: ImapClient, peer: Peer
) -> None:
    peer.say(b"* 4 EXISTS", b"A4 OK", b"* 1 EXPUNGE", b"A3 OK", b"A5 BAD")
    first, second, third = selected.pipeline([b"NOOP", b"CHECK", b"XYZZY"])
    assert peer.heard() == b"A3 NOOP\r\nA4 CHECK\r\nA5 XYZZY\r\n"
    assert (first.tag, second.tag, third.status) == (b"A3", b"A4", Answer.BAD)
    assert [response.number for response in first.of(Expunge)] == [1]
    assert [response.count for response in second.of(Exists)] == [4]


def test_tags_may_be_the_callers_own(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"x.1 OK", b"x.2 OK")
    for tag in (b"x.1", b"x.2"):
        assert selected.send(b"NOOP", tag=tag) == tag
    assert selected.wait_tagged(b"x.2").ok
    assert selected.wait_tagged(b"x.1").ok


def test_idle_waits_for_news_and_ends(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"* 1 EXPUNGE", b"+ idling", b"* 4 EXISTS")
    with selected.idle() as idle:
        assert selected.state is State.IDLING_SELECTED
        assert isinstance(idle.wait(BOUND_S), Expunge)
        assert isinstance(idle.wait(BOUND_S), Exists)
        with pytest.raises(TimedOut):
            idle.wait(QUIET_S)
        peer.say(b"* 5 EXISTS", b"A3 OK")
    assert idle.result is not None
    assert [response.count for response in idle.result.of(Exists)] == [5]
    assert idle.done() is idle.result
    assert selected.state is State.SELECTED
    assert peer.heard() == b"A3 IDLE\r\nDONE\r\n"


def test_an_idle_that_the_server_ends_is_told(selected: ImapClient, peer: Peer) -> None:
    peer.say(b"+ idling", b"A3 NO enough", b"A4 OK")
    with pytest.raises(ImapRefused, match="IDLE was answered A3 NO enough"), selected.idle() as idle:
        idle.wait(BOUND_S)
    assert idle.done() is idle.result
    assert selected.state is State.SELECTED
    assert selected.noop().ok
    assert peer.heard() == b"A3 IDLE\r\nA4 NOOP\r\n"


# Octets, silence, endings


def test_raw_sends_anything_and_after_it_nothing_is_refused(greeted: ImapClient, peer: Peer) -> None:
    greeted.raw(b"x SELECT\0\r\n", shown=b"something")
    assert peer.heard() == b"x SELECT\0\r\n"
    assert greeted.state is None
    peer.say(b"what?", b"A1 OK [READ-WRITE] x")
    assert isinstance(greeted.read_response(), Unknown)
    assert greeted.select(b"INBOX").ok
    assert greeted.state is State.SELECTED


def test_stray_lines_are_among_the_responses(greeted: ImapClient, peer: Peer) -> None:
    peer.say(b"garbage", b"+ unasked", b"zzz OK whose?", b"* OK fine", b"A1 OK")
    result = greeted.noop()
    assert [response.raw for response in result.responses] == [
        b"garbage\r\n", b"+ unasked\r\n", b"zzz OK whose?\r\n", b"* OK fine\r\n",
    ]  # fmt: skip
    assert [type(response) for response in result.untagged] == [Condition]
    assert result.raw.endswith(b"* OK fine\r\nA1 OK\r\n")
    assert [fault.rule for fault in result.faults] == ["RFC 9051 §7", "RFC 9051 §9"]


def test_responses_up_to_silence(greeted: ImapClient, peer: Peer) -> None:
    peer.say(b"* OK a", b"* OK b")
    assert [str(response) for response in greeted.responses_within(QUIET_S)] == ["* OK a", "* OK b"]
    assert greeted.responses_within(QUIET_S) == []


def test_silence_and_half_a_response_time_out(logged_in: ImapClient, peer: Peer) -> None:
    logged_in.timeout_s = QUIET_S
    with pytest.raises(TimedOut):
        logged_in.noop()
    peer.say(b"* LIST () NIL {9}", b"half")
    with pytest.raises(TimedOut):
        logged_in.read_response()


def test_a_lost_connection_is_said_with_the_bye_before_it(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(b"* BYE too long idle")
    peer.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionLost, match="closed after BYE b'too long idle'"):
        logged_in.noop()
    assert logged_in.closed


def test_at_eof_keeps_what_came_first(logged_in: ImapClient, peer: Peer) -> None:
    assert not logged_in.at_eof(QUIET_S)
    peer.say(b"* OK bye bye")
    peer.sock.shutdown(socket.SHUT_WR)
    assert logged_in.at_eof(BOUND_S)
    assert logged_in.read_response().raw == b"* OK bye bye\r\n"
    with pytest.raises(ConnectionLost):
        logged_in.read_response()


def test_logout_parts_politely(logged_in: ImapClient, peer: Peer) -> None:
    peer.say(b"* BYE", b"A2 OK")
    assert logged_in.logout().ok
    assert logged_in.closed
    with pytest.raises(LocalProtocolError, match="out of sequence"):
        logged_in.noop()


def test_octets_that_can_never_be_read_are_refused_after_what_was_whole(
    logged_in: ImapClient, peer: Peer
) -> None:
    peer.say(b"* OK fine", b"* LIST () NIL {99999999999}")
    assert logged_in.read_response().raw == b"* OK fine\r\n"
    with pytest.raises(RemoteProtocolError, match="at most"):
        logged_in.read_response()
