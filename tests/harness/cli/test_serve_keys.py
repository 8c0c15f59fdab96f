"""`mailproof serve` makes keys for its accounts, and keeps them with its data."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.sealed import load_keys
from harness.target import Target

BOUND_S = 60


@contextmanager
def serving(directory: Path, *flags: str) -> Iterator[Target]:
    """The command, as a user runs it; its target."""
    command = [sys.executable, "-m", "harness.cli", "serve", "--out", "t.toml", *flags]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any(line.startswith("Ctrl-C") for line in process.stdout)
        yield Target.load(directory / "t.toml")
    finally:
        process.terminate()
        process.communicate(timeout=BOUND_S)


def test_every_account_has_keys_as_long_as_it_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as target:
        assert target.keys == tmp_path / "t-keys"
        keys = load_keys([target.keys])
        assert len(keys.authorities) == 1
        assert len(keys.private_keys) == len(keys.secrets) == len(target.accounts)

    assert list(tmp_path.iterdir()) == []


def test_keys_are_kept_with_the_data(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with serving(tmp_path, "--data", "data") as target:
            assert target.keys == tmp_path / "data" / "keys"
            found.append({path.name: path.read_bytes() for path in target.keys.iterdir()})

    assert found[0] == found[1]
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / "keys").iterdir()} == found[0]


def test_who_wants_none_gets_none(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-keys") as target:
        assert target.keys is None
        assert not (tmp_path / "t-keys").exists()
