"""The example sessions of the RFCs, read by both sides and walked through the state table."""

from dataclasses import dataclass

import pytest

from harness.wire.pop3.commands import is_multi_line, parse_command
from harness.wire.pop3.listings import (
    read_capabilities,
    read_drop_listing,
    read_scan_listing,
    read_uid_listing,
)
from harness.wire.pop3.responses import MultiLine, Response, ResponseReader, Status
from harness.wire.pop3.states import State, Verb, next_state

_MESSAGE = b"Subject: one\r\n\r\nbody\r\n"


@dataclass(frozen=True)
class Dialogue:
    """What each side says in turn, the server first; where `state` is after it."""

    name: str
    said: tuple[bytes, ...]
    state: State


SESSIONS = (
    Dialogue(
        "RFC 1939 §10",
        (
            b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n",
            b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            b"+OK mrose's maildrop has 2 messages (320 octets)\r\n",
            b"STAT",
            b"+OK 2 320\r\n",
            b"LIST",
            b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n",
            b"RETR 1",
            b"+OK 120 octets\r\n" + _MESSAGE + b".\r\n",
            b"DELE 1",
            b"+OK message 1 deleted\r\n",
            b"RETR 2",
            b"+OK 200 octets\r\n" + _MESSAGE + b".\r\n",
            b"DELE 2",
            b"+OK message 2 deleted\r\n",
            b"QUIT",
            b"+OK dewey POP3 server signing off (maildrop empty)\r\n",
        ),
        State.UPDATE,
    ),
    Dialogue(
        "RFC 1939 §5",
        (
            b"+OK POP3 server ready\r\n",
            b"USER mrose",
            b"+OK mrose is a real hoopy frood\r\n",
            b"PASS secret",
            b"+OK mrose's maildrop has 2 messages (320 octets)\r\n",
            b"LIST 2",
            b"+OK 2 200\r\n",
            b"LIST 3",
            b"-ERR no such message, only 2 messages in maildrop\r\n",
            b"DELE 2",
            b"-ERR message 2 already deleted\r\n",
            b"NOOP",
            b"+OK\r\n",
            b"RSET",
            b"+OK maildrop has 2 messages (320 octets)\r\n",
        ),
        State.TRANSACTION,
    ),
    Dialogue(
        "RFC 1939 §4",
        (
            b"+OK POP3 server ready\r\n",
            b"QUIT",
            b"+OK dewey POP3 server signing off\r\n",
        ),
        State.CLOSED,
    ),
    Dialogue(
        "RFC 1939 §7, refused",
        (
            b"+OK POP3 server ready\r\n",
            b"USER frated",
            b"-ERR sorry, no mailbox for frated here\r\n",
            b"USER mrose",
            b"+OK mrose is a real hoopy frood\r\n",
            b"PASS secret",
            b"-ERR maildrop already locked\r\n",
        ),
        State.AUTHORIZATION,
    ),
    Dialogue(
        "RFC 1939 §7, TOP and UIDL",
        (
            b"+OK POP3 server ready\r\n",
            b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            b"+OK maildrop has 1 message (369 octets)\r\n",
            b"TOP 1 10",
            b"+OK\r\n" + _MESSAGE + b".\r\n",
            b"TOP 100 3",
            b"-ERR no such message\r\n",
            b"UIDL",
            b"+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 QhdPYR:00WBw1Ph7x7\r\n.\r\n",
            b"UIDL 2",
            b"+OK 2 QhdPYR:00WBw1Ph7x7\r\n",
            b"UIDL 3",
            b"-ERR no such message, only 2 messages in maildrop\r\n",
            b"QUIT",
            b"-ERR some deleted messages not removed\r\n",
        ),
        State.UPDATE,
    ),
    Dialogue(
        "RFC 2449 §8",
        (
            b"+OK POP3 server ready\r\n",
            b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            b"-ERR [IN-USE] Do you have another POP session running?\r\n",
        ),
        State.AUTHORIZATION,
    ),
    Dialogue(
        "RFC 5034 §6, in the clear",
        (
            b"+OK pop.example.com BlurdyBlurp POP3 server ready\r\n",
            b"CAPA",
            b"+OK List of capabilities follows\r\nSASL DIGEST-MD5 GSSAPI ANONYMOUS\r\nSTLS\r\n.\r\n",
            b"STLS",
            b"+OK Begin TLS negotiation now\r\n",
        ),
        State.TLS,
    ),
    Dialogue(
        "RFC 5034 §6, initial response",
        (
            b"+OK pop.example.com BlurdyBlurp POP3 server ready\r\n",
            b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=",
            b"+OK Maildrop locked and ready\r\n",
        ),
        State.TRANSACTION,
    ),
    Dialogue(
        "RFC 5034 §6, empty challenge",
        (
            b"+OK pop.example.com BlurdyBlurp POP3 server ready\r\n",
            b"AUTH PLAIN",
            b"+ \r\n",
            b"dGVzdAB0ZXN0AHRlc3Q=",
            b"+OK Maildrop locked and ready\r\n",
        ),
        State.TRANSACTION,
    ),
    Dialogue(
        "RFC 5034 §6, two challenges",
        (
            b"+OK pop.example.com BlurdyBlurp POP3 server ready\r\n",
            b"AUTH DIGEST-MD5",
            b"+ cmVhbG09ImVsd29vZC5pbm5vc29mdC5jb20iLG5vbmNlPSJPQTZNRzl0\r\n",
            b"Y2hhcnNldD11dGYtOCx1c2VybmFtZT0iY2hyaXMiLHJlYWxtPSJlbHdvb2",
            b"+ cnNwYXV0aD0wYjk3MTQ2MmNlZjVlOGY5MzBkYjlhMzNiMDJmYzlhMA==\r\n",
            b"",
            b"+OK Maildrop locked and ready\r\n",
        ),
        State.TRANSACTION,
    ),
    Dialogue(
        "RFC 2595 §4",
        (
            b"+OK POP3 server ready\r\n",
            b"STLS",
            b"-ERR Command not permitted when TLS active\r\n",
        ),
        State.AUTHORIZATION,
    ),
    Dialogue(
        "RFC 6856 §3.3",
        (
            b"+OK POP3 server ready\r\n",
            b"USER karen",
            b"+OK Hello, karen\r\n",
            b"PASS password",
            b"+OK karen's maildrop contains 2 messages (320 octets)\r\n",
            b"LANG MUL",
            b"-ERR invalid language MUL\r\n",
            b"LANG",
            b"+OK Language listing follows:\r\nen English\r\nes Espanol\r\n.\r\n",
            b"LANG *",
            b"+OK es Idioma cambiado\r\n",
        ),
        State.TRANSACTION,
    ),
)


