"""A relay that demands TLS: what is sent, and what waits with which reason; never in the clear."""

import re
from dataclasses import replace

import pytest
import trio

from harness.target import Protocol
from reference_server import ONE_SERVER, Server
from reference_server.relay.model import Fate, Transport
from reference_server.relay.routing import Exchanger
from reference_server.relay.service import contexts
from reference_server.tls import CertificateAuthority, CertificateSource, ClientCertificates, TlsSettings
from reference_server.world.model import RelayTls

DEMANDS = [RelayTls.REQUIRED, RelayTls.VERIFIED]


@pytest.fixture
def asking(post):
    """A courier's limits with what is asked of TLS."""

    def ask(tls, **tls_for):
        return replace(post, limits=replace(post.limits, tls=tls, tls_for=tls_for.get("tls_for", {})))

    return ask


@pytest.fixture
def send_to_peer():
    """Send to a scripted peer; what became of it."""

    def send(post, peer, **more):
        record = post.record()

        async def main() -> None:
            async with post.meeting(peer, tls=contexts(CertificateAuthority().ca_pem, None)) as sender:
                await sender.deliver(post.attempt("a", **more), record)

        post.run(main)
        return record.only

    return send


@pytest.mark.parametrize("asked", DEMANDS)
def test_a_peer_without_starttls_gets_nothing(post, asking, send_to_peer, asked) -> None:
    peer = post.peer(extensions=("PIPELINING",))

    outcome = send_to_peer(asking(asked), peer)

    assert (outcome.fate, outcome.status) == (Fate.DEFERRED, "4.7.4")
    assert outcome.diagnostic == "TLS is required and was not offered"
    assert not [line for line in peer.lines if line.startswith(b"MAIL")]


@pytest.mark.parametrize("asked", DEMANDS)
@pytest.mark.parametrize("reply", [b"454 4.7.0 not now\r\n", b"502 5.5.1 what?\r\n"])
def test_a_peer_that_refuses_starttls_gets_nothing(post, asking, send_to_peer, asked, reply) -> None:
    peer = post.peer({"STARTTLS": reply}, extensions=("STARTTLS",))

    outcome = send_to_peer(asking(asked), peer)

    assert (outcome.fate, outcome.status) == (Fate.DEFERRED, "4.7.4")
    assert reply[:3].decode() in outcome.diagnostic
    assert not [line for line in peer.lines if line.startswith(b"MAIL")]


@pytest.mark.parametrize("asked", DEMANDS)
def test_a_handshake_that_fails_is_not_followed_by_the_clear(post, asking, send_to_peer, asked) -> None:
    peer = post.peer({"TLS": "close"}, extensions=("STARTTLS",))

    outcome = send_to_peer(asking(asked), peer)

    assert (outcome.fate, outcome.status) == (Fate.DEFERRED, "4.7.5")
    assert "TLS handshake failed" in outcome.diagnostic
    assert peer.connections == 1


def test_a_domain_may_be_asked_for_more_than_the_others(post, asking, send_to_peer) -> None:
    strict = asking(RelayTls.OPPORTUNISTIC, tls_for={"example.test": RelayTls.REQUIRED})
    lenient = asking(RelayTls.REQUIRED, tls_for={"example.test": RelayTls.OPPORTUNISTIC})

    assert send_to_peer(strict, post.peer()).fate is Fate.DEFERRED
    assert send_to_peer(lenient, post.peer()).fate is Fate.RELAYED


def test_a_connection_that_was_made_for_less_is_not_used_for_more(post) -> None:
    """Two domains, one exchanger: mail for the stricter one gets a connection of its own."""
    asking = replace(post, limits=replace(post.limits, tls_for={"strict.example.test": RelayTls.REQUIRED}))
    peer = post.peer()
    lenient, strict = post.record(), post.record()
    attempt = post.attempt("a")
    to_strict = replace(attempt, next_hop=replace(attempt.next_hop, name="Strict.Example.Test"))

    async def main() -> None:
        async with asking.meeting(peer, tls=contexts(CertificateAuthority().ca_pem, None)) as sender:
            await sender.deliver(attempt, lenient)
            await sender.deliver(to_strict, strict)

    post.run(main)
    assert lenient.only.fate is Fate.RELAYED
    assert strict.only.status == "4.7.4"
    assert peer.connections == 2


# With a server that does TLS


@pytest.fixture
def served():
    """Run the reference server with this certificate, and send it a message asking this of TLS."""

    def serve(
        post, asked, names=("mail.example.test",), days=30, ca=None, transport=Transport.SMTP, **settings
    ):
        certificate = CertificateSource(names=names, days=days)
        world = replace(ONE_SERVER, tls=TlsSettings(certificates=(certificate,), **settings))
        with Server(world) as server:
            smtp, lmtp = (server.target.endpoints[p] for p in (Protocol.SMTP, Protocol.LMTP))
            asking = replace(post, limits=replace(post.limits, tls=asked, timeout_s=20.0))
            record = post.record()
            attempt = post.attempt("alice", transport=transport)

            async def main() -> None:
                courier = asking.courier(
                    post.way(Exchanger("mail.example.test", 0, (smtp.host,))),
                    smtp.port,
                    tls=contexts(ca or server.ca_pem, None),
                    lmtp=(lmtp.host, lmtp.port),
                )
                await courier.deliver(attempt, record)
                await courier.aclose()

            trio.run(main)
        return record.only

    return serve


@pytest.mark.parametrize("asked", list(RelayTls))
def test_mail_goes_in_tls_where_all_is_well(post, served, asked) -> None:
    assert served(post, asked).fate is Fate.DELIVERED

    (started,) = [event.text for event in post.events if event.text.startswith("TLS started")]
    assert "TLSv1.3" in started
    assert "certificate of mail.example.test until" in started
    assert started.endswith("not checked") is (asked is not RelayTls.VERIFIED)


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"days": -2}, "certificate has expired"),
        ({"names": ("other.example.test",)}, "Hostname mismatch"),
        ({"ca": CertificateAuthority().ca_pem}, "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate_will_do_where_it_need_not_be_good(post, served, certificate, reason) -> None:
    assert served(post, RelayTls.OPPORTUNISTIC, **certificate).fate is Fate.DELIVERED
    assert served(post, RelayTls.REQUIRED, **certificate).fate is Fate.DELIVERED

    outcome = served(post, RelayTls.VERIFIED, **certificate)

    assert (outcome.fate, outcome.status) == (Fate.DEFERRED, "4.7.5")
    assert reason in outcome.diagnostic
    assert not re.search(r"_ssl\.c|\n", outcome.diagnostic)


def test_a_peer_that_wants_our_certificate_says_so(post, served) -> None:
    outcome = served(post, RelayTls.REQUIRED, client_certificates=ClientCertificates.REQUIRED)

    assert (outcome.fate, outcome.status) == (Fate.DEFERRED, "4.4.2")
    assert "TLS broken (the peer says: certificate required)" in outcome.diagnostic


def test_the_hosts_own_mailbox_agent_is_asked_for_nothing(post, served) -> None:
    assert served(post, RelayTls.VERIFIED, transport=Transport.LMTP).fate is Fate.DELIVERED
