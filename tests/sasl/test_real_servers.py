"""Our clients at Postfix, Exim and Dovecot: every mechanism they offer, by every protocol."""

import pytest

from harness.target import Protocol
from harness.wire import sasl

MECHANISMS = [name for name in sasl.MECHANISMS if not name.endswith("-PLUS")]
PROTOCOLS = [Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", MECHANISMS)
def test_a_mechanism_lets_in(real_server, protocol: Protocol, name: str) -> None:
    let_in, said = real_server.log_in(protocol, name, real_server.identity(name))
    assert let_in, said


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", [name for name in MECHANISMS if name != "EXTERNAL"])
def test_what_is_wrong_lets_nobody_in(real_server, protocol: Protocol, name: str) -> None:
    let_in, said = real_server.log_in(protocol, name, real_server.identity(name, password="wrong"))
    assert not let_in, said


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_certificate_is_for_its_owner_only(real_server, protocol: Protocol) -> None:
    somebody_else = sasl.Identity("", authorization="bob@example.test", certificate=True)
    let_in, said = real_server.log_in(protocol, "EXTERNAL", somebody_else)
    assert not let_in, said
