"""The capacity that a search finds in Postfix, beside the most that smtp-source gets it to take.

Postfix accepts each message and throws it away. A queue would be worked off while the next messages come: what is
accepted in half a minute would then be more than what can be carried on and on, and a search asks for the second.
Both sides send one message in a connection and await each reply.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from figures import Figure, compare
from loading import lab
from postfix import TAKES_AND_FORGETS, Postfix

__all__ = ["capacity_beside_smtp_source"]

SENDER: Final = "a@example.org"
ACCOUNT: Final = "alice@example.test"
PASSWORD: Final = "secret"
OCTETS: Final = 1000

# smtp-source: as many sessions as fill the server, and messages for some ten seconds.
SESSIONS: Final = 20
MESSAGES: Final = 5_000

# The search looks between these shares of what smtp-source was seen to do.
FROM: Final = 0.6
UP_TO: Final = 1.3
STEP_S: Final = 8
ROUNDS: Final = 3
PATIENCE_S: Final = 600.0

PROFILE: Final = f"""
arrivals = "even"
limits = ["smtp.session p95 < 2 s", "errors < 1%"]
[traffic]
messages = [1, 1]
recipients = [1, 1]
unknown = 0
pipelining = false
[content]
sizes = "fixed"
octets = {OCTETS}
[reading]
mode = "none"
"""


def accepted_per_s(source: Path, port: int) -> float:
    """What smtp-source gets the server to take."""
    numbers = ["-s", str(SESSIONS), "-m", str(MESSAGES), "-l", str(OCTETS)]
    began_s = time.monotonic()
    command = [str(source), *numbers, "-f", SENDER, "-t", ACCOUNT, f"127.0.0.1:{port}"]
    subprocess.run(command, check=True, timeout=PATIENCE_S)
    return MESSAGES / (time.monotonic() - began_s)


def found_per_s(port: int, about_per_s: float) -> float:
    """What a search finds near a rate."""
    between = f"{FROM * about_per_s:.0f}:{UP_TO * about_per_s:.0f}"
    with TemporaryDirectory(prefix="mailproof-") as scratch:
        profile, out = Path(scratch) / "profile.toml", Path(scratch) / "out"
        profile.write_text(PROFILE)
        target = ["--smtp", f"127.0.0.1:{port}", "--user", ACCOUNT, "--no-audit"]
        search = ["--find-capacity", between, "--duration", str(STEP_S), "--profile", str(profile)]
        command = [
            sys.executable,
            "-m",
            "harness.cli",
            "load",
            "inbound",
            *target,
            *search,
            "--out",
            str(out),
        ]
        environment = os.environ | {"MAILPROOF_PASSWORD": PASSWORD}
        # Where nothing was found the exit code says so as well.
        subprocess.run(command, check=False, timeout=PATIENCE_S, env=environment, stdout=subprocess.DEVNULL)
        return float(json.loads((out / "summary.json").read_text())["capacity_per_s"] or 0)


def capacity_beside_smtp_source() -> Figure | None:
    directory = lab()
    if directory is None:
        sys.stdout.write("capacity beside smtp-source: not here, MAILPROOF_LAB names no lab\n")
        return None
    source = directory / "smtp-source"
    with Postfix(directory, TAKES_AND_FORGETS) as postfix:
        about_per_s = accepted_per_s(source, postfix.port)
        return compare(
            "capacity found",
            "sessions/s",
            lambda: found_per_s(postfix.port, about_per_s),
            lambda: accepted_per_s(source, postfix.port),
            f"smtp-source -s {SESSIONS}, Postfix {postfix.version}, the same dialogue",
            rounds=ROUNDS,
        )
