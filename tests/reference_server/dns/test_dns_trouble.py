"""Trouble comes as the script has it, and no other question notices."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.dns import Authority
from reference_server.world.model import Record, Trouble, TroubleKind

NAME = "mx1.example.test."
RECORDS = (Record(NAME, 60, "A", "192.0.2.1"), Record(NAME, 60, "AAAA", "2001:db8::1"))


def outcome(authority: Authority, type_: str = "A", name: str = NAME, *, over_tcp: bool = False) -> str:
    """One question's end, in a word."""
    answer = authority.answer(dns.message.make_query(name, type_).to_wire(), over_tcp=over_tcp)
    if answer is None:
        return "silence"
    response = dns.message.from_wire(answer.octets)
    if response.flags & dns.flags.TC:
        return "TC"
    if response.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(response.rcode())
    late = f" after {answer.delay_s} s" if answer.delay_s else ""
    return ", ".join(value.to_text() for rrset in response.answer for value in rrset) + late


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble(NAME, TroubleKind.SERVFAIL), "SERVFAIL"),
        (Trouble(NAME, TroubleKind.REFUSED), "REFUSED"),
        (Trouble(NAME, TroubleKind.NXDOMAIN), "NXDOMAIN"),
        (Trouble(NAME, TroubleKind.TIMEOUT), "silence"),
        (Trouble(NAME, TroubleKind.TRUNCATE), "TC"),
        (Trouble(NAME, TroubleKind.DELAY, delay_ms=1500), "192.0.2.1 after 1.5 s"),
        (Trouble(NAME, TroubleKind.LIE, answer=("192.0.2.66", "192.0.2.67")), "192.0.2.66, 192.0.2.67"),
        (Trouble(NAME, TroubleKind.LIE, answer=("10 mx.example.test.",)), ""),  # nothing that an A could be
    ],
)
def test_each_kind_does_what_it_says(trouble, expected) -> None:
    authority = Authority(RECORDS, [trouble])

    assert outcome(authority) == expected
    assert outcome(authority, name=NAME.upper()) == expected
    assert outcome(authority, name="other.example.test.") == "NXDOMAIN"


def test_a_lie_can_be_about_a_name_that_is_not_there() -> None:
    lie = Trouble("not.there.test.", TroubleKind.LIE, answer=("192.0.2.66",))

    assert outcome(Authority(RECORDS, [lie]), name="not.there.test.") == "192.0.2.66"


def test_trouble_of_one_type_leaves_the_others() -> None:
    authority = Authority(RECORDS, [Trouble(NAME, TroubleKind.SERVFAIL, "AAAA")])

    assert (outcome(authority, "AAAA"), outcome(authority, "A")) == ("SERVFAIL", "192.0.2.1")


def test_what_is_truncated_is_whole_over_tcp() -> None:
    authority = Authority(RECORDS, [Trouble(NAME, TroubleKind.TRUNCATE, times=1)])

    assert outcome(authority, over_tcp=True) == "192.0.2.1"  # and does not count
    assert [outcome(authority) for _ in range(2)] == ["TC", "192.0.2.1"]


def test_a_later_trouble_goes_on_where_an_earlier_one_ends() -> None:
    script = [Trouble(NAME, TroubleKind.SERVFAIL, times=1), Trouble(NAME, TroubleKind.TIMEOUT, times=2)]
    authority = Authority(RECORDS, script)

    assert [outcome(authority) for _ in range(3)] == ["SERVFAIL", "silence", "192.0.2.1"]


def test_new_troubles_count_from_zero() -> None:
    script = [Trouble(NAME, TroubleKind.SERVFAIL, times=1)]
    authority = Authority(RECORDS, script)
    assert [outcome(authority) for _ in range(2)] == ["SERVFAIL", "192.0.2.1"]

    authority.replace_troubles(script)

    assert [outcome(authority) for _ in range(2)] == ["SERVFAIL", "192.0.2.1"]


@given(
    after=st.integers(0, 4),
    times=st.none() | st.integers(0, 4),
    asked=st.lists(st.sampled_from(["A", "AAAA"]), max_size=16),
)
def test_questions_are_counted_for_each_type_on_its_own(after, times, asked) -> None:
    authority = Authority(RECORDS, [Trouble(NAME, TroubleKind.SERVFAIL, after=after, times=times)])
    met = {"A": 0, "AAAA": 0}
    for type_ in asked:
        troubled = met[type_] >= after and (times is None or met[type_] < after + times)
        met[type_] += 1
        assert (outcome(authority, type_) == "SERVFAIL") == troubled


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("a..test.", TroubleKind.TIMEOUT),
        Trouble(NAME, TroubleKind.TIMEOUT, "NONSENSE"),
        Trouble(NAME, TroubleKind.LIE, "A", answer=("not an address",)),
    ],
)
def test_a_trouble_that_cannot_be_is_refused(trouble) -> None:
    with pytest.raises(ValueError, match=r"^DNS "):
        Authority(RECORDS, [trouble])
