"""Which mechanism a client takes of a server's list."""

import pytest

from harness.errors import LocalProtocolError
from harness.wire import sasl
from harness.wire.sasl import Identity
from harness.wire.tls import TLS_SERVER_END_POINT, TlsFacts

EVERYTHING = [*reversed(sasl.MECHANISMS), "DIGEST-MD5", "X-OURS"]
BOUND = TlsFacts("TLSv1.2", "x", bindings={TLS_SERVER_END_POINT: b"p"})
UNBOUND = TlsFacts("TLSv1.2", "x")
PASSWORD = Identity("user", "pencil")


@pytest.mark.parametrize(
    ("offered", "identity", "facts", "chosen"),
    [
        (EVERYTHING, PASSWORD, BOUND, "SCRAM-SHA-256-PLUS"),
        (EVERYTHING, PASSWORD, UNBOUND, "SCRAM-SHA-256"),
        (EVERYTHING, PASSWORD, None, "SCRAM-SHA-256"),
        (["plain", "scram-sha-1"], PASSWORD, None, "SCRAM-SHA-1"),
        (["PLAIN", "LOGIN", "CRAM-MD5"], PASSWORD, BOUND, "CRAM-MD5"),
        (["LOGIN", "PLAIN"], PASSWORD, BOUND, "PLAIN"),
        (["LOGIN"], PASSWORD, BOUND, "LOGIN"),
        (["OAUTHBEARER", "X-OURS"], PASSWORD, BOUND, None),
        (EVERYTHING, Identity("user", "pencil", token="t"), BOUND, "SCRAM-SHA-256-PLUS"),
        (EVERYTHING, Identity("user", token="t"), BOUND, "OAUTHBEARER"),
        (["PLAIN", "XOAUTH2"], Identity("user", "pencil", token="t"), BOUND, "XOAUTH2"),
        (["PLAIN"], Identity("user", "pencil", token="t"), BOUND, "PLAIN"),
        (["PLAIN"], Identity("user", token="t"), BOUND, None),
        (EVERYTHING, Identity("user", certificate=True), BOUND, "EXTERNAL"),
        (EVERYTHING, Identity("user", "pencil", certificate=True), BOUND, "SCRAM-SHA-256-PLUS"),
        (["EXTERNAL", "OAUTHBEARER"], Identity("user", certificate=True, token="t"), BOUND, "OAUTHBEARER"),
        ([], PASSWORD, BOUND, None),
    ],
)
def test_the_strongest_that_can_be_used(offered, identity, facts, chosen) -> None:
    assert sasl.choose(offered, identity, facts) == chosen


@pytest.mark.parametrize("name", sasl.MECHANISMS)
def test_every_mechanism_has_a_client_of_its_name(name: str) -> None:
    identity = Identity("user", "pencil", token="good-token", certificate=True)
    client = sasl.client_mechanism(
        name, identity, offered=EVERYTHING, facts=BOUND, host="mail.example.test", port=993
    )
    assert client.name == name
    assert sasl.client_mechanism(name, identity, facts=BOUND).name == name


@pytest.mark.parametrize(
    ("offered", "facts", "flag"),
    [
        (["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], BOUND, b"n,"),
        (["SCRAM-SHA-256"], BOUND, b"y,"),
        (["SCRAM-SHA-256"], UNBOUND, b"n,"),
        ([], BOUND, b"n,"),
    ],
)
def test_scram_says_whether_it_could_have_bound(offered, facts, flag: bytes) -> None:
    # RFC 5802 §6.
    client = sasl.client_mechanism("SCRAM-SHA-256", PASSWORD, offered=offered, facts=facts)
    assert client.initial().startswith(flag)


@pytest.mark.parametrize(("wanted", "said"), [("", b"user"), ("boss", b"boss")])
def test_external_says_who_one_means_to_be(wanted: str, said: bytes) -> None:
    identity = Identity("user", authorization=wanted, certificate=True)
    assert sasl.client_mechanism("EXTERNAL", identity).initial() == said


def test_what_cannot_be_bound_is_not_begun() -> None:
    with pytest.raises(LocalProtocolError):
        sasl.client_mechanism("SCRAM-SHA-256-PLUS", PASSWORD, facts=UNBOUND)
    with pytest.raises(KeyError):
        sasl.client_mechanism("DIGEST-MD5", PASSWORD)
