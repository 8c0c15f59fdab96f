"""Straight to the mail exchangers: the choice of hosts, and the world's own servers found by its own DNS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import Result

from harness.clients.dns import DnsClient, DnsTrouble, MailExchanger, NoSuchName
from harness.mua.envelope import Envelope, Fate
from harness.mua.mx import Road, find_exchangers, send_by_mx
from harness.mua.session import Manner
from harness.mua.terms import Declined, Terms, TlsMode
from harness.target import Endpoint, SocketAddress
from harness.wire.smtp.address import Mailbox
from reference_server import Server

Run = Callable[..., Result]
Scripted = Callable[..., Endpoint]
T = TypeVar("T")


@dataclass
class Names(DnsClient):
    """A DNS of a few names; a name that is not here does not exist, one with None gives no answer."""

    exchangers: dict[str, list[MailExchanger] | None] = field(default_factory=dict)
    hosts: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def mx(self, domain: str) -> tuple[MailExchanger, ...]:
        return tuple(sorted(self._found(domain, self.exchangers)))

    def addresses(self, name: str) -> tuple[str, ...]:
        return tuple(self._found(name, self.hosts))

    def _found(self, name: str, table: Mapping[str, Sequence[T] | None]) -> Sequence[T]:
        if name not in table:
            raise NoSuchName(name)
        found = table[name]
        if found is None:
            raise DnsTrouble("dns", "SERVFAIL")
        return found


def road(terms: Terms, names: DnsClient, port: int = 25) -> Road:
    return Road(names, terms, Manner(), port)


def test_exchangers_come_by_preference_and_those_without_an_address_are_left_out(terms: Terms) -> None:
    names = Names(
        {
            "example.test": [
                MailExchanger(20, "b"),
                MailExchanger(10, "a"),
                MailExchanger(5, "none"),
                MailExchanger(1, "gone"),
            ]
        },
        {"a": ("192.0.2.1", "192.0.2.2"), "b": ("192.0.2.3",), "none": ()},
    )

    found = find_exchangers("example.test", road(terms, names))

    assert [(each.name, each.addresses) for each in found] == [
        ("a", ("192.0.2.1", "192.0.2.2")),
        ("b", ("192.0.2.3",)),
    ]


def test_equal_ones_are_spread(terms: Terms) -> None:
    names = Names(
        {"example.test": [MailExchanger(10, name) for name in "abc"] + [MailExchanger(20, "z")]},
        dict.fromkeys("abcz", ("192.0.2.1",)),
    )
    orders = {
        tuple(each.name for each in find_exchangers("example.test", road(terms, names))) for _ in range(200)
    }

    assert {order[0] for order in orders} == set("abc")
    assert {order[3] for order in orders} == {"z"}


def test_a_domain_without_mx_is_its_own_exchanger(terms: Terms) -> None:
    names = Names({"example.test": []}, {"example.test": ("192.0.2.1",)})

    (found,) = find_exchangers("example.test", road(terms, names))

    assert (found.name, found.addresses) == ("example.test", ("192.0.2.1",))


@pytest.mark.parametrize(
    ("domain", "address"), [("[192.0.2.9]", "192.0.2.9"), ("[IPv6:2001:db8::9]", "2001:db8::9")]
)
def test_an_address_literal_asks_nobody(terms: Terms, domain: str, address: str) -> None:
    (found,) = find_exchangers(domain, road(terms, Names()))

    assert found.addresses == (address,)


@pytest.mark.parametrize(
    ("names", "domain", "says"),
    [
        (Names(), "example.test", "knows no example.test"),
        (Names({"example.test": [MailExchanger(0, "")]}), "example.test", "null MX"),
        (Names({"example.test": [MailExchanger(0, "a")]}, {"a": ()}), "example.test", "has an address"),
        (Names(), "", "without a domain"),
    ],
)
def test_a_domain_that_takes_no_mail_is_a_refusal(terms: Terms, names: Names, domain: str, says: str) -> None:
    with pytest.raises(Declined, match=says):
        find_exchangers(domain, road(terms, names))


@pytest.mark.parametrize(
    "names",
    [
        Names({"example.test": None}),
        Names({"example.test": [MailExchanger(0, "a"), MailExchanger(0, "b")]}, {"a": None}),
    ],
)
def test_a_dns_that_gives_no_answer_decides_nothing(terms: Terms, names: Names) -> None:
    with pytest.raises(DnsTrouble):
        find_exchangers("example.test", road(terms, names))
    envelope = Envelope(None, (Mailbox(b"bob", b"example.test"),))
    (outcome,) = send_by_mx(envelope, b"x\r\n", road(terms, names))
    assert (outcome.fate, outcome.stage) == (Fate.UNREACHABLE, "DNS")


def test_the_next_host_is_tried_where_one_is_down_or_not_ready(scripted: Scripted, terms: Terms) -> None:
    ready = scripted(
        b"220 hi\r\n", b"EHLO [127.0.0.1]\r\n", b"250 hi\r\n", b"MAIL FROM:<>\r\n", b"250 ok\r\n",
        b"RCPT TO:<bob@example.test>\r\n", b"550 no\r\n", b"QUIT\r\n", b"221 bye\r\n", host="127.0.0.3",
    )  # fmt: skip
    scripted(b"421 busy\r\n", b"QUIT\r\n", b"221 bye\r\n", host="127.0.0.2", port=ready.port)
    names = Names(
        {"example.test": [MailExchanger(1, "down"), MailExchanger(2, "busy"), MailExchanger(3, "up")]},
        {"down": ("127.0.0.4",), "busy": ("127.0.0.2",), "up": ("127.0.0.3",)},
    )
    envelope = Envelope(None, (Mailbox(b"bob", b"example.test"),))

    (outcome,) = send_by_mx(envelope, b"x\r\n", road(terms, names, ready.port))

    assert (outcome.fate, outcome.stage, outcome.server) == (Fate.REFUSED, "RCPT", str(ready))


def test_a_host_that_refuses_for_good_is_the_last(scripted: Scripted, terms: Terms) -> None:
    where = scripted(b"554 no\r\n", b"QUIT\r\n", b"221 bye\r\n")
    names = Names(
        {"example.test": [MailExchanger(1, "a"), MailExchanger(2, "b")]},
        {"a": ("127.0.0.1",), "b": ("127.0.0.9",)},
    )

    (outcome,) = send_by_mx(
        Envelope(None, (Mailbox(b"bob", b"example.test"),)), b"x\r\n", road(terms, names, where.port)
    )

    assert (outcome.fate, outcome.stage) == (Fate.REFUSED, "greeting")


def test_the_command_finds_the_worlds_exchanger_by_the_worlds_dns(
    run: Run, server: Server, received: Callable[[str], list[bytes]]
) -> None:
    network = server.world.network
    done = run(
        "send", "--mx", "--dns", f"{network.dns_address}:{network.dns_port}", "--port", network.smtp_port,
        "--from", "wqp@example.org", "--to", "alice@example.test,x@nowhere.example.test", "--body", "x",
        "--show-wire",
    )  # fmt: skip

    assert done.exit_code == 1, done.output
    assert "=== DNS: mail for example.test goes to 10 mail.example.test." in done.output
    assert "✖ x@nowhere.example.test  refused at DNS  the DNS knows no nowhere.example.test" in done.output
    assert len(received("alice")) == 1


@pytest.fixture
def demand(run: Run, server: Server) -> Callable[..., Result]:
    """Send to alice's exchanger, and demand TLS."""

    def demand(*flags: object) -> Result:
        network = server.world.network
        return run(
            "send", "--mx", "--dns", f"{network.dns_address}:{network.dns_port}", "--port", network.smtp_port,
            "--from", "wqp@example.org", "--to", "alice@example.test", "--body", "x", "--require-tls",
            "--show-wire", *flags,
        )  # fmt: skip

    return demand


