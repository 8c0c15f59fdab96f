"""A whole world in which a relay demands TLS, and the exchanger's offer of it is stripped on the way."""

import smtplib
import ssl
import threading
from dataclasses import replace

import pytest

from harness.target import Protocol
from reference_server import Server
from reference_server.journal import Kind
from reference_server.smtp.session import SmtpSession
from reference_server.world import Domain, Host, Mx, User, World
from reference_server.world.model import RelayLimits, RelayTls

PAIR = World(
    name="pair",
    hosts=(Host("a.example.test", "127.0.0.1"), Host("b.example.org", "127.0.0.2")),
    domains=(
        Domain("example.test", mailboxes="a.example.test", mx=(Mx(10, "a.example.test"),)),
        Domain("example.org", mailboxes="b.example.org", mx=(Mx(10, "b.example.org"),)),
    ),
    users=(User("ann", "secret", "ann@example.test"), User("bob", "secret", "bob@example.org")),
    relay=RelayLimits(retry_s=(0.05,), tls_for={"example.org": RelayTls.REQUIRED}),
    cheap_hashes=True,
)
PATIENCE_S = 30.0


@pytest.fixture
def stripped(monkeypatch):
    """Somebody between the hosts takes STARTTLS out of what b offers, until told to stop."""
    stripping = threading.Event()
    stripping.set()
    offered = SmtpSession.extensions

    def extensions(session):
        found = offered(session)
        if stripping.is_set() and session.context.hostname == "b.example.org":
            found.pop("STARTTLS", None)
        return found

    monkeypatch.setattr(SmtpSession, "extensions", extensions)
    return stripping


@pytest.fixture
def send():
    """Ann writes to bob; returns what waits for an event."""

    def submit(server):
        events, news = [], threading.Condition()

        def hear(event) -> None:
            with news:
                events.append(event)
                news.notify_all()

        def wait_for(wanted):
            with news:
                found = news.wait_for(lambda: next(filter(wanted, events), None), PATIENCE_S)
            assert found is not None, [event.text for event in events]
            return found

        server.journal.listen(hear)
        endpoint = server.hosts["a.example.test"].target.endpoints[Protocol.SUBMISSION]
        context = ssl.create_default_context(cadata=server.ca_pem)
        context.check_hostname = False
        with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE_S) as submission:
            submission.starttls(context=context)
            submission.login("ann@example.test", "secret")
            submission.sendmail(
                "ann@example.test", ["bob@example.org"], "From: ann@example.test\r\n\r\nx\r\n"
            )
        return wait_for

    return submit


def in_the_clear(event) -> bool:
    return event.peer.startswith("b.example.org") and b"MAIL FROM" in event.octets


def test_nothing_goes_until_tls_is_there_again(stripped, send) -> None:
    with Server(PAIR) as server:
        seen = []
        server.journal.listen(seen.append)
        wait_for = send(server)
        wait_for(lambda event: event.kind is Kind.QUEUE and "4.7.4" in event.text)
        wait_for(lambda event: event.text == "TLS is required and was not offered")
        assert not any(map(in_the_clear, seen))

        stripped.clear()

        filed = wait_for(lambda event: event.text.startswith("filed in INBOX of bob@example.org"))
        assert b"with ESMTPS" in filed.octets


def test_what_waits_too_long_comes_back_with_the_reason(stripped, send) -> None:
    with Server(replace(PAIR, relay=replace(PAIR.relay, give_up_s=0.3))) as server:
        wait_for = send(server)

        report = wait_for(lambda event: event.text.startswith("filed in INBOX of ann@example.test")).octets

    assert b"Status: 4.7.4" in report
    assert b"TLS is required and was not offered" in report


def test_without_the_demand_it_goes_in_the_clear(stripped, send) -> None:
    with Server(replace(PAIR, relay=RelayLimits())) as server:
        wait_for = send(server)

        filed = wait_for(lambda event: event.text.startswith("filed in INBOX of bob@example.org"))

    assert b"with ESMTP " in filed.octets
