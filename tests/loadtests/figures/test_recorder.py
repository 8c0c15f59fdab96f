"""The recorder: Locust's table is what Locust would have made of the same samples; phases are kept apart."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).with_name("recorder_programs.py")


def seen_by(program: str) -> Any:
    done = subprocess.run(
        [sys.executable, PROGRAMS, program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_is_entered_in_bulk_is_what_locust_enters_one_by_one() -> None:
    ours, theirs = seen_by("bulk")

    assert ours == theirs


def test_buckets_of_ones_own_are_used() -> None:
    assert seen_by("own_buckets") == {"12": 2}


def test_phases_are_kept_apart_and_warming_up_is_in_no_table() -> None:
    saw = seen_by("phases")

    assert saw["same"]
    assert saw["failures"] == {"-1": [1], "0": [0], "1": [1]}
    assert saw["table"] == 3


def test_evidence_is_kept_of_the_first_errors_of_a_class_and_told_once() -> None:
    assert seen_by("evidence") == {"taken": True, "again": {}}


def test_several_runs_in_one_environment_count_each_request_once() -> None:
    assert seen_by("runs") == {"/": 1, "smtp.mail": 1}
