"""The director against simulated workers and a simulated clock: who makes what, who reads what, and when it ends."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.fixture
def world() -> World:
    return three_workers(World(plan()))


def three_workers(world: World) -> World:
    world.director.start()
    for name in "abc":
        world.join(name)
    return world


def test_a_run_makes_every_arrival_once_and_finds_every_message(world: World) -> None:
    world.run()

    assert world.director.state is State.DONE
    assert world.begun == 200
    assert set(world.made.values()) == {1}
    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert summary.verdict == "kept"
    assert (summary.audit.owed, summary.audit.found_once) == (200, 200)
    assert summary.arrivals.made_per_s == summary.arrivals.asked_per_s == 20
    assert not summary.notes


def test_a_run_begins_when_all_expected_workers_are_ready() -> None:
    world = World(plan())
    world.director.start()
    world.join("a")
    world.join("b")
    world.run(seconds=5)
    assert world.director.state is State.WAITING

    world.join("c")
    world.run(seconds=2)

    assert world.director.state is State.RUNNING


def test_a_run_does_not_wait_for_ever(world: World) -> None:
    world.workers["c"].alive = False

    world.run(seconds=70)

    assert world.director.state is not State.WAITING
    assert "2 of 3 workers take part" in world.said


def test_a_worker_that_cannot_take_part_is_said_and_the_others_go_on(world: World) -> None:
    world.workers["c"].refuses = "cannot connect to smtp://192.0.2.1:25: gave up"

    world.run()

    assert world.begun == 200
    assert any("cannot connect to smtp://192.0.2.1:25" in text for text in world.findings.notes)


def test_where_nobody_can_take_part_the_reason_is_the_result(world: World) -> None:
    for worker in world.workers.values():
        worker.refuses = "there is no such endpoint"

    world.run()

    assert world.findings.refused is not None
    assert (world.findings.refused.problem, world.findings.refused.exit_code) == (
        "there is no such endpoint",
        2,
    )


def test_the_share_of_a_worker_that_dies_is_divided_anew_and_said(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    world.workers["b"].alive = False

    world.run()

    record = world.findings.phases[0]
    assert set(world.made.values()) == {1}
    assert world.begun + record.given_up == 200
    assert record.share_lost == {1: record.given_up}
    # Silence is noticed after 3 s, and the news takes one more: what one of three makes in 4 s and some.
    assert 20 <= record.given_up <= 45
    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    [dead] = summary.generator.workers  # the others had nothing to tell of their health
    assert (dead.worker, dead.share_lost) == (1, record.given_up)
    assert dead.lost_at_s is not None
    assert any("worker 1 on host was lost" in note for note in summary.notes)
    # What it sent and did not tell of is no lost mail.
    assert summary.audit.lost == 0
    assert summary.audit.strangers == len(world.delivered) - world.begun


def test_a_worker_that_comes_later_gets_its_share(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    world.join("d")

    world.run()

    assert world.begun == 200
    assert set(world.made.values()) == {1}
    # A quarter of what was left, six seconds of 20 a second and less than that by the second of warning.
    assert 20 <= world.findings.figures.sessions(3).begun <= 30


def test_a_worker_that_was_only_away_takes_part_again(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=2)
    world.workers["b"].alive = False
    world.run(seconds=3.5)
    assert any("was lost" in text for text in world.said)

    world.workers["b"].alive = True
    world.workers["b"].orders.append(Reshare(RUN, 0, world.findings.phases[0].phase.begin(RUN).division[-1]))
    world.run()

    assert "worker 1 is back" in world.said
    assert set(world.made.values()) == {1}
    assert world.begun == 200
    assert not world.findings.lost


@settings(max_examples=25)
@given(data=st.data())
def test_whoever_joins_and_dies_no_arrival_is_made_twice_and_none_is_forgotten(data: st.DataObject) -> None:
    world = three_workers(World(plan()))
    names = iter("defghij")
    world.run_to(State.RUNNING)
    while world.director.state is State.RUNNING:
        world.run(seconds=data.draw(st.sampled_from([0.25, 0.5, 1, 2, 4])))
        living = [worker for worker in world.workers.values() if worker.alive]
        match data.draw(st.sampled_from(["join", "die", "go on"])):
            case "join" if (name := next(names, None)) is not None:
                world.join(name)
            case "die" if len(living) > 1:
                data.draw(st.sampled_from(living)).alive = False
            case _:
                pass
    world.run()

    record = world.findings.phases[0]
    assert set(world.made.values()) == {1}
    assert world.begun + record.given_up == 200
    assert sum(record.share_lost.values()) == record.given_up
    assert summary_of(world.findings, TARGET, world.now_s, finished=True).audit.lost == 0


def test_what_a_worker_tells_after_its_phase_is_counted_in_it() -> None:
    phases = tuple(
        Phase(label=label, segments=(Segment(from_per_s=20, to_per_s=20, duration_s=5),)) for label in "ab"
    )
    world = three_workers(World(plan(phases=phases)))
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    away = world.workers["b"]
    away.live()
    away.sessions.merge(Sessions(due=3, begun=3, completed=3))  # made, and not told of yet
    away.alive = False
    while world.director.record is world.findings.phases[0]:
        world.step()
    away.alive = True
    world.run()

    arrivals = summary_of(world.findings, TARGET, world.now_s, finished=True).arrivals
    assert arrivals.made + arrivals.given_up == arrivals.planned == 200


def test_who_was_away_itself_calls_nobody_silent(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=2)

    world.now_s += 30
    world.director.tick(world.now_s)

    assert not world.findings.lost


def test_stop_gives_up_the_rest_and_audits_what_was_done(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    world.director.stop("asked to end", world.now_s)
    world.run()

    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert summary.arrivals.made + summary.arrivals.given_up == 200
    assert 20 <= summary.arrivals.made <= 80
    assert summary.audit.done
    assert summary.audit.found_once == summary.audit.owed == summary.arrivals.made
    assert summary.verdict == "unfinished"
    assert "asked to end" in summary.sentence


def test_abort_ends_at_once_and_accuses_nobody(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    world.director.abort("asked twice to end")

    assert world.director.state is State.DONE
    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert not summary.audit.done
    assert summary.audit.lost == 0
    assert summary.audit.undecided == summary.audit.owed > 0
    assert summary.verdict == "unfinished"


def test_the_audit_waits_for_late_mail(world: World) -> None:
    world.withheld = lambda slot: slot == 7
    world.run_to(State.AUDITING)
    world.run(seconds=2)
    world.delivered += [(number, 7, number) for number in range(3)]
    world.run()

    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert (summary.audit.lost, summary.audit.found_once) == (0, 200)


def test_mail_that_does_not_come_in_its_time_is_lost(world: World) -> None:
    world.withheld = lambda slot: slot == 7

    world.run()

    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert summary.audit.lost == 3
    assert summary.audit.waited_s >= 5
    assert summary.verdict == "broken"


def test_a_wait_that_is_cut_short_leaves_undecided_what_is_missing(world: World) -> None:
    world.withheld = lambda slot: slot == 7
    world.run_to(State.AUDITING)
    world.run(seconds=1)

    world.director.stop("asked to end", world.now_s)
    world.run()

    audit = summary_of(world.findings, TARGET, world.now_s, finished=True).audit
    assert (audit.lost, audit.undecided) == (0, 3)


def test_mailboxes_of_a_worker_that_dies_while_it_reads_are_undecided(world: World) -> None:
    world.workers["b"].lazy = True
    world.run_to(State.AUDITING)
    world.workers["b"].alive = False

    world.run()

    audit = summary_of(world.findings, TARGET, world.now_s, finished=True).audit
    assert world.director.state is State.DONE
    assert audit.lost == 0
    assert audit.undecided > 0
    assert audit.found_once + audit.undecided == audit.owed


def test_where_no_worker_is_left_the_run_ends(world: World) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    for worker in world.workers.values():
        worker.alive = False

    world.run(seconds=20)

    assert world.director.state is State.DONE
    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert summary.verdict == "unfinished"
    assert summary.arrivals.made + summary.arrivals.given_up == 200


def test_a_report_that_was_lost_on_the_way_is_said(world: World) -> None:
    world.run_to(State.RUNNING)
    world.workers["a"].serial += 2

    world.run()

    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert "2 reports of worker 0 were lost on the way (1 times)" in summary.notes
    assert summary.verdict == "unfinished"


def test_reports_of_another_run_are_not_heard(world: World) -> None:
    world.run_to(State.RUNNING)
    stray = msgspec.structs.replace(
        Report(run="0badbeef", worker=0, serial=0, stage="ready"), faults={"ValueError": 1}
    )

    world.director.heard(stray, world.now_s)

    assert not world.findings.faults


def test_arrivals_that_warm_up_do_not_count() -> None:
    warm_up = Segment(from_per_s=20, to_per_s=20, duration_s=5, counted=False)
    counted = Segment(from_per_s=20, to_per_s=20, duration_s=5)
    world = three_workers(World(plan(phases=(Phase(label="all", segments=(warm_up, counted)),))))

    world.run()

    arrivals = summary_of(world.findings, TARGET, world.now_s, finished=True).arrivals
    assert len(world.made) == 200
    assert (arrivals.planned, arrivals.made, arrivals.given_up) == (100, 100, 0)
    assert arrivals.asked_per_s == arrivals.made_per_s == 20


def test_phases_follow_each_other_and_are_judged_each() -> None:
    phases = tuple(
        Phase(label=label, segments=(Segment(from_per_s=rate, to_per_s=rate, duration_s=5),))
        for label, rate in (("80%", 16), ("100%", 20), ("120%", 24))
    )
    world = three_workers(World(plan(phases=phases)))

    world.run()

    summary = summary_of(world.findings, TARGET, world.now_s, finished=True)
    assert [one.label for one in summary.rounds] == ["80%", "100%", "120%"]
    assert [one.arrivals.made for one in summary.rounds] == [80, 100, 120]
    assert summary.arrivals.planned == 300
