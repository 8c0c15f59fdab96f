"""What the audit says of a target that loses, doubles, changes or misplaces mail, and of one that does not."""

import sys
from collections.abc import Callable
from random import Random

import pytest

from harness.results.load import Audit
from loadtests.content.letters import Letters
from loadtests.ledger import NOBODY, Book, How, Ledger, read
from loadtests.ledger.slots import Slots
from loadtests.ledger.token import Found, Token
from loadtests.plan import Content

RUN = "0a1b2c3d"
STARTED_S = 500.0
NAMES = [f"user{mailbox}@example.test" for mailbox in range(10)]
CLEAN = {"lost": 0, "duplicated": 0, "corrupted": 0, "misdelivered": 0, "late": 0}


class Run:
    """One worker that sends `messages` to ten mailboxes, and may read them."""

    def __init__(self, messages: int, recipients: int = 1) -> None:
        self.book = Book(RUN, {}, NAMES)
        self.ledger = Ledger(RUN, 0, STARTED_S)
        self.sent: list[tuple[int, list[int]]] = []
        for number in range(messages):
            to = [(number + at) % 10 for at in range(recipients)]
            slot = self.ledger.open(to)
            self.sent.append((slot, to))
            for at in range(recipients):
                self.ledger.accepted(slot + at, STARTED_S + 1)

    def find(
        self,
        slot: int,
        mailbox: int,
        how: How = How.COUNTED,
        *,
        at_s: float = 2,
        absent_s: float | None = None,
        whole: bool = True,
        worker: int = 0,
    ) -> None:
        absent = None if absent_s is None else STARTED_S + absent_s
        self.ledger.found(mailbox, Found(Token(RUN, worker, slot), whole), STARTED_S + at_s, how, absent)

    def audit(self, **given: object) -> Audit:
        self.book.add(0, self.ledger.drain())
        return self.book.audit(**given)  # type: ignore[arg-type]  # the test's own arguments


def said(audit: Audit) -> dict[str, int]:
    """What is wrong, by the audit."""
    names = (
        "lost",
        "duplicated",
        "corrupted",
        "misdelivered",
        "late",
        "accepted_despite_error",
        "undecided",
        "strangers",
    )
    return {name: count for name in names if (count := getattr(audit, name))}


def test_each_found_once_in_each_mailbox_is_all_there_is_to_say() -> None:
    run = Run(1000, recipients=3)
    for slot, to in run.sent:
        for mailbox in to:
            run.find(slot, mailbox)
    audit = run.audit()
    assert (audit.owed, audit.found_once, said(audit)) == (3000, 3000, {})
    assert audit.done
    assert not audit.examples


def drop(copies: list[bytes], _: Random) -> list[bytes]:
    return []


def double(copies: list[bytes], _: Random) -> list[bytes]:
    return copies * 2


def flip(copies: list[bytes], random: Random) -> list[bytes]:
    content = bytearray(copies[0])
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return [bytes(content)]


@pytest.mark.parametrize(("fault", "kind"), [(drop, "lost"), (double, "duplicated"), (flip, "corrupted")])
def test_one_in_a_thousand_is_found_exactly(
    fault: Callable[[list[bytes], Random], list[bytes]], kind: str
) -> None:
    random = Random(7)
    letters = Letters(Content(sizes="fixed", octets=1500, pool=20), 1, RUN, 0)
    run = Run(10_000)
    chosen = set(random.sample(range(10_000), 10))
    for slot, to in run.sent:
        copies = [letters.compose(slot, b"mailproof@example.org", [NAMES[to[0]].encode()]).content]
        for content in fault(copies, random) if slot in chosen else copies:
            found = read(content)
            assert found is not None
            run.find(found.token.slot, to[0], whole=found.whole)
    audit = run.audit()
    assert said(audit) == {kind: 10}
    assert (audit.owed, audit.found_once) == (10_000, 9_990)
    named = {int(example.split()[0].split(".")[2]) for example in audit.examples[kind]}
    assert named == chosen


def test_a_message_in_a_wrong_mailbox_is_misdelivered_and_not_lost() -> None:
    run = Run(2)
    run.find(0, 0)
    run.find(1, 7)
    audit = run.audit()
    assert said(audit) == {"misdelivered": 1}
    assert audit.examples["misdelivered"] == [
        f"{RUN}.0.00000001 to user1@example.test, accepted at 1.000 s, found in user7@example.test"
    ]


def test_a_copy_in_a_wrong_mailbox_beside_the_right_one_is_misdelivered_too() -> None:
    run = Run(1)
    run.find(0, 0)
    run.find(0, 7, How.SEEN)
    run.find(0, 7)
    audit = run.audit()
    assert (audit.found_once, said(audit)) == (1, {"misdelivered": 1})


def test_mail_that_an_alias_leads_elsewhere_is_in_the_right_place() -> None:
    run = Run(10)
    run.book = Book(RUN, {3: 4}, NAMES)
    for slot, (mailbox,) in run.sent:
        run.find(slot, 4 if mailbox == 3 else mailbox)
    assert said(run.audit()) == {}


def test_what_was_refused_or_got_no_answer_is_owed_to_nobody_and_told_where_it_arrives() -> None:
    run = Run(0)
    slots = [run.ledger.open([0]) for _ in range(6)]
    for slot in slots[:2]:
        run.ledger.refused(slot)
    for slot in slots[2:4]:
        run.ledger.unsure(slot)
    for slot in slots[::2]:
        run.find(slot, 0)
    audit = run.audit()
    assert (audit.owed, said(audit)) == (0, {"accepted_despite_error": 3})


