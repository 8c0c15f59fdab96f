"""By which mechanism the mail agent logs in."""

from dataclasses import dataclass

import pytest

from harness.mua.login import choose_mechanism
from harness.mua.terms import AuthMode, Declined, Terms
from harness.target import Account, Endpoint, Protocol
from harness.wire.tls import TLS_EXPORTER, TlsFacts

ALICE = Account("alice", "secret", "alice@example.test")
BY_TOKEN = Account("alice", "", "alice@example.test", token="token")
NOTHING = Account("alice", "", "alice@example.test")
HERE = Endpoint(Protocol.SUBMISSION, "127.0.0.1", 587)
FAR = Endpoint(Protocol.SUBMISSION, "192.0.2.1", 587)
BOUND = TlsFacts("TLSv1.3", "x", bindings={TLS_EXPORTER: b"e" * 32})
ALL = ["LOGIN", "PLAIN", "CRAM-MD5", "XOAUTH2", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]


@dataclass
class Connection:
    """What is asked of a transport here."""

    tls_facts: TlsFacts | None = None

    @property
    def tls(self) -> bool:
        return self.tls_facts is not None


def chosen(terms: Terms, facts: TlsFacts | None, endpoint: Endpoint, offered: list[str]) -> str | None:
    mechanism = choose_mechanism(terms, Connection(facts), endpoint, offered)  # type: ignore[arg-type]  # as it says
    return mechanism and mechanism.name


@pytest.mark.parametrize(
    ("terms", "facts", "endpoint", "offered", "name"),
    [
        (Terms(account=ALICE), BOUND, FAR, ALL, "SCRAM-SHA-256-PLUS"),
        (Terms(account=ALICE), None, FAR, ALL, "SCRAM-SHA-256"),
        (Terms(account=ALICE), BOUND, FAR, ["plain", "login"], "PLAIN"),
        (Terms(account=ALICE), None, FAR, ["PLAIN", "LOGIN"], None),
        (Terms(account=ALICE), None, HERE, ["PLAIN", "LOGIN"], "PLAIN"),
        (Terms(account=ALICE, auth=AuthMode.LOGIN), BOUND, FAR, ALL, "LOGIN"),
        (Terms(account=ALICE, mechanism="CRAM-MD5"), BOUND, FAR, ALL, "CRAM-MD5"),
        (Terms(account=ALICE, mechanism="PLAIN"), None, FAR, [], "PLAIN"),
        (Terms(account=BY_TOKEN), BOUND, FAR, ALL, "XOAUTH2"),
        (Terms(account=BY_TOKEN), None, FAR, ALL, None),
        (Terms(account=ALICE, certificate=True), BOUND, FAR, ["EXTERNAL", "PLAIN"], "PLAIN"),
        (Terms(account=NOTHING, certificate=True), BOUND, FAR, ["EXTERNAL", "PLAIN"], "EXTERNAL"),
        (Terms(account=ALICE, certificate=True, mechanism="EXTERNAL"), BOUND, FAR, ALL, "EXTERNAL"),
        (Terms(account=ALICE, auth=AuthMode.NONE), BOUND, FAR, ALL, None),
        (Terms(), BOUND, FAR, ALL, None),
    ],
)
def test_the_strongest_is_taken_and_nothing_is_shown_to_a_network(
    terms: Terms, facts: TlsFacts | None, endpoint: Endpoint, offered: list[str], name: str | None
) -> None:
    assert chosen(terms, facts, endpoint, offered) == name


@pytest.mark.parametrize(
    ("terms", "facts"),
    [
        (Terms(account=ALICE, mechanism="SCRAM-SHA-1-PLUS"), None),
        (Terms(account=ALICE, mechanism="OAUTHBEARER"), BOUND),
        (Terms(account=Account("a\0b", "secret", "a@example.test"), mechanism="PLAIN"), BOUND),
    ],
)
def test_what_the_connection_or_the_account_lacks_is_said(terms: Terms, facts: TlsFacts | None) -> None:
    with pytest.raises(Declined, match=f"cannot log in by {terms.mechanism}"):
        chosen(terms, facts, FAR, ALL)
