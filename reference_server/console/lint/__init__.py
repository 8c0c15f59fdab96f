"""What clients did against the RFCs, read from the octets of their sessions."""

from reference_server.console.lint.imap import ImapLint
from reference_server.console.lint.model import Findings
from reference_server.console.lint.pop3 import Pop3Lint
from reference_server.console.lint.rules import RULES, Rule
from reference_server.console.lint.smtp import SmtpLint
from reference_server.console.recorder import Session
from reference_server.journal import Direction

__all__ = ["RULES", "Findings", "Rule", "lint"]


def lint(session: Session) -> Findings:
    """What can be told for sure; a session that cannot be followed any more is not followed any more."""
    findings = Findings()
    reader = {"pop3": Pop3Lint, "imap": ImapLint}.get(session.protocol, SmtpLint)(findings)
    for moved in session.moved:
        match moved.direction:
            case Direction.RECEIVED:
                findings.at = moved.at
                reader.tls = moved.tls
                reader.received(moved.octets)
            case Direction.SENT:
                reader.sent(moved.octets)
            case Direction.NOTE:
                reader.noted(moved.text)
        if reader.lost:
            break
    return findings
