"""CRAM-MD5, OAUTHBEARER, XOAUTH2, EXTERNAL."""

import datetime as dt
import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.wire import sasl
from harness.wire.sasl import Challenge, CheckToken, SaslDenied, SaslError, Success
from harness.wire.tls import CertificateFacts, TlsFacts

# CRAM-MD5


def test_cram_md5_is_the_example_of_the_rfc(directory) -> None:
    # RFC 2195 §2.
    server = sasl.CramMd5Server("postoffice.reston.mci.net", nonce="1896.697170952")
    challenge = server.step(None)
    assert challenge == Challenge(b64decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"))
    client = sasl.CramMd5Client("tim", "tanstaaftanstaaf")
    response = client.respond(challenge.octets)
    assert response == b64decode("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")
    assert directory.follow(server.step(response)) == Success("tim")
    with pytest.raises(LocalProtocolError):
        client.respond(challenge.octets)


@given(
    user=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    password=st.text(min_size=1),
)
def test_cram_md5_agrees_with_itself(directory_of, user: str, password: str) -> None:
    try:
        password = sasl.saslprep(password)
    except SaslError:
        password = "pencil"
    client, server = sasl.CramMd5Client(user, password or "x"), sasl.CramMd5Server("mail.example.test")
    assert directory_of({user: password or "x"}).run(client, server) == Success(user)


@pytest.mark.parametrize(
    "response",
    [
        b"", b"tim", b"tim ", b" b913a602c7eda7a495b4e6e7334d3890", b"tim B913A602C7EDA7A495B4E6E7334D3890",
        b"tim b913a602c7eda7a495b4e6e7334d389", b"tim b913a602c7eda7a495b4e6e7334d3891",
        b"nobody b913a602c7eda7a495b4e6e7334d3890", b"\xff b913a602c7eda7a495b4e6e7334d3890",
        b"t" * 2000 + b" b913a602c7eda7a495b4e6e7334d3890",
    ],
)  # fmt: skip
def test_another_cram_md5_response_is_refused(directory, response: bytes) -> None:
    server = sasl.CramMd5Server("postoffice.reston.mci.net", nonce="1896.697170952")
    server.step(None)
    with pytest.raises(SaslError):
        directory.follow(server.step(response))


def test_every_cram_md5_challenge_is_new_and_a_client_bounds_it() -> None:
    assert sasl.CramMd5Server("a.test").step(None) != sasl.CramMd5Server("a.test").step(None)
    for challenge in (b"", b"x" * 2000):
        with pytest.raises(SaslError):
            sasl.CramMd5Client("tim", "secret").respond(challenge)


# OAUTHBEARER and XOAUTH2

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


def test_oauthbearer_is_the_example_of_the_rfc() -> None:
    # RFC 7628 §4.1.
    example = b64decode(
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyI"
        "HZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )
    client = sasl.OAuthBearerClient("user@example.com", TOKEN, "server.example.com", 143)
    assert client.initial() == example
    step = sasl.OAuthBearerServer().step(example)
    assert step == CheckToken(TOKEN, "user@example.com", lambda _: Success(""))


def test_a_client_may_ask_what_is_needed(directory) -> None:
    # RFC 7628 §4.3: an empty value of auth; the answer is that of a token that is not good.
    server = sasl.OAuthBearerServer("example_scope")
    told = server.step(
        b64decode("bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=")
    )
    assert isinstance(told, Challenge)
    assert json.loads(told.octets) == {"status": "invalid_token", "scope": "example_scope"}
    with pytest.raises(SaslDenied):
        server.step(b"\x01")


@pytest.mark.parametrize(
    ("client", "server", "end", "status"),
    [
        (sasl.OAuthBearerClient("user", "bad"), sasl.OAuthBearerServer("mail"), b"\x01", "invalid_token"),
        (sasl.XOAuth2Client("user", "bad"), sasl.XOAuth2Server("mail"), b"", "401"),
    ],
)
def test_a_refused_token_is_told_and_the_exchange_fails(
    directory, client, server, end: bytes, status: str
) -> None:
    told = directory.follow(server.step(client.initial()))
    assert json.loads(told.octets)["status"] == status
    assert json.loads(told.octets)["scope"] == "mail"
    assert client.respond(told.octets) == end
    assert status in client.refusal
    with pytest.raises(LocalProtocolError):
        client.respond(told.octets)
    with pytest.raises(SaslDenied):
        server.step(end)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (sasl.OAuthBearerClient("us,=er", "good-token"), sasl.OAuthBearerServer()),
        (sasl.OAuthBearerClient("", "good-token", "mail.example.test", 587), sasl.OAuthBearerServer()),
        (sasl.XOAuth2Client("user", "good-token"), sasl.XOAuth2Server()),
    ],
)
def test_a_good_token_lets_in(directory, client, server) -> None:
    assert directory.run(client, server) == Success("user")
    assert directory.asked == [CheckToken("good-token", client.user, lambda _: Success(""))]


