"""Sessions of one user against a peer, in a process where Locust may patch what it likes.

Each line of its input is a request in JSON; the answer, what was counted, is one line of JSON.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

from locust.env import Environment

import loadtests
from harness.target import Target
from loadtests.accounts import Accounts
from loadtests.content.letters import Letters
from loadtests.context import Context
from loadtests.figures.histogram import Latencies
from loadtests.figures.recorder import Recorder
from loadtests.figures.tally import Sessions, Tally
from loadtests.ledger.batches import SETTLED, decode
from loadtests.ledger.ledger import Ledger
from loadtests.ledger.slots import Mark, State
from loadtests.plan import Content, Plan, Settings, Traffic
from loadtests.users.surroundings import provide

ACCOUNTS = [
    {"user": f"{name}@example.test", "password": "sesame-opens"} for name in ("alice", "bob", "carol")
]


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    kind = getattr(loadtests, asked.get("kind", "SmtpUser"))
    protocol = asked.get("protocol", kind.protocols[0])
    target = Target.from_mapping(
        {
            "domain": "example.test",
            "endpoints": {protocol: f"127.0.0.1:{asked['port']}"},
            "accounts": ACCOUNTS,
            "ca": asked["ca"],
        },
        source="the test",
        base=Path(),
    )
    settings = Settings(
        traffic=Traffic(**asked.get("traffic", {})),
        content=Content(sizes="fixed", octets=asked.get("octets", 1000), pool=2),
        timeout_s=asked.get("timeout_s", 20.0),
    )
    plan = Plan(scenario="", run="0123abcd", seed=1, target="", out="", settings=settings)
    now_s = monotonic()
    environment = Environment(user_classes=[kind])
    environment.create_local_runner()
    heard: list[list[Any]] = []
    if asked.get("listen"):
        environment.events.request.add_listener(
            lambda request_type, name, response_time, response_length, exception, **rest: heard.append(
                [request_type, name, response_time >= 0, repr(exception) if exception else None]
            )
        )
    recorder = Recorder(environment, Tally(now_s))
    ledger = Ledger(plan.run, 0, now_s)
    provide(
        environment,
        Context(
            plan=plan,
            worker=0,
            target=target,
            accounts=Accounts(target.accounts, target.policy),
            recorder=recorder,
            ledger=ledger,
            letters=Letters(settings.content, plan.seed, plan.run, 0),
            started_s=now_s,
        ),
    )
    user = type("TheUser", (kind,), {"abstract": False})(environment)
    for _ in range(asked.get("sessions", 1)):
        user.run_session(monotonic(), 0)
    if asked.get("foreign"):
        fire = environment.events.request.fire
        fire(request_type="GET", name="/", response_time=12.5, response_length=7, exception=None, context={})
        fire(
            request_type="GET", name="/", response_time=1, response_length=0, exception=OSError(1), context={}
        )
    saw = seen(environment, recorder, ledger) | {"heard": heard}
    environment.runner.quit()
    return saw


def seen(environment: Environment, recorder: Recorder, ledger: Ledger) -> dict[str, Any]:
    """What our tally, Locust's table and the ledger have."""
    samples: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    octets: Counter[str] = Counter()
    sessions = Sessions()
    for second in recorder.drain(monotonic())[0].seconds:
        sessions.merge(second.sessions)
        octets.update(second.octets)
        for name, latencies in second.latencies.items():
            samples[name] += Latencies.from_octets(latencies).count
        for name, classes in second.failures.items():
            failures.update({f"{name} {word}": times for word, times in classes.items()})
    stats = environment.stats
    batch = decode(ledger.drain()) if ledger_has_slots(ledger) else None
    states = [State(mark & Mark.STATE).name for mark in batch.marks] if batch else []
    for slot, state, _ in SETTLED.iter_unpack(batch.settled) if batch else ():
        states[slot - batch.first] = State(state).name
    return {
        "samples": samples,
        "failures": failures,
        "octets": octets,
        "sessions": [sessions.begun, sessions.completed, sessions.failed],
        "evidence": recorder.evidence.take(),
        "table": {name: [each.num_requests, each.num_failures] for (name, _), each in stats.entries.items()},
        "table_octets": {name: each.total_content_length for (name, _), each in stats.entries.items()},
        "table_errors": {
            f"{each.name} {each.error if isinstance(each.error, str) else repr(each.error)}": each.occurrences
            for each in stats.errors.values()
        },
        "total": [stats.total.num_requests, stats.total.num_failures],
        "states": states,
    }


def ledger_has_slots(ledger: Ledger) -> bool:
    return bool(ledger._marks)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
