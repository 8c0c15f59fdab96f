"""Every mechanism, by every protocol, with our own clients: who is let in, who is not, and what is said."""

import re
from dataclasses import replace

import pytest

from harness.errors import LocalProtocolError
from harness.target import Protocol
from harness.wire import sasl
from harness.wire.sasl import Identity
from harness.wire.tls import TLS_EXPORTER, TLS_SERVER_END_POINT
from reference_server.accounts import BackEndUnavailable
from reference_server.tls.settings import TlsSettings, Version
from reference_server.world import User
from reference_server.world.sasl import SaslSettings

SECURE = [Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS]
BY_PASSWORD = [name for name in sasl.MECHANISMS if name not in {"EXTERNAL", "OAUTHBEARER", "XOAUTH2"}]
BY_TOKEN = ["OAUTHBEARER", "XOAUTH2"]
REFUSED = re.compile(rb"535 5\.7\.8 .*|-ERR \[AUTH\] .*|\S+ NO \[AUTHENTICATIONFAILED\] .*", re.DOTALL)
TRY_LATER = re.compile(rb"454 4\.7\.0 .*|-ERR \[SYS/TEMP\] .*|\S+ NO \[UNAVAILABLE\] .*", re.DOTALL)
LET_IN = re.compile(rb"235 2\.7\.0 .*|\+OK .*|\S+ OK .*", re.DOTALL)

everywhere = pytest.mark.parametrize("protocol", SECURE)
# Cheap hashes answer at once, the others by a worker thread.
hashes = pytest.mark.parametrize("cheap_hashes", [True, False])


@everywhere
@hashes
@pytest.mark.parametrize("name", BY_PASSWORD)
def test_a_password_lets_in_by_every_mechanism_that_is_offered(
    run, alice, protocol: Protocol, cheap_hashes: bool, name: str
) -> None:
    session = run(cheap_hashes=cheap_hashes).connect(protocol)
    assert name in session.offered
    assert LET_IN.fullmatch(session.log_in(name, alice))
    shown = "\n".join(str(entry.octets) for entry in session.transcript.entries)
    assert "secret" not in shown.replace("<secret>", "")
    # A server's proof is base64 of v=; nobody is to guess at it.
    assert "dj1" not in shown


@everywhere
@hashes
@pytest.mark.parametrize("name", BY_PASSWORD)
def test_a_wrong_password_and_nobody_are_told_apart_by_nothing(
    run, protocol: Protocol, cheap_hashes: bool, name: str
) -> None:
    session = run(cheap_hashes=cheap_hashes).connect(protocol)
    said = [
        re.sub(rb"^[A-Za-z0-9]+ NO", b"NO", session.log_in(name, identity))
        for identity in (
            Identity("alice", "Secret"),
            Identity("nobody", "secret"),
            Identity("alice", "wrong"),
        )
    ]
    assert REFUSED.fullmatch(session.log_in(name, Identity("alice", "wrong")))
    assert len(set(said)) == 1


@everywhere
@pytest.mark.parametrize("name", BY_TOKEN)
def test_a_token_of_the_worlds_issuer_lets_in(run, protocol: Protocol, name: str) -> None:
    running = run()
    token = running.server.issuer.issue("alice@example.test")
    for user in ("alice@example.test", "alice"):
        session = running.connect(protocol)
        assert name in session.offered
        assert LET_IN.fullmatch(session.log_in(name, Identity(user, token=token)))
        session.end()
    account = running.server.target.accounts[0]
    said = running.connect(protocol).log_in(name, Identity(account.user, token=account.token))
    assert LET_IN.fullmatch(said)


@everywhere
@pytest.mark.parametrize("name", BY_TOKEN)
@pytest.mark.parametrize(
    "fault", ["expired", "audience", "somebody else", "nobody", "another issuer", "no token"]
)
def test_a_token_that_is_not_good_is_refused(run, protocol: Protocol, name: str, fault: str) -> None:
    running = run()
    issuer = running.server.issuer
    other = type(issuer)(
        replace(issuer.settings, secret="another secret of thirty-two octets"), running.server.clock
    )
    token = {
        "expired": issuer.issue("alice@example.test", lifetime_s=-1),
        "audience": issuer.issue("alice@example.test", audience="calendar"),
        "somebody else": issuer.issue("bob@example.test"),
        "nobody": issuer.issue("nobody@example.test"),
        "another issuer": other.issue("alice@example.test"),
        "no token": "bm8.dG9rZW4.",
    }[fault]
    assert REFUSED.fullmatch(
        running.connect(protocol).log_in(name, Identity("alice@example.test", token=token))
    )