@pytest.mark.parametrize("prefix", ["Bearer", "bearer", "BEARER", "BeArEr"])
def test_the_kind_of_token_is_read_in_any_case(prefix: str) -> None:
    # RFC 7628 §4.
    step = sasl.OAuthBearerServer().step(f"n,,\x01auth={prefix} good-token\x01\x01".encode())
    assert isinstance(step, CheckToken)


@pytest.mark.parametrize(
    "message",
    [
        b"", b"n,,", b"n,,\x01", b"n,,\x01\x01", b"n,,\x01auth=Bearer x", b"n,,\x01auth=Bearer x\x01",
        b"n,,\x01auth=Basic x\x01\x01", b"p=tls-exporter,,\x01auth=Bearer x\x01\x01",
        b"n,user,\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Bearer x y\x01\x01", b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01", b"n,,\x01auth\x01\x01",
        b"n,a=us=er,\x01auth=Bearer x\x01\x01", b"\xff", b"n,,\x01auth=Bearer " + b"x" * 20000 + b"\x01\x01",
    ],
)  # fmt: skip
def test_an_unreadable_oauthbearer_message_is_refused(message: bytes) -> None:
    with pytest.raises(SaslError):
        sasl.OAuthBearerServer().step(message)


@pytest.mark.parametrize(
    "message",
    [b"", b"auth=Bearer x\x01\x01", b"user=\x01auth=Bearer x\x01\x01", b"user=u\x01auth=Bearer x\x01"],
)
def test_an_unreadable_xoauth2_message_is_refused(message: bytes) -> None:
    with pytest.raises(SaslError):
        sasl.XOAuth2Server().step(message)


@pytest.mark.parametrize("token", ["", "two words", "x\x01y", "x\n", "caf\u00e9"])
def test_a_token_that_is_none_is_not_sent(token: str) -> None:
    for client in (sasl.OAuthBearerClient, sasl.XOAuth2Client):
        with pytest.raises(LocalProtocolError):
            client("user", token)


# EXTERNAL


def facts(*, mailboxes=(), common_names=(), verified=True) -> TlsFacts:
    then = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    peer = CertificateFacts("CN=x", "CN=y", common_names, (), (), mailboxes, then, then, b"", None)
    return TlsFacts("TLSv1.3", "x", peer=peer, peer_verified=verified)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (facts(mailboxes=("tim",)), ""),
        (facts(common_names=("tim",)), ""),
        (facts(mailboxes=("stranger", "tim"), common_names=("user",)), "tim"),
    ],
)
def test_a_certificate_lets_in_whom_it_names(directory, shown: TlsFacts, wanted: str) -> None:
    client, server = sasl.ExternalClient(wanted), sasl.ExternalServer(shown)
    assert directory.run(client, server) == Success("tim", wanted)
    assert sasl.ExternalServer(shown).step(None) == Challenge(b"")
    assert client.respond(b"") == client.initial()
    with pytest.raises(LocalProtocolError):
        client.respond(b"what?")


@pytest.mark.parametrize(
    "shown",
    [
        None,
        TlsFacts("TLSv1.3", "x"),
        facts(),
        facts(mailboxes=("tim",), verified=False),
        facts(common_names=("none",)),
    ],
)
def test_no_certificate_or_nobodys_lets_nobody_in(directory, shown: TlsFacts | None) -> None:
    with pytest.raises(SaslDenied):
        directory.run(sasl.ExternalClient(), sasl.ExternalServer(shown))
