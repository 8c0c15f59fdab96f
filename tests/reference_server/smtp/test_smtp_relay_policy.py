"""For whom a host relays, recipient by recipient."""

from dataclasses import replace

import pytest

from reference_server import ONE_SERVER
from reference_server.smtp import Role
from reference_server.world.model import RelayPolicy

NEAR, FAR = ("192.0.2.0/24",), ("198.51.100.0/24",)  # the client is 192.0.2.7


@pytest.mark.parametrize(
    ("policy", "networks", "relayed"),
    [
        (RelayPolicy.NONE, NEAR, False),
        (RelayPolicy.LOCAL_NETWORKS, NEAR, True),
        (RelayPolicy.LOCAL_NETWORKS, FAR, False),
        (RelayPolicy.AUTHENTICATED, NEAR, True),
        (RelayPolicy.AUTHENTICATED, FAR, False),
        (RelayPolicy.OPEN, (), True),
    ],
)
def test_a_stranger_is_relayed_for_by_policy(start, policy, networks, relayed: bool) -> None:
    host = replace(ONE_SERVER.hosts[0], relay=policy, local_networks=networks)
    session = start(Role.MX, world=replace(ONE_SERVER, hosts=(host,)))
    session.receive(b"EHLO client.example.org\r\nMAIL FROM:<a@example.org>\r\n")
    reply = session.receive(b"RCPT TO:<b@example.net>\r\n")
    assert reply.startswith(b"250" if relayed else b"550 5.7.1")


@pytest.mark.parametrize(
    ("policy", "relayed"),
    [
        (RelayPolicy.NONE, False),
        (RelayPolicy.LOCAL_NETWORKS, False),
        (RelayPolicy.AUTHENTICATED, True),
        (RelayPolicy.OPEN, True),
    ],
)
def test_a_user_is_relayed_for_after_login(start, policy, relayed: bool) -> None:
    host = replace(ONE_SERVER.hosts[0], relay=policy)
    session = start(Role.SUBMISSION, tls=True, world=replace(ONE_SERVER, hosts=(host,)))
    session.receive(b"EHLO client.example.org\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")
    session.receive(b"MAIL FROM:<alice@example.test>\r\n")
    reply = session.receive(b"RCPT TO:<b@example.net>\r\n")
    assert reply.startswith(b"250" if relayed else b"550 5.7.1")


@pytest.mark.parametrize(
    "path",
    [
        b"<b%example.net@example.test>",
        b"<b%example.net@[127.0.0.1]>",
        b'<"b@example.net">',
        b'<"b@example.net"@example.test>',
        b'<"b%example.net"@[127.0.0.1]>',
        b"<example.net!b@example.test>",
        b"<example.net!b>",
        b"<@mail.example.test:b@example.net>",
        b"<@mail.example.test,@example.net:b@example.net>",
        rb"<b\@example.net@example.test>",
        b"<b@example.net@example.test>",
        b"b@example.net",
        b"<b@EXAMPLE.NET>",
        b"<b@[192.0.2.99]>",
        b"<b@[IPv6:2001:db8::1]>",
        b"<b@example.test.example.net>",
    ],
)
def test_no_way_of_writing_a_recipient_gets_round_the_policy(start, path: bytes) -> None:
    session = start(Role.MX)
    session.receive(b"EHLO client.example.org\r\nMAIL FROM:<alice@example.test>\r\n")
    assert session.receive(b"RCPT TO:" + path + b"\r\n").startswith((b"550", b"501", b"553"))
