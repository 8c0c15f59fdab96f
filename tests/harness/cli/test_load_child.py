"""Processes that a load run starts are ended by their id, whatever happens; Ctrl-C is told once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.load_child import child, last_words, wait_for_line
from harness.cli.load_embedded import embedded_server, made_accounts
from harness.cli.load_generator import Ended, Generator
from harness.errors import RunFailed
from harness.results.load import LiveFigures
from harness.target import Account, Target

BOUND_S = 30.0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BOUND_S
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Neither alive nor a zombie of somebody's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


class Recording:
    """A screen that keeps what it is told."""

    def __init__(self) -> None:
        self.figures: list[LiveFigures] = []
        self.said: list[str] = []
        self.react: Callable[[], None] = lambda: None

    def show(self, figures: LiveFigures) -> None:
        self.figures.append(figures)
        self.react()

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_child_and_its_children_end_with_the_context(tmp_path: Path) -> None:
    script = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(grandchild.pid, flush=True)
time.sleep(600)
"""
    pids = []

    def crash() -> None:
        with child(python(script), log=tmp_path / "log", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            pids.extend([process.pid, int(process.stdout.readline())])
            raise ValueError("a crash")

    with pytest.raises(ValueError, match="a crash"):
        crash()

    until(lambda: len(pids) == 2 and all(map(gone, pids)))


def test_a_command_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="cannot be started"), child(["/nonexistent/x"], log=tmp_path / "log"):
        pass


def test_a_line_is_waited_for_within_a_bound(tmp_path: Path) -> None:
    with child(
        python("print('one'); print('two words')"), log=tmp_path / "log", stdout=subprocess.PIPE
    ) as process:
        assert wait_for_line(process, b"two", BOUND_S)
    with child(python("print('not two')"), log=tmp_path / "log", stdout=subprocess.PIPE) as process:
        assert not wait_for_line(process, b"two", BOUND_S)
    with child(
        python("import time; time.sleep(600)"), log=tmp_path / "log", stdout=subprocess.PIPE
    ) as process:
        assert not wait_for_line(process, b"two", 0.05)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\n\ntwo\n\n", "two"),
        ("mailproof: the file is wrong\nand more\n", "the file is wrong"),
        (
            "[2026-01-01 10:00:00,000] h/ERROR/locust.main: Failed\n[2026-01-01 10:00:00,000] h/INFO/x: bye\n",
            "Failed",
        ),
        ('Traceback (most recent call last):\n  File "x"\nKeyError: 3\n', "KeyError: 3"),
    ],
)
def test_the_last_words_say_what_went_wrong(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "log").write_text(log)

    assert last_words(tmp_path / "log") == words


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ""


# The generator

SAYING = """
import os, signal, sys, time
import msgspec
from harness.results.load import LiveFigures
live = os.fdopen(int(os.environ["MAILPROOF_LOAD_LIVE_FD"]), "wb", buffering=0)
def say(state, **more):
    live.write(msgspec.json.encode(LiveFigures(
        state=state, phase="p", at_s=1, of_s=9, due=1, completed=1, failed=0, active=0, late=0, rate_per_s=1, **more
    )) + b"\\n")
"""


def generator(tmp_path: Path, script: str, patience_s: float = BOUND_S) -> Generator:
    return Generator(python(SAYING + script), tmp_path / "plan.json", tmp_path / "log", patience_s)


def test_figures_come_to_the_screen_and_the_code_back(tmp_path: Path) -> None:
    screen = Recording()
    script = """
say("running")
live.write(b"what?\\n")
say("done", message=os.environ["MAILPROOF_LOAD_PLAN"])
sys.exit(3)
"""

    ended = generator(tmp_path, script).run(screen)

    assert ended == Ended(3, interrupted=False)
    assert [figures.state for figures in screen.figures] == ["running", "done"]
    assert screen.figures[1].message == str(tmp_path / "plan.json")
    (complaint,) = screen.said
    assert "cannot be read" in complaint


def test_ctrl_c_is_told_once_and_waited_for(tmp_path: Path) -> None:
    script = """
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
say("running")
while not count:
    time.sleep(0.02)
time.sleep(0.3)
say("draining", owed=count)
"""
    screen = Recording()
    screen.react = lambda: signal.raise_signal(signal.SIGINT) if len(screen.figures) == 1 else None

    ended = generator(tmp_path, script).run(screen)

    assert ended == Ended(0, interrupted=True)
    assert screen.figures[-1].owed == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_is_killed_when_patience_ends(tmp_path: Path) -> None:
    script = "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    script += "say('running')\ntime.sleep(600)"
    screen = Recording()
    screen.react = lambda: signal.raise_signal(signal.SIGTERM)

    ended = generator(tmp_path, script, patience_s=0.1).run(screen)

    assert ended.interrupted
    assert ended.code < 0
    assert screen.said[-1] == "the generator did not end in time and is killed"


# The embedded server


def test_the_embedded_server_has_the_accounts_and_is_gone_at_the_end(tmp_path: Path) -> None:
    mine = (*made_accounts(2), Account("ann", 'se"cret', "ann@example.org"))

    with embedded_server(tmp_path, mine) as server:
        target = Target.load(server.target)
        assert not gone(server.pid)

    assert [account.address for account in target.accounts] == [account.address for account in mine]
    assert [account.password for account in target.accounts] == ["secret", "secret", 'se"cret']
    assert target.on_this_host
    assert len(target.endpoints) == 8
    assert gone(server.pid)
    assert not server.target.exists()


def test_the_embedded_server_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from harness.cli.load_embedded import embedded_server, made_accounts
with embedded_server(Path({str(tmp_path)!r}), made_accounts(1)) as server:
    print(server.pid, flush=True)
    os._exit(1)
"""
    done = subprocess.run(python(script), capture_output=True, text=True, timeout=BOUND_S, check=False)

    until(lambda: gone(int(done.stdout)))


def test_a_server_that_cannot_be_says_why(tmp_path: Path) -> None:
    twice = (*made_accounts(1), *made_accounts(1))

    with (
        pytest.raises(RunFailed, match=r"the embedded server did not become ready: .*user1"),
        embedded_server(tmp_path, twice),
    ):
        pass
