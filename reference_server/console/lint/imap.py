"""What IMAP clients did."""

import re
from typing import Final

from harness.wire.imap.command_octets import SECRET
from reference_server.console.lint.model import Findings, Reader

__all__ = ["ImapLint"]

_LITERAL: Final = re.compile(rb"\{(?P<octets>\d{1,18})(?P<goes_on>\+?)\}\Z")
_CAPABILITIES: Final = re.compile(rb"^(?:\* CAPABILITY |\S+ OK \[CAPABILITY )([^\]\r\n]*)", re.MULTILINE)


class ImapLint(Reader):
    """Command lines and the literals between them; where a secret stands in for a literal it is lost."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(findings)
        self._pending = b""
        self._literal = 0
        self._capabilities: frozenset[bytes] = frozenset()
        self._idle: bytes | None = None
        self._idling = False
        self._auth_due = False
        self._in_command = False

    def received(self, octets: bytes) -> None:
        octets = self._pending + octets
        self._pending = b""
        while octets and not self.lost:
            if self._literal:
                taken = min(self._literal, len(octets))
                octets, self._literal = octets[taken:], self._literal - taken
                continue
            line, ending, octets = octets.partition(b"\n")
            if not ending:
                self._pending = line
                return
            self._line(line + ending, rest=octets)

    def _line(self, line: bytes, *, rest: bytes) -> None:
        text = line.rstrip(b"\r\n")
        if self._auth_due:
            return  # responses
        if self._idle is not None:
            self.lost = True  # sent before IDLE was answered: it may be its end already
            return
        if self._idling:
            self._idling = False
            if text.upper() != b"DONE":
                self.findings.add("imap.command-in-idle", line)
            return
        if not line.endswith(b"\r\n"):
            self.findings.add("imap.bare-lf", line)
            self.lost = True  # the server goes on to the next CRLF
            return
        if not self._in_command:
            self._command(text)
        announced = _LITERAL.search(text)
        self._in_command = announced is not None
        if announced is not None:
            self._announced(text, int(announced["octets"]), waits=not announced["goes_on"], rest=rest)

    def _command(self, text: bytes) -> None:
        tag, _, command = text.partition(b" ")
        verb, _, argument = command.partition(b" ")
        match verb.upper():
            case b"LOGIN":
                if b"LOGINDISABLED" in self._capabilities and not self._auth_due:
                    self.findings.add("imap.login-disabled", text)
                self.lost = _LITERAL.search(text) is not None or SECRET not in text
            case b"AUTHENTICATE":
                self._auth_due = True
                mechanism, _, initial = argument.partition(b" ")
                if mechanism.upper() == b"PLAIN" and initial == SECRET and not self.tls:
                    self.findings.add("sasl.plain-in-clear", text)
            case b"IDLE":
                self._idle = tag

    def _announced(self, text: bytes, octets: int, *, waits: bool, rest: bytes) -> None:
        if waits and rest:
            self.findings.add("imap.literal-not-awaited", text)
            self.lost = True
        elif SECRET in text:
            self.lost = True
        self._literal = octets

    def sent(self, octets: bytes) -> None:
        for found in _CAPABILITIES.finditer(octets):
            self._capabilities = frozenset(found[1].upper().split())
        last = octets.removesuffix(b"\r\n").rpartition(b"\r\n")[2]
        if self._auth_due and octets:
            self._auth_due = last.startswith(b"+")
        if self._idle is not None and octets:
            self._idling = any(line.startswith(b"+") for line in octets.split(b"\r\n"))
            self._idle = None
        if self._in_command and octets and not last.startswith(b"+"):
            self.lost = True  # whether a literal that was refused still comes cannot be told

    def noted(self, text: str) -> None:
        if text.startswith("TLS started"):
            self._pending, self._literal = b"", 0
            self._capabilities = frozenset()
            self._idle, self._idling, self._auth_due, self._in_command = None, False, False, False
