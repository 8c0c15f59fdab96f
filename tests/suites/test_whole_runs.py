"""The fault-free server is all green; each fault turns exactly its checks red."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.results import Verdict, read_run
from suites.gates import GATES

BOUND_S = 1200


def mailproof(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


def test_the_fault_free_server_is_all_green(tmp_path: Path) -> None:
    done = mailproof("check", "--out", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    green = {Verdict.CONFORMS, Verdict.OFFERS, Verdict.NOT_OFFERED, Verdict.NOT_TESTED}
    assert [
        (check.check, finding.verdict, finding.reason)
        for check in read_run(tmp_path).checks
        for finding in check.findings
        if finding.verdict not in green
    ] == []
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["checks"]["run"] >= 160
    assert summary["checks"]["property_based"] >= 60
    assert summary["requirements"]["tested"] >= 200


def test_every_fault_kills_exactly_its_checks() -> None:
    with ThreadPoolExecutor(2) as workers:
        areas = list(GATES)
        done = dict(
            zip(areas, workers.map(lambda area: mailproof("selfcheck", "--only", area), areas), strict=True)
        )

    wrong = {area: run.stdout + run.stderr for area, run in done.items() if run.returncode != 0}
    assert wrong == {}