@everywhere
def test_a_certificate_lets_in_whom_it_names(run, protocol: Protocol) -> None:
    running = run()
    session = running.connect(protocol, certificate=running.certificate_of("alice@example.test"))
    assert session.offered[0] == "EXTERNAL" or "EXTERNAL" in session.offered
    assert LET_IN.fullmatch(session.log_in("EXTERNAL", Identity("", certificate=True)))


@everywhere
@pytest.mark.parametrize(
    ("names", "wanted", "lets_in"),
    [
        (("stranger@example.org", "bob@example.test"), "bob", True),
        (("bob@example.test",), "alice", False),
        (("stranger@example.org",), "", False),
    ],
)
def test_a_certificate_lets_in_nobody_else(
    run, protocol: Protocol, names, wanted: str, lets_in: bool
) -> None:
    running = run()
    session = running.connect(protocol, certificate=running.certificate_of(*names))
    said = session.log_in("EXTERNAL", Identity("", authorization=wanted, certificate=True))
    assert (LET_IN if lets_in else REFUSED).fullmatch(said)


@everywhere
def test_without_a_certificate_there_is_no_external(run, protocol: Protocol) -> None:
    assert "EXTERNAL" not in run().connect(protocol).offered


@everywhere
@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"])
@pytest.mark.parametrize(
    ("wanted", "lets_in"),
    [("alice", True), ("ALICE@example.test", True), ("bob", False), ("nobody", False)],
)
def test_one_acts_for_oneself_and_for_nobody_else(
    run, alice, protocol, name, wanted: str, lets_in: bool
) -> None:
    said = run().connect(protocol).log_in(name, replace(alice, authorization=wanted))
    assert (LET_IN if lets_in else REFUSED).fullmatch(said)


@everywhere
@hashes
@pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "OAUTHBEARER"])
def test_where_nobody_can_tell_the_client_is_to_try_later(
    run, alice, monkeypatch, protocol: Protocol, cheap_hashes: bool, name: str
) -> None:
    running = run(cheap_hashes=cheap_hashes)
    (host,) = running.server.hosts.values()

    def down(*_words: object) -> None:
        raise BackEndUnavailable("the directory is down")

    for question in ("verify", "known", "password", "scram_secrets"):
        monkeypatch.setattr(host.context.accounts, question, down)
    session = running.connect(protocol)
    token = running.server.issuer.issue(alice.user)
    assert TRY_LATER.fullmatch(session.log_in(name, replace(alice, token=token)))
    monkeypatch.undo()
    assert LET_IN.fullmatch(session.log_in(name, replace(alice, token=token)))


# The channel


@everywhere
def test_a_client_that_saw_no_plus_is_not_let_in(run, alice, protocol: Protocol) -> None:
    session = run().connect(protocol)
    shortened = [name for name in session.offered if not name.endswith("-PLUS")]
    mechanism = sasl.client_mechanism(
        "SCRAM-SHA-256", alice, offered=shortened, facts=session.client.transport.tls_facts
    )
    assert mechanism.initial().startswith(b"y,")
    assert REFUSED.fullmatch(session.authenticate(mechanism))


@everywhere
def test_a_proof_for_another_channel_lets_nobody_in(run, alice, protocol: Protocol) -> None:
    session = run().connect(protocol)
    facts = session.client.transport.tls_facts
    elsewhere = replace(facts, bindings={name: bytes(len(octets)) for name, octets in facts.bindings.items()})
    mechanism = sasl.client_mechanism("SCRAM-SHA-256-PLUS", alice, facts=elsewhere)
    assert REFUSED.fullmatch(session.authenticate(mechanism))


@everywhere
@pytest.mark.parametrize(
    ("newest", "binding"),
    [(Version.TLS_1_3, TLS_EXPORTER), (Version.TLS_1_2, TLS_SERVER_END_POINT)],
)
def test_each_version_of_tls_has_its_binding(
    run, alice, protocol: Protocol, newest: Version, binding: str
) -> None:
    # RFC 9266 §3.
    session = run(tls=TlsSettings(maximum=newest)).connect(protocol)
    facts = session.client.transport.tls_facts
    assert facts.version == newest
    mechanism = sasl.client_mechanism("SCRAM-SHA-256-PLUS", alice, facts=facts)
    assert mechanism.initial().startswith(f"p={binding},".encode())
    assert LET_IN.fullmatch(session.authenticate(mechanism))


@everywhere
def test_a_client_may_take_the_weaker_binding(run, alice, protocol: Protocol) -> None:
    session = run().connect(protocol)
    facts = session.client.transport.tls_facts
    weaker = replace(facts, bindings={TLS_SERVER_END_POINT: facts.bindings[TLS_SERVER_END_POINT]})
    mechanism = sasl.client_mechanism("SCRAM-SHA-1-PLUS", alice, facts=weaker)
    assert LET_IN.fullmatch(session.authenticate(mechanism))


