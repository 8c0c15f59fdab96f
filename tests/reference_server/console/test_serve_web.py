"""`mailproof serve --web`: the console of the world that is served, on an address that is asked for."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from harness.cli.options import listen_address
from harness.errors import UsageError


def test_the_address_is_printed_and_answers_until_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.cli", "serve", "--web", "0", "--until-eof", "--no-keys"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "target.toml")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = served.stdout.readline()
            assert line, printed
            printed += line
        found = re.search(r"^console: (http://127\.0\.0\.1:\d+)$", printed, re.MULTILINE)
        assert found, printed
        assert "alice" in httpx.get(f"{found[1]}/hosts").text
        served.stdin.close()
        assert served.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0", ("127.0.0.1", 0)),
        (":8025", ("127.0.0.1", 8025)),
        ("127.0.0.2:1", ("127.0.0.2", 1)),
        ("[::1]:2", ("::1", 2)),
    ],
)
def test_an_address_is_this_machines_unless_it_says_otherwise(text: str, address: tuple[str, int]) -> None:
    found = listen_address("--web", text)
    assert (found.host, found.port) == address


@pytest.mark.parametrize("text", ["", "localhost:1", "127.0.0.1:", "70000", "-1", "mail"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="--web"):
        listen_address("--web", text)


def test_an_address_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.cli", "serve", "--web", "192.0.2.1:0", "--no-keys"]
    ended = subprocess.run(
        [*command, "--out", str(tmp_path / "t.toml")], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 3
    assert "--web 192.0.2.1:0: cannot be served" in ended.stderr
    assert "reads all mail of this world" in ended.stderr
    assert "Traceback" not in ended.stderr
