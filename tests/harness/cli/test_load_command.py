"""`mailproof load`: from its words to what is to be run; what is wrong is one line and code 2."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from harness.cli.app import app
from harness.cli.load_run import LoadRequest
from harness.errors import UsageError

Run = Callable[..., LoadRequest]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, ["load", *words])


@pytest.mark.parametrize("words", [(), ("--list",), ("office", "--list")])
def test_scenarios_are_listed_with_what_they_are_about(words: tuple[str, ...]) -> None:
    result = invoke(*words)

    assert result.exit_code == 0
    assert re.search(r"^inbound +Mail from outside", result.output, re.MULTILINE)
    assert "mailproof load mine.py" in result.output


def test_a_scenario_alone_is_run_as_its_profile_says(asked: Run) -> None:
    request = asked("inbound")

    assert request.scenario.file.name == "inbound.py"
    assert request.shape.peak_per_s == request.settings.rate_per_s
    assert (request.role.processes, request.seed, request.pids) == (1, None, ())
    assert request.settings.audit.enabled
    assert not request.target.authorized


def test_flags_are_over_the_profile(asked: Run, tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text("rate_per_s = 7\ndrain_s = 3\nlimits = ['smtp.message p95 < 1 s']\n")

    request = asked(
        "inbound", "t.toml", "--profile", str(profile), "--rate", "50", "--no-audit", "--pid", "1", "--pid", "2",
        "--slo", "errors < 1%", "--seed", "9", "--processes", "2", "--authorized", "--max-rate", "60",
    )  # fmt: skip

    assert request.shape.peak_per_s == 50
    assert (request.settings.drain_s, request.settings.audit.enabled) == (3, False)
    assert request.settings.limits == ("errors < 1%",)
    assert (list(request.pids), request.seed, request.max_rate) == ([1, 2], 9, 60)
    assert (request.target.path, request.target.authorized) == (Path("t.toml"), True)


def test_limits_come_from_a_file_as_well(asked: Run, tmp_path: Path) -> None:
    file = tmp_path / "limits.txt"
    file.write_text("# what was promised\nsmtp.message p95 < 5 s   # all day\n\nlost = 0\n")

    request = asked("inbound", "--slo", str(file), "--slo", "errors < 1%")

    assert request.settings.limits == ("smtp.message p95 < 5 s", "lost = 0", "errors < 1%")


def test_a_locustfile_of_ones_own_is_a_scenario(asked: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("from loadtests import ImapUser\n")

    request = asked(str(mine), "--users", "3")

    assert (request.scenario.name, request.scenario.file, request.shape.mode) == ("mine", mine, "closed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("outbound",), "'outbound' is no scenario; known: "),
        (("nowhere.py",), "nowhere.py: there is no such locustfile"),
        (("inbound", "--rate", "fast"), "--rate: 'fast'"),
        (("inbound", "--rate", "-1"), "--rate: '-1'"),
        (("inbound", "--duration", "0"), "--duration: '0'"),
        (("inbound", "--slo", "smtp.message p95 5 s"), "--slo"),
        (("inbound", "--worker"), "--worker: say where the master is"),
        (("inbound", "--worker", "--master-host", "h"), "--worker: give the target file"),
        (("inbound", "--profile", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("--clean", "rubbish", "t.toml"), "--clean: 'rubbish' is neither"),
        (("--clean", "1a2b3c4d"), "say where, as in: mailproof load --clean 1a2b3c4d TARGET.toml"),
        (("inbound", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("inbound", "t.toml", "--imap", "127.0.0.1:143"), "give a target file or flags"),
        (("inbound", "--pid", "999999999"), "--pid: there is no process 999999999"),
        (("inbound", "--accounts", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("inbound", "--accounts", "user{9..1}@example.test"), "--accounts: "),
    ],
)
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILPROOF_PASSWORD", "secret")

    error = invoke(*words).exception

    assert isinstance(error, UsageError)
    assert says in str(error)
    assert "\n" not in str(error)


def test_a_wrong_key_of_a_profile_is_named(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text("[traffic]\nmesages = [1, 2]\n")

    error = invoke("inbound", "--profile", str(profile)).exception

    assert isinstance(error, UsageError)
    assert str(error).startswith(f"{profile}: traffic.mesages: no such key; known here: messages, ")


def test_a_target_elsewhere_needs_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "t.toml"
    target.write_text('domain = "example.test"\n[endpoints]\nsmtp = "192.0.2.1:25"\n')

    refused = invoke("inbound", str(target)).exception
    too_fast = invoke("inbound", str(target), "--authorized", "--rate", "500").exception
    clean = invoke("--clean", "1a2b3c4d", str(target)).exception

    assert "--authorized" in str(refused)
    assert "--max-rate 500" in str(too_fast)
    assert "--authorized" in str(clean)


def test_the_directory_of_a_check_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "result.jsonl").write_text("{}\n")

    error = invoke("inbound", "--out", str(tmp_path)).exception

    assert isinstance(error, UsageError)
    assert "choose another --out" in str(error)