class Believing:
    """A client of SCRAM that hangs up before the server has proved itself: a man in the middle says yes instead."""

    name = "PLAIN"
    server_proven = False

    def __init__(self, user: str, password: str) -> None:
        self._plain = sasl.PlainClient(user, password)

    def initial(self) -> bytes:
        return self._plain.initial()

    def respond(self, challenge: bytes) -> bytes:
        raise LocalProtocolError("nothing to say")


@everywhere
def test_a_server_that_has_not_proved_itself_is_not_believed(run, protocol: Protocol) -> None:
    with pytest.raises(sasl.ServerUnproven):
        run().connect(protocol).authenticate(Believing("alice", "secret"))


# What is offered where

CLEAR = [Protocol.SUBMISSION, Protocol.POP3, Protocol.IMAP]
HIDES = {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"}


@pytest.mark.parametrize("protocol", CLEAR)
def test_before_tls_nothing_shows_a_secret_where_the_world_forbids_it(run, alice, protocol: Protocol) -> None:
    session = run(plaintext_login=False).connect(protocol)
    assert set(session.offered) == (set() if protocol is Protocol.SUBMISSION else HIDES)
    said = session.log_in("PLAIN", alice)
    assert said.startswith((b"538 5.7.11 ", b"-ERR ")) or b" NO [PRIVACYREQUIRED] " in said


@pytest.mark.parametrize("protocol", CLEAR)
def test_before_tls_a_secret_may_be_shown_where_the_world_says_so(run, alice, protocol: Protocol) -> None:
    running = run(plaintext_login=True, sasl=SaslSettings(submission_in_the_clear=True))
    session = running.connect(protocol)
    assert set(session.offered) == {*HIDES, "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"}
    assert LET_IN.fullmatch(session.log_in("PLAIN", alice))


@everywhere
def test_a_world_may_offer_less(run, alice, protocol: Protocol) -> None:
    session = run(sasl=SaslSettings(mechanisms=("SCRAM-SHA-256", "PLAIN"))).connect(protocol)
    assert set(session.offered) == {"SCRAM-SHA-256", "PLAIN"}
    said = session.log_in("LOGIN", alice)
    assert said.startswith((b"504 5.5.4", b"-ERR ")) or b" NO [CANNOT] " in said


@everywhere
def test_an_exchange_in_which_the_server_speaks_first_takes_no_initial_response(
    run, protocol: Protocol
) -> None:
    session = run().connect(protocol)
    word = b"AUTHENTICATE" if protocol is Protocol.IMAPS else b"AUTH"
    answered = session.client.command(word + b" CRAM-MD5 YWxpY2U=")
    said = answered.tagged.raw if protocol is Protocol.IMAPS else answered.raw
    assert said.startswith((b"501 5.7.0 ", b"-ERR ")) or b" BAD " in said
    assert LET_IN.fullmatch(session.log_in("CRAM-MD5", Identity("alice", "secret")))


@everywhere
def test_an_exchange_may_be_cancelled_at_every_step(run, alice, protocol: Protocol) -> None:
    session = run().connect(protocol)
    for name in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256-PLUS"):
        for step in range(3):
            said = session.authenticate(Cancelling(session, name, alice, step))
            assert LET_IN.fullmatch(said) or said.startswith((b"501 5.7.0", b"-ERR")) or b" BAD " in said
            if LET_IN.fullmatch(said):
                session.end()
                session = run().connect(protocol)


class Cancelling:
    """A client that gives up at a step."""

    def __init__(self, session, name: str, identity: Identity, step: int) -> None:
        self._inner = sasl.client_mechanism(
            name, identity, offered=session.offered, facts=session.client.transport.tls_facts
        )
        self._left = step
        self.name = name

    @property
    def server_proven(self) -> bool:
        return self._inner.server_proven

    def initial(self) -> None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if not self._left:
            raise LocalProtocolError("enough")
        self._left -= 1
        return self._inner.respond(challenge)


# Names and passwords beyond ASCII

ODD = User("jose", "\u2168 s\u00e9same\u00ad", "jose@example.test")


@everywhere
@hashes
@pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"])
@pytest.mark.parametrize("typed", [ODD.password, "IX s\u00e9same", "IX se\u0301same"])
def test_a_password_is_compared_in_its_prepared_form(
    run, protocol: Protocol, cheap_hashes: bool, name: str, typed: str
) -> None:
    session = run(users=(ODD,), cheap_hashes=cheap_hashes).connect(protocol)
    assert LET_IN.fullmatch(session.log_in(name, Identity("jose", typed)))


def test_it_is_so_where_no_mechanism_is_used(run) -> None:
    running = run(users=(ODD,))
    for typed in (ODD.password, "IX s\u00e9same"):
        assert running.connect(Protocol.IMAPS).client.login("jose", typed).ok
