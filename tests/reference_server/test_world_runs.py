"""Hosts of a world that go down, out of reach and come back."""

import socket
from dataclasses import replace

import pytest

from harness.target import Protocol
from reference_server import Server
from reference_server.store import INBOX, Delivery
from reference_server.world import Domain, Host, Mx, User, World
from reference_server.world.model import Reach, RelayPolicy

PAIR = World(
    name="pair",
    hosts=(Host("a.example.test", "127.0.0.1"), Host("b.example.org", "127.0.0.2")),
    domains=(
        Domain("example.test", mailboxes="a.example.test", mx=(Mx(10, "a.example.test"),)),
        Domain("example.org", mailboxes="b.example.org", mx=(Mx(10, "b.example.org"),)),
    ),
    users=(User("ann", "secret", "ann@example.test"), User("bob", "secret", "bob@example.org")),
    cheap_hashes=True,
)


def greeting(server: Server, name: str, protocol: Protocol, timeout_s: float = 5.0) -> bytes:
    endpoint = server.hosts[name].target.endpoints[protocol]
    with socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s) as connection:
        return connection.recv(100)


def test_every_host_has_its_own_address_and_one_smtp_port() -> None:
    with Server(PAIR) as server:
        places = {
            (e.host, e.port) for h in server.hosts.values() for e in [h.target.endpoints[Protocol.SMTP]]
        }
        assert places == {(address, server.world.network.smtp_port) for address in ("127.0.0.1", "127.0.0.2")}
        for host in PAIR.hosts:
            assert greeting(server, host.name, Protocol.SMTP).startswith(b"220 " + host.name.encode())


def test_a_host_that_is_down_refuses_and_comes_back_on_the_same_ports_with_its_mail() -> None:
    with Server(PAIR) as server:
        b = server.hosts["b.example.org"]
        b.store.accept([Delivery("bob", INBOX, b"Subject: x\r\n\r\n")])
        before = dict(b.ports)
        b.take_down()
        for protocol in (Protocol.SMTP, Protocol.IMAP):
            with pytest.raises(ConnectionRefusedError):
                greeting(server, "b.example.org", protocol)
        assert greeting(server, "a.example.test", Protocol.SMTP)
        b.bring_up()
        assert b.ports == before
        assert greeting(server, "b.example.org", Protocol.IMAP).startswith(b"* OK")
        mailbox = b.store.mailbox("bob", INBOX)
        assert mailbox is not None
        assert b.store.status(mailbox.id).messages == 1


def test_sessions_end_when_their_host_goes_down() -> None:
    with Server(PAIR) as server:
        endpoint = server.hosts["b.example.org"].target.endpoints[Protocol.SMTP]
        with socket.create_connection((endpoint.host, endpoint.port), timeout=5) as connection:
            assert connection.recv(100).startswith(b"220")
            server.hosts["b.example.org"].take_down()
            assert connection.recv(100).startswith(b"421")
            assert connection.recv(100) == b""


def test_a_host_out_of_reach_neither_refuses_nor_answers() -> None:
    with Server(PAIR) as server:
        server.hosts["b.example.org"].set_reach(Reach.UNREACHABLE)
        with pytest.raises(TimeoutError):
            greeting(server, "b.example.org", Protocol.SMTP, timeout_s=0.3)
        server.hosts["b.example.org"].bring_up()
        assert greeting(server, "b.example.org", Protocol.SMTP).startswith(b"220")


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.IMAP])
def test_a_slow_host_answers_late_and_all_the_same(protocol: Protocol) -> None:
    with Server(PAIR) as server:
        server.hosts["b.example.org"].set_reach(Reach.SLOW)
        assert greeting(server, "b.example.org", protocol)


def test_some_hosts_can_run_alone() -> None:
    with Server(PAIR, only=["b.example.org"]) as server:
        assert list(server.hosts) == ["b.example.org"]
        assert server.dns is None
    with pytest.raises(KeyError, match="no host is named"):
        Server(PAIR, only=["c.example.org"])


def test_an_open_relay_is_for_loopback_alone() -> None:
    open_host = Host("a.example.test", "192.0.2.1", relay=RelayPolicy.OPEN)
    with pytest.raises(ValueError, match=r"open relay on 192\.0\.2\.1"):
        Server(replace(PAIR, hosts=(open_host,)))


def test_a_target_lists_only_accounts_whose_mail_stays() -> None:
    users = (*PAIR.users, User("cid", "secret", "cid@example.test", forward=("bob@example.org",)))
    with Server(replace(PAIR, users=users)) as server:
        assert [a.user for a in server.hosts["a.example.test"].target.accounts] == ["ann@example.test"]
