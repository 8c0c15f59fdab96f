"""A director, with simulated workers and a simulated clock."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from harness.results.load import LoadSummary
from harness.target import Target
from loadtests.arrivals.schedule import Division, Schedule
from loadtests.control.director import Director, State
from loadtests.control.findings import Findings
from loadtests.control.members import Member, Roll
from loadtests.control.messages import (
    Begin,
    Finish,
    FromDirector,
    Hello,
    MailboxRead,
    Prepare,
    Read,
    Report,
    Reshare,
    Stage,
    Stop,
)
from loadtests.control.outcome import summary_of
from loadtests.figures.tally import Second, Sessions, TallyDelta
from loadtests.figures.watch import Watch
from loadtests.ledger import Found, How, Token
from loadtests.ledger.ledger import Book, Ledger
from loadtests.plan import Audited, Phase, Plan, Segment, Settings

RUN = "0badcafe"
MAILBOXES = 6
STEP_S = 0.25
TARGET = Target(name="simulated", domain="example.test", endpoints={})


def plan(**changes: object) -> Plan:
    """Ten seconds at 20 a second; late mail is waited for during 5 s."""
    segment = Segment(from_per_s=20, to_per_s=20, duration_s=10)
    fields = {
        "scenario": "simulated",
        "run": RUN,
        "seed": 7,
        "target": "",
        "out": "",
        "settings": Settings(audit=Audited(wait_s=5), drain_s=5),
        "phases": (Phase(label="all", segments=(segment,)),),
        "workers": 3,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]  # what a test says is a plan's


@dataclass
class World:
    """Workers, the mail they send, and a clock."""

    plan: Plan
    now_s: float = 100.0
    workers: "dict[str, Worker]" = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    made: Counter[tuple[int, int]] = field(default_factory=Counter)
    delivered: list[tuple[int, int, int]] = field(default_factory=list)
    withheld: Callable[[int], bool] = lambda _slot: False
    roll: Roll = field(default_factory=Roll)

    def __post_init__(self) -> None:
        findings = Findings(self.plan, Book(RUN), self.now_s, Watch(()))
        self.director = Director(findings, self.roll, self, MAILBOXES, self.said.append)
        self.findings = findings

    def send(self, member: Member, order: FromDirector) -> None:
        """The crew's side: what is said to the dead is lost."""
        if (worker := self.workers.get(member.who)) is not None and worker.alive:
            worker.orders.append(order)

    def join(self, who: str) -> "Worker":
        member, _ = self.roll.greet(who, Hello(self.now_s, "host", ""))
        self.workers[who] = Worker(self, member.number)
        self.director.greeted(member)
        return self.workers[who]

    def step(self) -> None:
        self.now_s += STEP_S
        for worker in self.workers.values():
            worker.live()
        self.director.tick(self.now_s)

    def run(self, seconds: float = 120) -> None:
        """Until it is over, or so many seconds have passed."""
        until_s = self.now_s + seconds
        while self.director.state is not State.DONE and self.now_s < until_s:
            self.step()

    def run_to(self, *states: State) -> None:
        while self.director.state not in states:
            self.step()
            assert self.now_s < 1000

    def summary(self) -> LoadSummary:
        """The result, as it is now."""
        return summary_of(self.findings, TARGET, self.now_s, finished=True)

    @property
    def begun(self) -> int:
        return self.findings.figures.total().sessions.begun


