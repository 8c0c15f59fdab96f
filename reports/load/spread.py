"""How one operation's latencies are spread: a histogram whose axis goes by ratio."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, log10
from typing import Final

from harness.results.load import Latency
from reports.load.charts import WIDTH, Chart, Rule, Shape, Table, bars, data_block
from reports.load.hdr import Bucket
from reports.load.scales import counts, latencies
from reports.load.units import ms, round_figure, share
from reports.text import number, one_line

__all__ = ["spread"]

# Ours: bars for each tenfold; at a tenth of a millisecond a bar is then still some microseconds wide.
_BARS_A_DECADE: Final = 20
_MARKED: Final = ("p50", "p95", "p99")


def spread(name: str, key: str, buckets: Sequence[Bucket], latency: Latency) -> Chart | None:
    """The histogram of one operation; None where it counted nothing.

    Args:
        buckets: Of microseconds.
        latency: The percentiles to be marked, as the summary has them.
    """
    if not buckets:
        return None
    x = latencies(buckets[0].low / 1000, max(buckets[-1].high / 1000, latency.max), ticks=5)
    edges_ms = [
        x.low * 10 ** (place / _BARS_A_DECADE)
        for place in range(ceil(log10(x.high / x.low) * _BARS_A_DECADE - 1e-9) + 1)
    ]
    filled = [0] * (len(edges_ms) - 1)
    for bucket in buckets:
        place = bisect_right(edges_ms, (bucket.low + bucket.high) / 2000) - 1
        filled[min(max(place, 0), len(filled) - 1)] += bucket.count
    total = sum(filled)
    y, height = counts(max(filled), round_figure, 3, least_step=1), 240
    edges = [WIDTH * x.place(edge) for edge in edges_ms]
    ranges = [f"{ms(low)} to {ms(high)}" for low, high in pairwise(edges_ms)]
    shares = [share(count, total) for count in filled]
    return Chart(
        key=key,
        title="Histogram",
        says=f"How many times {one_line(name)} took how long.",
        height=height,
        x=x,
        y=y,
        x_title="latency, by ratio",
        y_title="times",
        shapes=(Shape("bars", bars(filled, edges, y, height)),),
        rules=tuple(Rule("mark", "up", x.place(getattr(latency, mark)), mark) for mark in _MARKED),
        table=Table(
            ("latency", "times", "share"),
            tuple(
                (span, number(count), part)
                for span, count, part in zip(ranges, filled, shares, strict=True)
                if count
            ),
            "Latencies, put together by ratio; histograms.json has them to three digits.",
        ),
        data=data_block(
            {
                "edges": [round(edge, 1) for edge in edges],
                "labels": ranges,
                "rows": [["times", "n", filled], ["share", "", shares]],
            }
        ),
    )
