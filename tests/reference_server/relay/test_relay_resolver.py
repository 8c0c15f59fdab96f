"""The relay's questions, to the world's DNS and to servers that know no manners."""

import datetime as dt
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.clock import Clock
from reference_server.dns import Authority, serve_dns
from reference_server.journal import Direction, Event, Journal
from reference_server.relay.dns_cache import DnsCache
from reference_server.relay.resolver import (
    Located,
    LookupFailed,
    NoData,
    NoSuchName,
    Resolver,
    TemporaryFailure,
)
from reference_server.world.model import Mx, Record, Trouble, TroubleKind

RECORDS = (
    Record("example.test.", 300, "MX", "20 MX2.example.test."),
    Record("example.test.", 300, "MX", "10 mx1.example.test."),
    Record("mx1.example.test.", 300, "A", "192.0.2.1"),
    Record("mx1.example.test.", 300, "A", "192.0.2.2"),
    Record("mx1.example.test.", 300, "AAAA", "2001:db8::1"),
    Record("mx2.example.test.", 300, "CNAME", "Far.example.org."),
    Record("far.example.org.", 300, "AAAA", "2001:db8::2"),
    Record("null.example.org.", 300, "MX", "0 ."),
    Record("text.example.org.", 300, "TXT", '"no address"'),
    Record("big.example.org.", 300, "MX", "1 mx1.example.test."),
    *(
        Record("big.example.org.", 300, "MX", f"{n} a-name-of-some-length-{n}.example.test.")
        for n in range(99)
    ),
    Record("short.example.org.", 5, "CNAME", "mx1.example.test."),
    Record("now.example.org.", 0, "A", "192.0.2.4"),
    Record("gone.example.org.", 7, "CNAME", "nowhere.example.test."),
    Record("xn--bcher-kva.test.", 300, "A", "192.0.2.3"),
)

Asked = Callable[[Resolver], Awaitable[object]]


def ask(
    asked: Asked,
    *troubles: Trouble,
    timeout_s: float = 20.0,
    journal: Journal | None = None,
    clock: Clock | None = None,
) -> object:
    """What a resolver says, with the DNS of `RECORDS` and these troubles."""

    async def main() -> object:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                port = await nursery.start(partial(serve_dns, Authority(RECORDS, troubles), "127.0.0.1"))
                told = journal or Journal(Clock())
                resolver = Resolver(
                    "127.0.0.1",
                    port,
                    timeout_s=timeout_s,
                    journal=told,
                    host="mail.example.test",
                    clock=clock,
                )
                try:
                    return await asked(resolver)
                except LookupFailed as failure:
                    return failure
                finally:
                    nursery.cancel_scope.cancel()

    return trio.run(main)


def test_exchangers_come_as_the_dns_has_them() -> None:
    assert ask(lambda r: r.mx("Example.Test.")) == (Mx(20, "mx2.example.test"), Mx(10, "mx1.example.test"))


def test_the_null_mx_has_no_host() -> None:
    assert ask(lambda r: r.mx("null.example.org")) == (Mx(0, ""),)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mx1.example.test", Located("mx1.example.test", ("192.0.2.1", "192.0.2.2", "2001:db8::1"))),
        ("mx2.example.test", Located("far.example.org", ("2001:db8::2",))),
        ("bücher.test", Located("xn--bcher-kva.test", ("192.0.2.3",))),
    ],
)
def test_addresses_of_both_families_and_behind_aliases(host, expected) -> None:
    assert ask(lambda r: r.addresses(host)) == expected


def test_other_types_are_looked_up_by_name() -> None:
    found = ask(lambda r: r.look_up("text.example.org", "TXT"))

    assert (found.name, [record.to_text() for record in found.records]) == (
        "text.example.org",
        ['"no address"'],
    )


def test_a_long_answer_is_fetched_whole() -> None:
    assert len(ask(lambda r: r.mx("big.example.org"))) == 100


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nowhere.example.test", NoSuchName),
        ("mx1.example.test", NoData),
        ("mx2.example.test", NoData),
        ("", NoSuchName),
        (".", NoSuchName),
        ("a..test", NoSuchName),
        ("x" * 64 + ".test", NoSuchName),
        (".".join(["x" * 60] * 5), NoSuchName),
        ("\u2028.test", NoSuchName),
    ],
)
def test_a_sure_no_is_told_from_an_unsure_one(name, kind) -> None:
    failure = ask(lambda r: r.mx(name))

    assert isinstance(failure, kind)
    assert (failure.name, failure.type) == (name, "MX")


@settings(max_examples=30)
@given(st.lists(st.text(max_size=80) | st.from_regex(r"[a-z@\\.*_-]{0,9}", fullmatch=True), max_size=20))
def test_whatever_is_asked_for_has_an_end(names) -> None:
    async def ends(resolver: Resolver) -> None:
        for name in names:
            with pytest.raises((NoSuchName, NoData)):
                await resolver.mx(name)

    assert ask(ends) is None