@pytest.mark.parametrize("dialogue", SESSIONS, ids=lambda dialogue: dialogue.name)
def test_both_sides_read_the_session_and_agree_on_the_state(dialogue: Dialogue) -> None:
    greeting, *rest = dialogue.said
    state = State.AUTHORIZATION
    assert read_one(greeting, multi_line=False).raw == greeting
    for line, answered in zip(rest[::2], rest[1::2], strict=True):
        in_exchange = state is State.AUTH
        verb = Verb.AUTH_RESPONSE if in_exchange else parse_command(line).verb
        assert verb is not None
        response = read_one(answered, multi_line=not in_exchange and is_multi_line(line))
        status = response.status if isinstance(response, MultiLine) else response
        assert not status.faults
        assert response.raw == answered
        state = next_state(state, verb, status.answer)
    assert state is dialogue.state


def read_one(octets: bytes, *, multi_line: bool) -> Response:
    reader = ResponseReader()
    reader.feed(octets)
    response = reader.next_response(multi_line=multi_line)
    assert response is not None
    assert reader.idle
    return response


def test_the_listings_of_rfc_1939() -> None:
    stat = read_one(b"+OK 2 320\r\n", multi_line=False)
    assert isinstance(stat, Status)
    drop = read_drop_listing(stat.text)
    assert (drop.count, drop.octets) == (2, 320)
    scan = read_one(b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n", multi_line=True)
    assert isinstance(scan, MultiLine)
    assert [(item.number, item.octets) for item in map(read_scan_listing, scan.lines)] == [(1, 120), (2, 200)]
    uids = read_one(b"+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 QhdPYR:00WBw1Ph7x7\r\n.\r\n", multi_line=True)
    assert isinstance(uids, MultiLine)
    assert [(item.number, item.unique_id) for item in map(read_uid_listing, uids.lines)] == [
        (1, b"whqtswO00WBw418f9t5JxYwZ"),
        (2, b"QhdPYR:00WBw1Ph7x7"),
    ]


def test_the_capabilities_of_rfc_5034() -> None:
    capa = read_one(
        b"+OK List of capabilities follows\r\nSASL PLAIN DIGEST-MD5 GSSAPI ANONYMOUS\r\nSTLS\r\n"
        b"IMPLEMENTATION BlurdyBlurp POP3 server\r\n.\r\n",
        multi_line=True,
    )
    assert isinstance(capa, MultiLine)
    assert read_capabilities(capa.lines) == {
        "SASL": ["PLAIN", "DIGEST-MD5", "GSSAPI", "ANONYMOUS"],
        "STLS": [],
        "IMPLEMENTATION": ["BlurdyBlurp", "POP3", "server"],
    }
