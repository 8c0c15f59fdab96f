"""Sizes are drawn as the distribution says."""

from bisect import bisect_right
from math import exp, log
from random import Random
from statistics import NormalDist, mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.content.sizes import LEAST, MEASURED, drawn, quantile_of
from loadtests.plan import Content

KINDS = {
    "fixed": Content(sizes="fixed", octets=5000, pool=500),
    "measured": Content(sizes="measured", pool=500),
    "lognormal": Content(sizes="lognormal", pool=500),
}


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
@given(q=st.floats(0, 1), p=st.floats(0, 1))
def test_a_larger_share_has_no_smaller_size_and_all_are_within_bounds(
    content: Content, q: float, p: float
) -> None:
    octets = quantile_of(content)
    low, high = sorted((q, p))
    assert LEAST <= octets(low) <= octets(high) <= content.max_octets


@pytest.mark.parametrize(("size", "share"), MEASURED)
def test_the_measured_points_are_hit(size: int, share: float) -> None:
    octets = quantile_of(KINDS["measured"])
    assert octets(share) == pytest.approx(size, abs=1)
    assert octets(share - 0.0002) < size < octets(share + 0.0002)


def test_between_two_measured_points_the_logarithm_is_even() -> None:
    assert quantile_of(KINDS["measured"])((0.235 + 0.492) / 2) == pytest.approx(
        exp((log(2048) + log(4096)) / 2), rel=0.001
    )


@pytest.mark.parametrize("q", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_a_mixture_of_one_is_that_distribution(q: float) -> None:
    content = Content(sizes="lognormal", lognormal=((3.0, 4000.0, 0.9),))
    exact = 4000 * exp(0.9 * NormalDist().inv_cdf(q))
    assert quantile_of(content)(q) == pytest.approx(max(exact, LEAST), rel=0.001)


@pytest.mark.parametrize("size", [1000, 4000, 20_000, 200_000])
def test_a_mixture_adds_up_by_weight(size: int) -> None:
    content = KINDS["lognormal"]
    share = sum(
        weight * NormalDist(log(median), sigma).cdf(log(size)) for weight, median, sigma in content.lognormal
    ) / sum(weight for weight, _, _ in content.lognormal)
    assert quantile_of(content)(share) == pytest.approx(size, rel=0.001)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
def test_a_pool_is_spread_as_the_distribution(content: Content, seed: int) -> None:
    sizes = sorted(drawn(content, Random(seed)))
    octets = quantile_of(content)
    for at, size in enumerate(sizes):
        assert octets(at / len(sizes)) <= size <= octets((at + 1) / len(sizes))
    finely = [octets((at + 0.5) / 5000) for at in range(5000)]
    assert mean(sizes) == pytest.approx(
        mean(finely), rel=0.1
    )  # the largest stretch alone is worth some percent
    for percent in (10, 25, 50, 75, 90, 95):
        share = bisect_right(sizes, octets(percent / 100)) / len(sizes)
        if content.sizes != "fixed":
            assert share == pytest.approx(percent / 100, abs=1.5 / len(sizes))


def test_a_pool_is_the_same_for_the_same_seed_and_in_no_order() -> None:
    sizes = [drawn(KINDS["measured"], Random(seed)) for seed in (1, 1, 2)]
    assert sizes[0] == sizes[1] != sizes[2]
    assert sizes[0] != sorted(sizes[0])


def test_no_size_is_over_the_maximum() -> None:
    content = Content(sizes="measured", max_octets=3000, pool=100)
    assert max(drawn(content, Random(1))) == 3000
