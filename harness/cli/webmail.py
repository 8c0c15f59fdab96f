"""`mailproof webmail`: read and write a target's mail in a browser."""

import signal
import ssl
import threading
from contextlib import AbstractContextManager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import typer

from harness.cli.options import TargetFlags, TargetPath, listen_address, load_server, open_target
from harness.clients.tls import client_context
from harness.errors import RunFailed, UsageError
from harness.target import SocketAddress, Target

if TYPE_CHECKING:
    from harness.sealed.keys import Keys

__all__ = ["webmail"]


class _OpenWebmail(Protocol):
    def __call__(
        self,
        target: Target,
        context: ssl.SSLContext,
        *,
        listen: SocketAddress,
        certificate: tuple[Path, Path] | None,
        names: frozenset[str],
        keys: "Keys | None",
    ) -> AbstractContextManager[str]: ...


def webmail(
    target_file: TargetPath = None,
    web: Annotated[
        str, typer.Option("--web", metavar="HOST:PORT", help="Where pages are served; port 0 for any.")
    ] = "127.0.0.1:8025",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="A host name that browsers use for it; may be repeated."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="PEM chain: serve HTTPS.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="PEM key of the chain.")] = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(
            "--keys",
            metavar="PATH",
            help="Keys and certificates, to check and open sealed mail with; default: those of the target file.",
        ),
    ] = None,
) -> None:
    """Serve a webmail for a target: everybody logs in with name and password of the mail server.

    Mail is read by IMAP and sent by submission. Without a target file it is the embedded server's.

    Exit codes: 0 ended by Ctrl-C; 2 usage or target file; 3 the address cannot be listened at.
    """
    listen = listen_address("--web", web)
    if (certificate is None) != (key is None):
        raise UsageError("give --certificate and --key, or neither")
    pair = (certificate, key) if certificate and key else None
    open_webmail = cast("_OpenWebmail", load_server("webmail"))
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with open_target(target_file, TargetFlags(), verify_tls=True, authorized=True) as target:
        context = client_context(target)
        paths = keys or ([target.keys] if target.keys else [])
        loaded = _loaded(paths) if paths else None
        try:
            with open_webmail(
                target, context, listen=listen, certificate=pair, names=frozenset(name or ()), keys=loaded
            ) as url:
                _describe(target, url, listen, https=pair is not None, embedded=target_file is None)
                done.wait()
        except OSError as exc:
            raise RunFailed(f"--web {web}: cannot be served ({exc.strerror or exc})") from exc


def _loaded(paths: list[Path]) -> "Keys":
    from harness.sealed.keys import load_keys  # loads libraries that nobody needs without keys

    return load_keys(paths)


def _describe(target: Target, url: str, listen: SocketAddress, *, https: bool, embedded: bool) -> None:
    typer.echo(f"webmail of {target.name}: {url}")
    if embedded:
        for account in target.accounts:
            typer.echo(f"  account {account.user}  password {account.password}")
    if not https and not ip_address(listen.host).is_loopback:
        warning = "WARNING: passwords go over the network in the clear; give --certificate and --key"
        typer.secho(warning, fg="red", bold=True, err=True)
    typer.echo("Ctrl-C ends it.")
