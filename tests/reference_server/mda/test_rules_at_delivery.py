"""Users' rules at work: folders, redirects, refusals, answers; a broken script loses nothing."""

import datetime as dt
from dataclasses import replace

import pytest

from reference_server.mda.acceptance import Acceptance
from reference_server.store import INBOX

MESSAGE = b"From: zed@example.net\r\nTo: ann@example.test\r\nSubject: news\r\n\r\nHello.\r\n"


def with_rules(town, script: str, *names: str):
    users = tuple(replace(u, sieve=script) if u.name in names else u for u in town.users)
    return replace(town, users=users)


@pytest.fixture
def deliver(at_home, mail, town):
    def run(script: str, content: bytes = MESSAGE, sender: str = "zed@example.net"):
        context = at_home(with_rules(town, script, "ann"))
        return context, Acceptance(context).accept(mail("ann@example.test", sender=sender), content)

    return run


def test_a_message_is_filed_into_a_mailbox_that_is_made_for_it(deliver, read) -> None:
    context, _ = deliver('require "fileinto"; fileinto "News/Today";')
    assert len(read(context, "ann", "News/Today")) == 1
    assert read(context, "ann") == []


def test_flags_are_set(deliver) -> None:
    context, _ = deliver(r'require "imap4flags"; keep :flags "\\Flagged";')
    mailbox = context.store.mailbox("ann", INBOX)
    assert [row.flags for row in context.store.messages(mailbox.id)] == [{"\\Flagged"}]


def test_a_redirect_goes_on_and_marks_the_message(deliver, read) -> None:
    context, _ = deliver('redirect "cid@example.org";')
    (entry,) = context.queue.entries()
    assert context.queue.content(entry.queue_id) == b"Delivered-To: ann@example.test\r\n" + MESSAGE
    assert read(context, "ann") == []


def test_a_redirect_that_comes_back_is_kept(deliver, read) -> None:
    context, _ = deliver('redirect "cid@example.org";', b"Delivered-To: ann@example.test\r\n" + MESSAGE)
    assert not context.queue.entries()
    assert len(read(context, "ann")) == 1


def test_a_redirect_to_somebody_here_arrives_there(deliver, read) -> None:
    context, _ = deliver('redirect "bea@example.test";')
    assert len(read(context, "bea")) == 1


def test_redirects_that_lead_to_each_other_lose_nothing(at_home, town, mail, read) -> None:
    world = with_rules(town, 'redirect "bea@example.test";', "ann")
    users = tuple(
        replace(u, sieve='redirect "ann@example.test";') if u.name == "bea" else u for u in world.users
    )
    context = at_home(replace(world, users=users))
    Acceptance(context).accept(mail("ann@example.test"), MESSAGE)
    assert len(read(context, "ann")) + len(read(context, "bea")) == 1


def test_a_redirect_to_nobody_is_kept(deliver, read) -> None:
    context, _ = deliver('redirect "nobody@example.test";')
    assert len(read(context, "ann")) == 1


def test_a_member_of_an_alias_who_rejects_does_not_keep_it_from_the_others(at_home, town, mail, read) -> None:
    context = at_home(with_rules(town, 'require "reject"; reject "No.";', "ann"))
    accepted = Acceptance(context).accept(mail("all@example.test", sender="bea@example.test"), MESSAGE)
    assert not accepted.refused
    message, report = read(context, "bea")
    assert message.endswith(MESSAGE)
    assert b"Action: failed" in report


def test_a_rejection_is_the_reply_to_the_content(deliver, read) -> None:
    context, accepted = deliver('require "reject"; reject "Not\r\nagain";')
    (refusal,) = accepted.refused.values()
    assert (refusal.code, refusal.status, refusal.text) == (550, "5.7.1", "Not again")
    assert read(context, "ann") == []


def test_a_rejection_that_no_reply_can_carry_is_a_notice(deliver, read) -> None:
    context, accepted = deliver('require "reject"; reject "Bitte höre auf";')
    assert not accepted.refused
    assert read(context, "ann") == []
    (notice,) = context.queue.entries()
    assert notice.envelope.reverse_path == b""
    assert b"disposition-notification" in (context.queue.content(notice.queue_id) or b"")


def test_a_discarded_message_is_gone(deliver, read) -> None:
    context, accepted = deliver("discard;")
    assert not accepted.refused
    assert read(context, "ann") == []


@pytest.mark.parametrize("script", ["nonsense", "if", 'require "no-such-thing"; discard;', '"'])
def test_a_broken_script_loses_nothing(deliver, read, script: str) -> None:
    context, _ = deliver(script)
    assert len(read(context, "ann")) == 1


def test_a_vacation_answers_each_sender_once_in_its_days(deliver, mail) -> None:
    context, _ = deliver('require "vacation"; vacation :days 3 "Away.";')
    (answer,) = context.queue.entries()
    assert answer.envelope.reverse_path == b""
    assert [r.address for r in answer.envelope.recipients] == [b"zed@example.net"]
    assert b"Auto-Submitted: auto-replied" in (context.queue.content(answer.queue_id) or b"")

    def again(sender: str = "ZED@example.net") -> int:
        Acceptance(context).accept(mail("ann@example.test", sender=sender), MESSAGE)
        return len(context.queue.entries())

    assert again() == 1
    assert again("yan@example.net") == 2
    context.clock.move(dt.timedelta(days=4))
    assert again() == 3


def test_nobody_is_answered_for_a_null_reverse_path(deliver) -> None:
    context, _ = deliver('require "vacation"; vacation "Away.";', sender="")
    assert not context.queue.entries()


def test_an_answer_to_an_answer_ends(at_home, town, mail) -> None:
    context = at_home(with_rules(town, 'require "vacation"; vacation "Away.";', "ann", "bea"))
    message = MESSAGE.replace(b"zed@example.net", b"bea@example.test")
    Acceptance(context).accept(mail("ann@example.test", sender="bea@example.test"), message)
    mailbox = context.store.mailbox("bea", INBOX)
    assert context.store.status(mailbox.id).messages == 1
    assert not context.queue.entries()
