"""How many messages a load generator sends per second of its CPU time, beside Postfix's smtp-source and others.

Everything goes to Postfix's smtp-sink, or where there is no lab to one of ours.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil
from figures import Figure, compare

__all__ = [
    "generator_beside_plain_smtplib",
    "generator_beside_smtpbench",
    "generator_keeping_connections",
    "generator_keeping_connections_beside_plain_smtplib",
    "generator_one_connection_each",
    "generator_pipelining",
    "generator_two_processes",
]

UNIT: Final = "messages per CPU-second"
OCTETS: Final = 1024
SESSIONS: Final = 20
PATIENCE_S: Final = 300.0

# Enough that one measurement takes some seconds.
FEW: Final = 6_000
MANY: Final = 40_000
# Its retries and logs make it slow.
FOR_SMTPBENCH: Final = 1_000

GENERATOR: Final = Path(__file__).with_name("load_generator.py")


def lab() -> Path | None:
    """Where Postfix's load tools are, on machines that have them."""
    directory = os.environ.get("MAILPROOF_LAB")
    return Path(directory) if directory else None


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Something that takes all mail; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="mailproof-") as scratch:
        command = sink_command(Path(scratch), port)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(port)
                yield port
            finally:
                process.terminate()


def sink_command(scratch: Path, port: int) -> list[str]:
    directory = lab()
    if directory is None:
        return [sys.executable, str(Path(__file__).with_name("sink.py")), "127.0.0.1", str(port)]
    # One script stands for both programs, and does what it is called.
    program = scratch / "smtp-sink"
    program.symlink_to(directory / "smtp-source")
    drop = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [str(program), *drop, f"127.0.0.1:{port}", "1000"]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise TimeoutError("the sink does not listen")


def ours(kind: str, messages: int, each: int, port: int) -> float:
    """What `load_generator` says of itself."""
    command = generator(kind, messages, each, port)
    run = subprocess.run(command, check=True, timeout=PATIENCE_S, stdout=subprocess.PIPE)
    return float(run.stdout)


def generator(kind: str, messages: int, each: int, port: int) -> list[str]:
    return [sys.executable, str(GENERATOR), kind, str(port), str(messages), str(each)]


def at_once(ports: Sequence[int]) -> float:
    """What generators that run at the same time, one for each sink, say of themselves, added up."""
    commands = [generator("pipelined", MANY, MANY // SESSIONS, port) for port in ports]
    with contextlib.ExitStack() as running:
        processes = [
            running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE)) for command in commands
        ]
        return sum(float(process.communicate(timeout=PATIENCE_S)[0]) for process in processes)


def per_cpu_second(command: Sequence[str], messages: int, directory: str | None = None) -> float:
    """Messages per second of CPU time, in user and system, of a whole process."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=directory, stdout=quiet, stderr=quiet) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return messages / (used.ru_utime + used.ru_stime)


def smtp_source(messages: int, port: int, *flags: str) -> Callable[[], float] | None:
    directory = lab()
    if directory is None:
        return None
    numbers = ["-s", str(SESSIONS), "-m", str(messages), "-l", str(OCTETS)]
    envelope = ["-f", "a@example.org", "-t", "b@example.test", f"127.0.0.1:{port}"]
    command = [str(directory / "smtp-source"), *flags, *numbers, *envelope]
    return lambda: per_cpu_second(command, messages)


def generator_one_connection_each() -> Figure:
    with sink() as port:
        return compare(
            "load, a connection for each message",
            UNIT,
            lambda: ours("in-turn", FEW, 1, port),
            smtp_source(FEW, port),
            "smtp-source, the same dialogue",
        )


def generator_keeping_connections() -> Figure:
    with sink() as port:
        return compare(
            "load, connections kept",
            UNIT,
            lambda: ours("in-turn", MANY, MANY // SESSIONS, port),
            smtp_source(MANY, port, "-d"),
            "smtp-source -d, the same dialogue",
        )


def generator_pipelining() -> Figure:
    with sink() as port:
        return compare(
            "load, connections kept, pipelining",
            UNIT,
            lambda: ours("pipelined", MANY, MANY // SESSIONS, port),
            smtp_source(MANY, port, "-d"),
            "smtp-source -d, its best (it cannot pipeline)",
        )


def generator_two_processes() -> Figure:
    """CPU time, so that it shows what they take from each other, and not how many cores this machine has to give."""
    cores = psutil.cpu_count() or 1
    free = cores * (1 - psutil.cpu_percent(interval=1.0) / 100)
    with sink() as one, sink() as other:
        return compare(
            f"load, two processes at once ({free:.1f} of {cores} cores were free for them and their sinks)",
            f"{UNIT}, added up",
            lambda: at_once([one, other]),
            lambda: at_once([one]),
            "one process",
        )


def generator_beside_plain_smtplib() -> Figure:
    with sink() as port:
        return compare(
            "load, a connection for each message",
            UNIT,
            lambda: ours("in-turn", FEW, 1, port),
            lambda: ours("plain", FEW // 3, 1, port),
            "smtplib in a Locust user, the same dialogue",
        )


def generator_keeping_connections_beside_plain_smtplib() -> Figure:
    with sink() as port:
        return compare(
            "load, connections kept",
            UNIT,
            lambda: ours("in-turn", MANY, MANY // SESSIONS, port),
            lambda: ours("plain", FEW, FEW // SESSIONS, port),
            "smtplib in a Locust user, the same dialogue",
        )


def generator_beside_smtpbench() -> Figure:
    program = shutil.which("smtpbench")
    with sink() as port, TemporaryDirectory(prefix="mailproof-") as directory:

        def anchor() -> float:
            numbers = [f"threads={SESSIONS}", f"messages={FOR_SMTPBENCH // SESSIONS}", "tls_mode=none"]
            envelope = ["recipient=b@example.test", "lb_host=127.0.0.1", f"port={port}"]
            return per_cpu_second([str(program), *envelope, *numbers], FOR_SMTPBENCH, directory)

        return compare(
            "load, a connection for each message",
            UNIT,
            lambda: ours("in-turn", FEW, 1, port),
            anchor if program else None,
            "smtpbench, the same dialogue",
        )
