"""The example locustfiles run as a user runs them: plain ``locust -f``."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.target import Protocol, Target
from reference_server import serve

EXAMPLE = Path(__file__).parents[3] / "examples/locustfiles/imap_reader.py"
# In every task of the example; which of its tasks come is left to chance.
ALWAYS = {"imap.connect", "imap.starttls", "imap.login", "imap.logout"}
BY_TASK = {"imap.search", "imap.append"}


@pytest.fixture
def target() -> Iterator[Target]:
    with serve() as served:
        yield served


def locust(directory: Path, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(file),
        "--headless",
        "--users",
        "3",
        "--spawn-rate",
        "3",
    ]
    return subprocess.run(
        [*command, "--run-time", "5s", "--csv", "run", *options],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_it_runs_against_a_target_file(tmp_path: Path, target: Target) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(target.ca_pem or "")
    file = tmp_path / "target.toml"
    file.write_text(target.with_ca(ca).to_toml())

    done = locust(tmp_path, EXAMPLE, "--mail-target", str(file))

    assert done.returncode == 0, done.stderr
    table = {row["Name"]: row for row in rows(tmp_path / "run_stats.csv")}
    assert table.keys() >= ALWAYS | {"Aggregated"}
    assert table.keys() & BY_TASK
    assert {row["Failure Count"] for row in table.values()} == {"0"}
    assert int(table["imap.login"]["Request Count"]) >= 3
    assert "Traceback" not in done.stderr


def test_errors_are_told_by_their_class(tmp_path: Path, target: Target) -> None:
    port = target.endpoints[Protocol.IMAP].port
    wrong = tmp_path / "wrong.py"
    login = '    user, password = "alice@example.test", "no"\n'
    wrong.write_text(EXAMPLE.read_text().replace("    wait_time", f"{login}    wait_time"))

    done = locust(tmp_path, wrong, "--host", f"imap://127.0.0.1:{port}")

    assert done.returncode == 1, done.stderr
    failures = {(row["Name"], row["Error"]) for row in rows(tmp_path / "run_failures.csv")}
    assert failures == {("imap.login", "NO [AUTHENTICATIONFAILED]")}
    assert "Traceback" not in done.stderr
