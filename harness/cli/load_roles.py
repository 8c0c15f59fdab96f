"""Which part this process plays: all by itself, with processes beside it, as master, or as one of its workers."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError
from harness.target import SocketAddress

__all__ = ["DEFAULT_WEB", "AskedRole", "Role", "role_of"]

# Locust's own port for its master.
_MASTER_PORT: Final = 5557
_WEB_PORT: Final = 8089
DEFAULT_WEB: Final = f"127.0.0.1:{_WEB_PORT}"
# Ours: more than any one machine has cores.
_MAX_PROCESSES: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """
    Attributes:
        processes: Generator processes on this machine, 1 for this one alone; they have a master of their own.
        expected: Workers on other machines that a master waits for.
        meeting: Where the master listens, or where the worker finds it; None for one process alone.
        web: Where Locust's own page listens.
    """

    processes: int = 1
    master: bool = False
    worker: bool = False
    expected: int = 0
    meeting: SocketAddress | None = None
    web: SocketAddress | None = None

    @property
    def workers(self) -> int:
        """Generator processes that a master waits for; 0 where there is none."""
        return self.expected if self.master else self.processes if self.processes > 1 else 0

    def locust_options(self) -> list[str]:
        """The part in Locust's words."""
        options: list[str] = []
        if self.web is not None:
            # The page is there while the run goes on, and no longer.
            options = ["--autostart", "--autoquit", "0"]
            options += ["--web-host", self.web.host, "--web-port", str(self.web.port)]
        options += [] if self.web or self.worker else ["--headless"]
        if self.processes > 1:
            options += ["--processes", str(self.processes)]
        else:
            options += ["--master"] if self.master else ["--worker"] if self.worker else []
        if self.meeting is not None:
            host, port = self.meeting
            # Of processes beside each other one is the master and the others find it: they are told the same.
            sides = {"--master-bind": not self.worker, "--master": not self.master}
            for side in (side for side, told in sides.items() if told):
                options += [f"{side}-host", host, f"{side}-port", str(port)]
        if self.master:
            options += ["--expect-workers", str(self.expected)]
        return options


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRole:
    """The flags as they were given; None where they were not."""

    processes: int | None = None
    master: bool = False
    bind: str | None = None
    expect_workers: int | None = None
    worker: bool = False
    master_host: str | None = None
    web: str | None = None

    def problems(self) -> Iterator[str]:
        """What is wrong between the flags, in the order in which it is told."""
        parts = {"--processes": self.processes is not None, "--master": self.master, "--worker": self.worker}
        asked = [flag for flag, given in parts.items() if given]
        if len(asked) > 1:
            yield f"give one of {' and '.join(asked)}: a process plays one part"
        if self.processes is not None and not 1 <= self.processes <= _MAX_PROCESSES:
            yield f"--processes: {self.processes} is not between 1 and {_MAX_PROCESSES}"
        for flag, given in (("--bind", self.bind), ("--expect-workers", self.expect_workers)):
            if given is not None and not self.master:
                yield f"{flag} goes with --master"
        if self.expect_workers is not None and self.expect_workers < 1:
            yield f"--expect-workers: {self.expect_workers} is fewer than one worker"
        if self.worker and self.master_host is None:
            yield "--worker: say where the master is, with --master-host HOST or HOST:PORT"
        if self.master_host is not None and not self.worker:
            yield "--master-host goes with --worker"
        if self.web is not None and self.worker:
            yield "--web goes with the master: a worker has no page"


def role_of(asked: AskedRole) -> Role:
    """The part that flags ask for.

    Raises:
        UsageError: Two parts at once, a part without what it needs, or a port that somebody else has.
    """
    for problem in asked.problems():
        raise UsageError(problem)
    page = _free("--web", asked.web, _WEB_PORT) if asked.web is not None else None
    if asked.master:
        # Everybody who reaches this port can give orders: nobody elsewhere does unless told so.
        meeting = _free("--bind", asked.bind or "127.0.0.1", _MASTER_PORT)
        return Role(master=True, meeting=meeting, expected=asked.expect_workers or 1, web=page)
    if asked.master_host is not None:
        return Role(worker=True, meeting=_address("--master-host", asked.master_host, _MASTER_PORT))
    processes = asked.processes or 1
    return Role(processes=processes, meeting=_own_meeting() if processes > 1 else None, web=page)


def _own_meeting() -> SocketAddress:
    """Where processes of this machine meet: nobody elsewhere reaches it, and no other run has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return SocketAddress(*listener.getsockname())


def _free(flag: str, text: str, port: int) -> SocketAddress:
    """An address that one can listen at."""
    address = _address(flag, text, port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        socket.create_server(tuple(address), family=family).close()
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise UsageError(f"{flag}: cannot listen at {address} ({problem}); choose another port") from exc
    return address


def _address(flag: str, text: str, port: int) -> SocketAddress:
    """``HOST``, ``HOST:PORT`` or ``[IPv6]:PORT``."""
    whole = text if ":" in text else f"{text}:{port}"
    try:
        return SocketAddress.parse(whole)
    except ValueError as exc:
        raise UsageError(f"{flag}: {exc}") from exc
