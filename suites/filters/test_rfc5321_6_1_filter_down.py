"""RFC 5321 §6.1: a filter that is down loses no mail, and lets nothing pass unseen."""

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire.smtp.replies import Reply
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, entrance, letters
from suites.filters.switch import filters_down, switchable
from suites.filters.wrapped import tagged, with_virus
from suites.mail import forward_path, reverse_path, transact
from suites.needs import needs, reader


def sent_meanwhile(target: LiveTarget, sent: Letter) -> Reply:
    """The reply that ends its transaction while the filter is down; the filter is back when this returns."""
    with filters_down(target):
        client = entrance(target)
        replies = transact(client, reverse_path(target), [forward_path(target)], sent.content)
        client.quit()
    return next((reply for reply in replies if reply.klass != 2), replies[-1])


def clean(target: LiveTarget) -> Letter:
    return letters(target, [b"Nothing is to be found here.\r\n"])[0]


@covers("RFC5321-4.2.1-nk2", fault="filters.refuses-when-down", intrusive=True)
@needs(switchable)
def test_clean_mail_is_not_refused_for_good_while_a_filter_is_down(target: LiveTarget) -> None:
    reply = sent_meanwhile(target, clean(target))
    assert reply.klass != 5, f"a clean message was answered {reply} while a filter was down"


@covers("RFC5321-6.1-a", fault="filters.loses-when-down", intrusive=True)
@needs(switchable, reader())
def test_mail_accepted_while_a_filter_is_down_is_not_lost(target: LiveTarget) -> None:
    sent = clean(target)
    reply = sent_meanwhile(target, sent)
    if reply.klass != 2:
        return  # nothing was accepted
    try:
        arrived(target, [sent])
    except Unclear as exc:
        raise AssertionError(
            f"a message that was answered {reply} while a filter was down has not arrived since: {exc.reason}"
        ) from exc


@covers("RFC5321-7.9-nk1", fault="filters.passes-unscanned-when-down", intrusive=True)
@needs(switchable, reader())
def test_a_virus_does_not_pass_unseen_while_a_filter_is_down(target: LiveTarget) -> None:
    sent = with_virus(target, "attachment")
    reply = sent_meanwhile(target, sent)
    if reply.klass != 2:
        return
    try:
        received = arrived(target, [sent])[0]
    except Unclear:
        return  # held, or found when the filter was back
    assert tagged(target, sent, received), (
        f"the EICAR test file was answered {reply} while a filter was down, and arrived as if it had been looked at"
    )
