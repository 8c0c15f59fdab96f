"""Two check runs side by side: what changed, and whether it is a new violation."""

import io
import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.results.model import CheckResult, Finding, RunHeader, Seen, TargetFacts, Verdict
from harness.results.store import Run
from reports.check_diff import CheckDiff, Kind, check_diff, print_check_diff, render_check_diff

NAMES = ("smtp.one", "smtp.two", "imap.three")


def run(verdicts: Mapping[str, Verdict], reason: str = "expected 5yz, got 250") -> Run:
    """A run whose checks have these verdicts; each proves a requirement of its own."""
    header = RunHeader(
        mailproof_version="0.1.0",
        started="2026-11-24T13:05:09Z",
        seed=1,
        profile="quick",
        selection=[],
        target=TargetFacts(name="a server", domain="example.test", endpoints={}, products={}),
    )
    checks = tuple(
        CheckResult(
            check=name,
            title=f"{name} is as it should be",
            area=name.partition(".")[0],
            module="suites",
            findings=[
                Finding(
                    requirement=f"RFC5321-{len(name)}-a",
                    level="MUST",
                    seen=Seen.KEPT,
                    verdict=v,
                    reason=reason,
                )
            ],
            duration_s=0.1,
            examples=1,
            property_based=False,
        )
        for name, v in verdicts.items()
    )
    return Run(Path("run"), header, checks, None)


def printed(diff: CheckDiff) -> str:
    out = io.StringIO()
    print_check_diff(diff, Console(file=out, width=160, highlight=False))
    return out.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (Verdict.CONFORMS, Verdict.VIOLATES, Kind.NEW_VIOLATION),
        (Verdict.INCONCLUSIVE, Verdict.VIOLATES, Kind.NEW_VIOLATION),
        (None, Verdict.VIOLATES, Kind.NEW_VIOLATION),
        (Verdict.VIOLATES, Verdict.CONFORMS, Kind.FIXED),
        (Verdict.VIOLATES, Verdict.INCONCLUSIVE, Kind.NO_LONGER_SEEN),
        (Verdict.VIOLATES, None, Kind.NO_LONGER_SEEN),
        (Verdict.CONFORMS, Verdict.INCONCLUSIVE, Kind.CHANGED),
        (Verdict.CONFORMS, None, Kind.CHANGED),
        (None, Verdict.CONFORMS, Kind.CHANGED),
    ],
)
def test_a_change_is_what_it_amounts_to(old: Verdict | None, new: Verdict | None, kind: Kind) -> None:
    diff = check_diff(run({"smtp.one": old} if old else {}), run({"smtp.one": new} if new else {}))

    (change,) = diff.changes
    assert change.kind is kind
    assert (change.old, change.new) == (old.value if old else "not run", new.value if new else "not run")
    assert diff.worse == (kind is Kind.NEW_VIOLATION)
    assert change.title in printed(diff)


_VERDICTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(Verdict))


@given(old=_VERDICTS, new=_VERDICTS)
def test_every_finding_is_changed_or_the_same(old: dict[str, Verdict], new: dict[str, Verdict]) -> None:
    diff = check_diff(run(old), run(new))

    assert len(diff.changes) + diff.same == len({*old, *new})
    assert {c.check for c in diff.changes} == {n for n in {*old, *new} if old.get(n) is not new.get(n)}
    assert {c.check for c in diff.new_violations} == {
        n for n, v in new.items() if v is Verdict.VIOLATES and old.get(n) is not Verdict.VIOLATES
    }
    kinds = [list(Kind).index(c.kind) for c in diff.changes]
    assert kinds == sorted(kinds)


@given(verdicts=_VERDICTS)
def test_a_run_beside_itself_has_no_change(verdicts: dict[str, Verdict]) -> None:
    diff = check_diff(run(verdicts), run(verdicts))

    assert (diff.changes, diff.worse) == ((), False)
    assert "No new violation; 0 changes" in printed(diff)


def test_the_document_says_what_the_table_says() -> None:
    diff = check_diff(
        run(dict.fromkeys(NAMES, Verdict.CONFORMS)),
        run({"smtp.one": Verdict.VIOLATES, "smtp.two": Verdict.CONFORMS, "imap.three": Verdict.DECLINES}),
    )

    document = json.loads(render_check_diff(diff))

    assert (document["schema"], document["kind"]) == (1, "check-diff")
    assert (document["new_violations"], document["same"]) == (1, 1)
    assert [(c["check"], c["old"], c["new"]) for c in document["changes"]] == [
        ("smtp.one", "conforms", "violates"),
        ("imap.three", "conforms", "declines"),
    ]
    assert "1 new violation; 2 changes, 1 as before." in printed(diff)


@pytest.mark.parametrize("form", [printed, render_check_diff])
def test_what_a_server_said_cannot_act_on_a_terminal(form: object) -> None:
    hostile = "550 \x1b[2J\u202eno\r\nmore"
    diff = check_diff(run({}), run({"smtp.one": Verdict.VIOLATES}, hostile))

    assert callable(form)
    text = form(diff)

    assert not any(letter in text for letter in ("\x1b", "\u202e", "\r"))


def test_every_pair_of_verdicts_is_decided() -> None:
    for old, new in product([None, *Verdict], repeat=2):
        diff = check_diff(run({"smtp.one": old} if old else {}), run({"smtp.one": new} if new else {}))
        assert len(diff.changes) == (old is not new)
