"""The courier and the reference server's own listeners: what is sent is what arrives, whatever it is made of."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.target import Protocol
from reference_server import ONE_SERVER, Server
from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.relay.conversion import fits
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.model import Attempt, NextHop, Transport
from reference_server.relay.routing import Exchanger
from reference_server.relay.service import contexts
from reference_server.store import INBOX

lines = st.one_of(
    st.sampled_from([b"", b".", b"..", b".x", b"QUIT", b"x" * 998, "é".encode()]), st.binary(max_size=30)
)
texts = st.lists(lines, max_size=6).map(b"\r\n".join).filter(lambda text: fits(text, Body.EIGHT_BIT))
bodies = st.one_of(st.tuples(st.just(Body.EIGHT_BIT), texts), st.tuples(st.just(Body.BINARY), st.binary()))


class Chunky(Dialogue):
    """Sends by BDAT where it can."""

    prefer_chunks = True


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(replace(ONE_SERVER, cheap_hashes=True)) as server:
        yield server


def newest(server: Server, user: str) -> bytes:
    mailbox = server.store.mailbox(user, INBOX)
    assert mailbox is not None
    return server.store.content(server.store.messages(mailbox.id)[-1].content_id) or b""


def send(post, server: Server, attempt: Attempt, **more: object):
    """Send one message to the server; the outcomes."""
    smtp, lmtp = (server.target.endpoints[protocol] for protocol in (Protocol.SMTP, Protocol.LMTP))
    record = post.record()

    async def main() -> None:
        way = post.way(Exchanger("mail.example.test", 0, (smtp.host,)))
        courier = post.with_limits(timeout_s=20.0).courier(
            way, smtp.port, lmtp=(lmtp.host, lmtp.port), **more
        )
        await courier.deliver(attempt, record)
        await courier.aclose()

    trio.run(main)
    return record


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=bodies,
    transport=st.sampled_from([Transport.SMTP, Transport.LMTP]),
    dialogue=st.sampled_from([Dialogue, Chunky]),
    tls=st.booleans(),
)
def test_what_is_sent_arrives(
    post, server: Server, body: tuple[Body, bytes], transport: Transport, dialogue: type[Dialogue], tls: bool
) -> None:
    declared, octets = body
    content = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets
    envelope = Envelope(b"s@example.org", (Recipient(b"alice@example.test"),), declared)
    attempt = Attempt("q1", NextHop(transport, "example.test"), envelope, content)

    record = send(post, server, attempt, tls=contexts(server.ca_pem, None) if tls else {}, dialogue=dialogue)

    assert record.only.status[0] == "2", record.only
    assert newest(server, "alice").removesuffix(b"\r\n").endswith(content.removesuffix(b"\r\n"))


def test_recipients_are_told_apart_and_the_peers_words_kept(post, server: Server) -> None:
    recipients = (
        Recipient(b"alice@example.test", frozenset({Notify.NEVER})),
        Recipient(b"nobody@example.test"),
    )
    envelope = Envelope(b"s@example.org", recipients)
    attempt = Attempt("q1", NextHop(Transport.SMTP, "example.test"), envelope, post.content)
    record = send(post, server, attempt, tls=contexts(server.ca_pem, None))
    assert record.fates == {"alice": "delivered", "nobody": "failed"}
    failed = record.outcomes[b"nobody@example.test"]
    assert (failed.status, failed.remote, failed.by_peer) == ("5.1.1", "mail.example.test", True)
    assert failed.diagnostic.startswith("550 5.1.1 ")


def test_an_internationalized_message_goes_with_smtputf8(post, server: Server) -> None:
    envelope = Envelope(
        "ß@example.org".encode(), (Recipient(b"bob@example.test"),), Body.EIGHT_BIT, smtputf8=True
    )
    content = "Subject: é\r\n\r\né\r\n".encode()
    attempt = Attempt("q1", NextHop(Transport.SMTP, "example.test"), envelope, content)
    assert send(post, server, attempt).fates == {"bob": "delivered"}
    assert newest(server, "bob").endswith(content)


def test_more_octets_than_the_server_takes_fail_without_being_sent(post, server: Server) -> None:
    limit = server.world.limits.message_octets
    attempt = post.attempt("alice", content=b"Subject: x\r\n\r\n" + b"x" * limit)
    assert send(post, server, attempt).only.status == "5.3.4"
    assert post.events
    assert not any(len(event.octets) > 1000 for event in post.events)
