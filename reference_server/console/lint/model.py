"""Findings, and what the readers of all protocols share."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from reference_server.console.lint.rules import RULES, Rule

__all__ = ["Finding", "Findings", "Reader", "lines"]


@dataclass(slots=True)
class Finding:
    """A rule that a client broke in a session.

    Attributes:
        at: When it was seen first.
        octets: What broke it then.
        times: How often.
    """

    rule: Rule
    at: dt.datetime
    octets: bytes
    times: int = 1


class Findings:
    """Those of one session, each rule once.

    Attributes:
        at: The time of what is read just now.
    """

    def __init__(self) -> None:
        self.at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._found: dict[str, Finding] = {}

    def add(self, rule: str, octets: bytes) -> None:
        if rule in self._found:
            self._found[rule].times += 1
        else:
            self._found[rule] = Finding(RULES[rule], self.at, octets[:200])

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)


class Reader:
    """Follows one session.

    Attributes:
        tls: Whether what comes now came inside TLS.
        lost: It cannot be told any more what is a command: nothing further is said.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.tls = False
        self.lost = False

    def received(self, octets: bytes) -> None:
        """What was read at once: of two commands in it, the second was sent before the first was answered."""
        raise NotImplementedError

    def sent(self, octets: bytes) -> None:
        raise NotImplementedError

    def noted(self, text: str) -> None:
        """A note of the recorder."""


def lines(octets: bytes) -> list[bytes]:
    """By LF, with their ends; what has none is the last."""
    *whole, last = octets.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])
