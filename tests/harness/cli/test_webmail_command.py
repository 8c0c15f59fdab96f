"""`mailproof webmail` as it is run: a page is served until Ctrl-C."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from reference_server import serve

_PROGRAM = Path(sys.executable).with_name("mailproof")


def _run(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(_PROGRAM), "webmail", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def _lines(program: "subprocess.Popen[str]") -> list[str]:
    assert program.stdout
    lines: list[str] = []
    for line in program.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return lines


@pytest.mark.parametrize("how", ["of a target file", "of the embedded server"])
def test_it_serves_until_ctrl_c(tmp_path: Path, how: str) -> None:
    with serve() as target:
        (tmp_path / "ca.pem").write_text(target.ca_pem or "")
        (tmp_path / "target.toml").write_text(target.with_ca(tmp_path / "ca.pem").to_toml())
        files = ["target.toml"] if how == "of a target file" else []
        with _run(*files, "--web", "127.0.0.1:0", cwd=tmp_path) as program:
            lines = _lines(program)
            (url,) = re.findall(r"http://\S+", lines[0])
            page = httpx.get(f"{url}/login").text
            program.send_signal(signal.SIGINT)
            assert program.wait(60) == 0
    assert f"Log in to {target.name}" in page
    assert any("alice@example.test" in line for line in lines) == (not files)


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--web", "localhost"], "is not ADDRESS:PORT", 2),
        (["--web", "127.0.0.1:99999"], "a port is from 0 to 65535", 2),
        (["--certificate", "x.pem"], "give --certificate and --key, or neither", 2),
        (["pop3.toml"], "webmail reads by IMAP", 2),
        (["--web", "192.0.2.1:0"], "cannot be served", 3),
    ],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, arguments: list[str], said: str, code: int
) -> None:
    (tmp_path / "pop3.toml").write_text('domain = "example.test"\n[endpoints]\npop3 = "127.0.0.1:110"\n')
    with _run(*arguments, cwd=tmp_path) as program:
        _, complaint = program.communicate(timeout=120)
    assert program.returncode == code
    assert said in complaint
    assert len(complaint.splitlines()) == 1
