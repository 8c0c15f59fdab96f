"""The target of a load run, as a file that generator processes read: given, made of flags, or embedded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cli.load_embedded import embedded_server, made_accounts
from harness.cli.options import TargetFlags, open_target
from harness.target import Account, Target

__all__ = ["Place", "load_target"]


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


@contextmanager
def load_target(
    path: Path | None,
    flags: TargetFlags,
    *,
    verify_tls: bool,
    accounts: Sequence[Account],
    embedded_accounts: int,
    directory: Path,
) -> Iterator[Place]:
    """The target that was asked for; the embedded server runs as long as the context.

    Args:
        accounts: In place of the target's own, where there are any.
        embedded_accounts: How many the embedded server has, where none are given.
        directory: Private, and there as long as the context.

    Raises:
        UsageError: A key or flag is wrong.
        RunFailed: The embedded server did not become ready.
    """
    if path is None and not any(flags.values()):
        with embedded_server(directory, accounts or made_accounts(embedded_accounts)) as server:
            yield Place(Target.load(server.target), server.target, (server.pid,))
        return
    # Whether a run may be at all is asked later, when it is known how much it would do.
    with open_target(path, flags, verify_tls=verify_tls, authorized=True) as target:
        if path is not None and not accounts:
            yield Place(target, path.absolute())
        else:
            yield _written(replace(target, accounts=tuple(accounts) or target.accounts), directory)


def _written(target: Target, directory: Path) -> Place:
    """A target of flags, or with accounts from elsewhere, as a private file."""
    if target.ca is not None:
        target = target.with_ca(target.ca.absolute())
    file = directory / "target.toml"
    file.touch(0o600)
    file.write_text(target.to_toml())
    return Place(target, file)
