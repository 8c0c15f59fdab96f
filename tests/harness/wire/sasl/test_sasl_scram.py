"""SCRAM: the RFCs' exchanges, scramp on the other side, and a third party that changes what is said."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scramp import ScramClient as ScrampClient
from scramp import ScramMechanism as ScrampMechanism

from harness.errors import LocalProtocolError
from harness.wire import sasl
from harness.wire.sasl import Binding, Challenge, SaslDenied, SaslError, ScramClient, ScramServer, Success
from harness.wire.sasl.scram_client import MAX_ITERATIONS
from harness.wire.tls import TLS_EXPORTER, TLS_SERVER_END_POINT, TlsFacts

MECHANISMS = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
FACTS = TlsFacts("TLSv1.3", "x", bindings={TLS_EXPORTER: b"e" * 32, TLS_SERVER_END_POINT: b"p" * 32})
BINDING = Binding(TLS_EXPORTER, b"e" * 32)

# RFC 5802 §5 and RFC 7677 §3: user, with the password pencil.
EXAMPLES = [
    pytest.param(
        "SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    pytest.param(
        "SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==",
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mechanism", "client_nonce", "server_nonce", "salt", "first", "server_first", "final", "server_final"),
    EXAMPLES,
)
def test_the_examples_of_the_rfcs(
    directory, mechanism, client_nonce, server_nonce, salt, first, server_first, final, server_final
) -> None:
    directory.salt = base64.b64decode(salt)
    client = ScramClient(mechanism, "user", "pencil", nonce=client_nonce)
    server = ScramServer(mechanism, nonce=server_nonce)
    assert client.initial() == first.encode()
    assert directory.follow(server.step(first.encode())) == Challenge(server_first.encode())
    assert client.respond(server_first.encode()) == final.encode()
    assert directory.follow(server.step(final.encode())) == Challenge(server_final.encode())
    assert not client.server_proven
    assert client.respond(server_final.encode()) == b""
    assert client.server_proven
    assert server.step(b"") == Success("user")


@pytest.mark.parametrize("mechanism", MECHANISMS)
@given(
    user=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12),
    password=st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), min_size=1
    ),
    other=st.sampled_from(["", "boss,=2C", "user"]),
    plus=st.booleans(),
)
def test_client_and_server_agree(directory_of, mechanism, user, password, other, plus) -> None:
    directory = directory_of({user: password})
    client = ScramClient(mechanism, user, password, other, binding=BINDING if plus else None)
    server = ScramServer(mechanism, FACTS, plus=plus, offers_plus=True)
    assert client.name == server.name
    try:
        sasl.saslprep(password)
    except SaslError:
        return
    assert directory.run(client, server) == Success(user, other)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_another_implementation_as_client(directory, mechanism: str) -> None:
    theirs = ScrampClient([mechanism], "user", "pencil")
    server = ScramServer(mechanism)
    first = directory.follow(server.step(theirs.get_client_first().encode()))
    theirs.set_server_first(first.octets.decode())
    final = directory.follow(server.step(theirs.get_client_final().encode()))
    theirs.set_server_final(final.octets.decode())
    assert server.step(b"") == Success("user")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_another_implementation_as_server(mechanism: str) -> None:
    known = ScrampMechanism(mechanism)
    kept = known.make_auth_info("pencil", salt=b"0123456789abcdef")
    theirs = known.make_server(lambda user: kept if user == "us,er" else None)
    ours = ScramClient(mechanism, "us,er", "pencil")
    theirs.set_client_first(ours.initial().decode())
    theirs.set_client_final(ours.respond(theirs.get_server_first().encode()).decode())
    assert ours.respond(theirs.get_server_final().encode()) == b""
    assert ours.server_proven


def test_another_implementation_binds_to_the_same_channel(directory) -> None:
    theirs = ScrampClient(
        ["SCRAM-SHA-256-PLUS"], "user", "pencil", channel_binding=(TLS_SERVER_END_POINT, b"p" * 32)
    )
    server = ScramServer("SCRAM-SHA-256", FACTS, plus=True, offers_plus=True)
    first = directory.follow(server.step(theirs.get_client_first().encode()))
    theirs.set_server_first(first.octets.decode())
    final = directory.follow(server.step(theirs.get_client_final().encode()))
    theirs.set_server_final(final.octets.decode())
    assert server.step(b"") == Success("user")


# Who is in the middle


@pytest.mark.parametrize("plus", [False, True])
@given(turn=st.integers(0, 3), place=st.integers(0, 300), bit=st.integers(0, 7))
@example(turn=2, place=-2, bit=0)  # bits of base64 that say nothing
@example(turn=3, place=-2, bit=1)
def test_no_octet_can_be_changed_on_the_way(
    directory_of, plus: bool, turn: int, place: int, bit: int
) -> None:
    directory = directory_of({"user": "pencil"})
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", binding=BINDING if plus else None)
    server = ScramServer("SCRAM-SHA-256", FACTS, plus=plus)

    def tamper(at: int, octets: bytes) -> bytes:
        if at != turn or not octets:
            return octets
        index = place % len(octets)
        return octets[:index] + bytes([octets[index] ^ 1 << bit]) + octets[index + 1 :]

    with pytest.raises(SaslError):
        directory.run(client, server, tamper)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    ("user", "password"), [("user", "Pencil"), ("nobody", "pencil"), ("user", " pencil")]
)
def test_a_wrong_password_and_nobody_are_denied_at_the_same_step(
    directory, mechanism: str, user: str, password: str
) -> None:
    server, client = ScramServer(mechanism), ScramClient(mechanism, user, password)
    first = directory.follow(server.step(client.initial()))
    assert isinstance(first, Challenge)
    with pytest.raises(SaslDenied):
        server.step(client.respond(first.octets))


def test_a_mechanism_list_without_plus_is_noticed(directory) -> None:
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", could_bind=True)
    assert client.initial().startswith(b"y,,")
    assert directory.run(client, ScramServer("SCRAM-SHA-256", FACTS)) == Success("user")
    again = ScramClient("SCRAM-SHA-256", "user", "pencil", could_bind=True)
    with pytest.raises(SaslDenied):
        directory.run(again, ScramServer("SCRAM-SHA-256", FACTS, offers_plus=True))


@pytest.mark.parametrize(
    ("bound_to", "plus"),
    [
        (Binding(TLS_EXPORTER, b"another"), True),
        (Binding(TLS_SERVER_END_POINT, b"e" * 32), True),
        (Binding("tls-unique", b"e" * 32), True),
        (Binding("no name!", b"e" * 32), True),
        (BINDING, False),
        (None, True),
    ],
)
def test_another_channel_is_denied(directory, bound_to: Binding | None, plus: bool) -> None:
    client = ScramClient("SCRAM-SHA-1", "user", "pencil", binding=bound_to)
    with pytest.raises(SaslError):
        directory.run(client, ScramServer("SCRAM-SHA-1", FACTS, plus=plus))


def test_a_server_that_says_yes_without_a_proof_is_not_believed() -> None:
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", nonce="abc")
    client.respond(b"r=abcdef,s=c2FsdA==,i=4096")
    assert not client.server_proven


@pytest.mark.parametrize(
    "final",
    [b"v=AAAA", b"e=invalid-proof", b"", b"v=", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", b"x=y"],
)
def test_a_server_with_another_proof_is_refused(final: bytes) -> None:
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", nonce="abc")
    client.respond(b"r=abcdef,s=c2FsdA==,i=4096")
    with pytest.raises(SaslError):
        client.respond(final)
    assert not client.server_proven


# What cannot be read


@pytest.mark.parametrize(
    "server_first",
    [
        b"r=abc,s=c2FsdA==,i=4096",
        b"r=xyzdef,s=c2FsdA==,i=4096",
        b"r=abcdef,s=c2FsdA==,i=4095",
        b"r=abcdef,s=c2FsdA==,i=1",
        b"r=abcdef,s=c2FsdA==,i=0",
        b"r=abcdef,s=c2FsdA==,i=-4096",
        b"r=abcdef,s=c2FsdA==,i=04096",
        b"r=abcdef,s=c2FsdA==,i=%d" % (MAX_ITERATIONS + 1),
        b"r=abcdef,s=c2FsdA==,i=99999999999999999999999",
        "r=abcdef,s=c2FsdA==,i=\u0664\u0660\u0669\u0666".encode(),
        b"r=abcdef,s=c2Fs!A==,i=4096",
        b"r=abcdef,s=,i=4096",
        b"r=abcdef,i=4096,s=c2FsdA==",
        b"m=x,r=abcdef,s=c2FsdA==,i=4096",
        b"r=abcdef,s=c2FsdA==,i=4096,m=x",
        b"r=abc\x01ef,s=c2FsdA==,i=4096",
        b"r=abc" + b"d" * 300 + b",s=c2FsdA==,i=4096",
        b"r=abcdef,s=" + b"A" * 5000 + b",i=4096",
        b"e=other-error",
        b"\xff\xfe",
        b",",
    ],
)
def test_what_a_client_refuses_of_a_server(server_first: bytes) -> None:
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", nonce="abc")
    with pytest.raises(SaslError):
        client.respond(server_first)


@pytest.mark.parametrize(
    "client_first",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=user",
        b"n,,r=abc",
        b"n,,n=,r=abc",
        b"n,,r=abc,n=user",
        b"n,,m=x,n=user,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=user,r=",
        b"n,,n=user,r=a\x7f",
        b"n,user,n=user,r=abc",
        b"n,a=,n=user,r=abc",
        b"x,,n=user,r=abc",
        b"p=tls-exporter,,n=user,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=\x07,r=abc",
        b"n,,n=" + b"u" * 5000 + b",r=abc",
    ],
)
def test_what_a_server_refuses_of_a_client(directory, client_first: bytes) -> None:
    with pytest.raises(SaslError):
        directory.follow(ScramServer("SCRAM-SHA-256", FACTS).step(client_first))
    assert directory.asked == []


@pytest.mark.parametrize(
    "replace", [(b"c=biws", b"c=eSws"), (b"r=", b"r=x"), (b",p=", b",q="), (b",p=", b",x=y,p=!")]
)
def test_a_final_message_that_says_something_else_is_refused(directory, replace: tuple[bytes, bytes]) -> None:
    client, server = ScramClient("SCRAM-SHA-256", "user", "pencil"), ScramServer("SCRAM-SHA-256")
    first = directory.follow(server.step(client.initial()))
    with pytest.raises(SaslError):
        server.step(client.respond(first.octets).replace(*replace, 1))


def test_an_extension_is_signed_and_ignored(directory) -> None:
    server = ScramServer("SCRAM-SHA-1", nonce="server")
    first = directory.follow(server.step(b"n,,n=user,r=client,x=new"))
    assert isinstance(first, Challenge)
    assert first.octets.startswith(b"r=clientserver,")


def test_nothing_follows_the_servers_proof(directory) -> None:
    client, server = ScramClient("SCRAM-SHA-1", "user", "pencil"), ScramServer("SCRAM-SHA-1")
    first = directory.follow(server.step(client.initial()))
    final = directory.follow(server.step(client.respond(first.octets)))
    assert client.respond(final.octets) == b""
    with pytest.raises(LocalProtocolError):
        client.respond(b"")
    with pytest.raises(SaslError):
        server.step(b"more")


def test_a_client_may_be_asked_before_it_speaks(directory) -> None:
    client, server = ScramClient("SCRAM-SHA-1", "user", "pencil"), ScramServer("SCRAM-SHA-1")
    assert server.step(None) == Challenge(b"")
    assert client.respond(b"") == client.initial()


@pytest.mark.parametrize(
    "server", [lambda: ScramServer("SCRAM-SHA-256", FACTS), lambda: ScramServer("SCRAM-SHA-1")]
)
@given(responses=st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_no_response_raises_anything_else(
    directory_of, server: Callable[[], ScramServer], responses: list[bytes]
) -> None:
    directory, exchange = directory_of({"user": "pencil"}), server()
    for response in responses:
        try:
            directory.follow(exchange.step(response))
        except SaslError:
            return


def test_secrets_are_not_shown() -> None:
    client = ScramClient("SCRAM-SHA-1", "user", "sesame", nonce="opensesame", binding=Binding("x", b"sesame"))
    assert "sesame" not in repr(client)
