"""What it costs to account for every message, and to make one, beside the plain ways."""

import subprocess
import sys
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Final

from figures import Figure, compare, rate

from harness.wire.smtp.data import encode_data
from loadtests.content.letters import Letters
from loadtests.ledger import Book, Found, How, Ledger, Token
from loadtests.plan import Content

__all__ = ["accounts_of_messages", "letters_composed", "memory_of_the_audit"]

RUN: Final = "0a1b2c3d"
MANY: Final = 10_000_000
# What a worker tells of at a time.
BATCH: Final = 10_000
# As many as a dictionary's octets can be measured with on a small machine.
FEW: Final = 500_000
SENDER, RECIPIENT = b"mailproof@example.org", b"user100@example.test"


def memory_of_the_audit() -> Figure:
    """The whole process, at its largest, divided by the messages it accounts for; a process of its own for each."""
    ours, plain = (_octets_each(name, count) for name, count in (("book", MANY), ("dictionary", FEW)))
    return Figure(
        f"memory of the audit, {MANY:,} messages accepted and found",
        "octets each",
        round(ours, 1),
        round(plain, 1),
        f"a dictionary of what was sent, {FEW:,} messages",
        round(ours / plain, 2),
        1,
    )


def _octets_each(name: str, count: int) -> float:
    command = [sys.executable, str(Path(__file__).with_name("accounting_memory.py")), name, str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def accounts_of_messages() -> Figure:
    """What the master does: enter what was accepted and what was found, and say what became of it."""
    return compare(
        "messages entered, found and audited",
        "1/s",
        partial(rate_of_book, FEW),
        partial(rate_of_dictionary, FEW),
        "a dictionary",
    )


def told(count: int) -> list[bytes]:
    """What a worker tells of so many messages, accepted and found."""
    ledger = Ledger(RUN, 0, 0.0)
    batches = []
    for first in range(0, count, BATCH):
        for slot in range(first, first + BATCH):
            ledger.open([slot % 1000])
            ledger.accepted(slot, first / BATCH)
            ledger.found(slot % 1000, Found(Token(RUN, 0, slot), True), first / BATCH + 1, How.COUNTED)
        batches.append(ledger.drain())
    return batches


def rate_of_book(count: int) -> float:
    batches = told(count)

    def account() -> None:
        book = Book(RUN)
        for batch in batches:
            book.add(0, batch)
        assert book.audit().found_once == count

    return rate(count, account)


def rate_of_dictionary(count: int) -> float:
    def account() -> None:
        owed = {f"{RUN}.0.{slot:08d}": (slot % 1000, slot / BATCH, []) for slot in range(count)}
        for slot in range(count):
            owed[f"{RUN}.0.{slot:08d}"][2].append((slot % 1000, slot / BATCH + 1))
        assert sum(len(found) == 1 for _, _, found in owed.values()) == count

    return rate(count, account)


def letters_composed() -> Figure:
    """Messages of 1 kB, each with its own token and recipients, ready for the wire."""
    count = 20_000
    letters = Letters(Content(sizes="fixed", octets=1024), 1, RUN, 0)
    text = "\n".join("x" * 70 for _ in range(11))

    def ours() -> None:
        for slot in range(count):
            assert letters.compose(slot, SENDER, [RECIPIENT]).wire

    def library() -> None:
        for slot in range(count // 20):
            message = EmailMessage(policy=SMTP)
            message["From"], message["To"] = SENDER.decode(), RECIPIENT.decode()
            message["Subject"], message["Message-ID"] = "x", f"<{slot}@example.org>"
            message.set_content(text)
            assert encode_data(message.as_bytes())

    return compare(
        "letters composed, 1 kB",
        "1/s",
        lambda: rate(count, ours),
        lambda: rate(count // 20, library),
        "email.message.EmailMessage",
    )
