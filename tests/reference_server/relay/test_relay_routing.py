"""Which exchangers are tried, in which order, and why there are none."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from reference_server.clock import Clock
from reference_server.dns import Authority, serve_dns
from reference_server.journal import Event, Journal, Kind
from reference_server.relay.model import Fate
from reference_server.relay.resolver import (
    Located,
    LookupFailed,
    NoData,
    NoSuchName,
    Resolver,
    TemporaryFailure,
)
from reference_server.relay.routing import Exchanger, NoRoute, Router
from reference_server.world.model import Mx, Record, Trouble, TroubleKind

ME = "me.example.test"
MY_ADDRESS = "192.0.2.99"

Host = Located | type[LookupFailed]


class Told(Resolver):
    """A resolver that has its answers already, and keeps what it was asked."""

    def __init__(self, mx: Sequence[Mx] | type[LookupFailed], hosts: Mapping[str, Host]) -> None:
        self._mx = mx
        self._hosts = hosts
        self.asked: list[str] = []

    async def mx(self, domain: str) -> tuple[Mx, ...]:
        if isinstance(self._mx, type):
            raise self._mx(domain, "MX", "as told")
        return tuple(self._mx)

    async def addresses(self, host: str) -> Located:
        self.asked.append(host)
        found = self._hosts.get(host, NoSuchName)
        if isinstance(found, type):
            raise found(host, "A", "as told")
        return found


def at(name: str, *addresses: str) -> Located:
    return Located(name, addresses)


def router_of(
    resolver: Resolver, *, seed: int = 1, own: Sequence[str] = (MY_ADDRESS,), journal=None
) -> Router:
    return Router(
        resolver,
        own_names=[ME.upper()],
        own_addresses=own,
        rng=random.Random(seed),
        journal=journal or Journal(Clock()),
        host=ME,
    )


def route(
    mx: Sequence[Mx] | type[LookupFailed],
    hosts: Mapping[str, Host],
    name: str = "example.test",
    **options: object,
) -> tuple[Exchanger, ...]:
    return trio.run(router_of(Told(mx, hosts), **options).route, name)


def refusal(*args: object, **options: object) -> tuple[Fate, str]:
    with pytest.raises(NoRoute) as caught:
        route(*args, **options)
    outcome = caught.value.outcome
    assert outcome.diagnostic
    assert outcome.status in str(caught.value)
    assert (outcome.remote, outcome.by_peer) == ("", False)
    assert outcome.status.startswith("4" if outcome.fate is Fate.DEFERRED else "5")
    return outcome.fate, outcome.status


A, B, C = "a.example.test", "b.example.test", "c.example.test"
HOSTS: Mapping[str, Host] = {
    A: at(A, "192.0.2.1"),
    B: at(B, "192.0.2.2", "2001:db8::2"),
    C: at("c.example.org", "192.0.2.3"),
    ME: at(ME, MY_ADDRESS),
    "also-me.example.test": at("also-me.example.test", "192.0.2.7", MY_ADDRESS),
    "alias-of-me.example.test": at(ME, "192.0.2.8"),
    "zero.example.test": at("zero.example.test", "0.0.0.0"),  # noqa: S104 (nobody listens; it is routed to)
    "example.test": at("example.test", "192.0.2.4"),
    "empty.example.test": NoData,
    "unknown.example.test": TemporaryFailure,
}


def test_the_lowest_preference_comes_first() -> None:
    assert route([Mx(20, B), Mx(10, A), Mx(30, C)], HOSTS) == (
        Exchanger(A, 10, ("192.0.2.1",)),
        Exchanger(B, 20, ("192.0.2.2", "2001:db8::2")),
        Exchanger(C, 30, ("192.0.2.3",)),
    )


def test_equal_ones_share_the_load() -> None:
    resolver = Told([Mx(10, A), Mx(10, B), Mx(10, C)], HOSTS)
    router = router_of(resolver)

    firsts = Counter(trio.run(router.route, "example.test")[0].name for _ in range(300))

    assert set(firsts) == {A, B, C}
    assert min(firsts.values()) > 50  # the generator's seed is fixed: no chance is left


def test_the_same_seed_chooses_the_same_order_whatever_the_dns_does_to_it() -> None:
    mx = [Mx(10, A), Mx(10, B), Mx(10, C), Mx(10, B)]

    assert route(mx, HOSTS, seed=7) == route(mx[::-1], HOSTS, seed=7)


def test_an_exchanger_named_twice_at_one_preference_is_tried_once() -> None:
    assert len(route([Mx(10, A), Mx(10, A)], HOSTS)) == 1


@pytest.mark.parametrize("own", [ME, "also-me.example.test", "alias-of-me.example.test", "zero.example.test"])
def test_this_host_and_those_no_better_are_left_out(own) -> None:
    found = route([Mx(10, A), Mx(20, own), Mx(20, B), Mx(30, C)], HOSTS)

    assert [exchanger.name for exchanger in found] == [A]


@pytest.mark.parametrize("own", [ME, "also-me.example.test", "alias-of-me.example.test", "zero.example.test"])
def test_mail_that_comes_back_to_the_best_exchanger_fails(own) -> None:
    assert refusal([Mx(10, own), Mx(20, A)], HOSTS) == (Fate.FAILED, "5.4.6")


def test_nobody_is_asked_about_those_that_are_left_out_by_name() -> None:
    resolver = Told([Mx(10, A), Mx(20, ME), Mx(30, C)], HOSTS)

    trio.run(router_of(resolver).route, "example.test")

    assert resolver.asked == [A]


def test_an_exchanger_without_address_is_left_out() -> None:
    mx = [Mx(10, "empty.example.test"), Mx(20, "gone.example.test"), Mx(25, ""), Mx(30, A)]

    assert [exchanger.name for exchanger in route(mx, HOSTS)] == [A]


def test_what_the_dns_does_not_know_now_does_not_stop_the_others() -> None:
    mx = [Mx(10, "unknown.example.test"), Mx(20, A)]

    assert [exchanger.name for exchanger in route(mx, HOSTS)] == [A]


@pytest.mark.parametrize(
    ("mx", "expected"),
    [
        ([Mx(0, "")], (Fate.FAILED, "5.1.10")),
        ([Mx(5, ""), Mx(7, "")], (Fate.FAILED, "5.1.10")),
        (NoSuchName, (Fate.FAILED, "5.1.2")),
        (TemporaryFailure, (Fate.DEFERRED, "4.4.3")),
        ([Mx(10, "empty.example.test"), Mx(20, "gone.example.test")], (Fate.FAILED, "5.4.4")),
        ([Mx(10, ""), Mx(20, "gone.example.test")], (Fate.FAILED, "5.4.4")),
        ([Mx(10, "gone.example.test"), Mx(20, "unknown.example.test")], (Fate.DEFERRED, "4.4.3")),
        ([Mx(10, "unknown.example.test"), Mx(20, ME)], (Fate.DEFERRED, "4.4.3")),
        ([Mx(10, ME), Mx(20, "unknown.example.test")], (Fate.FAILED, "5.4.6")),
        ([Mx(10, "gone.example.test"), Mx(20, ME)], (Fate.FAILED, "5.4.4")),
    ],
)
def test_why_there_is_no_route(mx, expected) -> None:
    assert refusal(mx, HOSTS) == expected


def test_the_domain_itself_is_tried_only_where_the_dns_is_sure_that_it_has_no_mx() -> None:
    assert route(NoData, HOSTS, "Example.Test.") == (Exchanger("example.test", 0, ("192.0.2.4",)),)
    assert refusal(TemporaryFailure, HOSTS) == (Fate.DEFERRED, "4.4.3")
    assert refusal([Mx(10, "gone.example.test")], HOSTS) == (Fate.FAILED, "5.4.4")


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (ME, (Fate.FAILED, "5.4.6")),
        ("empty.example.test", (Fate.FAILED, "5.4.4")),
        ("gone.example.test", (Fate.FAILED, "5.1.2")),
        ("unknown.example.test", (Fate.DEFERRED, "4.4.3")),
    ],
)
def test_why_a_domain_without_mx_has_no_route(domain, expected) -> None:
    assert refusal(NoData, HOSTS, domain) == expected


@pytest.mark.parametrize(
    ("literal", "address"),
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("[ipv6:2001:DB8:0:0::1]", "2001:db8::1"),
        ("[IPv6:::ffff:192.0.2.1]", "192.0.2.1"),
    ],
)
def test_an_address_literal_is_its_own_exchanger(literal, address) -> None:
    resolver = Told(TemporaryFailure, {})

    assert trio.run(router_of(resolver).route, literal) == (Exchanger(literal, 0, (address,)),)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (f"[{MY_ADDRESS}]", (Fate.FAILED, "5.4.6")),
        (f"[IPv6:::ffff:{MY_ADDRESS}]", (Fate.FAILED, "5.4.6")),
        ("[0.0.0.0]", (Fate.FAILED, "5.4.6")),
        ("[IPv6:::]", (Fate.FAILED, "5.4.6")),
        ("[x400:c=xx]", (Fate.FAILED, "5.1.2")),
        ("[192.0.2.256]", (Fate.FAILED, "5.1.2")),
        ("[IPv6:fe80::1%1]", (Fate.FAILED, "5.1.2")),
        ("[]", (Fate.FAILED, "5.1.2")),
    ],
)
def test_why_an_address_literal_has_no_route(literal, expected) -> None:
    assert refusal(TemporaryFailure, {}, literal) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ((MY_ADDRESS,), ("192.0.2.2", "2001:db8::2")),
        (("2001:db8::99",), ("2001:db8::2", "192.0.2.2")),
        ((MY_ADDRESS, "2001:db8::99"), ("192.0.2.2", "2001:db8::2")),
    ],
)
def test_a_family_that_is_here_comes_first(own, expected) -> None:
    assert route([Mx(1, B)], HOSTS, own=own)[0].addresses == expected


def test_a_hostile_zone_is_not_followed_for_ever() -> None:
    hosts = {f"h{n}.example.test": at(f"h{n}.example.test", *["192.0.2.1"] * 50) for n in range(500)}
    resolver = Told([Mx(n, name) for n, name in enumerate(hosts)], hosts)

    found = trio.run(router_of(resolver).route, "example.test")

    assert 2 <= len(found) == len(resolver.asked) <= 20
    assert all(2 <= len(exchanger.addresses) <= 10 for exchanger in found)


names = st.sampled_from(
    [
        A,
        B,
        C,
        ME,
        "also-me.example.test",
        "empty.example.test",
        "gone.example.test",
        "unknown.example.test",
        "zero.example.test",
        "example.test",
        "",
    ]
)


@given(mx=st.lists(st.builds(Mx, st.integers(0, 4), names), min_size=1, max_size=8), seed=st.integers(0, 9))
def test_every_list_is_treated_as_the_rules_say(mx, seed) -> None:
    mine = {ME, "also-me.example.test", "zero.example.test"}
    limit = min((m.preference for m in mx if m.host in mine), default=99)
    better = {m for m in mx if m.preference < limit}
    usable = {(m.host, m.preference) for m in better if isinstance(HOSTS.get(m.host), Located)}

    if all(m.host == "" for m in mx):
        assert refusal(mx, HOSTS, seed=seed) == (Fate.FAILED, "5.1.10")
    elif usable:
        found = route(mx, HOSTS, seed=seed)
        assert sorted((e.name, e.preference) for e in found) == sorted(usable)
        assert [e.preference for e in found] == sorted(e.preference for e in found)
        assert all(e.addresses for e in found)
    elif any(m.host == "unknown.example.test" for m in better):
        assert refusal(mx, HOSTS, seed=seed) == (Fate.DEFERRED, "4.4.3")
    else:
        assert refusal(mx, HOSTS, seed=seed) == (Fate.FAILED, "5.4.4" if better else "5.4.6")


def test_the_journal_says_who_was_chosen_and_who_was_not() -> None:
    journal = Journal(Clock())
    events: list[Event] = []
    journal.listen(events.append)

    route([Mx(10, A), Mx(15, "empty.example.test"), Mx(20, ME)], HOSTS, journal=journal)
    refusal(NoData, HOSTS, "empty.example.test", journal=journal)

    assert [event.text for event in events] == [
        f"{ME} is this host: it is left out, and all that are not better",
        "empty.example.test cannot be used: as told",
        f"example.test goes to {A} (preference 10) at 192.0.2.1",
        "empty.example.test has no MX: its own address stands for one",
        "empty.example.test cannot be used: as told",
        "empty.example.test has no route: 5.4.4 no exchanger of empty.example.test has an address",
    ]
    assert {(event.host, event.kind) for event in events} == {(ME, Kind.ROUTE)}


def test_a_route_by_a_real_dns() -> None:
    records = [
        Record("windchaser.test.", 300, "CNAME", "example.org."),
        Record("example.org.", 300, "MX", "20 mail2.example.org."),
        Record("example.org.", 300, "MX", "10 mail1.example.org."),
        Record("mail1.example.org.", 300, "CNAME", "rack7.example.org."),
        Record("rack7.example.org.", 300, "A", "127.0.2.1"),
        Record("mail2.example.org.", 300, "A", "127.0.2.2"),
        Record("plain.example.org.", 300, "A", "127.0.2.3"),
        Record("null.example.org.", 300, "MX", "0 ."),
    ]
    broken = Trouble("plain.example.org.", TroubleKind.SERVFAIL, "MX", after=1)

    async def main() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                port = await nursery.start(partial(serve_dns, Authority(records, [broken]), "127.0.0.1"))
                resolver = Resolver("127.0.0.1", port, timeout_s=20.0, journal=Journal(Clock()), host=ME)
                router = router_of(resolver)
                assert await router.route("windchaser.test") == (
                    Exchanger("mail1.example.org", 10, ("127.0.2.1",)),
                    Exchanger("mail2.example.org", 20, ("127.0.2.2",)),
                )
                assert await router.route("plain.example.org") == (
                    Exchanger("plain.example.org", 0, ("127.0.2.3",)),
                )
                for name, status in [
                    ("plain.example.org", "4.4.3"),  # now the MX question fails: its address must not be used
                    ("null.example.org", "5.1.10"),
                    ("nowhere.example.org", "5.1.2"),
                ]:
                    with pytest.raises(NoRoute) as caught:
                        await router.route(name)
                    assert caught.value.outcome.status == status
                nursery.cancel_scope.cancel()

    trio.run(main)
