"""A message's envelope, as it is kept between the hop that took it and the hop that gets it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["Body", "Envelope", "Notify", "Recipient"]


class Body(StrEnum):
    """What BODY= said (RFC 6152 §2, RFC 3030 §3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Notify(StrEnum):
    """A word of NOTIFY= (RFC 3461 §4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that the message is for.

    Attributes:
        address: ``local-part@domain`` as RCPT would have it between the brackets, without a source route.
        notify: The words of NOTIFY=; empty where it was not given, which means FAILURE and DELAY (RFC 3461 §4.1).
        orcpt: ORCPT= as it came, xtext and type included (RFC 3461 §4.2); None where there was none.
        asked: The address that this host was asked for, where an alias, a forward or a rule made another of it.
    """

    address: bytes
    notify: frozenset[Notify] = frozenset()
    orcpt: bytes | None = None
    asked: bytes = b""

    @property
    def accepted(self) -> bytes:
        """The address as it was in the envelope that this host accepted: what a report is about (RFC 3464 §2.3.2)."""
        return self.asked or self.address


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender, recipients and what was asked of them.

    Attributes:
        reverse_path: ``local-part@domain``; ``b""`` is the null reverse-path.
        ret: RET= (RFC 3461 §4.3).
        envid: ENVID= as it came, in xtext (RFC 3461 §4.4).
    """

    reverse_path: bytes
    recipients: tuple[Recipient, ...]
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    ret: Literal["FULL", "HDRS"] | None = None
    envid: bytes | None = None