@pytest.mark.parametrize(
    ("trouble", "says", "timeout_s"),
    [
        (TroubleKind.SERVFAIL, "the DNS says SERVFAIL", 20.0),
        (TroubleKind.REFUSED, "the DNS says REFUSED", 20.0),
        (TroubleKind.TIMEOUT, "no answer within 0.03 s", 0.03),
    ],
)
def test_trouble_is_temporary_whatever_the_name(trouble, says, timeout_s) -> None:
    for name in ("example.test", "nowhere.example.test", "text.example.org"):
        failure = ask(lambda r, name=name: r.mx(name), Trouble(f"{name}.", trouble), timeout_s=timeout_s)
        assert isinstance(failure, TemporaryFailure)
        assert str(failure) == f"{name} MX: {says}"


def test_one_lost_datagram_is_not_the_end() -> None:
    lost = Trouble("example.test.", TroubleKind.TIMEOUT, times=1)

    assert len(ask(lambda r: r.mx("example.test"), lost, timeout_s=3.0)) == 2


@pytest.mark.parametrize("type_", ["A", "AAAA"])
def test_addresses_of_one_family_are_enough(type_) -> None:
    located = ask(
        lambda r: r.addresses("mx1.example.test"), Trouble("mx1.example.test.", TroubleKind.SERVFAIL, type_)
    )

    assert len(located.addresses) == (1 if type_ == "A" else 2)


@pytest.mark.parametrize("type_", ["A", "AAAA"])
def test_no_address_is_sure_only_when_both_families_are(type_) -> None:
    failure = ask(
        lambda r: r.addresses("text.example.org"), Trouble("text.example.org.", TroubleKind.SERVFAIL, type_)
    )

    assert isinstance(failure, TemporaryFailure)
    assert isinstance(ask(lambda r: r.addresses("text.example.org")), NoData)


def test_the_journal_gets_every_message_of_a_question() -> None:
    journal = Journal(Clock())
    events: list[Event] = []
    journal.listen(events.append)

    ask(lambda r: r.addresses("mx2.example.test"), journal=journal)
    ask(lambda r: r.mx("example.test"), Trouble("example.test.", TroubleKind.TRUNCATE), journal=journal)

    assert [(event.direction, event.text) for event in events] == [
        (Direction.SENT, "A mx2.example.test.?"),
        (Direction.RECEIVED, "A mx2.example.test.: CNAME Far.example.org., no data"),
        (Direction.SENT, "AAAA mx2.example.test.?"),
        (Direction.RECEIVED, "AAAA mx2.example.test.: CNAME Far.example.org., 2001:db8::2"),
        (Direction.SENT, "MX example.test.?"),
        (Direction.RECEIVED, "MX example.test.: truncated"),
        (Direction.SENT, "MX example.test.?"),
        (Direction.RECEIVED, "MX example.test.: 20 MX2.example.test., 10 mx1.example.test."),
    ]
    assert {event.host for event in events} == {"mail.example.test"}
    for event in events:
        assert dns.message.from_wire(event.octets, ignore_trailing=False).question


