"""Who cannot be loaded is told before the run, in one line and with the right exit code."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from harness.cli.load_preflight import chosen_endpoints, endpoints_of, greetings_of
from harness.errors import MailproofError, TransportError, UnreachableTarget, UsageError
from harness.target import Account, Endpoint, Limits, Protocol, Target
from loadtests.plan import Audited, Reading, Settings
from reference_server import Server

LOGS_IN = [p for p in Protocol if p not in (Protocol.SMTP, Protocol.LMTP)]


@pytest.fixture(scope="module")
def running() -> Iterator[Target]:
    with Server() as server:
        yield server.target


def told(target: Target, *protocols: Protocol) -> MailproofError:
    """What is said of it."""
    with pytest.raises(MailproofError, match=r"^[^\n]+$") as refused:
        greetings_of(target, [target.endpoints[protocol] for protocol in protocols])
    return refused.value


def test_every_endpoint_greets(running: Target) -> None:
    greetings = greetings_of(running, chosen_endpoints(running, []))

    assert set(greetings) == set(map(str, Protocol))
    assert all(text.startswith("mail.example.test ") for text in greetings.values())


def test_tls_can_be_required_and_left_out(running: Target) -> None:
    everywhere = chosen_endpoints(running, [])

    assert len(greetings_of(running, everywhere, tls="required")) == 8
    # Without TLS submission offers no login, and nobody is refused one.
    assert greetings_of(running, [running.endpoints[Protocol.SUBMISSION]], tls="off")


@pytest.mark.parametrize("protocol", LOGS_IN)
def test_a_wrong_password_is_a_mistake_of_ours(running: Target, protocol: Protocol) -> None:
    wrong = replace(running, accounts=(Account("alice@example.test", "guessed", "alice@example.test"),))

    error = told(wrong, protocol)

    assert isinstance(error, UsageError)
    assert f"{running.endpoints[protocol]}: refuses the login of alice@example.test: " in str(error)
    assert "guessed" not in str(error)


@pytest.mark.parametrize("protocol", LOGS_IN)
def test_no_account_is_a_mistake_of_ours(running: Target, protocol: Protocol) -> None:
    error = told(replace(running, accounts=()), protocol)

    assert isinstance(error, UsageError)
    assert "there is no account" in str(error)


@pytest.mark.parametrize("protocol", LOGS_IN)
def test_a_name_that_the_certificate_does_not_carry(running: Target, protocol: Protocol) -> None:
    error = told(replace(running, server_name="other.example.test"), protocol)

    assert isinstance(error, TransportError)
    assert "not valid for 'other.example.test'; server_name, ca and verify_tls in the target file" in str(
        error
    )


@pytest.mark.parametrize("protocol", list(Protocol))
def test_nobody_there(protocol: Protocol) -> None:
    with Server() as server:
        target = server.target

    assert "connection refused" in str(told(target, protocol))


@pytest.mark.parametrize(
    ("protocol", "other"),
    [(Protocol.SMTP, Protocol.IMAP), (Protocol.IMAP, Protocol.SMTP), (Protocol.POP3, Protocol.IMAP)],
)
def test_another_protocol(running: Target, protocol: Protocol, other: Protocol) -> None:
    there = running.endpoints[other]
    crossed = replace(
        running,
        endpoints={protocol: Endpoint(protocol, there.host, there.port)},
        limits=Limits(timeout_s=0.5),
    )

    error = told(crossed, protocol)

    assert isinstance(error, UnreachableTarget)
    assert "does not speak this protocol" in str(error)


def test_the_first_of_a_group_that_the_target_has_is_chosen(running: Target) -> None:
    group = (Protocol.SUBMISSIONS, Protocol.SUBMISSION)
    (both,) = chosen_endpoints(running, [group])
    only = {Protocol.SUBMISSION: running.endpoints[Protocol.SUBMISSION]}
    (one,) = chosen_endpoints(replace(running, endpoints=only), [group])

    assert (both.protocol, one.protocol) == (Protocol.SUBMISSIONS, Protocol.SUBMISSION)
    with pytest.raises(UsageError, match="has no imap or imaps, which the scenario talks to"):
        chosen_endpoints(replace(running, endpoints=only), [group, (Protocol.IMAP, Protocol.IMAPS)])


@pytest.mark.parametrize(
    ("settings", "reads_at"),
    [
        (Settings(), [Protocol.IMAP]),
        (Settings(reading=Reading(protocol="pop3")), [Protocol.POP3]),
        (Settings(reading=Reading(mode="none")), [Protocol.IMAP]),
        (Settings(audit=Audited(enabled=False)), [Protocol.IMAP]),
        (Settings(reading=Reading(mode="none"), audit=Audited(enabled=False)), []),
    ],
)
def test_where_mailboxes_are_read_is_tried_too(
    running: Target, settings: Settings, reads_at: list[Protocol]
) -> None:
    settings = msgspec.structs.replace(settings, needs=((Protocol.SMTP,),))

    endpoints = endpoints_of(running, settings)

    assert [endpoint.protocol for endpoint in endpoints] == [Protocol.SMTP, *reads_at]


def test_a_relay_has_nothing_to_read_at(running: Target) -> None:
    relay = replace(running, endpoints={Protocol.SMTP: running.endpoints[Protocol.SMTP]})

    assert endpoints_of(relay, Settings(needs=((Protocol.SMTP,),))) == [relay.endpoints[Protocol.SMTP]]
