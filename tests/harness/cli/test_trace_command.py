"""`mailproof trace`, run as a person would: one message through a world, and what is told of it."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.results.life import Ending, LaneKind, Life, Stage, Standing, Step, read_life
from reports.life import render

BOUND_S = "60"
WORLDS = Path(__file__).parents[3] / "examples" / "worlds"
ERIC, WQP = "eric@pangxie.com", "wqp@windchaser.com"
PANGXIE, MAIL1, MAIL2 = "mail.pangxie.com", "mail1.windchaser.com", "mail2.windchaser.com"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]
Traced = Callable[..., tuple[Done, Life]]


@pytest.fixture
def mailproof_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process, whose start costs less."""

    def run(*arguments: str | Path) -> Done:
        argv = ["mailproof", "trace", *map(str, arguments), "--timeout", BOUND_S]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def traced(mailproof_trace: Command, tmp_path: Path) -> Traced:
    """The life as the file that the command writes has it."""

    def run(*arguments: str | Path, world: str = "") -> tuple[Done, Life]:
        options = ["--world", WORLDS / f"{world}.toml"] if world else []
        done = mailproof_trace(*arguments, *options, "--json", tmp_path / "life.json")
        return done, read_life(tmp_path / "life.json")

    return run


def of(life: Life, stage: Stage) -> list[Step]:
    return [step for step in life.steps if step.stage is stage]


def places(life: Life, *wanted: tuple[Stage, str]) -> list[int]:
    """Where the first step of each stage at each actor is, each behind the one before."""
    found, at = [], 0
    for stage, actor in wanted:
        at = next(
            step.number
            for step in life.steps
            if step.number > at and (step.stage, step.actor) == (stage, actor)
        )
        found.append(at)
    return found


def test_a_message_between_two_companies(traced: Traced) -> None:
    done, life = traced(ERIC, WQP, world="two-companies")

    assert done.returncode == 0, done.stderr
    assert life.ending is Ending.DELIVERED
    assert places(
        life,
        (Stage.COMPOSE, ERIC),
        (Stage.SUBMISSION, ERIC),
        (Stage.FILTER, PANGXIE),
        (Stage.QUEUE, PANGXIE),
        (Stage.DNS, PANGXIE),
        (Stage.ROUTE, PANGXIE),
        (Stage.SMTP, PANGXIE),
        (Stage.FILTER, MAIL1),
        (Stage.MDA, MAIL1),
        (Stage.MAILBOX, MAIL1),
        (Stage.POP3, WQP),
        (Stage.IMAP, WQP),
    )
    assert not [step for step in life.steps if step.standing is not Standing.DONE]
    assert f"10 {MAIL1}, then 20 {MAIL2}" in {step.said for step in of(life, Stage.ROUTE)}
    assert [lane.name for lane in life.lanes] == [ERIC, PANGXIE, "dns", MAIL1, MAIL2, WQP]


def test_what_was_written_is_what_is_read(traced: Traced) -> None:
    _, life = traced(
        ERIC, WQP, "--subject", "Dînner?", "--body", "Crabs.\n.\nAt seven.\n", world="two-companies"
    )

    (composed,) = of(life, Stage.COMPOSE)
    body = composed.moved[0].octets.partition(b"\r\n\r\n")[2]
    assert life.subject == "Dînner?"
    assert body == b"Crabs.\r\n.\r\nAt seven.\r\n"
    (stored,) = of(life, Stage.MAILBOX)
    assert stored.moved[0].octets.endswith(composed.moved[0].octets)
    (read,) = of(life, Stage.IMAP)
    assert stored.moved[0].octets in b"".join(moved.octets for moved in read.moved)


def test_no_password_is_told(traced: Traced) -> None:
    done, life = traced(ERIC, WQP, world="two-companies")

    (submission,) = of(life, Stage.SUBMISSION)
    said = b"".join(moved.octets for moved in submission.moved)
    assert b"AUTH PLAIN <secret>\r\n" in said
    assert "AGVyaWNAcGFuZ3hpZS5jb20" not in done.stdout  # \0eric@pangxie.com in base64
    assert "PASS <secret>" in done.stdout


