"""What SMTP and LMTP clients did."""

import re
from typing import Final

from harness.wire.imap.command_octets import SECRET
from harness.wire.smtp.address import parse_domain
from harness.wire.smtp.errors import CommandError
from reference_server.console.lint.model import Findings, Reader, lines

__all__ = ["SmtpLint"]

_HELLOS: Final = frozenset({b"EHLO", b"HELO", b"LHLO"})
# RFC 2920 §3.1; AUTH and STARTTLS have rules of their own.
_ENDS_GROUP: Final = frozenset({b"EHLO", b"LHLO", b"DATA", b"VRFY", b"EXPN", b"QUIT", b"NOOP"})
# RFC 5321 §4.5.3.1.4, §4.5.3.1.6. Extensions lengthen MAIL, RCPT and AUTH.
_COMMAND_OCTETS: Final = 512
_LENGTHENED: Final = frozenset({b"MAIL", b"RCPT", b"AUTH"})
_TEXT_OCTETS: Final = 1000

_PATH: Final = re.compile(
    rb"(?:MAIL[ \t]+FROM|RCPT[ \t]+TO)(?P<before>[ \t]*):(?P<after>[ \t]*)(?P<path>.*)", re.IGNORECASE
)


class SmtpLint(Reader):
    """Commands until 354, then a message until its dot. BDAT is not followed."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(findings)
        self._hello_sent = False
        # What the answer to the last hello offered; None where there was none to go by.
        self._offered: frozenset[bytes] | None = frozenset()
        self._hello_due = False
        self._data_due = False
        self._auth_due = False
        self._in_message = False
        self._pending = b""
        self._initial_response = False

    def received(self, octets: bytes) -> None:
        if self._in_message:
            self._message(octets)
        else:
            self._commands(octets)

    def sent(self, octets: bytes) -> None:
        replies = [line for line in octets.split(b"\r\n") if line]
        if not replies:
            return
        if self._in_message:
            self.lost = (
                True  # an answer before the end of the message: the two sides read it in different ways
            )
        if self._hello_due:
            self._hello_due = False
            self._heard_hello(replies)
        if self._auth_due:
            self._auth_due = replies[-1].startswith(b"334")
        if self._data_due:
            self._data_due = False
            self._in_message = replies[-1].startswith(b"354")

    def _heard_hello(self, replies: list[bytes]) -> None:
        if replies[-1].startswith(b"250"):
            self._offered = frozenset(line[4:].split(b" ")[0].upper() for line in replies[1:])
        else:
            self._offered = None

    def noted(self, text: str) -> None:
        if text.startswith("TLS started"):
            self._offered = None
            self._pending = b""
            self._data_due = self._auth_due = self._in_message = False

    # Commands

    def _commands(self, octets: bytes) -> None:
        before = b""
        for line in lines(self._pending + octets):
            self._pending = b""
            if not line.endswith(b"\n"):
                self._pending = line
                return
            if self._auth_due and not before:
                continue  # responses
            if before and not self._behind(before, line):
                return
            before = self._command(line)
            if self.lost:
                return

    def _behind(self, verb: bytes, line: bytes) -> bool:
        """A command behind another that was not answered yet; False where what follows cannot be told."""
        if verb == b"STARTTLS":
            self.findings.add("smtp.starttls-not-last", line)
            return False
        if verb == b"AUTH":
            if not self._initial_response:
                self.findings.add("smtp.auth-not-last", line)
            self.lost = True
            return False
        if self._offered is not None and b"PIPELINING" not in self._offered:
            self.findings.add("smtp.pipelining-not-offered", line)
        elif verb in _ENDS_GROUP:
            self.findings.add("smtp.not-last-in-group", line)
        # The answers to a group are not told apart: what is offered, and what is a message, is not known now.
        self.lost = verb in _HELLOS or verb == b"DATA"
        return not self.lost

    def _command(self, line: bytes) -> bytes:
        """Returns the verb."""
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not line.endswith(b"\r\n"):
            self.findings.add("smtp.bare-lf", line)
            self.lost = True  # the server goes on to the next CRLF
        if b"\r" in text:
            self.findings.add("smtp.bare-cr", line)
        word, _, argument = text.partition(b" ")
        verb = word.upper()
        if len(line) > _COMMAND_OCTETS and verb not in _LENGTHENED:
            self.findings.add("smtp.command-too-long", line)
        if verb in _HELLOS:
            self._hello(argument)
        elif verb in (b"MAIL", b"RCPT"):
            self._path(verb, text)
        elif verb == b"AUTH":
            self._auth(argument)
        elif verb == b"BDAT":
            self.lost = True
        self._data_due = self._data_due or verb == b"DATA"
        return verb or b" "

    def _hello(self, argument: bytes) -> None:
        self._hello_sent = self._hello_due = True
        try:
            parse_domain(argument.strip(b" "))
        except CommandError:
            self.findings.add("smtp.hello-name", argument)

    def _path(self, verb: bytes, text: bytes) -> None:
        if verb == b"MAIL" and not self._hello_sent:
            self.findings.add("smtp.mail-before-hello", text)
        found = _PATH.fullmatch(text)
        if found is None:
            return
        if found["before"] or found["after"]:
            self.findings.add("smtp.colon-spaces", text)
        if found["path"] and not found["path"].startswith(b"<"):
            self.findings.add("smtp.no-angle-brackets", text)

    def _auth(self, argument: bytes) -> None:
        mechanism, _, initial = argument.partition(b" ")
        self._auth_due = True
        self._initial_response = bool(initial)
        if mechanism.upper() == b"PLAIN" and initial == SECRET and not self.tls:
            self.findings.add("sasl.plain-in-clear", b"AUTH " + argument)

    # Messages

    def _message(self, octets: bytes) -> None:
        """Line by line as the RFC has them: at CRLF alone."""
        *whole, self._pending = (self._pending + octets).split(b"\r\n")
        for number, line in enumerate(whole):
            if line == b".":
                rest = b"\r\n".join([*whole[number + 1 :], self._pending])
                self._in_message, self._pending = False, b""
                if rest:
                    self._commands(rest)
                return
            self._text(line)

    def _text(self, line: bytes) -> None:
        if b"\n" in line:
            self.findings.add("smtp.bare-lf", line)
        if b"\r" in line:
            self.findings.add("smtp.bare-cr", line)
        stuffed = line.startswith(b"..")
        if line.startswith(b".") and not stuffed:
            self.findings.add("smtp.unstuffed-dot", line)
        if len(line) + 2 - stuffed > _TEXT_OCTETS:
            self.findings.add("smtp.text-line-too-long", line)
        if not line.isascii() and self._offered is not None and b"8BITMIME" not in self._offered:
            self.findings.add("smtp.8bit-not-offered", line)