def test_tls_that_is_demanded_of_an_exchanger_is_verified(
    demand: Callable[..., Result], server: Server, received: Callable[[str], list[bytes]], tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(server.ca_pem)

    done = demand("--ca", ca)

    assert done.exit_code == 0, done.output
    assert "TLS started: TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of mail.example.test" in done.output
    assert "not checked" not in done.output
    assert len(received("alice")) == 1


def test_a_certificate_by_nobody_known_is_not_good_enough_unless_that_is_said(
    demand: Callable[..., Result], received: Callable[[str], list[bytes]]
) -> None:
    done = demand()

    assert done.exit_code == 3
    assert "unable to get local issuer certificate" in done.output
    assert received("alice") == []
    assert demand("--no-verify-tls").exit_code == 0


def test_an_exchanger_without_tls_gets_nothing_and_the_next_is_asked(
    scripted: Scripted, terms: Terms
) -> None:
    plain = (b"220 mx\r\n", b"EHLO [127.0.0.1]\r\n", b"250 mx\r\n", b"QUIT\r\n", b"221 bye\r\n")
    first = scripted(*plain)
    second = scripted(*plain, host="127.0.0.2", port=first.port)
    names = Names(
        {"example.test": [MailExchanger(1, "a"), MailExchanger(2, "b")]},
        {"a": (first.host,), "b": (second.host,)},
    )

    (outcome,) = send_by_mx(
        Envelope(None, (Mailbox(b"bob", b"example.test"),)),
        b"x\r\n",
        road(replace(terms, tls=TlsMode.REQUIRE), names, first.port),
    )

    assert (outcome.fate, outcome.stage) == (Fate.REFUSED, "STARTTLS")
    assert "TLS is asked for" in outcome.problem


def test_the_dns_client_tells_names_apart(server: Server) -> None:
    network = server.world.network
    client = DnsClient(SocketAddress(network.dns_address, network.dns_port), timeout_s=5)

    assert client.mx("example.test") == (MailExchanger(10, "mail.example.test"),)
    assert client.addresses("mail.example.test") == ("127.0.0.1",)
    assert client.mx("mail.example.test") == ()
    with pytest.raises(NoSuchName):
        client.mx("nowhere.example.test")
    with pytest.raises(DnsTrouble):
        client.mx("x" * 64 + ".test")


def test_a_dns_that_is_silent_is_waited_for_no_longer_than_allowed() -> None:
    with pytest.raises(DnsTrouble, match=r"within 0\.3 s"):
        DnsClient(SocketAddress("127.0.0.1", 9), timeout_s=0.3).mx("example.test")
