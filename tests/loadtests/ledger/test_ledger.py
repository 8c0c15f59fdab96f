"""The book says of every message what a dictionary of all that happened says."""

from collections import defaultdict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, multiple, rule

from harness.results.load import Audit
from loadtests.ledger import NOBODY, Book, Found, How, Ledger, Token

RUN = "0a1b2c3d"
WORKERS = range(3)
# Mailbox 5 is an alias of 2, mail for 6 goes away; nobody is sent the same message under both of his names.
HOMES = {5: 2, 6: NOBODY}
RECIPIENTS = [(0,), (2,), (5,), (6,), (0, 1), (5, 0, 3), (3, NOBODY), (NOBODY,)]
STARTED_S = 1000.0
LATE_AFTER_MS = 20

workers = st.sampled_from(WORKERS)
mailboxes = st.integers(0, 6)
recipients = st.sampled_from(RECIPIENTS)
times_ms = st.sampled_from([0, 10, 11, 31, 32, 33, 60, 99])
outcomes = st.tuples(
    st.sampled_from(["accepted", "accepted", "accepted", "refused", "unsure", "open"]), times_ms
)


class Sent(NamedTuple):
    worker: int
    number: int
    recipients: tuple[int, ...]


class Sighting(NamedTuple):
    """A message is found where the recipient `at` has his mail, or elsewhere."""

    at: int
    elsewhere: int | None
    at_ms: int
    absent_ms: int | None
    how: How
    whole: bool


sightings = st.builds(
    Sighting,
    st.integers(0, 3),
    st.none() | st.none() | mailboxes,
    times_ms,
    st.none() | times_ms,
    st.sampled_from(How),
    st.sampled_from([True, True, True, False]),
)


class Find(NamedTuple):
    worker: int
    number: int
    mailbox: int
    at_ms: int
    absent_ms: int | None
    how: How
    whole: bool


@dataclass
class Told:
    """What the batch of this number says: messages opened, what became of slots, finds."""

    number: int
    opened: dict[int, tuple[int, ...]] = field(default_factory=dict)
    settled: dict[int, tuple[str, int]] = field(default_factory=dict)
    finds: list[Find] = field(default_factory=list)
    deletes_from: set[int] = field(default_factory=set)


@dataclass
class Delivery:
    """A slot, and the finds of it."""

    mailbox: int
    state: str = "open"
    accepted_ms: int = 0
    finds: list[Find] = field(default_factory=list)

    def copies(self) -> int:
        return sum(find.how in (How.CONSUMED, How.COUNTED) for find in self.finds)

    def maybe(self) -> bool:
        return any(find.how == How.MAYBE for find in self.finds)

    def damaged(self) -> bool:
        return any(not find.whole for find in self.finds)

    def turned_up(self) -> bool:
        return self.copies() > 0 or self.maybe() or self.damaged()

    def missing(self) -> bool:
        return self.state == "accepted" and not self.turned_up()

    def maybe_gone(self) -> bool:
        return self.state == "accepted" and self.maybe() and not self.copies() and not self.damaged()

    def found_once(self) -> bool:
        return self.state == "accepted" and self.copies() == 1 and not self.damaged()

    def seen(self) -> list[tuple[int, int]]:
        """When readers in the run saw it, and when it was last not there."""
        return sorted(
            (find.at_ms, find.at_ms if find.absent_ms is None else find.absent_ms)
            for find in self.finds
            if find.how != How.COUNTED
        )

    def late(self) -> bool:
        absent = [at for _, at in self.seen()[:1]] or [
            find.absent_ms or 0 for find in self.finds if find.how == How.COUNTED
        ]
        return self.state == "accepted" and min(absent, default=0) > self.accepted_ms + LATE_AFTER_MS


