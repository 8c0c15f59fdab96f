"""`mailproof serve`: run the reference server, or a whole world of mail hosts, until Ctrl-C."""

import datetime as dt
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated, Final, TextIO

import typer

from harness.cli.options import RunningHost, RunningWorld, listen_address, served_world
from harness.errors import RunFailed
from harness.sealed.make_keys import make_keys
from harness.target import SocketAddress

__all__ = ["serve"]

# Ours: of so many accounts the keys take a second to make.
_MANY_ACCOUNTS: Final = 100
# Ours: a word and a host's name.
_MAX_ORDER: Final = 1000


class Wake(Enum):
    """Why `serve` wakes up."""

    END = auto()
    RENEW = auto()


_SIGNALS: Final = {signal.SIGINT: Wake.END, signal.SIGTERM: Wake.END}
if hasattr(signal, "SIGHUP"):
    _SIGNALS[signal.SIGHUP] = Wake.RENEW


def serve(
    world: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The world to play; without it, one server.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep mail and queues here; without it they are gone at the end."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Run only this host of the world (or: dns); may be repeated."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Where the target file goes (of several hosts, NAME-HOST.toml each); removed at the end."
        ),
    ] = Path("mailproof-target.toml"),
    keys: Annotated[
        bool | None,
        typer.Option(
            "--keys/--no-keys",
            help="Keys for the accounts, in DIR/keys with --data, else beside the target file; default: up to 100.",
        ),
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(
            "--web",
            metavar="[ADDRESS:]PORT",
            help="Show the world in the browser as it lives; port 0 for any; the address is 127.0.0.1 unless given.",
        ),
    ] = None,
    until_eof: Annotated[
        bool,
        typer.Option("--until-eof", help="End with the standard input, too: when whoever started it does."),
    ] = False,
) -> None:
    """Run the reference server: print its endpoints and accounts, write its target file, stop on Ctrl-C.

    SIGHUP, or the order renew, has certificates read again while everything goes on.
    """
    # Signals come at any time: nothing but this queue may be touched then.
    wakes = SimpleQueue[Wake]()
    for number, wake in _SIGNALS.items():
        signal.signal(number, lambda *_, wake=wake: wakes.put(wake))
    listen = listen_address("--web", web) if web is not None else None
    with (
        served_world(world, data_dir=made(data), only=only or ()) as running,
        console(running, listen) as url,
        key_directory(running, data, out, wanted=keys) as directory,
        written(running, out, directory) as files,
    ):
        describe(running)
        if url is not None:
            typer.echo(f"console: {url}")
        for path in files:
            typer.echo(f"target file: {path}   (mailproof check {path})")
        if len(running.hosts) > 1:
            typer.echo("down HOST, up HOST, slow HOST and unreachable HOST change how a host is met.")
        if until_eof or len(running.hosts) > 1:
            ended = partial(wakes.put, Wake.END) if until_eof else None
            threading.Thread(target=obey, args=(running, sys.stdin, ended), daemon=True).start()
        typer.echo("Ctrl-C ends it.")
        while wakes.get() is not Wake.END:
            typer.echo(renewed(running))


@contextmanager
def console(running: RunningWorld, listen: SocketAddress | None) -> Iterator[str | None]:
    """The world in the browser, where that is wanted; whoever reaches it may do everything in it."""
    if listen is None:
        yield None
        return
    if not ip_address(listen.host).is_loopback:
        warning = f"WARNING: whoever reaches {listen} reads all mail of this world, and may change it"
        typer.secho(warning, fg="red", bold=True, err=True)
    with ExitStack() as opened:
        try:
            url = opened.enter_context(running.open_console(listen))
        except OSError as exc:
            raise RunFailed(f"--web {listen}: cannot be served ({exc.strerror or exc})") from exc
        yield url


def obey(running: RunningWorld, orders: TextIO, ended: Callable[[], None] | None = None) -> None:
    """Read orders, a line each, to the end of the input; then call `ended`."""
    while line := orders.readline(_MAX_ORDER):
        if words := line.split():
            typer.echo(obeyed(running, words))
    if ended is not None:
        ended()


