"""Every scenario, for two seconds, against a whole server: it does what it is about, and its mail is found once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.target import Protocol
from loadtests.profile import scenario_names

Scenario = Callable[..., Any]

EXAMPLES = Path(__file__).parents[3] / "examples/locustfiles"

EVERYTHING = dict.fromkeys(("read", "refresh", "flag", "search", "move", "append", "delete"), 1)

# What must have gone well at least once, and what a quick run has to have more of than its profile says.
DONE: dict[str, tuple[set[str], dict[str, object]]] = {
    "inbound": ({"smtp.session", "smtp.message", "smtp.rcpt-unknown"}, {"traffic": {"unknown": 0.5}}),
    "submission": ({"submission.session", "submission.auth", "submission.starttls"}, {}),
    "lmtp": ({"lmtp.session", "lmtp.message"}, {}),
    "pop3": (
        {"pop3.session", "pop3.retr", "pop3.dele", "smtp.message"},
        {"rate_per_s": 15, "traffic": {"delete": 1.0}},
    ),
    "imap": (
        {
            "imap.session",
            "imap.fetch",
            "imap.store",
            "imap.idle-start",
            "imap.search",
            "imap.append",
            "smtp.message",
        },
        {"shares": {"Exchanger": 5}, "traffic": {"actions": EVERYTHING}},
    ),
    "office": (
        {"smtp.message", "submission.message", "pop3.session", "imap.session"},
        {"office": {"sent_per_day": 100}, "reading": {"mailboxes": 2}, "rate_per_s": 20},
    ),
    "connections": ({"imap.session", "imap.idle-start", "imap.idle-end"}, {}),
    "tls-storm": (
        {"submission.starttls", "imap.starttls", "pop3.stls", "submissions.session"},
        {"rate_per_s": 15},
    ),
    "large": ({"smtp.message"}, {"content": {"max_octets": 2_000_000, "pool": 3}, "rate_per_s": 2}),
    "soak": ({"smtp.message", "imap.session", "pop3.session"}, {"parts": 2}),
    "spike": ({"smtp.message"}, {}),
    "slow-clients": ({"slow.message", "smtp.message"}, {"traffic": {"pace_octets_per_s": 4096}}),
}
# Those that send nothing.
SILENT = {"connections", "tls-storm"}

# How mail goes away in a run.
MOVING = {"pop3": ["pop3.dele"], "imap": ["imap.move", "imap.expunge"]}


def test_every_scenario_is_tried_here() -> None:
    assert set(DONE) == set(scenario_names())


@pytest.mark.parametrize("name", DONE)
def test_a_scenario_does_what_it_is_about_and_its_mail_is_found_once(name: str, scenario: Scenario) -> None:
    wanted, changes = DONE[name]

    ran = scenario(name, changes)

    summary = ran.summary
    assert summary, ran.log
    assert summary["errors"] == {}, (summary["errors_by_operation"], summary["evidence"])
    assert "Traceback" not in ran.log
    assert wanted <= {operation for operation, one in summary["latency_ms"].items() if one["count"]}
    assert summary["completed"] == summary["arrivals"]["planned"] == summary["arrivals"]["made"]
    audit = summary["audit"]
    assert audit["found_once"] == audit["owed"], audit
    assert (audit["owed"] > 0) == (name not in SILENT)
    assert audit["undecided"] == audit["strangers"] == audit["misdelivered"] == 0
    # How quick this machine is today is not what the test is about.
    assert summary["verdict"] in {"kept", "generator saturated"}, summary["sentence"]


@pytest.mark.parametrize("name", ["pop3", "imap"])
def test_the_run_s_own_mail_is_moved_and_deleted_and_no_other(
    name: str, scenario: Scenario, strangers: Callable[[], dict[str, list[bytes]]]
) -> None:
    before = strangers()
    busy = {"delete": 10, "move": 30, "read": 5, "append": 5, "flag": 5}
    traffic = {"delete": 1.0, "actions": busy, "think_s": 0.01}

    ran = scenario(name, {"rate_per_s": 25, "shares": {"Exchanger": 8}, "traffic": traffic})

    assert ran.summary, ran.log
    assert ran.summary["errors"] == {}, ran.summary["evidence"]
    done = {operation: one["count"] for operation, one in ran.summary["latency_ms"].items()}
    assert all(done[operation] for operation in MOVING[name]), done
    assert ran.summary["audit"]["found_once"] == ran.summary["audit"]["owed"] > 20
    assert strangers() == before


@pytest.mark.parametrize(
    ("without", "wanted"),
    [
        ((Protocol.SMTP,), "lmtp.message"),
        ((Protocol.SMTP, Protocol.LMTP), "submission.message"),
    ],
)
def test_mail_comes_by_the_way_in_that_there_is(
    without: tuple[Protocol, ...], wanted: str, scenario: Scenario
) -> None:
    ran = scenario("pop3", without=without)

    assert ran.summary, ran.log
    assert ran.summary["latency_ms"][wanted]["count"]
    assert {name for name in ran.summary["latency_ms"] if name.endswith(".message")} == {wanted}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("help_desk", {"smtp.session", "imap.session", "imap.search"}),
        ("newsletter", {"submission.session", "submission.message"}),
    ],
)
def test_an_example_s_locustfile_runs_with_open_arrivals(
    name: str, wanted: set[str], scenario: Scenario
) -> None:
    ran = scenario(EXAMPLES / f"{name}.py")

    assert ran.summary, ran.log
    assert ran.summary["errors"] == {}, ran.summary["evidence"]
    assert wanted <= {operation for operation, one in ran.summary["latency_ms"].items() if one["count"]}
    assert ran.summary["audit"]["found_once"] == ran.summary["audit"]["owed"] > 0


def test_an_office_without_pop3_reads_by_imap(scenario: Scenario) -> None:
    ran = scenario("office", without=(Protocol.POP3, Protocol.POP3S))

    assert ran.summary, ran.log
    assert ran.summary["latency_ms"]["imap.session"]["count"]
    assert not [name for name in ran.summary["latency_ms"] if name.startswith("pop3.")]


@pytest.mark.parametrize(
    ("name", "changes", "without", "problem"),
    [
        ("lmtp", {}, (Protocol.LMTP,), "Transfer needs an endpoint for lmtp"),
        (
            "imap",
            {"traffic": {"actions": {"sing": 1}}},
            (),
            "traffic.actions.sing: no such action; known: read,",
        ),
        (
            "pop3",
            {"shares": {"Postman": 1}},
            (),
            "shares.Postman: the locustfile has no such user class; it has ",
        ),
        (
            "connections",
            {},
            (Protocol.IMAP, Protocol.IMAPS),
            "Idler needs an endpoint for imap or imaps",
        ),
        (
            "tls-storm",
            {},
            tuple(p for p in Protocol if p not in {Protocol.SMTP, Protocol.LMTP}),
            "no user class has a share of the sessions",
        ),
    ],
)
def test_what_the_target_lacks_is_told_in_one_line_and_nothing_is_sent(
    name: str,
    changes: dict[str, object],
    without: tuple[Protocol, ...],
    problem: str,
    scenario: Scenario,
) -> None:
    ran = scenario(name, changes, without=without)

    assert ran.code == 2
    assert problem in ran.log
    assert "Traceback" not in ran.log
    assert ran.summary is None or ran.summary["arrivals"]["made"] == 0
