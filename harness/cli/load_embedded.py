"""The embedded reference server in a process of its own, with as many accounts as a load run wants."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from harness.cli.load_child import child, last_words, wait_for_line
from harness.errors import RunFailed
from harness.target import Account

__all__ = ["EMBEDDED_DOMAIN", "EmbeddedServer", "embedded_server", "made_accounts", "world_of"]

# Ours: a server with ten thousand accounts is ready in seconds, on a busy machine too.
_READY_S: Final = 60.0
# The last line that `mailproof serve` prints when it is ready.
_READY_LINE: Final = b"Ctrl-C ends it."

EMBEDDED_DOMAIN: Final = "example.test"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """Its target file, which goes away with it, and its process."""

    target: Path
    pid: int


def made_accounts(count: int) -> tuple[Account, ...]:
    """``user1@example.test`` and its neighbours; their passwords are no secret."""
    addresses = (f"user{number}@{EMBEDDED_DOMAIN}" for number in range(1, count + 1))
    return tuple(Account(address, "secret", address) for address in addresses)


def world_of(accounts: Sequence[Account]) -> str:
    """The world file of one host that has all these accounts.

    Password hashes are cheap: what is measured is mail, and argon2 at its proper cost would be most of a login.
    """
    quote = _quoted
    lines = ['name = "mailproof reference server"', "cheap_hashes = true", ""]
    lines += ["[[hosts]]", 'name = "mail.example.test"', 'address = "127.0.0.1"']
    firsts: dict[str, str] = {}
    for account in accounts:
        firsts.setdefault(account.address.rpartition("@")[2], account.address)
    for domain, postmaster in firsts.items():
        lines += ["", "[[domains]]", f"name = {quote(domain)}", 'mailboxes = "mail.example.test"']
        lines += ['mx = ["10 mail.example.test"]', f"aliases = {{ postmaster = {quote(postmaster)} }}"]
    for account in accounts:
        lines += ["", "[[users]]", f"address = {quote(account.address)}"]
        lines += [f"password = {quote(account.password)}"]
        lines += [] if "@" in account.user else [f"name = {quote(account.user)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's."""
    return msgspec.json.encode(text).decode()


@contextmanager
def embedded_server(directory: Path, accounts: Sequence[Account]) -> Iterator[EmbeddedServer]:
    """A server as long as the context.

    Args:
        directory: Private; gets the world file, the target file and the server's log.

    Raises:
        RunFailed: It did not become ready; with its last words.
    """
    world, target, log = (directory / name for name in ("world.toml", "embedded.toml", "serve.log"))
    world.write_text(world_of(accounts))
    command = [sys.executable, "-m", "harness.cli", "serve", "--until-eof"]
    command += ["--world", str(world), "--out", str(target)]
    # Its standard input ends with this process, whatever ends this process.
    with child(command, log=log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if not wait_for_line(process, _READY_LINE, _READY_S):
            raise RunFailed(
                f"the embedded server did not become ready: {last_words(log) or 'it said nothing'}"
            )
        yield EmbeddedServer(target, process.pid)
