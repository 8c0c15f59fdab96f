"""`mailproof serve`: run the reference server until Ctrl-C."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import embedded_server
from harness.errors import RunFailed

__all__ = ["serve"]


def serve(
    out: Annotated[Path, typer.Option(help="Where the target file goes; removed at the end.")] = Path(
        "mailproof-target.toml"
    ),
) -> None:
    """Run the reference server: print its endpoints and accounts, write its target file, stop on Ctrl-C."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with embedded_server() as target:
        certificate = out.with_suffix(".pem").absolute()
        try:
            certificate.write_text(target.ca_pem or "")
            out.write_text(target.with_ca(certificate).to_toml())
            out.chmod(0o600)
        except OSError as exc:
            raise RunFailed(f"{out}: cannot be written ({exc.strerror}); choose another --out") from exc
        try:
            typer.echo(f"{target.name}: mail for @{target.domain}")
            for endpoint in target.endpoints.values():
                typer.echo(f"  {endpoint.protocol:<12} {endpoint.address}")
            for account in target.accounts:
                typer.echo(f"  account      {account.user}  password {account.password}")
            typer.echo(f"target file: {out}   (mailproof check {out})\nCtrl-C ends it.")
            done.wait()
        finally:
            out.unlink(missing_ok=True)
            certificate.unlink(missing_ok=True)
