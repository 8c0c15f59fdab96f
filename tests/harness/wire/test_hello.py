"""ClientHellos made by hand are taken by OpenSSL, and what it answers is read."""

import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.hello import (
    PROTOCOL_VERSION,
    Alert,
    ServerHello,
    TlsVersion,
    client_hello,
    read_answer,
)

RANDOM = bytes(range(32))


@pytest.fixture(scope="module")
def server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("mail.example.test").configure_cert(context)
    return context


def answered(context: ssl.SSLContext, hello: bytes) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    with pytest.raises(ssl.SSLError):  # one that wants more, or one that has seen enough
        connection.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "versions", [(TlsVersion.TLS_1_2,), (TlsVersion.TLS_1_3,), (TlsVersion.TLS_1_3, TlsVersion.TLS_1_2)]
)
@pytest.mark.parametrize("name", [None, "mail.example.test"])
def test_a_version_of_today_is_answered_by_a_server_hello(
    server: ssl.SSLContext, versions: tuple[TlsVersion, ...], name: str | None
) -> None:
    octets = answered(server, client_hello(*versions, random=RANDOM, server_name=name))

    # RFC 8446 §4.1.3: TLS 1.3 says 1.2 where the version once stood.
    assert read_answer(octets) == ServerHello(TlsVersion.TLS_1_2)


@pytest.mark.parametrize("version", [TlsVersion.TLS_1_0, TlsVersion.TLS_1_1])
def test_an_old_version_is_answered_by_an_alert(server: ssl.SSLContext, version: TlsVersion) -> None:
    answer = read_answer(answered(server, client_hello(version, random=RANDOM)))

    assert answer == Alert(PROTOCOL_VERSION)
    assert str(answer) == "alert protocol_version"


def test_an_old_version_is_agreed_to_where_it_is_spoken(server: ssl.SSLContext) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("mail.example.test").configure_cert(old)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1

    answer = read_answer(answered(old, client_hello(TlsVersion.TLS_1_0, random=RANDOM)))

    assert answer == ServerHello(TlsVersion.TLS_1_0)


@given(
    octets=st.sampled_from(
        [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x01"]
    ),
    cut=st.integers(0, 6),
)
def test_an_answer_is_read_as_soon_as_it_is_whole(octets: bytes, cut: int) -> None:
    assert read_answer(octets[:cut]) is None
    assert read_answer(octets) is not None


@given(octets=st.binary(min_size=5, max_size=40))
def test_whatever_comes_is_read_or_told_to_be_no_tls(octets: bytes) -> None:
    try:
        answer = read_answer(octets)
    except RemoteProtocolError:
        return
    assert answer is None or octets[1] == 3


def test_words_in_the_clear_are_no_answer() -> None:
    with pytest.raises(RemoteProtocolError, match="no TLS"):
        read_answer(b"500 5.5.1 What?\r\n")


def test_a_hello_needs_a_version_and_random() -> None:
    with pytest.raises(ValueError, match="version"):
        client_hello(random=RANDOM)
    with pytest.raises(ValueError, match="random"):
        client_hello(TlsVersion.TLS_1_2, random=b"")
