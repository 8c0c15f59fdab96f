"""`mailproof serve --world`: a world until it is ended, and orders to it meanwhile."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients.live import LiveTarget
from harness.target import Target
from reference_server.tls import CertificateAuthority

WORLD = """
name = "two hosts"
cheap_hashes = true

[[hosts]]
name = "mail1.example.test"
address = "127.0.0.1"
listeners = ["smtp", "imap"]

[[hosts]]
name = "mail2.example.test"
address = "127.0.0.2"
listeners = ["smtp"]
relay = "{relay}"

[[domains]]
name = "example.test"
mailboxes = "mail1.example.test"
mx = ["10 mail1.example.test", "20 mail2.example.test"]
aliases = {{ postmaster = "ann" }}

[[users]]
address = "ann@example.test"
password = "secret"
"""


class Serving:
    """The command, as a user runs it."""

    def __init__(self, directory: Path, relay: str = "none", *arguments: str, tls: str = "") -> None:
        self.directory = directory
        (directory / "world.toml").write_text(WORLD.format(relay=relay) + tls)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "harness.cli", "serve", "--world", "world.toml", "--out", "t.toml"),
                *arguments,
            ],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self, until: str) -> list[str]:
        """The lines up to one that begins so."""
        lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(until):
                return lines
        raise AssertionError(f"it ended without {until!r}: {lines}")

    def order(self, text: str, until: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        return self.said(until)[-1]

    def end(self) -> str:
        """Returns what it said on stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    running = Serving(tmp_path)
    yield running
    running.end()


def test_hosts_are_told_and_each_has_a_target_file(serving: Serving, tmp_path: Path) -> None:
    lines = serving.said("Ctrl-C")
    assert any(line.startswith("mail1.example.test (127.0.0.1): mail for @example.test") for line in lines)
    assert any(line.startswith("DNS: 127.0.0.1:") for line in lines)
    target = Target.load(tmp_path / "t-mail1.example.test.toml")
    assert [account.user for account in target.accounts] == ["ann@example.test"]
    serving.end()
    assert [path.name for path in tmp_path.iterdir()] == ["world.toml"]


def test_a_host_goes_down_and_comes_back_by_order(serving: Serving) -> None:
    serving.said("Ctrl-C")
    assert serving.order("down mail2", "mail2") == "mail2.example.test is down"
    assert serving.order("up mail2", "mail2") == "mail2.example.test is up"
    assert "none of down" in serving.order("sleepy mail2", "'sleepy'")
    assert "no host is named" in serving.order("down mail9", "no host")


@pytest.mark.parametrize("by_signal", [True, False])
def test_certificates_are_renewed_by_signal_and_by_order(serving: Serving, by_signal: bool) -> None:
    serving.said("Ctrl-C")
    if by_signal:
        serving.process.send_signal(signal.SIGHUP)
        lines = serving.said("mail2")
    else:
        lines = [serving.order("renew", "mail1"), *serving.said("mail2")]
    assert lines == ["mail1.example.test: certificates renewed", "mail2.example.test: certificates renewed"]
    assert serving.order("slow mail2", "mail2") == "mail2.example.test is slow"


def test_a_host_that_asks_for_certificates_gives_one_to_who_tries_it(tmp_path: Path) -> None:
    running = Serving(tmp_path, "none", tls='[tls]\nclient_certificates = "required"\n')
    running.said("Ctrl-C")
    target = Target.load(tmp_path / "t-mail1.example.test.toml")
    assert target.client_certificate == tmp_path / "t-mail1.example.test-client.pem"
    assert target.client_certificate.stat().st_mode & 0o077 == 0

    live = LiveTarget(target)
    try:
        assert live.imap(tls=True).transport.tls
    finally:
        live.close()
        running.end()

    assert [path.name for path in tmp_path.iterdir()] == ["world.toml"]


def test_a_renewal_that_fails_is_told_and_the_old_certificate_stays(tmp_path: Path) -> None:
    pem = tmp_path / "cert.pem"
    pem.write_bytes(CertificateAuthority().issue("mail1.example.test"))
    running = Serving(tmp_path, "none", tls='[[tls.certificates]]\nfile = "cert.pem"\n')
    running.said("Ctrl-C")
    pem.write_text("gone")
    running.process.send_signal(signal.SIGHUP)
    (line,) = running.said("mail1")
    assert line.startswith("mail1.example.test: keeps its certificates: tls.certificates[0].file: ")
    assert line.endswith("cert.pem holds no certificate in PEM form")
    running.end()


def test_an_open_relay_is_warned_of_loudly(tmp_path: Path) -> None:
    running = Serving(tmp_path, "open")
    running.said("Ctrl-C")
    assert "WARNING: mail2.example.test is an OPEN RELAY" in running.end()


def test_one_line_says_which_host_there_is_not(tmp_path: Path) -> None:
    running = Serving(tmp_path, "none", "--only", "mail9")
    out, error = running.process.communicate(timeout=30)
    assert (out, running.process.returncode) == ("", 2)
    assert error.startswith("mailproof: --only: no host is named 'mail9'; the world has mail1.example.test, ")
