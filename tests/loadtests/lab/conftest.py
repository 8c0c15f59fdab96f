"""Real mail servers on this host, with daemons that can be killed, and load runs against them.

The servers are started by the scripts in the directory that MAILPROOF_LAB names (docs/neighbours.md says what they
must do); where it is not set, nothing here runs.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil
import pytest

from harness.results.load import SUMMARY_FILE, LoadSummary
from harness.target import Account, Endpoint, Protocol, Target

T = TypeVar("T")

# How long servers and runs may take, with a machine that has other things to do.
_PATIENCE_S = 120.0
_RUN_S = 400.0
_LOOK_S = 0.1

_ROOT = Path(__file__).parents[3]

PEOPLE = tuple(f"u{number}" for number in range(1, 41))


@dataclass(frozen=True)
class Product:
    """One product: its script, and where its ports start."""

    script: str
    port_base: int


PRODUCTS = {
    "postfix": Product("postfix_dovecot.sh", 28000),
    "postfix, fresh": Product("postfix_dovecot.sh", 28200),
    "exim": Product("exim_dovecot.sh", 28100),
    "mailutils": Product("mailutils.sh", 28500),
    "opensmtpd": Product("opensmtpd.sh", 28400),
}


def wait_for(look: Callable[[], T], what: str, patience_s: float = _PATIENCE_S) -> T:
    """The first true thing that `look` returns."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(_LOOK_S)
    return found


class Lab:
    """A real server on 127.0.0.1 that has the mailboxes of example.test."""

    def __init__(self, product: Product, scripts: Path, directory: Path) -> None:
        self.directory = directory
        self._script = str(scripts / product.script)
        self._environment = os.environ | {
            "LAB_PORT_BASE": str(product.port_base),
            "LAB_STATE": str(directory.with_suffix(".state")),
            "LAB_MORE_ACCOUNTS": " ".join(PEOPLE),
        }
        self._unwatched = False

    def start(self) -> None:
        """Returns when every port answers."""
        self.do("start", str(self.directory))
        self._unwatched = False

    def stop(self) -> None:
        """All of it at once; its queue and its mailboxes stay."""
        if self._unwatched:
            psutil.Process(self._watcher()).kill()
            wait_for(lambda: self.do("status", str(self.directory), code=3), "the server has ended")
        else:
            self.do("stop", str(self.directory))

    def unwatch(self) -> None:
        """From now on a daemon may end without an end of everything else."""
        os.kill(self._watcher(), signal.SIGSTOP)
        self._unwatched = True

    def _watcher(self) -> int:
        return int((self.directory / ".pid").read_text())

    def kill(self, master: str) -> int:
        """Kill a daemon and all of its children, as `kill -9` does; how many there were."""
        family = [
            process
            for each in psutil.Process(self._watcher()).children(recursive=True)
            if each.name() == master
            for process in (each, *each.children(recursive=True))
        ]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=1)
        return len(family)

    def run(self, command: str) -> str:
        """A shell command inside the server's own file system; what it printed."""
        return self.do("exec", str(self.directory), "bash", "-c", command)

    def do(self, verb: str, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [self._script, verb, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{verb}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace") or verb

    @property
    def target(self) -> Target:
        """Where it listens, and who has an account."""
        info = json.loads((self.directory / "info.json").read_text())
        return Target(
            name=info["name"],
            domain=info["domain"],
            endpoints={p: Endpoint.parse(p, info[p]) for p in Protocol if p in info},
            accounts=tuple(
                Account(a["user"], a["password"], f"{a['user'].partition('@')[0]}@{info['domain']}")
                for a in info["accounts"]
            ),
            ca=Path(info["ca"]),
        )

    def mail(self) -> list[Path]:
        """The files in the INBOXes of all, where they are maildirs."""
        return sorted(self.directory.glob("mail/*/Maildir/[nc]*/*"))


@dataclass(frozen=True)
class Ran:
    """What became of a run.

    Attributes:
        said: What stood on the terminal.
        kept: The results that it left, None where it left none.
    """

    code: int
    said: str
    kept: LoadSummary | None

    @property
    def summary(self) -> LoadSummary:
        assert self.kept is not None, self.said
        return self.kept

    def ends_with(self, code: int) -> bool:
        """With this exit code; a generator that was kept from its work judges nobody, and ends with another."""
        return self.code == code or self.summary.generator.saturated

    @property
    def accuses(self) -> dict[str, int]:
        """What the audit holds against the server; nothing where there is nothing."""
        audit = self.summary.audit
        counts = {
            "lost": audit.lost,
            "duplicated": audit.duplicated,
            "corrupted": audit.corrupted,
            "misdelivered": audit.misdelivered,
        }
        return {kind: count for kind, count in counts.items() if count}


@dataclass
class Running:
    """A run that goes on; `said` grows."""

    process: subprocess.Popen[str]
    out: Path
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(self.process.stdout)

    def close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ended(self) -> Ran:
        """Waits for its end."""
        code = self.process.wait(_RUN_S)
        summary = self.out / SUMMARY_FILE
        kept = msgspec.json.decode(summary.read_bytes(), type=LoadSummary) if summary.exists() else None
        return Ran(code, "".join(self.said), kept)


@dataclass(frozen=True)
class Loads:
    """Load runs against one server, with their files in one directory."""

    lab: Lab
    directory: Path

    @contextmanager
    def begun(
        self, scenario: str, *flags: str, profile: str = "", target: Target | None = None
    ) -> Iterator[Running]:
        """`mailproof load` in a process of its own; it is over when the block is."""
        number = len(list(self.directory.iterdir()))
        file = self.directory / f"{number}.target.toml"
        file.write_text((target or self.lab.target).to_toml())
        settings = self.directory / f"{number}.profile.toml"
        settings.write_text(profile)
        out = self.directory / f"{number}.out"
        command = [
            sys.executable,
            "-m",
            "harness.cli",
            "load",
            scenario,
            str(file),
            "--profile",
            str(settings),
        ]
        process = subprocess.Popen(
            [*command, *flags, "--out", str(out)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=_ROOT,
        )
        run = Running(process, out)
        listener = threading.Thread(target=run.listen)
        listener.start()
        try:
            yield run
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(_RUN_S)
            listener.join()
            run.close()

    def run(self, scenario: str, *flags: str, profile: str = "", target: Target | None = None) -> Ran:
        """From its beginning to its end."""
        with self.begun(scenario, *flags, profile=profile, target=target) as running:
            return running.ended()


def _loads(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    scripts = os.environ.get("MAILPROOF_LAB")
    if not scripts:
        pytest.skip("MAILPROOF_LAB names no directory with the scripts that start real servers")
    if os.geteuid() != 0:
        pytest.skip("the name spaces that the real servers live in need root")
    directory = tmp_path_factory.mktemp(name.partition(",")[0])
    lab = Lab(PRODUCTS[name], Path(scripts), directory / "lab")
    lab.start()
    runs = directory / "runs"
    runs.mkdir()
    try:
        yield Loads(lab, runs)
    finally:
        lab.stop()


@pytest.fixture(scope="session")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    """The product that a test names."""
    yield from _loads(request.param, tmp_path_factory)


@pytest.fixture
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    """Postfix and Dovecot, fresh, to be mistreated."""
    yield from _loads("postfix, fresh", tmp_path_factory)


@pytest.fixture
def eventually() -> Callable[[Callable[[], T], str], T]:
    return wait_for
