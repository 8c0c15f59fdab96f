"""Sessions of a POP3 or IMAP user, in a process where Locust may patch what it likes.

Each line of its input is a request in JSON: what the user's session is to do, step by step. The answer is one line of
JSON: what each step returned or how it failed, and what was counted.
"""

import json
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from locust.env import Environment

import loadtests
from harness.target import Target
from loadtests.accounts import Accounts
from loadtests.content.letters import Letters
from loadtests.context import Context
from loadtests.figures.histogram import Latencies
from loadtests.figures.recorder import Recorder
from loadtests.figures.tally import Tally
from loadtests.ledger.ledger import Ledger
from loadtests.plan import Content, Plan, Settings, Traffic
from loadtests.users.errors import OperationFailed
from loadtests.users.surroundings import provide

CONTENT = Content(sizes="fixed", octets=400, pool=1)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    kind = getattr(loadtests, asked["kind"])
    target = Target.from_mapping(asked["target"], source="the test", base=Path())
    settings = Settings(
        traffic=Traffic(tls=asked.get("tls", "auto")), timeout_s=asked.get("timeout_s", 20.0), content=CONTENT
    )
    plan = Plan(scenario="", run="0123abcd", seed=1, target="", out="", settings=settings)
    now_s = monotonic()
    environment = Environment(user_classes=[kind], parsed_options=Namespace())
    recorder = Recorder(environment, Tally(now_s))
    provide(
        environment,
        Context(
            plan=plan,
            worker=0,
            target=target,
            accounts=Accounts(target.accounts),
            recorder=recorder,
            ledger=Ledger(plan.run, 0, now_s),
            letters=Letters(CONTENT, 1, plan.run, 0),
            started_s=now_s,
        ),
    )
    user = type("TheUser", (kind,), {"abstract": False})(environment)
    steps = [each if isinstance(each, list) else [each] for each in asked["steps"]]
    results: list[Any] = []
    failures: list[Any] = []
    try:
        session = user.login() if asked.get("log_in", True) else user.open()
        for name, *arguments in steps:
            try:
                results.append(shown(getattr(session, name)(*map(octets, arguments))))
            except OperationFailed as exc:
                results.append(repr(exc))
                failures.append([exc.operation, exc.error_class, exc.evidence])
        results.append({"closed": session.closed})
    except OperationFailed as exc:
        failures.append([exc.operation, exc.error_class, exc.evidence])
    user.hang_up()
    return {"results": results, "failures": failures} | counted(recorder)


def octets(argument: object) -> object:
    """JSON has no octets: a text that is one of them is written ``b:...``."""
    if isinstance(argument, str) and argument.startswith("b:"):
        return argument[2:].encode("latin-1")
    if isinstance(argument, list):
        return [octets(each) for each in argument]
    return argument


def shown(result: Any) -> Any:
    if isinstance(result, bytes):
        return result.decode("latin-1")
    if isinstance(result, (list, tuple)):
        return [shown(each) for each in result]
    if isinstance(result, dict):
        return {str(shown(key)): shown(value) for key, value in result.items()}
    if hasattr(result, "responses"):
        return shown(result.responses)
    if hasattr(result, "__next__"):
        return shown(list(result))
    if hasattr(result, "exists"):
        return [result.exists, list(result.uids)]
    if hasattr(result, "content"):
        return [result.uid, shown(result.content)] if hasattr(result, "uid") else shown(result.content)
    return result


def counted(recorder: Recorder) -> dict[str, Any]:
    samples: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for second in recorder.drain(monotonic())[0].seconds:
        samples.update({name: Latencies.from_octets(each).count for name, each in second.latencies.items()})
        for name, classes in second.failures.items():
            failed.update({f"{name} {word}": times for word, times in classes.items()})
    return {"samples": samples, "failed": failed}


if __name__ == "__main__":
    gevent.get_hub()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