def test_with_mail1_down_the_backup_keeps_it_and_hands_it_over(traced: Traced) -> None:
    done, life = traced(ERIC, WQP, "--down", "mail1", world="two-companies")

    assert done.returncode == 0, done.stderr
    assert life.ending is Ending.DELIVERED
    assert life.down == (MAIL1,)
    assert f"by way of {MAIL2}" in life.says
    dialogues = [(step.actor, step.peer, step.standing) for step in of(life, Stage.SMTP)]
    assert dialogues == [
        (PANGXIE, MAIL1, Standing.FAILED),
        (PANGXIE, MAIL2, Standing.DONE),
        (MAIL2, MAIL1, Standing.FAILED),
        (MAIL2, MAIL1, Standing.DONE),
    ]
    back = next(step.number for step in of(life, Stage.NETWORK) if "comes back" in step.title)
    deferred = next(step for step in of(life, Stage.QUEUE) if step.standing is Standing.WAITING)
    again = of(life, Stage.SMTP)[-1]
    assert deferred.number < back < again.number
    assert again.at_us - deferred.at_us >= 1800 * 1_000_000  # RFC 5321 §4.5.4.1: 30 minutes at least


def test_what_nobody_takes_comes_back(traced: Traced) -> None:
    done, life = traced(ERIC, "nobody@windchaser.com", world="two-companies")

    assert done.returncode == 1
    assert life.ending is Ending.BOUNCED
    (refused,) = of(life, Stage.SMTP)
    assert refused.standing is Standing.FAILED
    assert refused.answered.startswith("550 5.1.1")
    assert len(of(life, Stage.DSN)) == 1
    assert {step.actor for step in [*of(life, Stage.POP3), *of(life, Stage.IMAP)]} == {ERIC}
    assert sum(lane.kind is LaneKind.AGENT for lane in life.lanes) == 1


def test_a_domain_that_takes_no_mail(traced: Traced) -> None:
    _, life = traced("alice@example.test", "anybody@no-mail.test", world="null-mx")

    assert life.ending is Ending.BOUNCED
    assert [step.standing for step in of(life, Stage.ROUTE)] == [Standing.FAILED]
    assert of(life, Stage.SMTP) == []


def test_a_rule_files_it_and_the_reader_finds_it_there(traced: Traced) -> None:
    _, life = traced("mei@windchaser.com", "wqp+lists@windchaser.com", world="two-companies")

    assert life.ending is Ending.DELIVERED
    assert [step.said for step in of(life, Stage.MAILBOX)] == ["Lists, UID 1"]
    assert of(life, Stage.POP3) == []  # POP3 has the inbox alone
    assert "SELECT Lists" in of(life, Stage.IMAP)[0].said


def test_the_default_world_needs_no_file(traced: Traced) -> None:
    done, life = traced("alice@example.test", "bob@example.test", "--no-pop3")

    assert done.returncode == 0, done.stderr
    assert of(life, Stage.SMTP) == of(life, Stage.POP3) == []
    assert len(of(life, Stage.IMAP)) == 1


def test_a_whole_message_is_sent_as_it_is(traced: Traced, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"Subject: mine\n\n.dot\n")

    _, life = traced("alice@example.test", "bob@example.test", "--message", tmp_path / "message")

    assert life.subject == "mine"
    assert of(life, Stage.MAILBOX)[0].moved[0].octets.endswith(b"Subject: mine\r\n\r\n.dot\r\n")


def test_a_host_that_is_down_takes_no_submission(traced: Traced) -> None:
    done, life = traced(ERIC, WQP, "--down", PANGXIE, world="two-companies")

    assert done.returncode == 1
    assert life.ending is Ending.REFUSED
    assert of(life, Stage.SUBMISSION)[0].standing is Standing.FAILED


def test_the_page_is_drawn_and_the_file_of_tools_goes_to_the_terminal(
    mailproof_trace: Command, tmp_path: Path
) -> None:
    page = tmp_path / "life.html"

    done = mailproof_trace("alice@example.test", "bob@example.test", "--html", page, "--json", "-")

    assert json.loads(done.stdout)["ending"] == "delivered"
    (tmp_path / "life.json").write_text(done.stdout)
    assert page.read_text() == render(read_life(tmp_path / "life.json"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nobody@example.test", "bob@example.test"], "nobody@example.test is no user of"),
        (["alice@example.test", "bob"], "is not an address"),
        (["alice@example.test", "bob@example.test", "--down", "x"], "--down x: is none of the world's hosts"),
        (["alice@example.test", "bob@example.test", "--world", "none.toml"], "none.toml"),
        (["alice@example.test", "bob@example.test", "--message", "none.eml"], "none.eml: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    mailproof_trace: Command, arguments: list[str], problem: str
) -> None:
    done = mailproof_trace(*arguments)

    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
