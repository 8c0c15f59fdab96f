"""The example worlds do what their comments say, each with one message."""

import smtplib
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.target import Protocol
from reference_server import Server
from reference_server.journal import Event, Kind
from reference_server.world import World
from reference_server.world.load import load_world

EXAMPLES = Path(__file__).parents[3] / "examples" / "worlds"
_PATIENCE_S = 30.0


def anywhere(world: World) -> World:
    """The world on free ports, so that it runs beside whatever else does."""
    return replace(
        world,
        network=replace(world.network, dns_port=0, smtp_port=0),
        hosts=tuple(replace(host, listeners=dict.fromkeys(host.listeners, 0)) for host in world.hosts),
    )


class Watched:
    """A running world, and all that has happened in it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.events: list[Event] = []
        self._news = threading.Condition()
        server.journal.listen(self._hear)

    def send(self, sender: str, recipient: str) -> None:
        """Submit a message as its sender would."""
        user = self.server.world.user(sender)
        assert user is not None
        domain = self.server.world.domain(user.domain)
        assert domain is not None
        endpoint = self.server.hosts[domain.mailboxes].target.endpoints[Protocol.SUBMISSION]
        context = ssl.create_default_context(cadata=self.server.ca_pem)
        context.check_hostname = False
        with smtplib.SMTP(endpoint.host, endpoint.port, timeout=_PATIENCE_S) as submission:
            submission.starttls(context=context)
            submission.login(user.address, user.password)
            submission.sendmail(sender, [recipient], f"From: {sender}\r\nTo: {recipient}\r\n\r\nhello\r\n")

    def wait_for(self, wanted: Callable[[Event], bool]) -> Event:
        with self._news:
            found = self._news.wait_for(lambda: next(filter(wanted, self.events), None), _PATIENCE_S)
        assert found is not None, "\n".join(f"{e.host} {e.kind} {e.text}" for e in self.events)
        return found

    def filed(self, address: str, mailbox: str = "INBOX") -> Event:
        """The message in its mailbox."""
        text = f"filed in {mailbox} of {address}"
        return self.wait_for(lambda event: event.kind is Kind.MAILBOX and event.text.startswith(text))

    def _hear(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Callable[..., Watched]:
    def start(example: str, change: Callable[[World], World] = lambda world: world) -> Watched:
        server = Server(change(anywhere(load_world(EXAMPLES / f"{example}.toml"))))
        request.addfinalizer(server.stop)
        return Watched(server.start())

    return start


def test_one_server_delivers_to_itself(play: Callable[..., Watched]) -> None:
    world = play("one-server")

    world.send("bob@example.test", "postmaster@example.test")

    assert world.filed("alice@example.test")


def test_mail_finds_the_first_exchanger_and_rules_file_it(play: Callable[..., Watched]) -> None:
    world = play("two-companies")

    world.send("eric@pangxie.com", "wqp+lists@windchaser.com")

    assert world.filed("wqp@windchaser.com", "Lists").host == "mail1.windchaser.com"


def test_a_backup_holds_mail_until_the_first_exchanger_is_back(play: Callable[..., Watched]) -> None:
    world = play("two-companies", lambda world: replace(world, relay=replace(world.relay, retry_s=(0.05,))))
    world.server.hosts["mail1.windchaser.com"].take_down()

    world.send("eric@pangxie.com", "wqp@windchaser.com")
    world.wait_for(lambda event: event.kind is Kind.QUEUE and event.host == "mail2.windchaser.com")
    world.server.hosts["mail1.windchaser.com"].bring_up()

    assert b"by mail2.windchaser.com" in world.filed("wqp@windchaser.com").octets


def test_an_old_colleagues_mail_goes_after_him(play: Callable[..., Watched]) -> None:
    world = play("two-companies")

    world.send("mei@windchaser.com", "bo@windchaser.com")

    assert world.filed("eric@pangxie.com").host == "mail.pangxie.com"


def test_a_domain_without_exchangers_is_its_own_and_one_person_reads_it_all(
    play: Callable[..., Watched],
) -> None:
    world = play("two-companies")

    world.send("eric@pangxie.com", "anybody@a.com")

    assert world.filed("ada@a.com").host == "mx.a.com"


def test_a_null_mx_brings_the_message_back_at_once(play: Callable[..., Watched]) -> None:
    world = play("null-mx")

    world.send("alice@example.test", "anybody@no-mail.test")

    assert b"5.1.10" in world.filed("alice@example.test").octets


def test_a_domain_that_does_not_say_so_is_tried_again(play: Callable[..., Watched]) -> None:
    world = play("null-mx")

    world.send("alice@example.test", "anybody@web.test")

    assert world.wait_for(lambda event: event.kind is Kind.QUEUE and "deferred" in event.text)


def test_a_loop_ends_with_one_bounce(play: Callable[..., Watched]) -> None:
    world = play("forwarding-loop")

    world.send("carol@north.test", "alice@north.test")

    assert b"5.4.6" in world.filed("carol@north.test").octets


def test_each_of_three_equal_exchangers_knows_the_way_inside(play: Callable[..., Watched]) -> None:
    world = play("three-equal-mx")

    world.send("eric@pangxie.test", "wqp@large.test")

    octets = world.filed("wqp@large.test").octets
    assert any(b"by mx%d.large.test" % number in octets for number in (1, 2))


def test_mail_that_must_go_in_tls_goes_with_any_certificate(play: Callable[..., Watched]) -> None:
    world = play("tls")

    world.send("alice@secure.test", "carol@shop.test")

    assert b"with ESMTPS" in world.filed("carol@shop.test").octets
    assert world.wait_for(lambda event: "www.shop.test" in event.text and "not checked" in event.text)


def test_mail_that_needs_a_good_certificate_waits_and_comes_back(play: Callable[..., Watched]) -> None:
    world = play(
        "tls", lambda world: replace(world, relay=replace(world.relay, retry_s=(0.05,), give_up_s=0.3))
    )

    world.send("alice@secure.test", "bob@bank.test")
    report = world.filed("alice@secure.test").octets

    assert b"Status: 4.7.5" in report
    assert b"certificate has expired" in report
    assert not any(event.text.startswith("filed in INBOX of bob@bank.test") for event in world.events)
