"""The lean connection: waits end in time, nothing is lost, nothing wakes the wrong one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).with_name("connection_programs.py")


def seen_by(program: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, PROGRAMS, program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("waiting_ends_in_time", {"answered": "none", "others": ["timeout"], "waited": True}),
        ("octets_come_while_nobody_waits", {"first": "one\r\n", "second": "two\r\n", "slept": True}),
        (
            "waits_for_enough",
            {
                "both": "250 one\r\n250 two\r\n",
                "when_the_first_was_whole": True,
                "ended": "250 three\r\n",
                "then": "closed",
                "late": "250 four\r\n",
                "later": "timeout",
            },
        ),
        ("large_writes", {"whole": True, "early": "250 early\r\n", "deaf": "timeout"}),
        ("last_words", {"heard": "421 bye\r\n", "then": "reset"}),
        ("killed", {"heard": "250 ok\r\n"}),
        ("nobody_there", {"refused": "refused", "no_such_host": "unreachable"}),
        ("a_failed_write_is_told_by_the_read", {"class": "reset", "problem": True}),
    ],
)
def test_a_connection(program: str, expected: dict[str, Any]) -> None:
    assert seen_by(program) == expected


def test_what_was_closed_is_closed_on_both_sides() -> None:
    saw = seen_by("closing")

    assert (saw["end"], saw["reset"]) == ("", "reset")
    assert (saw["receive"], saw["send"]) == ("closed", "none")
