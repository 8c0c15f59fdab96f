"""The target of a load run, as a file that generator processes read: given, made of flags, or embedded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cli.load_embedded import EMBEDDED_DOMAIN, embedded_server, made_accounts
from harness.cli.options import TargetFlags, ask_password, open_target
from harness.errors import UsageError
from harness.target import Account, Target
from harness.toml_files import MAX_FILE_OCTETS
from loadtests.accounts import expand, read_accounts

__all__ = ["Place", "TargetRequest"]


@dataclass(frozen=True, slots=True)
class Place:
    """
    Attributes:
        file: The target file; it holds passwords, and is private where we made it.
        pids: Processes of the target that are known to be here.
    """

    target: Target
    file: Path
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRequest:
    """Which target was asked for, by a file, by flags, or by neither.

    Attributes:
        accounts: In place of the target's own: a CSV file, or a pattern.
    """

    path: Path | None
    flags: TargetFlags
    verify_tls: bool
    accounts: str | None
    authorized: bool

    @property
    def embedded(self) -> bool:
        """Nobody named a target."""
        return self.path is None and not any(self.flags.values())

    @contextmanager
    def opened(self, directory: Path, embedded_accounts: int) -> Iterator[Place]:
        """The target that was asked for; the embedded server runs as long as the context.

        Args:
            directory: Private, and there as long as the context.
            embedded_accounts: How many the embedded server has, where none are given.

        Raises:
            UsageError: A key or flag is wrong.
            RunFailed: The embedded server did not become ready.
        """
        if self.embedded:
            known = _accounts(self.accounts, EMBEDDED_DOMAIN) or made_accounts(embedded_accounts)
            with embedded_server(directory, known) as server:
                yield Place(Target.load(server.target), server.target, (server.pid,))
            return
        # Whether a run may be at all is asked later, when it is known how much it would do.
        with open_target(self.path, self.flags, verify_tls=self.verify_tls, authorized=True) as target:
            if self.path is not None and self.accounts is None:
                yield Place(target, self.path.absolute())
            else:
                known = _accounts(self.accounts, target.domain) or target.accounts
                yield _written(replace(target, accounts=known), directory)


def _accounts(text: str | None, domain: str) -> tuple[Account, ...]:
    """Those of a CSV file or a pattern; the pattern's password is asked for as that of `--user` is."""
    if text is None:
        return ()
    path = Path(text)
    if path.is_file() or "{" not in text:
        return read_accounts(path, domain)
    try:
        return tuple(expand(text, ask_password(text), domain))
    except UsageError as exc:
        raise UsageError(f"--accounts: {exc}") from exc


def _written(target: Target, directory: Path) -> Place:
    """A target of flags, or with accounts from elsewhere, as a private file."""
    files = {key: getattr(target, key) for key in ("ca", "client_certificate", "client_key", "keys")}
    text = replace(target, **{key: path.absolute() for key, path in files.items() if path}).to_toml()
    if len(text) > MAX_FILE_OCTETS:
        raise UsageError(f"{len(target.accounts):,} accounts are more than a target file has room for")
    file = directory / "target.toml"
    file.touch(0o600)
    file.write_text(text)
    return Place(target, file)
