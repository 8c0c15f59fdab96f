"""Postfix of a lab of real servers: as a relay, whose queue is filled with mail on hold, then released and flushed;
or as one that takes all mail and keeps none.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

__all__ = ["TAKES_AND_FORGETS", "Postfix", "relays_to"]

# The lab's variable moves it where these ports are taken.
PORT_BASE: Final = int(os.environ.get("LAB_PORT_BASE", "27000"))
START_S: Final = 120.0
# Where mail waits for its next hop; what is in none of them has been handed over.
QUEUES: Final = ("maildrop", "hold", "incoming", "active", "deferred")
# The configuration's directory as it is seen inside the lab's server.
CONFIGURATION: Final = "/srv/postfix"

# What it has accepted is in no queue, and takes no time from what it accepts next. It would hold back who sends
# faster than mail is delivered, and a message that was thrown away never is.
TAKES_AND_FORGETS: Final = {"smtpd_client_restrictions": "static:DISCARD", "in_flow_delay": "0"}


def relays_to(address: str, port: int) -> dict[str, str]:
    """The settings of one that sends whatever it takes there, when it is told to."""
    return {
        "relayhost": f"[{address}]:{port}",
        "default_transport": "smtp",
        "smtp_host_lookup": "native",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks,reject",
        "smtpd_client_restrictions": "static:HOLD",
        "queue_run_delay": "1h",
    }


class Postfix:
    """A server started by the lab's script.

    Args:
        lab: The directory with the scripts (docs/neighbours.md says what they do).
        settings: Of its main.cf, beside the lab's.

    Attributes:
        port: Where it takes mail.

    Raises:
        subprocess.CalledProcessError: The lab cannot start it.
    """

    port: Final = PORT_BASE + 25

    def __init__(self, lab: Path, settings: Mapping[str, str]) -> None:
        self._lab = lab
        self._settings = settings
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._directory = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="mailproof-")))
        self._environment = os.environ | {
            "LAB_PORT_BASE": str(PORT_BASE),
            "LAB_STATE": str(self._directory / "state"),
        }
        try:
            self._script("start")
            self._running.callback(self._script, "stop")
            self._configure()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._running.close()

    @property
    def version(self) -> str:
        """As the package has it, without the distribution's part."""
        versions: str = json.loads(self._script("info"))["version"]
        named = dict(part.split(" ", 1) for part in versions.split(", "))
        return named["postfix"].split("-")[0]

    def fill(self, count: int, octets: int, sender: str, recipient: str) -> None:
        """Have it take so many messages, which wait until they are flushed."""
        source = str(self._lab / "smtp-source")
        numbers = ["-s", "4", "-m", str(count), "-l", str(octets)]
        envelope = ["-f", sender, "-t", recipient, f"127.0.0.1:{self.port}"]
        subprocess.run([source, *numbers, *envelope], check=True, timeout=START_S)
        self._inside("postsuper", "-c", CONFIGURATION, "-H", "ALL")

    def flush(self) -> None:
        """Have it send all of it; returns when the first message is on its way."""
        waiting = self._count("deferred")
        command = self._command("exec", "postqueue", "-c", CONFIGURATION, "-f")
        with subprocess.Popen(command, env=self._environment) as process:
            while process.poll() in {None, 0} and self._count("deferred") == waiting:
                time.sleep(0.001)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    def count(self) -> int:
        """How many messages it has."""
        return sum(map(self._count, QUEUES))

    def _count(self, queue: str) -> int:
        directory = self._directory / "spool/postfix" / queue
        return sum(len(files) for _, _, files in os.walk(directory))

    def _configure(self) -> None:
        words = [f"{name}={value}" for name, value in self._settings.items()]
        self._inside("postconf", "-c", CONFIGURATION, "-e", *words)
        self._inside("postfix", "-c", CONFIGURATION, "reload")

    def _inside(self, *words: str) -> str:
        return self._script("exec", *words)

    def _script(self, verb: str, *words: str) -> str:
        command = self._command(verb, *words)
        run = subprocess.run(
            command, env=self._environment, check=True, timeout=START_S, stdout=subprocess.PIPE
        )
        return run.stdout.decode()

    def _command(self, verb: str, *words: str) -> list[str]:
        return [str(self._lab / "postfix_dovecot.sh"), verb, str(self._directory), *words]