class StillClock(Clock):
    """Moves when it is told to, and only then."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 11, 24, tzinfo=dt.UTC) + self._ahead


@pytest.mark.parametrize(
    ("name", "type_", "ttl_s"),
    [
        ("mx1.example.test", "A", 300),
        ("short.example.org", "A", 5),  # the alias is forgotten first
        ("nowhere.example.test", "A", 60),
        ("text.example.org", "A", 60),
        ("now.example.org", "A", 0),
        ("gone.example.org", "A", 7),  # an alias to nowhere
    ],
)
def test_what_is_sure_is_remembered_for_its_ttl(name, type_, ttl_s) -> None:
    clock = StillClock()
    journal = Journal(clock)
    sent: list[str] = []
    journal.listen(lambda event: sent.append(event.text) if event.direction is Direction.SENT else None)

    async def ends(resolver: Resolver) -> list[str]:
        found = []
        for seconds in (0, ttl_s - 1, 1, 0):
            clock.move(dt.timedelta(seconds=max(0, seconds)))
            try:
                found.append(str(await resolver.look_up(name, type_)))
            except LookupFailed as failure:
                found.append(repr(failure))
        return found

    assert len(set(ask(ends, journal=journal, clock=clock))) == 1
    assert len(sent) == (2 if ttl_s else 4)


def test_what_is_not_sure_is_asked_again() -> None:
    async def twice(resolver: Resolver) -> object:
        with pytest.raises(TemporaryFailure):
            await resolver.mx("example.test")
        return await resolver.mx("example.test")

    broken = Trouble("example.test.", TroubleKind.SERVFAIL, times=1)
    assert len(ask(twice, broken, clock=StillClock())) == 2


@given(
    turns=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([-1.0, 0.0, 0.5, 3.0, 10.0]), st.integers(0, 4)),
        max_size=30,
    )
)
def test_a_memory_knows_what_is_not_over(turns) -> None:
    clock = StillClock()
    cache: DnsCache[int] = DnsCache(clock)
    known: dict[int, tuple[float, int]] = {}
    now = 0.0
    for value, (question, ttl_s, passes_s) in enumerate(turns):
        clock.move(dt.timedelta(seconds=passes_s))
        now += passes_s
        until, expected = known.get(question, (now, 0))
        assert cache.get(question, "A") == (expected if now < until else None)
        assert cache.get(question, "AAAA") is None
        cache.keep(value, ttl_s, question, "A")
        if ttl_s > 0:
            known[question] = (now + ttl_s, value)


def test_a_memory_is_bounded_and_forgets_the_oldest_first() -> None:
    cache: DnsCache[int] = DnsCache(StillClock())
    for n in range(10_000):
        cache.keep(n, 60.0, n)

    kept = [n for n in range(10_000) if cache.get(n) is not None]

    assert kept == list(range(10_000 - len(kept), 10_000))
    assert 1000 < len(kept) < 10_000


def test_without_a_clock_nothing_is_remembered() -> None:
    cache: DnsCache[int] = DnsCache(None)
    cache.keep(1, 60.0, "question")

    assert cache.get("question") is None


# Servers that are not ours: each answers every question by UDP in its own bad way.


def reply(query: dns.message.Message, *answer: str, authority: tuple[str, ...] = ()) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.answer = [dns.rrset.from_text(*rrset.split(maxsplit=4)) for rrset in answer]
    response.authority = [dns.rrset.from_text(*rrset.split(maxsplit=4)) for rrset in authority]
    return response


def one_alias_after_another(query: dns.message.Message) -> bytes:
    """Never more than the next alias, without end."""
    name = query.question[0].name.to_text()
    return reply(query, f"{name} 60 IN CNAME x{name}").to_wire()


def step_by_step(query: dns.message.Message) -> bytes:
    """Aliases one at a time; the third name has the record."""
    name = query.question[0].name.to_text()
    if name.startswith("aa"):
        return reply(query, f"{name} 60 IN MX 5 mx.example.test.").to_wire()
    return reply(query, f"{name} 60 IN CNAME a{name}").to_wire()


def circle(query: dns.message.Message) -> bytes:
    name = query.question[0].name.to_text()
    return reply(query, f"{name} 60 IN CNAME b.test.", f"b.test. 60 IN CNAME {name}").to_wire()


def referral(query: dns.message.Message) -> bytes:
    return reply(query, authority=("test. 60 IN NS ns.example.test.",)).to_wire()


def empty(query: dns.message.Message) -> bytes:
    return reply(query).to_wire()


def garbage(query: dns.message.Message) -> bytes:
    return b"\xff" * 40


def of_another_question(query: dns.message.Message) -> bytes:
    return reply(dns.message.make_query("other.test.", "MX", id=query.id)).to_wire()


def with_another_id(query: dns.message.Message) -> bytes:
    response = reply(query)
    response.id = query.id ^ 1
    return response.to_wire()


def record_with_nxdomain(query: dns.message.Message) -> bytes:
    response = reply(query, f"{query.question[0].name} 60 IN MX 5 mx.example.test.")
    response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


def cut_where_nothing_listens(query: dns.message.Message) -> bytes:
    response = reply(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


def ask_stranger(manners: Callable[[dns.message.Message], bytes], *, timeout_s: float) -> object:
    async def serve(udp: trio.socket.SocketType) -> None:
        while True:
            query, peer = await udp.recvfrom(4096)
            await udp.sendto(manners(dns.message.from_wire(query)), peer)

    async def main() -> object:
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            await udp.bind(("127.0.0.1", 0))
            port = udp.getsockname()[1]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve, udp)
                resolver = Resolver(
                    "127.0.0.1", port, timeout_s=timeout_s, journal=Journal(Clock()), host="mail.example.test"
                )
                try:
                    return await resolver.mx("a.test")
                except LookupFailed as failure:
                    return failure
                finally:
                    nursery.cancel_scope.cancel()

    return trio.run(main)


@pytest.mark.parametrize(
    ("manners", "kind", "timeout_s"),
    [
        (one_alias_after_another, TemporaryFailure, 20.0),
        (circle, TemporaryFailure, 20.0),
        (referral, TemporaryFailure, 20.0),
        (empty, NoData, 20.0),
        (garbage, TemporaryFailure, 0.03),
        (of_another_question, TemporaryFailure, 0.03),
        (with_another_id, TemporaryFailure, 0.03),
        (record_with_nxdomain, NoSuchName, 20.0),
        (cut_where_nothing_listens, TemporaryFailure, 20.0),
    ],
)
def test_bad_manners_are_never_taken_for_a_record(manners, kind, timeout_s) -> None:
    assert isinstance(ask_stranger(manners, timeout_s=timeout_s), kind)


def test_aliases_told_one_at_a_time_are_followed() -> None:
    assert ask_stranger(step_by_step, timeout_s=20.0) == (Mx(5, "mx.example.test"),)


def test_nobody_at_the_port_is_temporary() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        resolver = Resolver(
            "127.0.0.1", port, timeout_s=0.03, journal=Journal(Clock()), host="mail.example.test"
        )

        with pytest.raises(TemporaryFailure, match=r"no answer within 0\.03 s"):
            trio.run(resolver.mx, "example.test")
