"""Whom an address means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.mda.addresses import Addresses, Away, Local, divide
from reference_server.world import Site


def names(context, address: str, **how: bool) -> list[str]:
    found = Addresses(context.site).expand(address, **how).destinations
    return [d.address if isinstance(d, Away) else f"{d.user.name}+{d.detail}" for d in found]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ann@example.test", ["ann+"]),
        ("ANN@Example.TEST", ["ann+"]),
        ("ann@mail.example.test", ["ann+"]),
        ("ann@[127.0.0.1]", ["ann+"]),
        ('"ann"@example.test', ["ann+"]),
        (r'"a\nn"@example.test', ["ann+"]),
        ("ann+lists@example.test", ["ann+lists"]),
        ("ann+a+b@example.test", ["ann+a+b"]),
        ("+ann@example.test", []),
        ("Postmaster", ["ann+"]),
        ("postmaster@example.test", ["ann+"]),
        ("all@example.test", ["ann+", "bea+", "cid@example.org"]),
        ("away+x@example.test", ["cid@example.org"]),
        ("dan@example.test", ["cid@example.org"]),
        ("eve@example.test", ["eve+", "cid@example.org"]),
        ("round@example.test", []),
        ("nobody@example.test", []),
        ("anybody@caught.example", ["bea+"]),
        ("ann%example.org@example.test", []),
        ('"ann@example.org"@example.test', []),
        ("cid@example.org", ["cid@example.org"]),
        ("ann@sub.example.test", ["ann@sub.example.test"]),
    ],
)
def test_whom_an_address_means(at_home, address: str, expected: list[str]) -> None:
    assert names(at_home(), address) == expected


def test_a_final_delivery_follows_no_forward(at_home) -> None:
    assert names(at_home(), "dan@example.test", final=True) == ["dan+"]
    assert names(at_home(), "eve+x@example.test", final=True) == ["eve+x"]


def test_a_forward_tells_by_whom(at_home) -> None:
    (away,) = Addresses(at_home().site).expand("dan@example.test").destinations
    assert away == Away("cid@example.org", "dan@example.test")


def test_another_host_of_the_world_is_away(at_home) -> None:
    context = at_home()
    elsewhere = Site(context.world, context.world.hosts[1])
    assert Addresses(elsewhere).expand("ann@example.test").destinations == (Away("ann@example.test"),)
    (found,) = Addresses(elsewhere).expand("cid@example.org").destinations
    assert isinstance(found, Local)


@given(st.text(st.sampled_from('ab.@"\\+ é<>,:'), max_size=20))
def test_dividing_an_address_never_fails_and_loses_no_domain(address: str) -> None:
    _, domain = divide(address)
    assert address.endswith(domain)
