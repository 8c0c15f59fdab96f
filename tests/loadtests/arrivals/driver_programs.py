"""Small programs around the driver, each run in a process of its own: gevent and pytest's threads do not mix.

``python driver_programs.py NAME`` prints what it saw as one line of JSON.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from time import monotonic

import gevent
from gevent.event import Event

from loadtests.arrivals.driver import UNCOUNTED, Driver, Kind
from loadtests.arrivals.schedule import Division, Epoch, Schedule
from loadtests.plan import Phase, Segment

ALONE = Division.among([0])


class Waiter:
    """A user whose session lasts until somebody lets it go."""

    made = 0

    def __init__(self, go_on: Event) -> None:
        Waiter.made += 1
        self.go_on = go_on

    def run_session(self, due_s: float, phase: int) -> None:
        self.go_on.wait()


class Quick:
    """A user whose session is over at once, and noted."""

    def __init__(self, sessions: list[tuple[float, float, int]], name: str = "") -> None:
        self.sessions = sessions
        self.name = name
        self.served = 0

    def run_session(self, due_s: float, phase: int) -> None:
        self.served += 1
        self.sessions.append((due_s, monotonic(), phase))


def hold(rate_per_s: float, duration_s: float, *, counted: bool = True) -> Segment:
    return Segment(from_per_s=rate_per_s, to_per_s=rate_per_s, duration_s=duration_s, counted=counted)


def schedule(*segments: Segment, kind: str = "even") -> Schedule:
    return Schedule(Phase(label="all", segments=segments), 1, kind)


def rate() -> object:
    """How many sessions began in how long, and on time."""
    sessions: list[tuple[float, float, int]] = []
    driver = Driver([Kind(lambda: Quick(sessions))], max_sessions=100)
    began_s = monotonic()
    asked = schedule(hold(500, 4), kind="poisson")
    driver.start(asked, ALONE, 0, began_s=began_s, phase=0)
    ended = driver.wait(30)
    lasted_s = monotonic() - began_s
    early = sum(at_s < due_s for due_s, at_s, _phase in sessions)
    return {
        "ended": ended,
        "planned": asked.count,
        "begun": len(sessions),
        "per_s": len(sessions) / lasted_s,
        "early": early,
        "in_order": sessions == sorted(sessions),
        "left": driver.drain(5),
        "made": asdict(driver.made),
    }


def hang() -> object:
    """Every session hangs; the arrivals come all the same, one after the other, each to a user of its own."""
    go_on = Event()
    driver = Driver([Kind(lambda: Waiter(go_on))], max_sessions=1000)
    driver.start(schedule(hold(200, 1)), ALONE, 0, began_s=monotonic(), phase=0)
    driver.wait(30)
    gevent.sleep(0)
    hung = driver.active
    go_on.set()
    return {"hung": hung, "users": Waiter.made, "left": driver.drain(5), "made": asdict(driver.made)}


def full() -> object:
    """Ten sessions at once are allowed, and each lasts until all are due: the others begin late."""
    go_on = Event()
    driver = Driver([Kind(lambda: Waiter(go_on))], max_sessions=10)
    driver.start(schedule(hold(100, 1)), ALONE, 0, began_s=monotonic(), phase=0)
    driver.wait(30)
    gevent.sleep(0.02)
    waiting, active, begun = driver.waiting, driver.active, driver.made.begun
    go_on.set()
    left = driver.drain(5)
    return {
        "waiting": waiting,
        "active": active,
        "begun": begun,
        "left": left,
        "users": Waiter.made,
        "made": asdict(driver.made),
    }


def stop() -> object:
    """Stopped while ten sessions hang and others wait: no more arrivals, no more sessions, ten to be ended."""
    driver = Driver([Kind(lambda: Waiter(Event()))], max_sessions=10)
    driver.start(schedule(hold(100, 1), hold(1, 3600)), ALONE, 0, began_s=monotonic() - 1.5, phase=0)
    while driver.waiting < 90:
        gevent.sleep(0.01)
    driver.stop()
    ended = driver.wait(0)
    before = asdict(driver.made)
    left = driver.drain(0.05)
    return {
        "ended": ended,
        "made": before,
        "left": left,
        "active": driver.active,
        "later": asdict(driver.made),
    }


def unborn() -> object:
    """Ended in the same turn of the loop in which arrivals came: nobody began."""
    driver = Driver([Kind(lambda: Waiter(Event()))], max_sessions=10)
    driver.start(schedule(hold(100, 1)), ALONE, 0, began_s=monotonic() - 2, phase=0)
    while not driver.made.due:
        gevent.sleep(0)
    driver.close()
    return {"active": driver.active, "made": asdict(driver.made)}


def phases() -> object:
    """Sessions know the phase that they arrived in, and those that only warm up; users serve again."""
    sessions: list[tuple[float, float, int]] = []
    dues: list[tuple[float, int]] = []
    users: list[Quick] = []

    def make() -> Quick:
        users.append(Quick(sessions))
        return users[-1]

    driver = Driver([Kind(make)], max_sessions=100, on_due=lambda due_s, phase: dues.append((due_s, phase)))
    made = []
    for number, segments in enumerate([[hold(100, 0.1, counted=False), hold(100, 0.2)], [hold(100, 0.3)]]):
        driver.start(schedule(*segments), ALONE, 0, began_s=monotonic(), phase=number)
        driver.wait(30)
        driver.drain(5)
        made.append(asdict(driver.made))
    phases = [phase for _due_s, _at_s, phase in sessions]
    return {
        "warm": phases.count(UNCOUNTED),
        "phases": [phases.count(number) for number in range(2)],
        "dues_agree": [due for due, _at, _phase in sessions] == [due for due, _phase in dues],
        "users": len(users),
        "made": made,
    }


def kinds() -> object:
    """Two kinds of user, three to one."""
    sessions: list[tuple[float, float, int]] = []
    made: list[Quick] = []

    def make(name: str) -> Callable[[], Quick]:
        def one() -> Quick:
            made.append(Quick(sessions, name))
            return made[-1]

        return one

    driver = Driver([Kind(make("often"), 3), Kind(make("seldom"), 1)], max_sessions=100, seed=1)
    driver.start(schedule(hold(4000, 0.5)), ALONE, 0, began_s=monotonic(), phase=0)
    driver.wait(30)
    driver.drain(5)
    return {name: sum(user.served for user in made if user.name == name) for name in ("often", "seldom")}


def members() -> object:
    """Two drivers share a phase; one dies, and from an agreed arrival on the other makes all."""
    sessions: list[list[tuple[float, float, int]]] = [[], []]
    asked = schedule(hold(200, 1))
    drivers = [Driver([Kind(lambda s=s: Quick(s))], max_sessions=100) for s in sessions]
    began_s = monotonic() + 0.1
    for member, driver in enumerate(drivers):
        driver.start(asked, Division.among([0, 1]), member, began_s=began_s, phase=0)
    in_time = drivers[0].reshare(Epoch(100, (0,)))
    while drivers[1].next_number < 40:
        gevent.sleep(0.005)
    lost_from = len(sessions[1])
    drivers[1].stop()
    drivers[0].wait(30)
    too_late = drivers[0].reshare(Epoch(100, (0, 1)))
    gevent.sleep(0.02)
    numbers = [sorted(round((due_s - began_s) * 200 - 0.5) for due_s, _, _ in each) for each in sessions]
    return {"numbers": numbers, "lost_from": lost_from, "in_time": in_time, "too_late": too_late}


class Fragile(Quick):
    """A user whose every other session ends in an error that it lets out."""

    def run_session(self, due_s: float, phase: int) -> None:
        super().run_session(due_s, phase)
        if len(self.sessions) % 2:
            raise LookupError("a mistake in a scenario")


def errors() -> object:
    """An error that leaves a session ends that user, and nothing else."""
    sessions: list[tuple[float, float, int]] = []
    driver = Driver([Kind(lambda: Fragile(sessions))], max_sessions=1)
    driver.start(schedule(hold(100, 0.3)), ALONE, 0, began_s=monotonic(), phase=0)
    driver.wait(30)
    left = driver.drain(5)
    driver.close()
    return {"sessions": len(sessions), "left": left, "active": driver.active}


if __name__ == "__main__":
    programs = {
        each.__name__: each for each in (rate, hang, full, stop, unborn, phases, kinds, members, errors)
    }
    print(json.dumps(programs[sys.argv[1]]()))  # noqa: T201 - it is read by the test
