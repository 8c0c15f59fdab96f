"""From a target file and flags to a target; the flags are keys of the file by other means."""

import ipaddress
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, cast
from typing import Protocol as Shape

import typer

from harness.errors import UsageError
from harness.target import Protocol, SocketAddress, Target

__all__ = [
    "PASSWORD_ENV",
    "RunningHost",
    "RunningWorld",
    "TargetFlags",
    "TargetPath",
    "ask_password",
    "embedded_server",
    "listen_address",
    "load_server",
    "open_target",
    "served_world",
]

PASSWORD_ENV = "MAILPROOF_PASSWORD"  # noqa: S105 (the name of a variable)

TargetPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[TARGET.toml]", help="The target file; without it, the embedded reference server."
    ),
]


class TargetFlags(dict[str, str | None]):
    """The endpoint flags given, by protocol name, and ``user``, ``domain``, ``ca``."""


class _Serve(Shape):
    def __call__(self, *, faults: Iterable[str]) -> AbstractContextManager[Target]: ...


class HostData(Shape):
    """A host of a world, as its file says."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def relay(self) -> str: ...


class RunningHost(Shape):
    """A host that runs."""

    @property
    def host(self) -> HostData: ...
    @property
    def target(self) -> Target: ...
    @property
    def reach(self) -> str: ...
    @property
    def ports(self) -> Mapping[Protocol, int]: ...


class NetworkData(Shape):
    """Where a world's DNS answers, and the port that stands for 25."""

    @property
    def dns_address(self) -> str: ...
    @property
    def dns_port(self) -> int: ...
    @property
    def smtp_port(self) -> int: ...


class WorldData(Shape):
    """A world, as its file says."""

    @property
    def network(self) -> NetworkData: ...


class RunningWorld(Shape):
    """A world that runs."""

    @property
    def hosts(self) -> Mapping[str, RunningHost]: ...
    @property
    def world(self) -> WorldData: ...
    @property
    def dns(self) -> object | None: ...
    @property
    def ca_pem(self) -> str: ...
    def set_reach(self, host: str, reach: str) -> str: ...
    def renew(self) -> dict[str, str]: ...
    def open_console(self, listen: SocketAddress) -> AbstractContextManager[str]: ...


class _ServeWorld(Shape):
    def __call__(
        self, path: Path | None, *, data_dir: Path | None, only: Iterable[str]
    ) -> AbstractContextManager[RunningWorld]: ...


def served_world(
    path: Path | None, *, data_dir: Path | None, only: Iterable[str]
) -> AbstractContextManager[RunningWorld]:
    """The world of a file, run by the reference server of this installation, met by its entry point alone.

    Raises:
        UsageError: None is installed.
    """
    return cast("_ServeWorld", load_server("world"))(path, data_dir=data_dir, only=only)


def load_server(name: str) -> object:
    """What the installed reference server offers under a name; `UsageError` where none is installed."""
    for entry in entry_points(group="mailproof.servers", name=name):
        return cast("object", entry.load())
    raise UsageError("no embedded server is installed; reinstall mailproof, or give a target file")


def embedded_server(*, faults: Iterable[str] = ()) -> AbstractContextManager[Target]:
    """The reference server of this installation, met by its entry point alone, with these deviations.

    Raises:
        UsageError: None is installed.
    """
    return cast("_Serve", load_server("embedded"))(faults=faults)


@contextmanager
def open_target(
    path: Path | None, flags: TargetFlags, *, verify_tls: bool, authorized: bool
) -> Iterator[Target]:
    """The target that was asked for; the embedded server runs as long as the context.

    Raises:
        UsageError: A key or flag is wrong, both ways were used, or the target is not on this host and nobody said
            `--authorized`.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if path is None and not given:
        with embedded_server() as target:
            yield target
        return
    if path is not None and given:
        raise UsageError(f"give a target file or flags, not both (--{', --'.join(given)})")
    target = Target.load(path) if path is not None else _from_flags(given, verify_tls=verify_tls)
    if not target.on_this_host and not authorized:
        raise UsageError(
            f"{target.name} is not on this host: checks send mail to it and log in; "
            "if its owner agrees, say so with --authorized"
        )
    yield target


def _from_flags(given: dict[str, str], *, verify_tls: bool) -> Target:
    data: dict[str, object] = {
        "endpoints": {p: given[p] for p in Protocol if p in given},
        "verify_tls": verify_tls,
    }
    user = given.get("user")
    domain = given.get("domain") or (user.rpartition("@")[2] if user and "@" in user else None)
    if domain is None:
        raise UsageError("--domain: say which domain's mail the target takes, or give --user USER@DOMAIN")
    data["domain"] = domain
    if "ca" in given:
        data["ca"] = given["ca"]
    if user:
        data["accounts"] = [{"user": user, "password": ask_password(user)}]
    return Target.from_mapping(data, source="flags")


def ask_password(user: str) -> str:
    """The password of the environment, or of the one at the terminal; `UsageError` where there is neither."""
    if password := os.environ.get(PASSWORD_ENV):
        return password
    if sys.stdin.isatty():
        return cast("str", typer.prompt(f"Password of {user}", hide_input=True, err=True))
    raise UsageError(f"{user}: put the password into the environment as {PASSWORD_ENV}")


def listen_address(option: str, text: str) -> SocketAddress:
    """Where pages are served: a port, 0 for any, of this machine alone unless an address is given.

    Raises:
        UsageError: It is neither; the option is named.
    """
    host, _, port = text.rpartition(":")
    try:
        # SocketAddress.parse knows no port 0.
        address = SocketAddress(str(ipaddress.ip_address(host.strip("[]") or "127.0.0.1")), int(port))
    except ValueError as exc:
        raise UsageError(
            f"{option} {text!r} is not ADDRESS:PORT, as in 127.0.0.1:8025 or [::1]:8025"
        ) from exc
    if not 0 <= address.port < 65536:
        raise UsageError(f"{option} {text!r}: a port is from 0 to 65535")
    return address
