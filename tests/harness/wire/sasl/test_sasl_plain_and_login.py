"""The base64 of responses; PLAIN and LOGIN."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.wire.sasl import (
    CLIENT_MECHANISMS,
    Challenge,
    LoginClient,
    LoginServer,
    PlainClient,
    PlainServer,
    SaslDenied,
    SaslError,
    ServerMechanism,
    Step,
    Success,
    VerifyPassword,
    decode,
    decode_initial,
    encode,
    encode_initial,
)

SERVERS = {"PLAIN": PlainServer, "LOGIN": LoginServer}
names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)


def asked(user: str, password: str, authorization: str = "", sent: str = "") -> VerifyPassword:
    return VerifyPassword(user, password, lambda _known: Success(user), authorization, sent or password)


@given(st.binary(max_size=40))
def test_base64_is_read_back(octets: bytes) -> None:
    assert decode(encode(octets)) == octets
    assert decode_initial(encode_initial(octets)) == octets
    assert encode_initial(octets)


@pytest.mark.parametrize(
    "line",
    [
        b"=AAA",
        b"AAA=BBB",
        b"AAAA=",
        b"A",
        b"AA",
        b"AAA",
        b"AA==AA==",
        b"AA A",
        b"AAAA\n",
        b"A-_A",
        b"*",
        b"=",
    ],
)
def test_stray_characters_and_padding_are_refused(line: bytes) -> None:
    with pytest.raises(SaslError):
        decode(line)


def test_an_initial_response_is_never_nothing() -> None:
    assert encode_initial(b"") == b"="
    with pytest.raises(SaslError):
        decode_initial(b"")


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN"])
@given(user=names, password=names)
def test_client_and_server_agree(name: str, user: str, password: str) -> None:
    client, server = CLIENT_MECHANISMS[name](user, password), SERVERS[name]()
    assert client.name == server.name == name
    step = server.step(client.initial())
    while isinstance(step, Challenge):
        step = server.step(client.respond(step.octets))
    assert step == asked(user, password)


def test_plain_is_the_message_of_the_rfc_example() -> None:
    # RFC 4954 §4.1: the user names itself in both places.
    assert encode_initial(PlainClient("test", "1234", "test").initial()) == b"dGVzdAB0ZXN0ADEyMzQ="
    step = PlainServer().step(decode(b"dGVzdAB0ZXN0ADEyMzQ="))
    assert step == asked("test", "1234", "test")
    assert isinstance(step, VerifyPassword)
    assert step.then("test") == Success("test", "test")


def test_a_wrong_password_is_denied() -> None:
    step = PlainServer().step(b"\0tim\0wrong")
    assert isinstance(step, VerifyPassword)
    with pytest.raises(SaslDenied):
        step.then(None)


def test_plain_compares_what_is_prepared() -> None:
    assert PlainServer().step("\0\u2168\0s\u00adecret".encode()) == asked("IX", "secret", sent="s\u00adecret")
    assert asked("IX", "secret", sent="s\u00adecret").passwords == ("secret", "s\u00adecret")
    assert asked("IX", "secret").passwords == ("secret",)


def test_plain_may_wait_for_an_empty_challenge() -> None:
    server = PlainServer()
    assert server.step(None) == Challenge(b"")
    assert PlainClient("tim", "secret").respond(b"") == b"\0tim\0secret"
    with pytest.raises(LocalProtocolError):
        PlainClient("tim", "secret").respond(b"what?")


def test_plain_cannot_carry_nul() -> None:
    with pytest.raises(LocalProtocolError):
        PlainClient("tim", "a\0b")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"tim",
        b"tim\0secret",
        b"\0\0secret",
        b"\0tim\0",
        b"a\0b\0c\0d",
        b"\0\xff\0x",
        b"\0tim\0" + b"x" * 1025,
    ],
)
def test_a_plain_message_that_says_nobody_is_refused(message: bytes) -> None:
    with pytest.raises(SaslError):
        PlainServer().step(message)


def test_login_asks_twice_and_answers_twice() -> None:
    server, client = LoginServer(), LoginClient("tim", "secret")
    assert server.step(None) == Challenge(b"Username:")
    assert server.step(client.respond(b"Who?")) == Challenge(b"Password:")
    assert server.step(client.respond(b"")) == asked("tim", "secret")
    with pytest.raises(LocalProtocolError):
        client.respond(b"once more")


@pytest.mark.parametrize("response", [b"", b"a\0b", b"\xff"])
def test_a_login_response_that_says_nobody_is_refused(response: bytes) -> None:
    with pytest.raises(SaslError):
        LoginServer().step(response)


def outcome(server: ServerMechanism, response: bytes) -> Step | SaslError:
    try:
        return server.step(response)
    except SaslError as error:
        return error


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN"])
@given(responses=st.lists(st.binary(max_size=20), min_size=1, max_size=3))
def test_no_response_raises_anything_else_and_errors_hold_no_secret(
    name: str, responses: list[bytes]
) -> None:
    server = SERVERS[name]()
    for response in responses:
        result = outcome(server, response)
        if isinstance(result, SaslError) and len(response) > 4:
            assert repr(response)[2:-1] not in str(result)


def test_passwords_are_not_shown() -> None:
    for shown in (PlainClient("tim", "sesame"), LoginClient("tim", "sesame"), asked("tim", "sesame")):
        assert "sesame" not in repr(shown)
    with pytest.raises(SaslError) as caught:
        decode(b64encode(b"sesame") + b"!")
    assert "c2VzYW1l" not in str(caught.value)
