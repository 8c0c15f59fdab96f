"""What POP3 clients did."""

from typing import Final

from harness.wire.imap.command_octets import SECRET
from reference_server.console.lint.model import Findings, Reader, lines

__all__ = ["Pop3Lint"]

# RFC 2449 §4.
_COMMAND_OCTETS: Final = 255


class Pop3Lint(Reader):
    """Everything a client sends is a line: a command, or a response to a challenge."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(findings)
        self._pending = b""
        self._before = b""
        self._auth_due = False

    def received(self, octets: bytes) -> None:
        for line in lines(self._pending + octets):
            self._pending = b""
            if not line.endswith(b"\n"):
                self._pending = line
            elif not (self._auth_due or self.lost):
                self._command(line)

    def sent(self, octets: bytes) -> None:
        if octets:
            last = octets.removesuffix(b"\r\n").rpartition(b"\r\n")[2]
            self._auth_due = self._auth_due and last.startswith(b"+") and not last.startswith(b"+OK")

    def noted(self, text: str) -> None:
        if text.startswith("TLS started"):
            self._pending = self._before = b""
            self._auth_due = False

    def _command(self, line: bytes) -> None:
        word, _, argument = line.rstrip(b"\r\n").partition(b" ")
        verb = word.upper()
        if not line.endswith(b"\r\n"):
            self.findings.add("pop3.bare-lf", line)
            self.lost = True  # the server goes on to the next CRLF
            return
        if len(line) > _COMMAND_OCTETS and SECRET not in line:
            self.findings.add("pop3.command-too-long", line)
        if verb == b"PASS" and self._before != b"USER":
            self.findings.add("pop3.pass-without-user", line)
        if verb == b"AUTH":
            self._auth_due = True
            mechanism, _, initial = argument.partition(b" ")
            if mechanism.upper() == b"PLAIN" and initial == SECRET and not self.tls:
                self.findings.add("sasl.plain-in-clear", line)
        self._before = verb
