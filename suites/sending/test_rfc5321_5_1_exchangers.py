"""RFC 5321 §5.1 and RFC 7505: which host gets the mail of a domain."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from suites.covers import covers
from suites.needs import needs
from suites.peer import Exchanger, Peer, Received, peer_of
from suites.sending.journeys import (
    SENDS,
    Sent,
    arrives,
    attempted,
    passed_by,
    stays_away,
    submitted,
    taken,
    visible_sender,
)
from suites.sending.reports import Report, reports_about, reports_so_far

_MX: Final = "MX"
# Ours: with so many messages a fair choice between two hosts favours one of them once in 2**23 times.
_MANY: Final = 24

_NOT_NOW: Final = "421 4.3.2 Not now"
# Ours: a host that was tried so often without its successor is not one of several that are tried in order.
_OFTEN: Final = 3

_GONE: Final = ("refuses connections", "greets with 421", "greets with 554")


def at(domain: str) -> bytes:
    return f"somebody@{domain}".encode()


def exchanger_that(peer: Peer, trouble: str) -> str:
    """The name of an exchanger that takes nothing."""
    match trouble:
        case "greets with 421":
            return peer.exchanger(replies={"greeting": _NOT_NOW}).name
        case "greets with 554":
            return peer.exchanger(replies={"greeting": "554 5.3.2 No mail here"}).name
        case _:
            return peer.exchanger(listens=False).name


def through(target: LiveTarget, domain: str) -> str:
    """The exchanger that a message for a domain came to; `Unclear` where it did not come in time."""
    came = arrives(target, attempted(target, at(domain)))
    if not came:
        raise Unclear(f"a message for {domain} did not come in time")
    return came[0].exchanger


def comes(target: LiveTarget, sent: Sent) -> bool:
    """Whether a message comes to us; False where it was refused, or one submitted after it has come before it."""
    if sent.refusal is not None:
        return False
    return bool(arrives(target, sent)) or not stays_away(
        target, lambda messages: bool(passed_by(messages, sent.token))
    )


@covers("RFC5321-5.1-m", fault="sending.preferences-reversed")
@needs(*SENDS)
@given(
    preferences=st.lists(st.integers(0, 65535), min_size=2, max_size=3, unique=True),
)
def test_the_most_preferred_exchanger_gets_the_message(target: LiveTarget, preferences: list[int]) -> None:
    peer = peer_of(target)
    names = {peer.exchanger().name: preference for preference in preferences}
    domain = peer.publish(*((_MX, f"{preference} {name}.") for name, preference in names.items()))
    got = through(target, domain)
    assert names[got] == min(preferences), (
        f"of exchangers with preferences {preferences} the one with {names[got]} got the message"
    )


@covers("RFC5321-5.1-j", fault="sending.only-the-first-exchanger")
@needs(*SENDS)
@given(distance=st.integers(0, 100))
def test_the_next_exchanger_is_tried_where_the_first_takes_nothing(target: LiveTarget, distance: int) -> None:
    peer = peer_of(target)
    first, second = peer.exchanger(replies={"greeting": _NOT_NOW}), peer.exchanger()
    domain = peer.publish((_MX, f"10 {first.name}."), (_MX, f"{11 + distance} {second.name}."))
    came = arrives(target, attempted(target, at(domain)))
    assert came or goes_on(first, second), (
        f"the first exchanger greeted {first.connections} times with 421, the second was not connected to"
    )


def goes_on(first: Exchanger, second: Exchanger) -> bool:
    """Whether a message that did not come had a way to come yet: how long it takes to go on is not laid down.

    Raises:
        Unclear: The first host was not tried so often that the second would have been due.
    """
    if second.connections:
        return True
    if first.connections < _OFTEN:
        raise Unclear(f"the first host was tried {first.connections} times, the next may be tried later")
    return False


@covers("RFC5321-5.1-l", fault="sending.only-the-first-address")
@needs(*SENDS)
def test_a_second_address_of_an_exchanger_is_tried(target: LiveTarget) -> None:
    peer = peer_of(target)
    # Neither takes anything, so whichever comes first the other is due after it.
    one, other = (peer.exchanger(replies={"greeting": _NOT_NOW}) for _ in range(2))
    host = peer.publish(("A", one.address), ("A", other.address))
    attempted(target, at(peer.publish((_MX, f"10 {host}."))))
    peer.wait_until(lambda _: bool(one.connections and other.connections), target.limits.delivery_s)
    first, second = (one, other) if one.connections else (other, one)
    assert goes_on(first, second), (
        f"an exchanger has two addresses; one greeted {first.connections} times with 421, the other was not"
        " connected to"
    )


@covers("RFC5321-5.1-n", fault="sending.equal-exchangers-in-order")
@needs(*SENDS)
def test_equal_exchangers_share_the_load(target: LiveTarget) -> None:
    peer = peer_of(target)
    names = [peer.exchanger().name for _ in range(2)]
    domains = [peer.publish(*((_MX, f"10 {name}.") for name in names)) for _ in range(_MANY)]
    client = target.submission()
    sent = [taken(target, [at(domain)], client=client) for domain in domains]

    def got_by(messages: list[Received]) -> list[str]:
        return [came[0].exchanger for each in sent if (came := passed_by(messages, each.token))]

    peer.wait_until(lambda messages: len(got_by(messages)) == _MANY, target.limits.delivery_s)
    got = got_by(peer.received())
    if len(got) < _MANY:
        raise Unclear(f"{len(got)} of {_MANY} messages came in time")
    assert len(set(got)) == len(names), f"{_MANY} messages for two equal exchangers all went to {got[0]}"


@covers("RFC5321-5.1-f", fault="sending.address-beside-mx")
@needs(*SENDS)
def test_the_address_of_a_domain_with_mx_is_not_used(target: LiveTarget) -> None:
    peer = peer_of(target)
    beside = {trouble: peer.exchanger() for trouble in _GONE}
    for trouble, host in beside.items():
        domain = peer.publish((_MX, f"10 {exchanger_that(peer, trouble)}."), ("A", host.address))
        attempted(target, at(domain))
    stays_away(target, lambda _: any(host.connections for host in beside.values()))
    for trouble, host in beside.items():
        assert not host.connections, f"the domain's exchanger {trouble}, and its own address was connected to"


@covers("RFC5321-5.1-nk1", fault="sending.no-implicit-mx")
@needs(*SENDS)
def test_a_domain_without_mx_gets_mail_at_its_address(target: LiveTarget) -> None:
    peer = peer_of(target)
    host = peer.exchanger()
    sent = attempted(target, at(peer.publish(("A", host.address))))
    assert comes(target, sent), (
        f"a message for a domain with an address and no MX did not come there; {_said(sent)}"
    )


@covers("RFC5321-5.1-nk2", fault="sending.alias-not-followed")
@needs(*SENDS)
@given(steps=st.integers(1, 3))
def test_an_alias_of_a_domain_is_followed(target: LiveTarget, steps: int) -> None:
    peer = peer_of(target)
    host = peer.exchanger()
    domain = peer.publish((_MX, f"10 {host.name}."), ("A", host.address))
    for _ in range(steps):
        domain = peer.publish(("CNAME", f"{domain}."))
    sent = attempted(target, at(domain))
    assert comes(target, sent), f"a message for an alias of a domain did not come; {_said(sent)}"


@covers("RFC5321-5.1-c", fault="sending.no-such-domain-waits")
@needs(*SENDS)
def test_a_domain_that_does_not_exist_is_reported(target: LiveTarget) -> None:
    domain = peer_of(target).publish(trouble="NXDOMAIN")
    told = failed(target, domain)
    assert told, "a message for a domain that does not exist was accepted, and no report came"


@covers("RFC5321-5.1-d", fault="sending.servfail-fails")
@needs(*SENDS)
def test_a_temporary_error_of_the_dns_is_no_failure(target: LiveTarget) -> None:
    peer = peer_of(target)
    troubles = ("SERVFAIL", "timeout")
    sent = {
        trouble: submitted(target, [at(peer.publish(trouble=trouble))], sender=visible_sender(target))
        for trouble in troubles
    }
    reports_about(target, sent[troubles[-1]])
    for trouble, each in sent.items():
        mail_refused(each)
        assert each.refusal is None or each.refusal.klass == 4, (
            f"the DNS answers with {trouble}, and a message for the domain was answered {each.refusal}"
        )
        failures = [status for report in reports_so_far(target, each) for status in report.failures]
        assert not failures, f"the DNS answers with {trouble}, and a report says {failures}"


@covers("RFC5321-5.1-q", "RFC5321-5.1-r", "RFC5321-5.1-s", fault="sending.worse-than-itself-used")
@needs(*SENDS)
def test_no_exchanger_worse_than_the_server_itself_is_used(target: LiveTarget) -> None:
    peer = peer_of(target)
    worse = peer.exchanger()
    first = peer.exchanger(listens=False)
    domain = peer.publish(
        (_MX, f"10 {first.name}."),
        *((_MX, f"20 {name}.") for name in names_of_the_target(target, peer)),
        (_MX, f"30 {worse.name}."),
    )
    attempted(target, at(domain))
    away = stays_away(target, lambda _: worse.connections > 0)
    assert away, "the server is an exchanger of the domain with preference 20, and connected to one with 30"


@covers("RFC5321-5.1-t", fault="sending.only-itself-waits")
@needs(*SENDS)
def test_mail_for_which_the_server_is_the_only_exchanger_is_returned(target: LiveTarget) -> None:
    peer = peer_of(target)
    domain = peer.publish(*((_MX, f"20 {name}.") for name in names_of_the_target(target, peer)))
    told = failed(target, domain)
    assert told, "the server is the only exchanger of a domain that is not its own, and no report came"


@covers("RFC7505-1-nk1", fault="sending.null-mx-ignored")
@needs(*SENDS)
def test_a_domain_with_a_null_mx_is_not_connected_to(target: LiveTarget) -> None:
    peer = peer_of(target)
    beside = peer.exchanger()
    attempted(target, at(peer.publish((_MX, "0 ."), ("A", beside.address))))
    away = stays_away(target, lambda _: beside.connections > 0)
    assert away, "a domain has a null MX, and its own address was connected to"


@covers("RFC7505-4.1-a", fault="sending.null-mx-without-its-code", also=("sending.null-mx-ignored",))
@needs(*SENDS)
def test_a_null_mx_is_told_by_its_codes(target: LiveTarget) -> None:
    told = failed(target, peer_of(target).publish((_MX, "0 .")))
    if isinstance(told, Reply):
        enhanced = str(told.enhanced or "")
        assert told.code == 556, f"a domain has a null MX, and RCPT was answered {told}"
        assert enhanced == "5.1.10", f"a domain has a null MX, and RCPT was answered {told}"
    elif told is None:
        raise Unclear("a domain has a null MX, and no report came")
    else:
        assert told.failures == ["5.1.10"], f"a domain has a null MX, and a report says {told.failures}"


def failed(target: LiveTarget, domain: str) -> Reply | Report | None:
    """How it was told that mail for a domain cannot be delivered: a refusal of the recipient, or a report.

    None where neither came although a report about a message sent later, that cannot be delivered either, did.
    """
    sent = submitted(target, [at(domain)], sender=visible_sender(target))
    mail_refused(sent)
    if sent.refusal is None:
        return next(iter(reports_about(target, sent)), None)
    if sent.refusal.klass == 4:
        raise Unclear(f"a message for {domain} was answered {sent.refusal}")
    return sent.refusal


def mail_refused(sent: Sent) -> None:
    """Raises `NotOffered` where the sender was refused: then nothing is said of the recipient."""
    if len(sent.replies) == 1:
        raise NotOffered(f"submission does not take MAIL FROM:<{sent.sender.decode()}>: {sent.refusal}")


def names_of_the_target(target: LiveTarget, peer: Peer) -> list[str]:
    """The name that it greets with, and one that has its address.

    Raises:
        NotOffered: It takes mail on another port than the one it sends to, so that nobody finds it at its address; or
            it sends by another name than it greets with, so that another host sends.
    """
    outside = target.declared.outside
    if outside is None or target.endpoint(Protocol.SMTP).port != outside.mx.port:
        raise NotOffered(
            "the server does not take mail on the port that it sends to, so no exchanger is itself"
        )
    client = target.submission(login=False)
    greeted = client.greeting.text.split()[0].rstrip(".")
    if (sends_as := name_of_the_sender(target, peer)).lower() != greeted.lower():
        raise NotOffered(f"submission greets as {greeted}, and mail is sent by {sends_as}")
    return [greeted, peer.publish(("A", client.transport.peer_address))]


def name_of_the_sender(target: LiveTarget, peer: Peer) -> str:
    """What the host that sends the target's mail calls itself."""
    host = peer.exchanger()
    through(target, peer.publish((_MX, f"10 {host.name}.")))
    hello = next(line for line in host.commands if line.upper().startswith((b"EHLO ", b"HELO ")))
    return hello.split()[1].decode("ascii", "replace").rstrip(".")


def _said(sent: Sent) -> str:
    return f"it was answered {sent.refusal or sent.replies[-1]}"