def test_a_deletion_without_an_answer_is_neither_a_copy_nor_a_loss() -> None:
    run = Run(2)
    run.find(0, 0, How.MAYBE)
    run.find(1, 1, How.MAYBE)
    run.find(1, 1, How.CONSUMED)
    audit = run.audit()
    assert (audit.found_once, said(audit)) == (1, {"undecided": 1})


def test_what_is_missing_in_a_mailbox_that_nobody_could_read_is_undecided() -> None:
    assert said(Run(20).audit(unread={3})) == {"lost": 18, "undecided": 2}
    assert said(Run(20).audit(why_not="no reader could log in")) == {"undecided": 20}


def test_a_worker_that_died_takes_nothing_for_lost_and_nothing_for_misdelivered() -> None:
    run = Run(0)
    dead = Ledger(RUN, 1, STARTED_S)
    told = dead.open([0])
    dead.accepted(told, STARTED_S)
    unfinished = dead.open([0])
    run.book.add(1, dead.drain())
    untold = [dead.open([mailbox]) for mailbox in (0, 1, 2)]
    for slot in untold:
        dead.accepted(slot, STARTED_S)
    for slot in (told, unfinished, untold[0], untold[1], untold[1]):
        run.find(slot, 0, worker=1)
    audit = run.audit(ended={1})
    assert (audit.owed, audit.found_once, said(audit)) == (1, 1, {"strangers": 3})


def test_what_a_dead_reader_may_have_taken_is_undecided() -> None:
    run = Run(20)
    reader = Ledger(RUN, 1, STARTED_S)
    reader.deletes_from(4)
    run.book.add(1, reader.drain())
    assert said(run.audit(ended={1})) == {"lost": 18, "undecided": 2}


def test_a_batch_that_never_came_is_held_against_its_worker_and_not_the_target() -> None:
    run = Run(0)
    other = Ledger(RUN, 1, STARTED_S)
    batches = []
    for mailbox in (0, 1, 2):
        slot = other.open([mailbox])
        batches.append(other.drain())
        other.accepted(slot, STARTED_S)
        other.deletes_from(mailbox)
    run.book.add(1, batches[0])
    run.book.add(1, batches[2])
    audit = run.audit()
    # The first message's fate was in the batch that is missing; of the second, only its fate is known.
    assert (audit.owed, said(audit)) == (0, {})
    run.find(1, 1, worker=1)
    assert said(run.audit()) == {"strangers": 1}


def test_late_is_what_was_looked_for_in_vain_after_its_time() -> None:
    run = Run(5)
    run.find(0, 0, How.SEEN, at_s=62.5, absent_s=60.9)  # it may have come in time
    run.find(1, 1, How.SEEN, at_s=62.5, absent_s=61.1)
    run.find(2, 2, How.COUNTED, at_s=500)  # nobody looked before
    run.find(3, 3, How.COUNTED, at_s=500, absent_s=400)
    run.find(4, 4, How.COUNTED, at_s=100)
    run.find(4, 4, How.COUNTED, at_s=500, absent_s=400)  # a second copy came late, the first did not
    audit = run.audit(late_after_s=60.0)
    assert said(audit) == {"late": 2, "duplicated": 1, "lost": 2}
    assert audit.late_after_s == 60.0


def test_the_time_to_readable_is_the_first_sight_of_readers_in_the_run() -> None:
    run = Run(4)
    run.find(0, 0, How.SEEN, at_s=1.5)
    run.find(0, 0, How.CONSUMED, at_s=9)
    run.find(1, 1, How.CONSUMED, at_s=3)
    run.find(2, 2, How.COUNTED, at_s=90)
    run.find(3, 3, How.SEEN, at_s=0.9)  # before the client had the reply
    after = run.audit().readable_after_ms
    assert (after.count, after.max) == (3, 2000.0)
    assert after.p50 == pytest.approx(500.0, rel=0.001)


def test_nothing_is_owed_to_somebody_who_does_not_exist() -> None:
    run = Run(0)
    slot = run.ledger.open([NOBODY])
    run.ledger.accepted(slot, STARTED_S)
    first = run.ledger.open([0, NOBODY])
    run.book.add(0, run.ledger.drain())
    run.ledger.accepted(first, STARTED_S)
    run.ledger.accepted(first + 1, STARTED_S)
    for catch_all in (slot, first):
        run.find(catch_all, 9)
    run.find(first, 0)
    audit = run.audit()
    assert (audit.owed, audit.found_once, said(audit)) == (1, 1, {})


def test_examples_are_ten_and_the_count_is_right() -> None:
    audit = Run(1000).audit()
    assert audit.lost == 1000
    assert len(audit.examples["lost"]) == 10


def test_the_book_knows_what_is_still_to_be_found_and_where() -> None:
    run = Run(20)
    run.book.add(0, run.ledger.drain())
    assert (run.book.owed, run.book.found, run.book.last_accepted_s) == (20, 0, 1.0)
    for slot, (mailbox,) in run.sent[:15]:
        run.find(slot, mailbox)
    run.book.add(0, run.ledger.drain())
    assert run.book.found == 15
    assert run.book.missing() == {5: 1, 6: 1, 7: 1, 8: 1, 9: 1}


def test_a_delivery_costs_less_than_32_octets() -> None:
    ledger = Ledger(RUN, 0, STARTED_S)
    book = Book(RUN)
    for _ in range(100):
        for _ in range(1000):
            ledger.accepted(ledger.open([1]), STARTED_S)
        book.add(0, ledger.drain())
    columns = [getattr(book._slots[0], name) for name in Slots.__slots__]
    assert {len(column) for column in columns} == {100_000}
    assert sum(map(sys.getsizeof, columns)) < 32 * 100_000
