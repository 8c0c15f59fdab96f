"""Whole runs in one process, against a target that is well, dead, or loses mail."""

import json
import math
import re
import signal
from http.client import HTTPConnection
from itertools import pairwise

import msgspec

from loadtests.plan import Audited, Reading, Search

# Writes down when each session was due.
RAW = """
import json
from pathlib import Path

from locust import events

from loadtests import SmtpUser

due = []


class Sender(SmtpUser):
    def run_session(self, due_s, phase):
        due.append(due_s)
        super().run_session(due_s, phase)


@events.quitting.add_listener
def write(**_event):
    Path("due.json").write_text(json.dumps(due))
"""

FAILING = """
from unittest.mock import patch

from loadtests import SmtpUser

patch("loadtests.control.lead.Director", side_effect=ValueError("what nobody thought of")).start()


class Sender(SmtpUser):
    pass
"""

WRONG = """
from loadtests import SmtpUser


class Sender(SmtpUser):
    def session(self):
        letters = {}
        letters["no such key"]
"""


def test_a_run_makes_what_was_asked_and_finds_every_message(run, target, steady) -> None:
    run.plan(steady(40, 3))

    process = run.start("--json-file", "table")
    summary = run.finish(process)

    run.assert_went_well(process, summary)
    assert summary["arrivals"]["made"] == summary["completed"] == len(target.answered_s) == 120
    assert abs(summary["arrivals"]["made_per_s"] - 40) <= 0.4
    assert (summary["audit"]["owed"], summary["audit"]["found_once"]) == (120, 120)
    assert run.locusts_table() == run.table_of(summary)
    # What the run made is removed when it has been read.
    assert not any(target.mailboxes.values())


def test_mail_that_the_target_loses_is_told_and_breaks_the_run(run, target, steady) -> None:
    target.drops = lambda number: number in (10, 50)
    run.settings = msgspec.structs.replace(run.settings, audit=Audited(wait_s=0.5))
    run.plan(steady(40, 2))

    process = run.start()
    summary = run.finish(process)

    assert process.returncode == 1
    assert summary["verdict"] == "broken"
    assert (summary["audit"]["lost"], summary["audit"]["found_once"]) == (2, 78)
    assert "2 were lost" in summary["sentence"]


def test_a_relay_is_loaded_and_nobody_says_what_became_of_its_mail(run, target, steady) -> None:
    run.target_file.write_text(re.sub("pop3 = .*\n", "", run.target_file.read_text()))
    run.settings = msgspec.structs.replace(run.settings, reading=Reading(mode="leave"))
    run.plan(steady(40, 2))

    process = run.start()
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["completed"] == len(target.answered_s) == 80
    assert not summary["audit"]["done"]
    assert not any(summary["audit"][kind] for kind in ("found_once", "lost", "duplicated", "corrupted"))
    why = "the target has no endpoint for IMAP or POP3, so nobody can read what was delivered"
    assert summary["sentence"] == f"not finished: {why}; nobody looked for the mail."


def test_latencies_count_from_the_intended_start_while_the_target_is_frozen(run, target, steady) -> None:
    run.locustfile.write_text(RAW)
    run.plan(steady(80, 5))

    process = run.start()
    run.wait_until(lambda: len(target.answered_s) > 120)
    target.freeze(0.75)
    summary = run.finish(process)

    due_s = json.loads((run.directory / "due.json").read_text())
    gaps = {round(later - sooner, 6) for sooner, later in pairwise(due_s)}
    assert gaps == {1 / 80}
    exact_ms = sorted(
        1000 * (answered - due) for due, answered in zip(due_s, sorted(target.answered_s), strict=True)
    )
    true_p95 = exact_ms[math.ceil(0.95 * len(exact_ms)) - 1]
    assert true_p95 > 300
    assert abs(summary["latency_ms"]["smtp.message"]["p95"] / true_p95 - 1) < 0.05
    assert abs(summary["arrivals"]["made_per_s"] / 80 - 1) < 0.01


def test_a_target_that_is_down_is_one_line_and_exit_code_3(run, target, steady) -> None:
    target.fall()
    run.plan(steady(10, 2))

    process = run.start()

    assert process.wait(120) == 3
    last = run.log.read_text().splitlines()[-1]
    assert last == f"smtp://127.0.0.1:{target.ports['smtp']}: cannot connect: connection refused"
    assert not run.out.exists()


def test_a_target_file_without_what_users_need_is_one_line_and_exit_code_2(run, steady) -> None:
    text = run.target_file.read_text()
    run.target_file.write_text(text.replace("smtp = ", "lmtp = "))
    run.plan(steady(10, 2))

    process = run.start()

    assert process.wait(120) == 2
    assert "needs an endpoint for smtp" in run.log.read_text().splitlines()[-1]


def test_a_target_that_dies_and_comes_back_loses_nothing_by_it(run, target, steady) -> None:
    run.settings = msgspec.structs.replace(run.settings, audit=Audited(wait_s=20))
    run.plan(steady(40, 3))

    process = run.start()
    run.wait_until(lambda: len(target.answered_s) > 40)
    target.fall()
    # It comes back when the audit has already looked for it in vain.
    run.wait_until(lambda: "auditing" in run.told())
    target.rise()
    summary = run.finish(process)

    audit = summary["audit"]
    assert audit["owed"] >= 40
    assert audit["found_once"] == audit["owed"]
    assert audit["lost"] == audit["undecided"] == 0
    assert summary["arrivals"]["made"] == 120
    assert set(summary["errors"]) <= {"refused", "reset", "closed", "unreachable"}
    assert sum(summary["errors"].values()) >= 120 - audit["owed"] - 5
    # A storm of errors leaves a few examples of each class.
    assert len(summary["evidence"]) <= 5 * len(summary["errors"])