@dataclass
class Worker:
    """Makes its share at its time, one message for each session, and says so every second."""

    world: World = field(repr=False)
    number: int
    alive: bool = True
    orders: list[FromDirector] = field(default_factory=list)
    stage: Stage = "preparing"
    phase: int = -1
    read: list[MailboxRead] = field(default_factory=list)
    round: int = -1
    refuses: str = ""
    lazy: bool = False

    def __post_init__(self) -> None:
        self.ledger = Ledger(RUN, self.number, 0.0)
        self.serial = 0
        self.sessions = Sessions()
        self.division = Division.among([0])
        self.arrivals: Iterator[tuple[int, float, bool]] = iter(())
        self.waiting: tuple[int, float, bool] | None = None
        self.told_s = 0.0
        self.seen: set[tuple[int, int, int]] = set()

    def live(self) -> None:
        if not self.alive:
            return
        orders, self.orders = self.orders, []
        changed = [self.obey(order) for order in orders]
        self.arrive()
        if any(changed) or self.world.now_s - self.told_s >= 1.0:
            self.report()

    def obey(self, order: FromDirector) -> bool:
        match order:
            case Prepare():
                self.stage = "refused" if self.refuses else "ready"
            case Begin() if order.phase == self.phase:
                self.division = Division(order.division)
            case Begin(what=Phase() as what):
                self.stage, self.phase = "arriving", order.phase
                self.division = Division(order.division)
                self.arrivals = Schedule(what, self.world.plan.seed, "poisson").arrivals()
                self.began_s = order.began_s
                self.waiting = next(self.arrivals, None)
            case Reshare():
                self.division.reshare(order.epoch)
            case Stop():
                self.waiting = None
            case Read():
                self.round, self.stage = order.round, "reading"
                if not self.lazy:
                    self.read += [MailboxRead(mailbox, self.look(mailbox)) for mailbox in order.mailboxes]
            case Finish():
                self.stage = "ready"
        return True

    def arrive(self) -> None:
        while self.waiting is not None and self.began_s + self.waiting[1] <= self.world.now_s:
            number, _due_s, counted = self.waiting
            self.waiting = next(self.arrivals, None)
            if self.division.owner(number) == self.number:
                self.world.made[self.phase, number] += 1
                self.session(counted)
        if self.stage == "arriving" and self.waiting is None:
            self.stage = "drained"

    def session(self, counted: bool) -> None:
        if counted:
            self.sessions.merge(Sessions(due=1, begun=1, completed=1))
        mailbox = self.number % MAILBOXES
        slot = self.ledger.open([mailbox])
        self.ledger.accepted(slot, self.world.now_s - 100)
        if not self.world.withheld(slot):
            self.world.delivered.append((self.number, slot, mailbox))

    def look(self, mailbox: int) -> str:
        for message in self.world.delivered:
            if message[2] == mailbox and message not in self.seen:
                self.seen.add(message)
                found = Found(Token(RUN, message[0], message[1]), whole=True)
                self.ledger.found(mailbox, found, self.world.now_s - 100, How.COUNTED)
        return ""

    def report(self) -> None:
        sessions, self.sessions = self.sessions, Sessions()
        second = Second(
            at_s=int(self.world.now_s - 100), sessions=sessions, failures={}, latencies={}, octets={}
        )
        read, self.read = self.read, []
        report = Report(
            run=RUN,
            worker=self.number,
            serial=self.serial,
            stage=self.stage,
            phase=self.phase,
            round=self.round,
            read=read,
            problem=self.refuses,
            exit_code=2,
            figures=[(self.phase, TallyDelta(seconds=[second]))],
            ledger=self.ledger.drain(),
        )
        self.serial += 1
        self.told_s = self.world.now_s
        self.world.director.heard(report, self.world.now_s)


def begun_with_three(**changes: object) -> World:
    made = World(plan(**changes))
    made.director.start()
    for name in "abc":
        made.join(name)
    return made


@pytest.fixture
def world() -> World:
    """Three workers have come."""
    return begun_with_three()


@pytest.fixture(scope="session")
def new_world() -> Callable[..., World]:
    """Makes one that nobody has come to yet, with a plan that is changed so."""
    return lambda **changes: World(plan(**changes))


@pytest.fixture(scope="session")
def three_workers() -> Callable[..., World]:
    """Makes one as `world`, with a plan that is changed so."""
    return begun_with_three
