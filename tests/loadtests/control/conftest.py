"""A small mail target that can freeze and die, and load runs against it in processes of their own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.results.load import LiveFigures
from loadtests.plan import (
    LIVE_VARIABLE,
    PLAN_VARIABLE,
    Audited,
    Content,
    Phase,
    Plan,
    Reading,
    Segment,
    Settings,
)

LOCUSTFILE = """
from loadtests import SmtpUser


class Sender(SmtpUser):
    pass
"""


class SmallTarget:
    """SMTP that takes everything and POP3 that hands it out, in a thread; every password is right.

    Attributes:
        answered_s: When the final reply to each message was written, on `time.monotonic`.
        drops: Says whether a message is thrown away: from its number.
        offers: The extensions that EHLO tells of: from the number of the session, which is 1 for the first.
    """

    def __init__(self) -> None:
        self.answered_s: list[float] = []
        self.sessions = 0
        self.drops: Callable[[int], bool] = lambda _number: False
        self.offers: Callable[[int], Sequence[str]] = lambda _session: ("PIPELINING",)
        self.mailboxes: dict[str, dict[int, bytes]] = {}
        self._uid = 0
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.ports = {"smtp": 0, "pop3": 0}
        self.rise()

    def _do(self, action: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(10)

    def rise(self) -> None:
        """Listen, at the ports it had before."""
        self._do(self._rise())

    async def _rise(self) -> None:
        for name, session in (("smtp", self._smtp), ("pop3", self._pop3)):
            server = await asyncio.start_server(
                session, "127.0.0.1", self.ports[name], backlog=4096, limit=2**20
            )
            self.ports[name] = server.sockets[0].getsockname()[1]
            self._servers.append(server)

    def fall(self) -> None:
        """As a machine whose plug is pulled: nobody listens, and every connection is reset."""
        self._do(self._fall())

    async def _fall(self) -> None:
        while self._servers:
            self._servers.pop().close()
        for writer in list(self._writers):
            writer.transport.abort()

    def freeze(self, seconds: float) -> None:
        """Do nothing at all for so long, from now on."""
        self._loop.call_soon_threadsafe(time.sleep, seconds)

    async def _end_dialogues(self) -> None:
        dialogues = asyncio.all_tasks() - {asyncio.current_task()}
        for dialogue in dialogues:
            dialogue.cancel()
        await asyncio.gather(*dialogues, return_exceptions=True)

    def close(self) -> None:
        self.fall()
        self._do(self._end_dialogues())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        recipients: list[str] = []
        offered = "".join(f"250-{keyword}\r\n" for keyword in self.offers(self.sessions))
        ehlo = f"250-small.example.test\r\n{offered}250 HELP\r\n".encode()
        answers = {"EHLO": ehlo, "MAIL": b"250 fine\r\n", "RSET": b"250 fine\r\n", "QUIT": b"221 bye\r\n"}
        await self._talk(reader, writer, b"220 small.example.test\r\n", self._smtp_line(answers, recipients))

    def _smtp_line(self, answers: dict[str, bytes], recipients: list[str]) -> Any:
        async def answer(line: bytes, reader: asyncio.StreamReader) -> bytes:
            verb = line[:4].upper().decode()
            if verb == "RCPT":
                recipients.append(line.split(b"<")[1].split(b">")[0].decode())
                return b"250 fine\r\n"
            if verb == "DATA":
                return b"354 go on\r\n"
            if verb == "\0END":
                content = await reader.readuntil(b"\r\n.\r\n")
                self._keep(recipients, content[:-3].replace(b"\r\n..", b"\r\n."))
                recipients.clear()
                return b"250 kept\r\n"
            return answers.get(verb, b"500 what?\r\n")

        return answer

    def _keep(self, recipients: list[str], content: bytes) -> None:
        number = len(self.answered_s)
        for recipient in recipients:
            self._uid += 1
            if not self.drops(number):
                self.mailboxes.setdefault(recipient, {})[self._uid] = content
        self.answered_s.append(time.monotonic())

    async def _pop3(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user, marked = "", set[int]()
        listed: list[tuple[int, bytes]] = []

        async def answer(line: bytes, _reader: asyncio.StreamReader) -> bytes:
            nonlocal user, listed
            verb, *words = line.decode().split()
            box = self.mailboxes.get(user, {})
            many = {
                "UIDL": lambda: [b"%d %d" % (at, uid) for at, (uid, _) in enumerate(listed, 1)],
                "LIST": lambda: [b"%d %d" % (at, len(text)) for at, (_, text) in enumerate(listed, 1)],
                "CAPA": lambda: [b"UIDL", b"TOP", b"USER", b"PIPELINING"],
            }
            match verb.upper():
                case "USER":
                    user = words[0]
                case "PASS":
                    listed = sorted(box.items())
                case "STAT":
                    return b"+OK %d %d\r\n" % (len(listed), sum(len(text) for _, text in listed))
                case "RETR" | "TOP":
                    content = listed[int(words[0]) - 1][1].replace(b"\r\n.", b"\r\n..")
                    return b"+OK\r\n" + content + b".\r\n"
                case "DELE":
                    marked.add(listed[int(words[0]) - 1][0])
                case "QUIT":
                    for uid in marked:
                        box.pop(uid, None)
                case _ if verb.upper() in many and not words:
                    return b"+OK\r\n" + b"".join(one + b"\r\n" for one in many[verb.upper()]()) + b".\r\n"
                case _:
                    return b"-ERR what?\r\n"
            return b"+OK\r\n"

        await self._talk(reader, writer, b"+OK small\r\n", answer)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes, answer: Any
    ) -> None:
        self._writers.add(writer)
        try:
            writer.write(greeting)
            line = b""
            while line[:4].upper() != b"QUIT":
                line = b"\0END" if line[:4].upper() == b"DATA" else await reader.readuntil(b"\r\n")
                writer.write(await answer(line, reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has gone
        finally:
            self._writers.discard(writer)
            writer.close()


@pytest.fixture
def target() -> Iterator[SmallTarget]:
    small = SmallTarget()
    yield small
    small.close()


def steady(rate_per_s: float, duration_s: float, label: str = "all") -> Phase:
    return Phase(
        label=label,
        segments=(Segment(from_per_s=rate_per_s, to_per_s=rate_per_s, duration_s=duration_s),),
    )


class Run:
    """One load run: its files, and its processes as Locust starts them."""

    def __init__(self, directory: Path, target: SmallTarget) -> None:
        self.directory = directory
        self.out = directory / "out"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._heard, self._live = os.pipe()
        os.set_blocking(self._heard, False)
        self._lines = b""
        self.locustfile = directory / "mine.py"
        self.locustfile.write_text(LOCUSTFILE)
        self.target_file = directory / "target.toml"
        accounts = "".join(
            f'[[accounts]]\nuser = "user{n}@example.test"\npassword = "secret"\n' for n in range(6)
        )
        self.target_file.write_text(
            'name = "small"\ndomain = "example.test"\n[endpoints]\n'
            + "".join(f'{name} = "127.0.0.1:{port}"\n' for name, port in target.ports.items())
            + accounts
        )
        self.settings = Settings(
            arrivals="even",
            content=Content(sizes="fixed", octets=600, pool=3),
            reading=Reading(mode="none"),
            audit=Audited(wait_s=2),
            drain_s=10,
            timeout_s=10,
        )

    def plan(self, *phases: Phase, **changes: object) -> None:
        """Write the plan: phases, and what else is other than usual."""
        fields = {
            "scenario": "mine",
            "run": "0badcafe",
            "seed": 3,
            "target": str(self.target_file),
            "out": str(self.out),
            "settings": self.settings,
            "phases": phases,
        }
        plan = Plan(**(fields | changes))  # type: ignore[arg-type]  # what a test says is a plan's
        (self.directory / "plan.json").write_bytes(msgspec.json.encode(plan))

    def start(self, *options: str, headless: bool = True) -> subprocess.Popen[bytes]:
        """Start Locust with the plan, in a process group of its own; its log is in the directory."""
        environment = {
            **os.environ,
            PLAN_VARIABLE: str(self.directory / "plan.json"),
            LIVE_VARIABLE: str(self._live),
        }
        command = [sys.executable, "-m", "locust", "-f", str(self.locustfile), "--only-summary", *options]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, *(["--headless"] if headless else [])],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._live,),
                process_group=0,
                cwd=self.directory,
            )
        self.processes.append(process)
        return process

    def told(self) -> set[str]:
        """The states that the live lines have told of."""
        return {figures.state for figures in self._live_lines()}

    def said(self) -> str:
        """What was said with them."""
        return "\n".join(figures.message for figures in self._live_lines())

    def _live_lines(self) -> list[LiveFigures]:
        with suppress(BlockingIOError):
            while octets := os.read(self._heard, 2**16):
                self._lines += octets
        whole = self._lines.split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=LiveFigures) for line in whole]

    @property
    def log(self) -> Path:
        return self.directory / "locust.log"

    def finish(self, process: subprocess.Popen[bytes], timeout_s: float = 180) -> dict[str, Any]:
        """Wait for its end, and read the result."""
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end:\n{self.log.read_text()[-4000:]}")
        assert (self.out / "summary.json").exists(), self.log.read_text()[-4000:]
        return self.summary()

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "summary.json").read_text())
        return found

    def assert_went_well(self, process: subprocess.Popen[bytes], summary: dict[str, Any]) -> None:
        """Every limit held; a machine that is busy with something else may be too slow to be believed."""
        ended = (summary["verdict"], process.returncode)
        assert ended in {("kept", 0), ("generator saturated", 3)}, summary["sentence"]

    def locusts_table(self) -> dict[str, tuple[int, int]]:
        """Name -> requests and failures, as Locust wrote them with ``--json-file table``."""
        rows = json.loads((self.directory / "table.json").read_text())
        return {row["name"]: (row["num_requests"], row["num_failures"]) for row in rows}

    def table_of(self, summary: dict[str, Any]) -> dict[str, tuple[int, int]]:
        """The same from a summary."""
        done = {name: latency["count"] for name, latency in summary["latency_ms"].items()}
        failed = {name: sum(classes.values()) for name, classes in summary["errors_by_operation"].items()}
        return {
            name: (done.get(name, 0) + failed.get(name, 0), failed.get(name, 0)) for name in {*done, *failed}
        }

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"it does not come:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(120)
        os.close(self._heard)
        os.close(self._live)


@pytest.fixture
def run(tmp_path: Path, target: SmallTarget) -> Iterator[Run]:
    one = Run(tmp_path, target)
    yield one
    one.close()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def forked(free_port: int) -> Callable[[int], list[str]]:
    """So many processes, and a port that no other run on this machine meets at."""
    meeting = ["--master-bind-port", str(free_port), "--master-port", str(free_port)]
    return lambda processes: ["--processes", str(processes), *meeting]


@pytest.fixture(name="steady")
def steady_phase() -> Callable[..., Phase]:
    return steady
