"""Memory that a process needs to account for messages: ``book 10000000`` or ``dictionary 500000``; octets each."""

import resource
import sys

from loadtests.ledger import Book, Found, How, Ledger, Token

RUN = "0a1b2c3d"
BATCH = 10_000
_KIB = 1 if sys.platform == "darwin" else 1024  # what the system counts by


def in_a_book(count: int) -> object:
    ledger, book = Ledger(RUN, 0, 0.0), Book(RUN)
    for first in range(0, count, BATCH):
        for slot in range(first, first + BATCH):
            ledger.open([slot % 1000])
            ledger.accepted(slot, first / BATCH)
            ledger.found(slot % 1000, Found(Token(RUN, 0, slot), True), first / BATCH + 1, How.SEEN)
            ledger.found(slot % 1000, Found(Token(RUN, 0, slot), True), first / BATCH + 2, How.COUNTED)
        book.add(0, ledger.drain())
    assert book.audit().found_once == count
    return book


def in_a_dictionary(count: int) -> object:
    owed = {f"{RUN}.0.{slot:08d}": (slot % 1000, slot / BATCH, []) for slot in range(count)}
    for slot in range(count):
        owed[f"{RUN}.0.{slot:08d}"][2].append((slot % 1000, slot / BATCH + 1))
    assert sum(len(found) == 1 for _, _, found in owed.values()) == count
    return owed


def largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


if __name__ == "__main__":
    before = largest()
    kept = {"book": in_a_book, "dictionary": in_a_dictionary}[sys.argv[1]](int(sys.argv[2]))
    print((largest() - before) / int(sys.argv[2]))  # noqa: T201 - it is what this program is for