class Model:
    """The audit, from all that was told, by the definitions of its words."""

    def __init__(self, told: dict[int, list[Told]], dead: set[int], unread: set[int]) -> None:
        self.told = told
        self.dead = dead
        self.unread = unread.union(*(batch.deletes_from for worker in dead for batch in told[worker]))
        self.messages: dict[tuple[int, int], list[Delivery]] = {}
        self.slots: dict[tuple[int, int], Delivery] = {}
        self.strangers: set[tuple[int, int]] = set()
        self.misplaced: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for worker, batches in told.items():
            for batch in sorted(batches, key=attrgetter("number")):
                self.enter(worker, batch)
        for find in (find for batches in told.values() for batch in batches for find in batch.finds):
            self.place(find)

    def enter(self, worker: int, batch: Told) -> None:
        for number, recipients in batch.opened.items():
            message = self.messages[worker, number] = [Delivery(mailbox) for mailbox in recipients]
            self.slots |= {(worker, number + at): delivery for at, delivery in enumerate(message)}
        for slot, (state, at_ms) in batch.settled.items():
            if (delivery := self.slots.get((worker, slot))) is None:
                continue  # the batch that told of it was lost
            unowed = state == "accepted" and delivery.mailbox == NOBODY
            delivery.state, delivery.accepted_ms = "unowed" if unowed else state, at_ms

    def place(self, find: Find) -> None:
        sent = find.worker, find.number
        if sent not in self.messages:
            self.strangers.add(sent)
            return
        message = self.messages[sent]
        fits = [one for one in message if find.mailbox in (one.mailbox, HOMES.get(one.mailbox))]
        fits += [one for one in message if one.mailbox == NOBODY]
        if fits:
            fits[0].finds.append(find)
        else:
            self.misplaced[sent].add(find.mailbox)

    def is_unread(self, one: Delivery) -> bool:
        return one.mailbox in self.unread or HOMES.get(one.mailbox) in self.unread

    def lost(self) -> int:
        """Of those missing in mailboxes that were read, each may be the one that is in a wrong place."""
        lost = 0
        for sent, message in self.messages.items():
            missing = sum(one.missing() and not self.is_unread(one) for one in message)
            lost += max(0, missing - len(self.misplaced[sent]))
        return lost

    def audit(self) -> dict[str, int]:
        every = self.slots.values()
        open_of_the_dead = {
            sent
            for sent, one in self.slots.items()
            if sent[0] in self.dead and one.state == "open" and one.turned_up()
        }
        despite_error = [
            one for one in every if one.turned_up() and one.state in ("open", "refused", "unsure")
        ]
        return {
            "owed": sum(one.state == "accepted" for one in every),
            "found_once": sum(one.found_once() for one in every),
            "lost": self.lost(),
            "duplicated": sum(one.state != "unowed" and one.copies() > 1 for one in every),
            "corrupted": sum(one.damaged() for one in every),
            "misdelivered": sum(map(len, self.misplaced.values())),
            "late": sum(one.late() for one in every),
            "accepted_despite_error": len(despite_error) - len(open_of_the_dead),
            "undecided": sum(one.maybe_gone() or (one.missing() and self.is_unread(one)) for one in every),
            "strangers": len(self.strangers) + len(open_of_the_dead),
        }


