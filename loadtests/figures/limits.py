"""Limits of a run: rules such as ``smtp.message p95 < 5 s``, and what the figures say of them.

```
rule        what comparator number unit
what        OPERATION statistic | delivery statistic | errors | lost | duplicated | corrupted | misdelivered | late
statistic   pNN (p50 to p100, as p99.9) | max | mean     a time: us, ms, s, min
            count                                        a number
            rate                                         /s, /min
            errors                                       %
comparator  < | <= | = | >= | >
```

`errors` alone is the larger of two shares: sessions that failed of those that ended, and operations that failed of
those that were tried. An operation's own `errors` is the share of its tries. `delivery` is the time from a message's
acceptance to the moment when a reader first saw it. What was not measured is neither kept nor broken, and
neither is a count of deliveries that those which are undecided could break.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple, Self

from harness.errors import UsageError
from harness.results.load import Audit, Judged
from loadtests.figures.figures import Totals
from loadtests.figures.histogram import PERCENTILES
from loadtests.figures.rules import AUDITED, COMPARATORS, DELIVERY, ERRORS, Rule, percent_of, read_rule

__all__ = ["Limit", "judge", "parse_limits", "read_limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule, and how it is written."""

    rule: str
    parsed: Rule

    @classmethod
    def parse(cls, rule: str) -> Self:
        """
        Raises:
            UsageError: The rule is wrong: where, what stands there, and what may.
        """
        parsed = read_rule(rule)
        return cls(str(parsed), parsed)

    @property
    def of_audit(self) -> bool:
        """It is about the audit, which the whole run has, and no phase by itself."""
        return self.parsed.subject in {DELIVERY, *AUDITED}


def parse_limits(rules: Iterable[str], where: str = "") -> tuple[Limit, ...]:
    """
    Args:
        rules: Each on its own.
        where: They stand; a `UsageError` begins with it.

    Raises:
        UsageError: One of them is wrong.
    """
    return tuple(_parse(rule, where) for rule in rules)


def read_limits(path: Path) -> tuple[Limit, ...]:
    """The rules of a file, one on a line; ``#`` begins a comment.

    Raises:
        UsageError: The file cannot be read, or a rule is wrong; which line, and where in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"cannot read the limits in {path}: {exc}") from exc
    rules = ((number, line.partition("#")[0].rstrip()) for number, line in enumerate(lines, 1))
    return tuple(_parse(rule, f"{path}, line {number}") for number, rule in rules if rule)


def _parse(rule: str, where: str) -> Limit:
    try:
        return Limit.parse(rule)
    except UsageError as exc:
        raise UsageError(f"{where}: {exc}" if where else str(exc)) from exc


class _Measured(NamedTuple):
    """In milliseconds, percent, per second or times; None where nothing was measured.

    Attributes:
        undecided: How much more it may be.
    """

    value: float | None
    note: str = ""
    undecided: int = 0


def judge(limit: Limit, totals: Totals, audit: Audit | None = None, *, label: str = "") -> Judged:
    """What the figures say of a limit: kept, broken, or None where nothing was measured or it is not decided.

    Args:
        totals: Of the phase that is judged, or of the run.
        audit: The run's, where it was made.
        label: The phase's, for `Judged.round`.
    """
    rule = limit.parsed
    if rule.subject == ERRORS:
        measured = _errors(totals)
    elif limit.of_audit:
        measured = _audited(rule, audit)
    else:
        measured = _operation(rule, totals)
    value = None if measured.value is None else measured.value / rule.unit.size
    kept = None
    if value is not None:
        compare = COMPARATORS[rule.comparator]
        answers = {compare(value, rule.bound), compare(value + measured.undecided, rule.bound)}
        kept = answers.pop() if len(answers) == 1 else None
    return Judged(rule=limit.rule, value=value, kept=kept, round=label, note=measured.note)


def _errors(totals: Totals) -> _Measured:
    sessions = totals.sessions
    failed = sum(classes.total() for classes in totals.failures.values())
    tried = failed + sum(latencies.count for latencies in totals.latencies.values())
    ended = sessions.completed + sessions.failed
    shares = [share for share in (_share(sessions.failed, ended), _share(failed, tried)) if share is not None]
    if not shares:
        return _Measured(None, "nothing was tried")
    note = f"failed: {sessions.failed:,} of {ended:,} sessions, {failed:,} of {tried:,} operations"
    return _Measured(max(shares), note)


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _audited(rule: Rule, audit: Audit | None) -> _Measured:
    if audit is None:
        return _Measured(None, "the mailboxes were not read")
    if not audit.done:
        return _Measured(None, audit.why_not or "the mailboxes were not read to the end")
    if rule.subject == DELIVERY:
        return _delivery(rule, audit)
    if not audit.owed:
        return _Measured(None, "no message was accepted")
    note = f"{audit.undecided:,} deliveries are undecided" if audit.undecided else ""
    return _Measured(AUDITED[rule.subject](audit), note, audit.undecided)


def _delivery(rule: Rule, audit: Audit) -> _Measured:
    latency = audit.readable_after_ms
    if not latency.count:
        return _Measured(None, "no reader saw a message arrive")
    percent = percent_of(rule.statistic)
    field = (
        rule.statistic if percent is None else next(name for name, at in PERCENTILES.items() if at == percent)
    )
    return _Measured(getattr(latency, field))


def _operation(rule: Rule, totals: Totals) -> _Measured:
    name, latencies = rule.subject, totals.latencies.get(rule.subject)
    failed = sum(totals.failures.get(name, {}).values())
    count = latencies.count if latencies else 0
    if not count + failed:
        return _Measured(None, _unknown(name, totals))
    counted = _COUNTED.get(rule.statistic)
    if counted is not None:
        return _Measured(counted(count, failed, totals.span_s))
    if latencies is None or not count:
        return _Measured(None, f"all {failed:,} failed")
    percent = percent_of(rule.statistic)
    if percent is None:
        return _Measured(latencies.max_ms if rule.statistic == "max" else latencies.mean_ms)
    is_longest = percent < 100 and latencies.rank(percent) == count
    note = f"of {count:,} measured this is the longest" if is_longest else ""
    return _Measured(latencies.percentile_ms(percent), note)


def _unknown(name: str, totals: Totals) -> str:
    near = get_close_matches(name, {*totals.latencies, *totals.failures}, n=1)
    return f"nothing was measured of {name}" + (f"; did you mean {near[0]}?" if near else "")


# What is counted: from successes, failures and the seconds in which they happened.
_COUNTED: Final[Mapping[str, Callable[[int, int, float], float | None]]] = {
    "count": lambda count, _failed, _span_s: count,
    "rate": lambda count, _failed, span_s: count / span_s if span_s else None,
    "errors": lambda count, failed, _span_s: _share(failed, count + failed),
}
