"""A target that lies about its mail, in known numbers, and the audit that has to find exactly those."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reference_server import serve
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.plan import Filing

# Of so many deliveries each lie is told about one, at its own place.
EVERY = 1000
LIES = {300: "lost", 500: "duplicated", 700: "corrupted"}

PROFILE = """
arrivals = "even"

[content]
sizes = "fixed"
octets = 1200

[reading]
mode = "none"

[audit]
wait_s = 1
"""

Filer = Callable[[Acceptance, Filing], int]


class Liar:
    """Stands before the store: of every thousand deliveries one is dropped, one filed twice, one changed."""

    def __init__(self, honest: Filer) -> None:
        self.honest = honest
        self.deliveries = 0
        self.told = dict.fromkeys(LIES.values(), 0)

    def file(self, acceptance: Acceptance, filing: Filing) -> int:
        self.deliveries += 1
        lie = LIES.get(self.deliveries % EVERY)
        if lie is None:
            return self.honest(acceptance, filing)
        self.told[lie] += 1
        if lie == "lost":
            return 1
        if lie == "corrupted":
            return self.honest(acceptance, flipped(filing, self.deliveries))
        self.honest(acceptance, filing)
        return self.honest(acceptance, filing)


def flipped(filing: Filing, number: int) -> Filing:
    """The same filing with the lowest bit of one letter of its body turned over."""
    content = bytearray(filing.content)
    letters = [at for at in range(content.index(b"\r\n\r\n"), len(content)) if chr(content[at]).isalpha()]
    content[letters[number * 7919 % len(letters)]] ^= 1
    return replace(filing, content=bytes(content))


def load(target: Path, out: Path, *options: str) -> dict[str, Any]:
    """The summary of `mailproof load inbound`, whatever it exits with."""
    command = [
        sys.executable,
        "-m",
        "harness.cli",
        "load",
        "inbound",
        str(target),
        "--out",
        str(out),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (out / "summary.json").exists(), done.stdout + done.stderr
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary | {"exit": done.returncode}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile.toml"
    path.write_text(PROFILE)
    return path


def test_each_lie_is_found_and_none_is_invented(
    tmp_path: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(Acceptance.put_into_store)

    def file_falsely(acceptance: Acceptance, filing: Filing) -> int:
        return liar.file(acceptance, filing)

    monkeypatch.setattr(Acceptance, "put_into_store", file_falsely)
    with serve() as target:
        ca = tmp_path / "ca.pem"
        ca.write_text(target.ca_pem or "")
        file = tmp_path / "target.toml"
        file.write_text(target.with_ca(ca).to_toml())
        flags = ["--rate", "100", "--duration", "22", "--seed", "11"]

        summary = load(file, tmp_path / "run", "--profile", str(profile), *flags)

    assert liar.deliveries > 2 * EVERY
    audit = summary["audit"]
    assert {lie: audit[lie] for lie in liar.told} == liar.told
    assert audit["owed"] == liar.deliveries
    assert audit["found_once"] == audit["owed"] - sum(liar.told.values())
    assert audit["misdelivered"] == audit["undecided"] == audit["strangers"] == 0
    assert summary["exit"] == 1
