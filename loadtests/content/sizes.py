"""How large messages are: distributions, asked by quantile.

A size is that of the whole message with its header and CRLF, as SIZE counts it (RFC 1870 §5).
"""

from bisect import bisect_right
from collections.abc import Callable
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final

from loadtests.plan import Content

__all__ = ["LEAST", "MEASURED", "drawn", "quantile_of"]

Quantile = Callable[[float], float]

# Ours: below this there is no room for the fields of a message and its two tokens.
LEAST: Final = 300

_K: Final = 1024
# Share of messages up to a size: Buchner 2009, on mail of 2002. Nothing is said of the smallest and the largest; the
# ends are `LEAST` and `Content.max_octets`.
MEASURED: Final = (
    (2 * _K, 0.235),
    (4 * _K, 0.492),
    (8 * _K, 0.676),
    (16 * _K, 0.796),
    (32 * _K, 0.854),
    (64 * _K, 0.905),
    (128 * _K, 0.933),
    (256 * _K, 0.957),
    (512 * _K, 0.972),
    (1024 * _K, 0.985),
    (2048 * _K, 0.9996),
)


def _fixed(content: Content) -> Quantile:
    return lambda _: content.octets


def _measured(content: Content) -> Quantile:
    """Between two measured sizes, evenly on a logarithmic scale."""
    most = max(content.max_octets, MEASURED[-1][0] + 1)
    points = ((LEAST, 0.0), *MEASURED, (most, 1.0))
    shares = [share for _, share in points]

    def octets(q: float) -> float:
        at = min(bisect_right(shares, q), len(points) - 1)
        (smaller, below), (larger, above) = points[at - 1], points[at]
        return smaller * exp(log(larger / smaller) * (q - below) / (above - below))

    return octets


def _lognormal(content: Content) -> Quantile:
    """A mixture has no inverse in closed form: it is found by halving, to a thousandth of an octet's logarithm."""
    whole = sum(weight for weight, _, _ in content.lognormal)
    parts = [(weight / whole, NormalDist(log(median), sigma)) for weight, median, sigma in content.lognormal]

    def octets(q: float) -> float:
        low, high = log(1.0), log(1e12)
        while high - low > 1e-4:
            middle = (low + high) / 2
            if sum(share * normal.cdf(middle) for share, normal in parts) < q:
                low = middle
            else:
                high = middle
        return exp(high)

    return octets


_DISTRIBUTIONS: Final[dict[str, Callable[[Content], Quantile]]] = {
    "fixed": _fixed,
    "lognormal": _lognormal,
    "measured": _measured,
}


def quantile_of(content: Content) -> Callable[[float], int]:
    """The size that a share of all messages, from 0 to 1, does not exceed: `LEAST` to `Content.max_octets`."""
    octets = _DISTRIBUTIONS[content.sizes](content)
    return lambda q: min(max(round(octets(q)), LEAST), content.max_octets)


def drawn(content: Content, rng: Random) -> list[int]:
    """The sizes of a pool, in any order: one from each of as many equally likely stretches of the distribution.

    So a small pool too has its share of small and of large messages.
    """
    octets = quantile_of(content)
    sizes = [octets((at + rng.random()) / content.pool) for at in range(content.pool)]
    rng.shuffle(sizes)
    return sizes
