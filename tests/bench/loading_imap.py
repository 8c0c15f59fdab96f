"""How many IMAP commands a load generator gives per second of its CPU time, beside Dovecot's imaptest.

Both meet Dovecot of the lab, or where there is no lab the reference server. imaptest is the program that
MAILPROOF_IMAPTEST names, or the one on PATH; its figure is missing where there is none.
"""

import contextlib
import imaplib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from figures import Figure, compare

from harness.target import Protocol
from reference_server import serve

__all__ = ["MIX", "generator_of_imap"]

# Probabilities, in percent, of imaptest's states; one connection goes round and round.
MIX: Final = "select=100 fetch=100 fetch2=100,30 store=50 status=50 list=50 noop=50 logout=0"
MESSAGES: Final = 100
CLIENTS: Final = 10
SECONDS: Final = 5
PATIENCE_S: Final = 300.0
PORT_BASE: Final = 27200

GENERATOR: Final = Path(__file__).with_name("imap_generator.py")
CONTENT: Final = (
    b"From: a@example.org\r\nTo: b@example.test\r\nSubject: one of many\r\n\r\n" + (b"x" * 70 + b"\r\n") * 20
)


class Server(NamedTuple):
    """Where IMAP is served, to somebody with an account."""

    address: str
    user: str
    password: str

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server whose INBOX is full of messages."""
    lab = os.environ.get("MAILPROOF_LAB")
    with dovecot(Path(lab)) if lab else embedded() as running:
        with imaplib.IMAP4(running.host, running.port) as client:
            client.login(running.user, running.password)
            for _ in range(MESSAGES):
                client.append("INBOX", "", "", CONTENT)
        yield running


@contextlib.contextmanager
def embedded() -> Iterator[Server]:
    with serve() as target:
        account = target.accounts[0]
        yield Server(target.endpoints[Protocol.IMAP].address, account.user, account.password)


@contextlib.contextmanager
def dovecot(lab: Path) -> Iterator[Server]:
    """The lab's, started for this (docs/neighbours.md says what its scripts do)."""
    with tempfile.TemporaryDirectory(prefix="mailproof-") as directory:
        environment = os.environ | {"LAB_PORT_BASE": str(PORT_BASE), "LAB_STATE": f"{directory}/state"}

        def script(verb: str) -> bytes:
            command = [str(lab / "postfix_dovecot.sh"), verb, directory]
            return subprocess.run(
                command, env=environment, check=True, timeout=PATIENCE_S, stdout=subprocess.PIPE
            ).stdout

        script("start")
        try:
            told = json.loads(script("info"))
            account = told["accounts"][0]
            yield Server(told["imap"], account["user"], account["password"])
        finally:
            script("stop")


def ours(running: Server) -> float:
    """What `imap_generator` says of itself."""
    command = [sys.executable, "-P", str(GENERATOR), *running, str(SECONDS)]
    run = subprocess.run(command, check=True, timeout=PATIENCE_S, stdout=subprocess.PIPE)
    return float(run.stdout)


def imaptest(program: str, running: Server) -> float:
    """Commands per second of CPU time, in user and system, of the whole process."""
    with tempfile.NamedTemporaryFile(suffix=".mbox") as mbox:
        mbox.write(b"From a@example.org Thu Jan  1 00:00:00 2026\nSubject: x\n\nx\n")
        mbox.flush()
        who = [
            f"host={running.host}",
            f"port={running.port}",
            f"user={running.user}",
            f"pass={running.password}",
        ]
        how = [f"mbox={mbox.name}", f"clients={CLIENTS}", f"secs={SECONDS}", f"msgs={MESSAGES}"]
        flags = ["no_pipelining", "no_tracking", "-", *MIX.split()]
        with subprocess.Popen([program, *who, *how, *flags], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = process.stdout.read().decode()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, program, said)
    return commands(said) / (used.ru_utime + used.ru_stime)


def commands(said: str) -> int:
    """The sum of the last line, which counts the commands of each kind."""
    counts = re.fullmatch(r"[ \d]+", said.strip().splitlines()[-1])
    assert counts is not None, said
    return sum(map(int, counts[0].split()))


def generator_of_imap() -> Figure:
    program = os.environ.get("MAILPROOF_IMAPTEST") or shutil.which("imaptest")
    with server() as running:
        return compare(
            "load, IMAP clients of imaptest's kind",
            "commands per CPU-second",
            lambda: ours(running),
            (lambda: imaptest(program, running)) if program else None,
            "imaptest" if program else "imaptest, not here: MAILPROOF_IMAPTEST names none",
        )