class Accounting(RuleBasedStateMachine):
    """Three workers that send and read, a road that reorders and repeats, and a worker that may die."""

    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.ledgers = [Ledger(RUN, worker, STARTED_S) for worker in WORKERS]
        self.book = Book(RUN, HOMES, [f"user{mailbox}@example.test" for mailbox in range(7)])
        self.untold = [Told(0) for _ in WORKERS]
        self.told: dict[int, list[Told]] = {worker: [] for worker in WORKERS}
        self.on_the_way: list[tuple[int, bytes, Told]] = []
        self.dying: set[int] = set()
        self.unread: set[int] = set()

    @initialize(dying=st.sets(workers, max_size=1), unread=st.sets(mailboxes, max_size=2))
    def begin(self, dying: set[int], unread: set[int]) -> None:
        self.dying = dying
        self.unread = unread

    @rule(
        target=messages,
        worker=workers,
        sent=st.lists(st.tuples(recipients, outcomes), min_size=1, max_size=6),
    )
    def send(self, worker: int, sent: list[tuple[tuple[int, ...], tuple[str, int]]]) -> MultipleResults[Sent]:
        messages = []
        for recipients, outcome in sent:
            number = self.ledgers[worker].open(recipients)
            self.untold[worker].opened[number] = recipients
            messages.append(Sent(worker, number, recipients))
            for at in range(len(recipients)):
                self.settle(messages[-1], at, outcome)
        return multiple(*messages)

    @rule(message=messages, at=st.integers(0, 3), outcome=outcomes)
    def settle(self, message: Sent, at: int, outcome: tuple[str, int]) -> None:
        worker, number, recipients = message
        slot = number + at % len(recipients)
        how, at_ms = outcome
        if how == "open":
            return
        if how == "accepted":
            self.ledgers[worker].accepted(slot, STARTED_S + at_ms / 1000)
        else:
            getattr(self.ledgers[worker], how)(slot)
        self.untold[worker].settled[slot] = outcome

    @rule(reader=workers, found=st.lists(st.tuples(messages, sightings), min_size=1, max_size=6))
    def find(self, reader: int, found: list[tuple[Sent, Sighting]]) -> None:
        for message, sighting in found:
            recipient = message.recipients[sighting.at % len(message.recipients)]
            mailbox = HOMES.get(recipient, recipient) if sighting.elsewhere is None else sighting.elsewhere
            _, _, at_ms, absent_ms, how, whole = sighting
            absent_s = None if absent_ms is None else STARTED_S + absent_ms / 1000
            token = Token(RUN, message.worker, message.number)
            at_s = STARTED_S + at_ms / 1000
            assert self.ledgers[reader].found(mailbox, Found(token, whole), at_s, how, absent_s)
            find = Find(message.worker, message.number, mailbox, at_ms, absent_ms, how, whole)
            self.untold[reader].finds.append(find)

    @rule(reader=workers, mailbox=mailboxes)
    def delete_from(self, reader: int, mailbox: int) -> None:
        self.ledgers[reader].deletes_from(mailbox)
        self.untold[reader].deletes_from.add(mailbox)

    @rule(worker=workers, other_run=st.sampled_from(["00000000", "ffffffff"]))
    def another_run_is_none_of_ours(self, worker: int, other_run: str) -> None:
        found = Found(Token(other_run, 0, 0), True)
        assert not self.ledgers[worker].found(0, found, STARTED_S, How.COUNTED)

    @rule(worker=workers)
    def tell(self, worker: int) -> None:
        self.on_the_way.append((worker, self.ledgers[worker].drain(), self.untold[worker]))
        self.untold[worker] = Told(self.untold[worker].number + 1)
        assert self.ledgers[worker].drain() == b""

    @rule(which=st.integers(0, 9), again=st.booleans())
    def arrive(self, which: int, again: bool) -> None:
        if self.on_the_way:
            at = which % len(self.on_the_way)
            self.enter(*self.on_the_way[at])
            if not again:
                del self.on_the_way[at]

    @rule(which=st.integers(0, 9))
    def get_lost(self, which: int) -> None:
        """What a worker told shortly before it died may not arrive."""
        of_the_dying = [batch for batch in self.on_the_way if batch[0] in self.dying]
        if of_the_dying:
            self.on_the_way.remove(of_the_dying[which % len(of_the_dying)])

    def enter(self, worker: int, octets: bytes, told: Told) -> None:
        self.book.add(worker, octets)
        if not any(told is known for known in self.told[worker]):
            self.told[worker].append(told)

    def teardown(self) -> None:
        for worker in set(WORKERS) - self.dying:
            self.tell(worker)
        for batch in reversed(self.on_the_way):
            self.enter(*batch)
        model = Model(self.told, self.dying, self.unread).audit()
        audit = self.book.audit(unread=self.unread, ended=self.dying, late_after_s=LATE_AFTER_MS / 1000)
        assert {name: getattr(audit, name) for name in model} == model, audit.examples
        assert audit.done
        self.examples_are_as_many(audit)

    def examples_are_as_many(self, audit: Audit) -> None:
        for kind, examples in audit.examples.items():
            assert len(examples) == min(10, getattr(audit, kind))


Accounting.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAccounting = Accounting.TestCase
