"""`mailproof inbox` as a command, and the prompt as a person at the keyboard has it."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from harness.errors import RunFailed, UsageError
from harness.mua.file_box import open_spool
from harness.mua.opened import SealedLetter
from harness.mua.shell import Shell

Run = Callable[..., Result]

LUNCH = b"Date: Tue, 24 Nov 2026 16:00:00 +0000\nFrom: Bob <bob@example.test>\nSubject: lunch\n\nAt noon?\n"
EVIL = (
    b"Date: Tue, 24 Nov 2026 16:01:00 +0000\nFrom: eve@example.org\n"
    b"Subject: \x1b]0;x\x07 \xe2\x80\xae!\n\n\x1b[2Jboo\n"
)
PLAN = (
    b"From: Carol <carol@example.test>\nSubject: plan\nContent-Type: multipart/mixed; boundary=x\n\n"
    b"--x\n\nsee below\n--x\nContent-Type: text/x-plan\n"
    b"Content-Disposition: attachment; filename=../plan.txt\n\nplan\n--x--\n"
)
MESSAGES = [LUNCH, EVIL, PLAN]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    separator = b"From x@example.org Tue Nov 24 16:00:00 2026\n"
    path.write_bytes(b"".join(separator + each + b"\n" for each in MESSAGES))
    return path


# The command


def test_a_listing_is_safe_to_look_at(run: Run, spool: Path) -> None:
    done = run("inbox", "--spool", spool)

    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.output.splitlines()[1:4]] == [
        ["1", "N"],
        ["2", "N"],
        ["3", "N"],
    ]
    assert "24 Nov" in done.output
    assert "Bob" in done.output
    assert r"\x1b]0;x\x07 \u202e!" in done.output
    assert "\x1b]" not in done.output
    assert done.output.splitlines()[-1] == f"{spool}: 3 messages"


def test_a_listing_as_json_has_all_there_is(run: Run, spool: Path) -> None:
    done = run("inbox", "list", "--spool", spool, "--json", "--last", "2")
    listed = json.loads(done.stdout)

    assert done.stdout.isascii()
    assert [(each["number"], each["from"], each["marks"]) for each in listed] == [
        (2, "eve@example.org", ["unread"]),
        (3, "Carol <carol@example.test>", ["unread"]),
    ]


def test_read_shows_a_message_and_marks_it(run: Run, spool: Path) -> None:
    done = run("inbox", "--spool", spool, "read", "1,2")

    assert "Subject: lunch\n" in done.output
    assert "\nAt noon?\n" in done.output
    assert "\x1b[2J" not in done.output
    assert r"\x1b[2Jboo" in done.output
    assert [
        each["number"] for each in json.loads(run("inbox", "--spool", spool, "--unread", "--json").stdout)
    ] == [3]


def test_the_source_is_shown_octet_for_octet(run: Run, spool: Path) -> None:
    done = run("inbox", "--spool", spool, "read", "2", "--source")

    assert "Subject: \\x1b]0;x\\x07 \\xe2\\x80\\xae!\n" in done.output


def test_save_writes_what_came_and_over_nothing(run: Run, spool: Path, tmp_path: Path) -> None:
    done = run("inbox", "--spool", spool, "save", "1", "--to", tmp_path / "a.eml")
    again = run("inbox", "--spool", spool, "save", "1", "--to", tmp_path / "a.eml")
    many = run("inbox", "--spool", spool, "save", "all", "--to", tmp_path)

    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.eml").read_bytes() == MESSAGES[0].replace(b"\n", b"\r\n")
    assert isinstance(again.exception, RunFailed)
    assert many.exit_code == 0, many.output
    assert (tmp_path / "3.eml").exists()


def test_attachments_are_listed_and_saved_under_safe_names(run: Run, spool: Path, tmp_path: Path) -> None:
    directory = tmp_path / "down"
    directory.mkdir()
    listed = run("inbox", "--spool", spool, "attachments", "3")
    run("inbox", "--spool", spool, "attachments", "3", "--to", directory)

    assert "[1] plan.txt  text/x-plan, 4" in listed.output
    assert (directory / "plan.txt").read_bytes() == b"plan"


def test_delete_removes_what_was_named(run: Run, spool: Path) -> None:
    assert "1 deleted" in run("inbox", "--spool", spool, "delete", "2").output
    assert [each["number"] for each in json.loads(run("inbox", "--spool", spool, "--json").stdout)] == [1, 2]


def test_search_lists_those_that_say_it(run: Run, spool: Path) -> None:
    listed = json.loads(run("inbox", "--spool", spool, "--search", "NOON", "--json").stdout)

    assert [each["number"] for each in listed] == [1]


@pytest.mark.parametrize("via", ["imap", "pop3", "imaps", "pop3s"])
def test_mail_that_was_sent_is_read_on_the_server(run: Run, target_file: Path, via: str) -> None:
    run("send", target_file, "--to", "bob@example.test", "-s", "Grüße", "--body", "Hallo Welt")
    done = run("inbox", target_file, "read", "1", "--via", via, "--account", "2", "--show-wire")

    assert done.exit_code == 0, done.output
    assert "Subject: Grüße" in done.stdout
    assert "\nHallo Welt\n" in done.stdout
    assert "<secret>" in done.stderr
    assert "secret\n" not in done.stderr.replace("<secret>", "")


def test_deleting_on_the_server_is_for_good(run: Run, target_file: Path) -> None:
    for word in ("one", "two"):
        run("send", target_file, "--to", "alice@example.test", "-s", word, "--body", "x")
    assert "1 deleted" in run("inbox", target_file, "delete", "1").output
    listed = json.loads(run("inbox", target_file, "--via", "pop3", "--json").stdout)

    assert [each["subject"] for each in listed] == ["two"]


def test_endpoints_given_as_flags_log_in_with_the_password_of_the_environment(
    run: Run, target_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = next(
        line.split('"')[1] for line in target_file.read_text().splitlines() if line.startswith("imap =")
    )
    monkeypatch.setenv("MAILPROOF_PASSWORD", "secret")
    done = run(
        "inbox", "--imap", address, "--user", "alice@example.test", "--ca", target_file.with_name("ca.pem")
    )

    assert done.exit_code == 0, done.output
    assert "INBOX: 0 messages" in done.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.toml"], "nowhere.toml"),
        (["read"], "say which message"),
        (["save", "1"], "--to"),
        (["read", "0"], "numbered from 1"),
        (["read", "x"], "no message number"),
        (["read", "4"], "there are 3"),
        (["target.toml", "frobnicate"], "frobnicate"),
        (["watch"], "IMAP"),
    ],
)
def test_words_that_cannot_be_are_told(run: Run, spool: Path, words: list[str], says: str) -> None:
    done = run("inbox", *words, *([] if "toml" in words[0] else ["--spool", spool]))

    assert isinstance(done.exception, UsageError), done.output
    assert says in str(done.exception)


# The prompt


class Keyboard:
    """A person who types these lines, and what the screen then shows."""

    def __init__(self, *lines: str) -> None:
        self.lines: Iterator[str] = iter(lines)
        self.screen = io.StringIO()
        self.console = Console(file=self.screen, width=100)

    def ask(self, prompt: str) -> str:
        typed = next(self.lines, None)
        self.screen.write(f"{prompt}{typed}\n")
        if typed is None:
            raise EOFError
        return typed


@pytest.fixture
def at_the_prompt(spool: Path, tmp_path: Path) -> Callable[..., str]:
    def session(*lines: str, reply: Callable[[SealedLetter], bool] | None = None) -> str:
        keyboard = Keyboard(*lines)
        with open_spool(spool, tmp_path / "mbox") as box:
            Shell(box, keyboard.console, keyboard.ask, reply).run()
        return keyboard.screen.getvalue()

    return session


def subjects(run: Run, path: Path) -> list[str]:
    return [each["subject"] for each in json.loads(run("inbox", "--spool", path, "--json").stdout)]


def test_enter_reads_on_and_quit_moves_what_was_read(
    at_the_prompt: Callable[..., str], run: Run, spool: Path, tmp_path: Path
) -> None:
    shown = at_the_prompt("", "", "d", "q")

    assert "At noon?" in shown
    assert r"\x1b[2Jboo" in shown
    assert "1 moved to" in shown
    assert "1 deleted" in shown
    assert subjects(run, tmp_path / "mbox") == ["lunch"]
    assert subjects(run, spool) == ["plan"]


def test_the_end_of_input_is_a_quit_and_x_changes_nothing(
    at_the_prompt: Callable[..., str], spool: Path, tmp_path: Path
) -> None:
    before = spool.read_bytes()
    at_the_prompt("1", "d 2", "x")
    assert spool.read_bytes() == before

    at_the_prompt("1")
    assert (tmp_path / "mbox").exists()


def test_what_was_deleted_can_be_kept_after_all(
    at_the_prompt: Callable[..., str], run: Run, spool: Path
) -> None:
    shown = at_the_prompt("d 1-2", "h", "u 2", "q")

    assert " ND " in shown
    assert subjects(run, spool)[1:] == ["plan"]
    assert len(subjects(run, spool)) == 2


def test_mistakes_are_told_and_the_session_goes_on(at_the_prompt: Callable[..., str]) -> None:
    shown = at_the_prompt("zz", "99", "d", "s", "r", "/", "p x", "?", "3", "n", "x")

    assert "no such command" in shown
    assert "there are 3 messages" in shown
    assert "has no message 0" in shown
    assert "say which file" in shown
    assert "nothing can be sent" in shown
    assert "say what to look for" in shown
    assert "leave everything as it was" in shown
    assert "no more messages" in shown


def test_saving_searching_and_attachments_work_at_the_prompt(
    at_the_prompt: Callable[..., str], tmp_path: Path
) -> None:
    shown = at_the_prompt(f"s 1 {tmp_path / 'a.eml'}", "/ below", "a 3", f"a 3 {tmp_path}", "c", "x")

    assert (tmp_path / "a.eml").read_bytes().endswith(b"At noon?\r\n")
    assert "3 messages; 1 shown" in shown
    assert "[1] plan.txt" in shown
    assert (tmp_path / "plan.txt").exists()
    assert "no new messages" in shown


def test_a_reply_is_handed_the_message_read_last(at_the_prompt: Callable[..., str]) -> None:
    answered: list[str] = []

    def reply(read: SealedLetter) -> bool:
        answered.append(read.letter.header.text("Subject"))
        return True

    at_the_prompt("3", "r", "r 1", "x", reply=reply)

    assert answered == ["plan", "lunch"]


def test_an_empty_mailbox_says_so(at_the_prompt: Callable[..., str], spool: Path) -> None:
    spool.write_bytes(b"")

    assert ": 0 messages" in at_the_prompt("", "h", "d", "q")
