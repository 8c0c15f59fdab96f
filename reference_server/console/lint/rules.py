"""The rules that clients are held to: data, with the place where each stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.spec.model import Level

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a client must or should not do.

    Attributes:
        name: ``smtp.bare-lf``.
        place: ``RFC 5321 §2.3.8``.
        level: As the RFC has it.
        text: What the client did, in our words.
        requirement: The id in the register, where the register has it.
    """

    name: str
    place: str
    level: Level
    text: str
    requirement: str = ""


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule(
                "smtp.bare-lf",
                "RFC 5321 §2.3.8",
                Level.MUST_NOT,
                "A line feed without carriage return was sent.",
            ),
            Rule(
                "smtp.bare-cr",
                "RFC 5321 §2.3.8",
                Level.MUST_NOT,
                "A carriage return without line feed was sent.",
            ),
            Rule("smtp.mail-before-hello", "RFC 5321 §4.1.1.1", Level.MUST, "MAIL came before EHLO or HELO."),
            Rule(
                "smtp.hello-name",
                "RFC 5321 §4.1.1.1",
                Level.IMPLIED,
                "The name in EHLO or HELO is neither a domain nor an address literal.",
            ),
            Rule(
                "smtp.colon-spaces",
                "RFC 5321 §3.3",
                Level.IMPLIED,
                "A blank stood beside the colon of MAIL FROM or RCPT TO.",
            ),
            Rule(
                "smtp.no-angle-brackets",
                "RFC 5321 §4.1.1.2",
                Level.IMPLIED,
                "The address stood without angle brackets.",
            ),
            Rule(
                "smtp.pipelining-not-offered",
                "RFC 5321 §4.3.1",
                Level.MUST,
                "A command was sent before the one before it was answered, and PIPELINING had not been offered.",
            ),
            Rule(
                "smtp.not-last-in-group",
                "RFC 2920 §3.1",
                Level.IMPLIED,
                "More was sent behind a command that ends a group.",
            ),
            Rule(
                "smtp.starttls-not-last",
                "RFC 3207 §4",
                Level.MUST,
                "More was sent in the clear behind STARTTLS.",
            ),
            Rule(
                "smtp.auth-not-last",
                "RFC 4954 §4",
                Level.MUST,
                "More was sent behind AUTH before it was answered.",
            ),
            Rule(
                "smtp.command-too-long",
                "RFC 5321 §4.5.3.1.4",
                Level.SHOULD_NOT,
                "A command line had more than 512 octets.",
            ),
            Rule(
                "smtp.text-line-too-long",
                "RFC 5321 §4.5.3.1.6",
                Level.SHOULD_NOT,
                "A line of the message had more than 1000 octets.",
            ),
            Rule(
                "smtp.unstuffed-dot",
                "RFC 5321 §4.5.2",
                Level.IMPLIED,
                "A line that begins with a dot got no second one.",
                "RFC5321-4.5.2-nk3",
            ),
            Rule(
                "smtp.8bit-not-offered",
                "RFC 6152 §3",
                Level.MUST_NOT,
                "Octets above 127 were sent although 8BITMIME had not been offered.",
                "RFC6152-3-f",
            ),
            Rule(
                "sasl.plain-in-clear",
                "RFC 4616 §5",
                Level.SHOULD_NOT,
                "A password was sent by PLAIN without TLS.",
            ),
            Rule("pop3.bare-lf", "RFC 1939 §3", Level.IMPLIED, "A command ended with a line feed alone."),
            Rule(
                "pop3.command-too-long", "RFC 2449 §4", Level.IMPLIED, "A command had more than 255 octets."
            ),
            Rule(
                "pop3.pass-without-user",
                "RFC 1939 §7",
                Level.IMPLIED,
                "PASS came without USER right before it.",
            ),
            Rule("imap.bare-lf", "RFC 3501 §2.2", Level.IMPLIED, "A command ended with a line feed alone."),
            Rule(
                "imap.literal-not-awaited",
                "RFC 3501 §4.3",
                Level.MUST,
                "A literal was sent before the server had asked for it.",
            ),
            Rule(
                "imap.login-disabled",
                "RFC 3501 §6.2.3",
                Level.MUST_NOT,
                "LOGIN was sent although LOGINDISABLED was advertised.",
            ),
            Rule(
                "imap.command-in-idle",
                "RFC 2177 §3",
                Level.MUST_NOT,
                "Something else than DONE was sent during IDLE.",
            ),
        )
    }
)
