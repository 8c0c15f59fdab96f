"""The outside of a target: names lead to exchangers, exchangers keep what comes and answer as they were told."""

import smtplib
import socket
from collections.abc import Iterator

import dns.message
import dns.query
import dns.rcode
import pytest

from harness.errors import NotOffered
from harness.target import Outside, SocketAddress
from reference_server.peer import Peer, open_peer
from reference_server.ports import free_port

BOUND_S = 10.0
ADDRESS = "127.0.53.2"
MESSAGE = b"Subject: hello\r\n\r\n.dot\r\nend\r\n"


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside(
        dns=SocketAddress("127.0.0.1", free_port(["127.0.0.1"], socket.SOCK_DGRAM, socket.SOCK_STREAM)),
        mx=SocketAddress(ADDRESS, free_port([ADDRESS], socket.SOCK_STREAM)),
    )


@pytest.fixture(scope="module")
def peer(outside: Outside) -> Iterator[Peer]:
    with open_peer(outside, "Token") as peer:
        yield peer


def ask(outside: Outside, name: str, type_: str) -> tuple[str, list[str]]:
    query = dns.message.make_query(name, type_)
    answer = dns.query.udp(query, outside.dns.host, BOUND_S, outside.dns.port)
    values = [value.to_text() for rrset in answer.answer for value in rrset]
    return dns.rcode.to_text(answer.rcode()), values


def client(outside: Outside, address: str) -> smtplib.SMTP:
    return smtplib.SMTP(address, outside.mx.port, "client.example.org", BOUND_S)


def test_every_name_below_the_domain_leads_to_the_first_exchanger(peer: Peer, outside: Outside) -> None:
    for name in (peer.domain, f"x.{peer.domain}", f"a.b.{peer.domain}", "example.org", "x.example.net"):
        assert ask(outside, name, "MX") == ("NOERROR", [f"10 {peer.exchanger_name}."])
    assert ask(outside, peer.exchanger_name, "A") == ("NOERROR", [ADDRESS])
    assert ask(outside, "example.test", "MX")[0] == "NXDOMAIN"


def test_published_names_have_their_records_and_troubles(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger()
    name = peer.publish(("MX", f"5 {host.name}."), ("MX", "7 other.example."))
    broken = peer.publish(trouble="SERVFAIL")

    assert sorted(ask(outside, name, "MX")[1]) == [f"5 {host.name}.", "7 other.example."]
    assert ask(outside, host.name, "A") == ("NOERROR", [host.address])
    assert ask(outside, broken, "MX") == ("SERVFAIL", [])


def test_a_message_is_kept_with_its_envelope(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger()
    with client(outside, host.address) as smtp:
        smtp.sendmail(
            "Sender@example.org",
            ["One@x.example", "two@x.example"],
            MESSAGE,
            ["RET=HDRS", "ENVID=abc"],
            ["NOTIFY=NEVER"],
        )

    (kept,) = peer.wait_for([b"one@x.example"], BOUND_S)

    assert kept.exchanger == host.name
    assert (kept.client_name, kept.extended, kept.tls, kept.chunked) == (
        "client.example.org",
        True,
        False,
        False,
    )
    assert kept.reverse_path == b"Sender@example.org"
    assert kept.recipients == (b"One@x.example", b"two@x.example")
    assert kept.mail_parameters["ENVID"] == b"abc"
    assert [each["NOTIFY"] for each in kept.recipient_parameters] == [b"NEVER", b"NEVER"]
    assert kept.content == MESSAGE
    assert host.connections == 1
    assert host.commands[0] == b"ehlo client.example.org"


def test_an_exchanger_offers_what_it_was_told_to(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger(without=["dsn", "8BITMIME"])
    with client(outside, host.address) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("SIZE")
        assert not smtp.has_extn("DSN")
        assert not smtp.has_extn("8BITMIME")
        assert not smtp.has_extn("STARTTLS")


def test_an_exchanger_answers_as_it_was_told(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger(replies={"RCPT TO:<no": "550 5.1.1 No such user", ".": "451 4.3.0 Later"})
    with client(outside, host.address) as smtp:
        smtp.ehlo()
        assert smtp.mail("a@x.example")[0] == 250
        assert smtp.rcpt("nobody@x.example") == (550, b"5.1.1 No such user")
        assert smtp.rcpt("somebody@x.example")[0] == 250
        assert smtp.data(MESSAGE) == (451, b"4.3.0 Later")
    assert not peer.wait_for([b"somebody@x.example"], 0)


def test_a_scripted_greeting_is_the_last_word(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger(replies={"greeting": "421 4.3.2 Not now"})
    with socket.create_connection((host.address, outside.mx.port), BOUND_S) as sock:
        octets = b"".join(iter(lambda: sock.recv(1024), b""))
    assert octets == b"421 4.3.2 Not now\r\n"


def test_an_exchanger_that_does_not_listen_refuses(peer: Peer, outside: Outside) -> None:
    host = peer.exchanger(listens=False)
    with pytest.raises(ConnectionRefusedError):
        client(outside, host.address)


def test_there_are_no_others_beside_an_address_that_is_not_on_loopback(outside: Outside) -> None:
    peer = Peer(Outside(outside.dns, SocketAddress("192.0.2.1", 25)), "other")
    with pytest.raises(NotOffered, match=r"127\.0\.0\.0/8"):
        peer.exchanger()


def test_an_address_that_is_taken_leaves_nothing_running(peer: Peer, outside: Outside) -> None:
    with pytest.raises(OSError, match="in use"), open_peer(outside, "second"):
        pytest.fail("two peers at one address")
