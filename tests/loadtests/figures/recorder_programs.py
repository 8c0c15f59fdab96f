"""Small programs around the recorder and Locust's table, each in a process of its own: Locust patches it.

``python recorder_programs.py NAME`` prints what it saw as one line of JSON.
"""

import json
import random
import sys
from time import monotonic
from typing import Any

import locust.stats
from locust.env import Environment
from locust.stats import StatsEntry

from loadtests.figures.locust_table import LocustTable
from loadtests.figures.recorder import EVIDENCE_OF_EACH, Recorder
from loadtests.figures.tally import Batch, Tally


def of(entry: StatsEntry) -> dict[str, Any]:
    return {
        "requests": entry.num_requests,
        "failures": entry.num_failures,
        "response_times": {str(bucket): times for bucket, times in sorted(entry.response_times.items())},
        "least": entry.min_response_time,
        "most": entry.max_response_time,
        "total": round(entry.total_response_time, 6),
        "octets": entry.total_content_length,
        "per_second": sum(entry.num_reqs_per_sec.values()),
        "median": entry.median_response_time,
    }


def environment() -> Environment:
    made = Environment()
    made.create_local_runner()
    return made


def bulk() -> list[Any]:
    """The same samples, entered in bulk by us and one by one by Locust."""
    rng = random.Random(5)
    samples = {
        "smtp.data": [rng.uniform(0, 0.0994) for _ in range(500)],
        "smtp.message": [rng.lognormvariate(-2, 2) for _ in range(2000)],
        "smtp.quit": [0.1049, 0.0996, 0.995, 12.4, 0.0005, 0.0015, 0.0025],
    }
    ours, theirs = environment(), environment()
    table = LocustTable(ours)
    for third in range(3):
        some = {name: values[third::3] for name, values in samples.items()}
        table.enter(Batch(some, {}, {"smtp.message": 100}))
    for name, values in samples.items():
        for value in values:
            theirs.stats.log_request("SMTP", name, value * 1000, 0)
    theirs.stats.entries["smtp.message", "SMTP"].total_content_length = 300
    theirs.stats.total.total_content_length = 300
    return [
        {name: of(each) for (name, _), each in made.stats.entries.items()} | {"": of(made.stats.total)}
        for made in (ours, theirs)
    ]


def own_buckets() -> dict[str, Any]:
    """Somebody's own `bucket_response_time` is asked."""
    locust.stats.bucket_response_time = lambda response_time: int(response_time * 10)  # type: ignore[assignment]
    made = environment()
    LocustTable(made).enter(Batch({"smtp.data": [0.00125, 0.00128]}, {}, {}))
    return of(made.stats.get("smtp.data", "SMTP"))["response_times"]


class Failure(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.evidence = f"C: QUIT {number}"

    def __repr__(self) -> str:
        return "421"


def phases() -> dict[str, Any]:
    """A session keeps its phase's recorder; a phase that only warms up is in nobody's table."""
    made = environment()
    now_s = monotonic()
    warming = Recorder(made, Tally(now_s), -1)
    first = warming.phase(0, Tally(now_s))
    second = first.phase(1, Tally(now_s))
    warming.ok("smtp.mail", now_s)
    warming.failed("smtp.mail", now_s, "421", Failure(0))
    first.ok("smtp.mail", now_s)
    second.ok("smtp.mail", now_s, 77)
    second.failed("smtp.mail", now_s, "421", Failure(1))
    same = [first.of(number) for number in (-1, 0, 1)] == [warming, first, second]
    deltas = first.drain(now_s + 1)
    counted = {
        number: [sum(each.failures.get("smtp.mail", {}).values()) for each in delta.seconds]
        for number, delta in deltas.items()
    }
    return {"same": same, "failures": counted, "table": of(made.stats.get("smtp.mail", "SMTP"))["requests"]}


def evidence() -> dict[str, Any]:
    recorder = Recorder(environment(), Tally(0.0))
    for number in range(1000):
        recorder.failed("smtp.mail", monotonic(), "421", Failure(number))
    taken = recorder.evidence.take()
    return {"taken": len(taken["421"]) == EVIDENCE_OF_EACH, "again": recorder.evidence.take()}


def runs() -> dict[str, Any]:
    """A second run in the same environment counts once."""
    made = environment()
    for _ in range(3):
        recorder = Recorder(made, Tally(monotonic()))
    fire = made.events.request.fire
    fire(request_type="GET", name="/", response_time=1.0, response_length=5, exception=None, context={})
    recorder.ok("smtp.mail", monotonic())
    recorder.drain(monotonic())
    return {name: each.num_requests for (name, _), each in made.stats.entries.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()) + "\n")
