"""Runs that send the messages of a directory: what is to be said of them, and what a server must offer for them."""

import msgspec
import pytest

from loadtests.plan import Content

PLAIN = b"Subject: plain\n\nnothing special\n"
EIGHT_BIT = "Subject: more\n\ngr\N{LATIN SMALL LETTER U WITH DIAERESIS}n\n".encode()


@pytest.fixture
def mail(run):
    """Puts messages into a directory that the run sends from."""

    def put(*messages: bytes) -> None:
        directory = run.directory / "mail"
        directory.mkdir()
        for number, octets in enumerate(messages):
            (directory / str(number)).write_bytes(octets)
        run.settings = msgspec.structs.replace(
            run.settings, content=Content(sizes="directory", directory=str(directory))
        )

    return put


def test_what_is_to_be_said_of_the_messages_is_said_once_for_all_workers(
    run, target, steady, mail, forked
) -> None:
    target.offers = lambda _session: ("PIPELINING", "8BITMIME")
    mail(PLAIN, EIGHT_BIT, b"no message")
    run.plan(steady(20, 1), workers=2)

    process = run.start(*forked(2))
    summary = run.finish(process)

    run.assert_went_well(process, summary)
    said = [note.partition("mail: ")[2] for note in summary["notes"]]
    assert said == [
        "1 of 3 files are left out, too large or no message: 2",
        "1 of 3 files hold octets above 127: a server must offer 8BITMIME",
    ]
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == 20


def test_octets_above_127_are_no_matter_for_a_server_that_is_not_asked_to_take_any(
    run, target, steady, mail
) -> None:
    mail(PLAIN)
    run.plan(steady(20, 1))

    process = run.start()

    run.assert_went_well(process, run.finish(process))


def test_a_server_that_does_not_take_octets_above_127_is_said_before_the_run(
    run, target, steady, mail
) -> None:
    mail(PLAIN, EIGHT_BIT)
    run.plan(steady(20, 30))

    process = run.start()

    assert process.wait(120) == 2
    assert run.log.read_text().splitlines()[-1] == (
        f"content.directory: {run.directory / 'mail'} has messages with octets above 127, and "
        f"smtp://127.0.0.1:{target.ports['smtp']} does not offer 8BITMIME; take them out of the directory"
    )
    assert not target.answered_s
    assert not run.out.exists()


def test_a_server_that_no_longer_offers_it_is_sent_nothing(run, target, steady, mail) -> None:
    # Two sessions are there before the run: one that reaches it, and one that asks.
    target.offers = lambda session: ("PIPELINING", "8BITMIME") if session <= 2 else ("PIPELINING",)
    mail(EIGHT_BIT)
    run.plan(steady(20, 1))

    process = run.start()
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["errors_by_operation"] == {"smtp.mail": {"8bitmime": 20}}
    assert summary["audit"]["owed"] == 0
    assert not target.answered_s
    assert any("8BITMIME is not offered" in shown for shown in summary["evidence"])