def test_mailboxes_of_a_target_that_stays_away_are_undecided_and_nobody_is_accused(
    run, target, steady
) -> None:
    run.settings = msgspec.structs.replace(run.settings, audit=Audited(wait_s=0.5))
    run.plan(steady(40, 2))

    process = run.start()
    run.wait_until(lambda: len(target.answered_s) > 20)
    target.fall()
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["verdict"] == "unfinished"
    assert summary["audit"]["lost"] == 0
    assert summary["audit"]["undecided"] == summary["audit"]["owed"] > 0


def test_ctrl_c_stops_arrivals_and_reports_what_was_done(run, target, steady) -> None:
    run.plan(steady(40, 60))

    process = run.start()
    run.wait_until(lambda: len(target.answered_s) > 40)
    process.send_signal(signal.SIGINT)
    summary = run.finish(process)

    assert process.returncode == 3
    assert "asked to end" in "".join(summary["notes"])
    assert summary["arrivals"]["made"] + summary["arrivals"]["given_up"] == 2400
    assert summary["audit"]["done"]
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)


def test_a_second_ctrl_c_ends_at_once_and_keeps_what_there_is(run, target, steady) -> None:
    target.drops = lambda number: True
    run.settings = msgspec.structs.replace(run.settings, audit=Audited(wait_s=600))
    run.plan(steady(40, 1))

    process = run.start()
    run.wait_until(lambda: "auditing" in run.told())
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["completed"] == 40
    assert summary["audit"]["lost"] == 0
    assert summary["audit"]["undecided"] == 40


def test_what_was_found_so_far_outlives_a_killed_generator(run, target, steady) -> None:
    run.plan(steady(20, 60))

    process = run.start()
    run.wait_until((run.out / "summary.json").exists)
    process.kill()
    process.wait(120)

    summary = run.summary()
    assert summary["verdict"] == "unfinished"
    assert summary["completed"] >= 20
    assert not summary["audit"]["done"]


def test_users_one_after_the_other_are_drained_and_audited_alike(run, target) -> None:
    run.plan(mode="closed", users=5, think_s=0.1, duration_s=2)

    process = run.start()
    summary = run.finish(process)

    run.assert_went_well(process, summary)
    assert summary["arrivals"]["mode"] == "closed"
    assert summary["arrivals"]["users"] == 5
    assert summary["completed"] == summary["arrivals"]["made"] == len(target.answered_s) > 5
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)


def test_each_phase_is_judged_and_a_broken_limit_is_exit_code_1(run, steady) -> None:
    run.settings = msgspec.structs.replace(run.settings, limits=("smtp.message max < 1 us", "errors < 1%"))
    run.plan(steady(32, 1, "80%"), steady(40, 1, "100%"))

    process = run.start()
    summary = run.finish(process)

    assert (summary["verdict"], process.returncode) in {("broken", 1), ("generator saturated", 3)}
    assert [one["label"] for one in summary["rounds"]] == ["80%", "100%"]
    judged = {(one["round"], one["rule"]): one["kept"] for one in summary["slo"]}
    assert judged["80%", "smtp.message max < 1 us"] is judged["", "smtp.message max < 1 us"] is False
    assert judged["100%", "errors < 1%"] is True
    assert judged["", "lost = 0"] is True


def test_a_search_is_a_phase_for_each_step(run) -> None:
    run.settings = msgspec.structs.replace(run.settings, limits=("errors < 1%",))
    run.plan(search=Search(from_per_s=20, to_per_s=40, step_s=1))

    process = run.start()
    summary = run.finish(process)

    assert process.returncode == 0, summary["sentence"]
    assert summary["capacity_per_s"] == 40
    assert "at least 40 sessions a second" in summary["sentence"]
    assert [one["arrivals"]["asked_per_s"] for one in summary["rounds"]] == [20, 40, 40]
    assert all(one["kept"] for one in summary["rounds"])


def test_an_exception_in_a_users_code_is_told_with_the_result(run, steady) -> None:
    run.locustfile.write_text(WRONG)
    run.plan(steady(10, 1))

    process = run.start()
    summary = run.finish(process)

    assert process.returncode == 3
    [note] = summary["notes"]
    assert note.startswith("KeyError: 'no such key' at ")
    assert note.endswith("mine.py:8 (10 times)")


def test_a_director_that_fails_ends_the_run_and_says_so(run, steady) -> None:
    run.locustfile.write_text(FAILING)
    run.plan(steady(10, 30))

    process = run.start()

    assert process.wait(120) == 3
    assert run.log.read_text().splitlines()[-1] == "the director failed: ValueError: what nobody thought of"


def test_where_nobody_asked_for_an_audit_none_is_missed(run, steady) -> None:
    run.settings = msgspec.structs.replace(run.settings, audit=Audited(enabled=False))
    run.plan(steady(20, 1))

    process = run.start()
    summary = run.finish(process)

    run.assert_went_well(process, summary)
    assert "nobody looked for the mail (the audit was not asked for)" in summary["sentence"]


def test_the_page_of_locust_lives_on_when_stop_has_made_the_results(run, target, steady, free_port) -> None:
    run.plan(steady(40, 60))

    process = run.start(
        "--autostart", "--web-host", "127.0.0.1", "--web-port", str(free_port), headless=False
    )
    run.wait_until(lambda: len(target.answered_s) > 40)
    ask(free_port, "POST", "/stop")
    run.wait_until(lambda: "done" in run.told())

    assert json.loads(ask(free_port, "GET", "/stats/requests"))["state"] == "stopped"
    summary = run.summary()
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 3


def ask(port: int, method: str, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()
