"""Messages ready to be sent: a pool made before the run, of which each letter is one with its own token and names."""

from collections.abc import Sequence
from random import Random
from typing import Final

from harness.wire.smtp.data import dot_stuff
from loadtests.content.forms import Form, pool_of
from loadtests.ledger.token import (
    MESSAGE_ID,
    MESSAGE_ID_DOMAIN,
    TOKEN_FIELD,
    fields_of,
    mask_of,
    origin,
    sealing,
    stamp,
)
from loadtests.plan import Content

__all__ = ["Letter", "Letters"]

_END_OF_DATA: Final = b".\r\n"
# The token, names, what stands before the Message-ID, the token again.
_HEAD: Final = TOKEN_FIELD + b": %b\r\n%b%b%b"
# The author, where the reverse-path is null (RFC 5321 §4.5.5): From cannot be (RFC 5322 §3.6.2).
_AUTHOR: Final = b"mailproof@" + MESSAGE_ID_DOMAIN
# Sizes are made for an envelope like this; other addresses add or take a few octets.
_TYPICAL: Final = (b"mailproof@example.org", (b"user100@example.test",))


class Letter:
    """One message, ready to go out.

    Attributes:
        mail_from: The reverse-path, without angle brackets, ``b""`` where it is null.
        rcpt_to: The forward-paths, without angle brackets.
        octets: Its size, as SIZE counts it: without dot-stuffing and the final dot (RFC 1870 §5).
        needs_8bit: MAIL must say BODY=8BITMIME, and the server offer it.
        long_lines: A server may refuse or break its lines; there is nothing to declare.
    """

    __slots__ = ("_form", "_head", "mail_from", "needs_8bit", "octets", "rcpt_to")

    def __init__(self, form: "_Ready", head: bytes, mail_from: bytes, rcpt_to: Sequence[bytes]) -> None:
        self._form = form
        self._head = head
        self.mail_from = mail_from
        self.rcpt_to = rcpt_to
        self.octets = len(head) + form.octets
        self.needs_8bit = form.needs_8bit

    @property
    def wire(self) -> bytes:
        """What follows the 354: dot-stuffed, with the final CRLF.CRLF (RFC 5321 §4.1.1.4)."""
        return self._head + self._form.stuffed

    @property
    def pieces(self) -> tuple[bytes, bytes]:
        """`wire` in two pieces that nobody has to copy together; the second is the same object for many letters."""
        return self._head, self._form.stuffed

    @property
    def content(self) -> bytes:
        """The message itself, for BDAT and APPEND."""
        return self._head + self._form.stuffed[: -len(_END_OF_DATA)].replace(b"\r\n..", b"\r\n.")

    @property
    def long_lines(self) -> bool:
        return self._form.long_lines


class _Ready:
    """A form, prepared so that a letter adds only its token and its names.

    Attributes:
        before: What stands before the token in the Message-ID, the names left out.
        stuffed: What stands behind it, dot-stuffed, and the final dot.
        octets: How much that is without the dots.
        sealing: What seals all but the names.
    """

    __slots__ = ("before", "long_lines", "mask", "named", "needs_8bit", "octets", "sealing", "stuffed")

    def __init__(self, form: Form) -> None:
        names = form.sealed | {b"from", b"to"} if form.named else form.sealed
        self.named = form.named
        self.mask = mask_of(names)
        self.sealing = sealing(form.body, fields_of(form.before + form.after), mask_of(form.sealed))
        self.before = b"%b%b: <" % (form.before, MESSAGE_ID)
        rest = b"@%b>\r\n%b\r\n%b" % (MESSAGE_ID_DOMAIN, form.after, form.body)
        self.stuffed = dot_stuff(rest) + _END_OF_DATA
        self.octets = len(rest)
        self.needs_8bit = form.needs_8bit
        self.long_lines = form.long_lines


class Letters:
    """The messages of one worker: those of the pool in an order of its own, over and over.

    Args:
        run: Eight hexadecimal digits.
        seed: With the same content and seed every worker has the same pool.

    Attributes:
        notes: What is to be said about the messages of a directory.
        needs_8bit: Some of them go to nobody who does not offer 8BITMIME.

    Raises:
        UsageError: See `pool_of`.
    """

    def __init__(self, content: Content, seed: int, run: str, worker: int) -> None:
        self._origin: Final = origin(run, worker)
        pool = pool_of(content, seed, self._overhead())
        self.notes: Final = pool.notes
        self.needs_8bit: Final = any(form.needs_8bit for form in pool.forms)
        self._pool: Final = [_Ready(form) for form in pool.forms]
        Random(f"{seed}/order/{worker}").shuffle(self._pool)  # noqa: S311 - a seed makes a run repeatable
        self._at = -1

    def _overhead(self) -> int:
        return self._compose(_Ready(Form(b"", b"", b"", True, frozenset())), 0, *_TYPICAL).octets - 2

    def __len__(self) -> int:
        return len(self._pool)

    def compose(self, slot: int, mail_from: bytes, rcpt_to: Sequence[bytes]) -> Letter:
        """The next message.

        Args:
            slot: Its number, from `Ledger.open`.
            mail_from: The reverse-path without angle brackets; it is the author too.
            rcpt_to: The forward-paths without angle brackets, at least one; the first is in the header.
        """
        self._at = (self._at + 1) % len(self._pool)
        return self._compose(self._pool[self._at], slot, mail_from, rcpt_to)

    def _compose(self, form: _Ready, slot: int, mail_from: bytes, rcpt_to: Sequence[bytes]) -> Letter:
        names = b"From: %b\r\nTo: %b\r\n" % (mail_from or _AUTHOR, rcpt_to[0]) if form.named else b""
        token = stamp(self._origin, slot, form.mask, form.sealing, names)
        return Letter(form, _HEAD % (token, names, form.before, token), mail_from, rcpt_to)