def obeyed(running: RunningWorld, words: list[str]) -> str:
    """What became of one order."""
    if words == ["renew"]:
        return renewed(running)
    if len(words) != 2:
        return f"{' '.join(words)!r}: say down, up, slow or unreachable, and a host; or renew"
    reach, host = words
    try:
        return f"{running.set_reach(host, reach)} is {reach}"
    except KeyError as exc:
        return str(exc.args[0])
    except ValueError:
        return f"{reach!r} is none of down, up, slow, unreachable"
    except OSError as exc:
        return f"{host}: cannot listen ({exc})"


def renewed(running: RunningWorld) -> str:
    """What became of every host's certificates, a line each."""
    return "\n".join(
        f"{host}: keeps its certificates: {problem}" if problem else f"{host}: certificates renewed"
        for host, problem in running.renew().items()
    )


def made(data: Path | None) -> Path | None:
    """The data directory, made where it is missing; `RunFailed` where it cannot be."""
    if data is not None:
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise RunFailed(f"{data}: cannot be made ({exc.strerror}); choose another --data") from exc
    return data


def describe(running: RunningWorld) -> None:
    """Who is there, and where."""
    for running_host in running.hosts.values():
        host, target = running_host.host, running_host.target
        mail = f"mail for @{target.domain}" if target.accounts else "no mailboxes"
        typer.echo(f"{host.name} ({host.address}): {mail}; {running_host.reach}, relays: {host.relay}")
        for endpoint in target.endpoints.values():
            typer.echo(f"  {endpoint.protocol:<12} {endpoint.address}")
        for account in target.accounts:
            typer.echo(f"  account      {account.user}  password {account.password}")
        if host.relay == "open":
            warning = f"WARNING: {host.name} is an OPEN RELAY: it takes mail from anybody to anybody"
            typer.secho(warning, fg="red", bold=True, err=True)
    if running.dns is not None:
        network = running.world.network
        typer.echo(f"DNS: {network.dns_address}:{network.dns_port}")


@contextmanager
def key_directory(
    running: RunningWorld, data: Path | None, out: Path, *, wanted: bool | None
) -> Iterator[Path | None]:
    """Keys for every account of the world: kept with its data, or gone at the end with its target file."""
    addresses = [account.address for host in running.hosts.values() for account in host.target.accounts]
    if wanted is None:
        wanted = len(addresses) <= _MANY_ACCOUNTS
    if not wanted or not addresses:
        yield None
        return
    kept = data / "keys" if data is not None else None
    directory = (kept or out.with_name(f"{out.stem}-keys")).absolute()
    try:
        yield make_keys(directory, addresses, dt.datetime.now(dt.UTC))
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def written(running: RunningWorld, out: Path, keys: Path | None) -> Iterator[list[Path]]:
    """A target file for every host, and the certificates that it names; gone at the end."""
    single = len(running.hosts) == 1
    files = {out if single else out.with_stem(f"{out.stem}-{name}"): h for name, h in running.hosts.items()}
    files = {path: running_host for path, running_host in files.items() if offers(running_host)}
    certificate = out.with_suffix(".pem").absolute()
    client_files = {path: path.with_name(f"{path.stem}-client.pem").absolute() for path in files}
    try:
        certificate.write_text(running.ca_pem)
        for path, running_host in files.items():
            target = replace(running_host.target.with_ca(certificate), keys=keys)
            if target.client_pem is not None:
                shown = client_files[path]
                private(shown, target.client_pem)
                target = target.with_client_certificate(shown)
            private(path, target.to_toml())
        yield list(files)
    except OSError as exc:
        raise RunFailed(f"{out}: cannot be written ({exc.strerror}); choose another --out") from exc
    finally:
        for path in (*files, *client_files.values(), certificate):
            path.unlink(missing_ok=True)


def offers(running_host: RunningHost) -> bool:
    """Whether there is anything to be proved: a host that was never up has no ports yet."""
    return all(endpoint.port for endpoint in running_host.target.endpoints.values())


def private(path: Path, text: str) -> None:
    """Write what others must not read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
