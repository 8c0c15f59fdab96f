"""Drift: what a long run's last part shows against its first."""

from collections.abc import Iterator, Sequence

from harness.results.load import Round

__all__ = ["drift_notes"]


def drift_notes(rounds: Sequence[Round], parts: int, operation: str) -> Iterator[str]:
    """The percentiles of an operation in the first and the last part, in words; of each share of the rate one.

    Args:
        rounds: As they came: all parts of one share, then those of the next.
        parts: How many a share has.
    """
    if parts < 2:
        return
    for start in range(0, len(rounds) - parts + 1, parts):
        first, last = rounds[start], rounds[start + parts - 1]
        before, after = first.latency_ms.get(operation), last.latency_ms.get(operation)
        if before is None or after is None or not before.count or not after.count:
            continue
        changes = (
            f"{name} {was:.3g} to {now:.3g} ms ({(now / was - 1) * 100:+.0f}%)"
            for name, was, now in (
                ("p50", before.p50, after.p50),
                ("p95", before.p95, after.p95),
                ("p99", before.p99, after.p99),
            )
            if was
        )
        yield f"drift of {operation} from {first.label} to {last.label}: {', '.join(changes)}"
