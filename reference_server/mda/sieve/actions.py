"""What a script decides to do with a message."""

from dataclasses import dataclass, field

__all__ = ["Action", "Discard", "FileInto", "Keep", "Redirect", "Reject", "Vacation"]


@dataclass(frozen=True, slots=True)
class Keep:
    """Into the user's main mailbox (RFC 5228 §4.3).

    Attributes:
        flags: IMAP flags the copy gets, system flags as ``\\Seen``.
        implicit: The script did not ask for it, and did nothing that cancels it (RFC 5228 §2.10.2).
    """

    flags: tuple[str, ...] = ()
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class FileInto:
    """Into the named mailbox (RFC 5228 §4.1).

    Attributes:
        mailbox: As the script has it, Unicode.
        create: ``:create`` asks for a mailbox that is missing to be made (RFC 5490).
    """

    mailbox: str
    flags: tuple[str, ...] = ()
    create: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """On to another address, with a null reverse-path where the message came with one (RFC 5228 §4.2).

    Whoever leaves it undone (policy, a loop) keeps the message, unless another action delivers it.

    Attributes:
        address: ``local-part@domain``.
    """

    address: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Refused: the message is delivered nowhere (RFC 5429 §2).

    Attributes:
        reason: Any text, lines end in CRLF.
        extended: ``ereject`` was asked for: a reply of the protocol or a DSN, never an MDN.
    """

    reason: str
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Discard:
    """Thrown away, silently; stands where no other action delivers the message (RFC 5228 §4.4)."""


@dataclass(frozen=True, slots=True)
class Vacation:
    """An answer to whoever sent the message; `vacation_reply` makes it, or says that none is due (RFC 5230 §4).

    Attributes:
        reason: The text, or with `mime` a MIME entity; lines end in CRLF.
        days: For how long the same sender gets no second answer with this `response`.
        subject: None for one made from the message's own.
        sender: What From says; None for the address the message came to.
        addresses: Further addresses that are the user's.
        response: Tells this answer from the user's other answers, for who remembers what was sent (RFC 5230 §4.2).
    """

    reason: str = field(repr=False)
    response: str
    days: int = 7
    subject: str | None = None
    sender: str | None = None
    addresses: tuple[str, ...] = ()
    mime: bool = False


Action = Keep | FileInto | Redirect | Reject | Discard | Vacation
