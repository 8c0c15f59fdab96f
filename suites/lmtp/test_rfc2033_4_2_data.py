"""RFC 2033 §4.2: DATA, and a reply for each recipient."""

from collections.abc import Sequence
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.strategies.messages import bodies
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers
from suites.lmtp.sessions import UNKNOWN, begin, replies_before_quit
from suites.mail import fetch, forward_path, plain_message
from suites.needs import accounts, needs, reader


def deliver(
    target: LiveTarget, recipients: Sequence[int], body: bytes = b"Hello.\r\n"
) -> tuple[list[bytes], list[Reply]]:
    """The paths that were accepted, and the replies to a message for them."""
    lmtp = target.lmtp()
    accepted = begin(target, lmtp, recipients)
    if not accepted:
        raise Unclear("no recipient was accepted")
    opened = lmtp.data_open()
    if opened.klass != 3:
        raise Unclear(f"DATA was answered {opened}")
    lmtp.raw(encode_data(plain_message(target.unique(), to=target.account().address, body=body)))
    return accepted, replies_before_quit(lmtp)


@covers("RFC2033-4.2-a", fault="lmtp.data-without-recipient-554")
@given(refused=st.integers(0, 3))
def test_data_without_an_accepted_recipient_is_answered_503(target: LiveTarget, refused: int) -> None:
    lmtp = target.lmtp()
    if begin(target, lmtp, [UNKNOWN] * refused):
        raise NotOffered("a recipient whom nobody knows is accepted")
    reply = lmtp.command(b"DATA")
    expect.rejected(reply, 503, about=f"DATA after {refused} refused RCPT")


@covers("RFC2033-4.2-b", fault="lmtp.one-reply-for-all", also=("lmtp.one-reply-for-a-mailbox",))
@needs(accounts(2))
@given(recipients=st.lists(st.sampled_from([0, 1, UNKNOWN]), min_size=1, max_size=5), body=bodies)
def test_the_end_of_data_gets_a_reply_for_each_accepted_recipient(
    target: LiveTarget, recipients: list[int], body: bytes
) -> None:
    assume(set(recipients) != {UNKNOWN})
    accepted, replies = deliver(target, recipients, body)
    said = ", ".join(map(str, replies))
    assert len(replies) == len(accepted), f"{len(accepted)} recipients, {len(replies)} replies: {said}"


# Lines that no message may hold (RFC 5321 §2.3.8); without dots, so that nothing can be taken for the end of data.
_odd_bodies: Final = st.lists(st.sampled_from([b"x", b"\r", b"\n", b"\0", b"\xff", b"\r\n"]), min_size=1).map(
    b"".join
)


@covers(
    "RFC2033-4.2-b",
    fault="lmtp.one-reply-to-refused-content",
    also=("lmtp.one-reply-for-all", "lmtp.one-reply-for-a-mailbox"),
)
@needs(accounts(2))
@given(recipients=st.lists(st.sampled_from([0, 1]), min_size=2, max_size=4), body=_odd_bodies)
def test_content_that_may_be_refused_gets_a_reply_for_each_recipient(
    target: LiveTarget, recipients: list[int], body: bytes
) -> None:
    accepted, replies = deliver(target, recipients, body)
    said = ", ".join(map(str, replies))
    assert len(replies) == len(accepted), f"{len(accepted)} recipients, {len(replies)} replies: {said}"


@covers("RFC2033-4.2-b", fault="lmtp.one-reply-for-a-mailbox", also=("lmtp.one-reply-for-all",))
@given(times=st.integers(2, 5))
def test_a_recipient_named_twice_gets_two_replies(target: LiveTarget, times: int) -> None:
    accepted, replies = deliver(target, [0] * times)
    assert len(replies) == len(accepted), f"{len(accepted)} RCPT for one mailbox, {len(replies)} replies"


@covers("RFC2033-4.2-b", fault="lmtp.replies-in-reverse")
@needs(accounts(3))
@given(recipients=st.permutations([0, 1, 2]))
def test_replies_that_name_their_recipients_come_in_order(target: LiveTarget, recipients: list[int]) -> None:
    accepted, replies = deliver(target, recipients)
    if len(replies) != len(accepted):
        raise Unclear(f"{len(accepted)} recipients got {len(replies)} replies")
    named = [[path for path in accepted if path in reply.raw] for reply in replies]
    if any(len(paths) != 1 for paths in named):
        raise NotOffered("the replies do not tell their recipients")
    order = [path for paths in named for path in paths]
    assert order == accepted, f"RCPT for {accepted}, replies for {order}"


@covers("RFC2033-4.2-c", fault="lmtp.first-recipient-only")
@needs(accounts(2), reader())
def test_a_message_taken_for_two_recipients_reaches_both(target: LiveTarget) -> None:
    token = target.unique()
    lmtp = target.lmtp()
    begin(target, lmtp, [0, 1])
    replies = lmtp.data_replies(plain_message(token, to=target.account().address), 2)
    if [reply.klass for reply in replies] != [2, 2]:
        raise Unclear(f"a plain message for two was answered {', '.join(map(str, replies))}")
    for account in (0, 1):
        try:
            fetch(target, token, account=account)
        except Unclear as exc:
            path = forward_path(target, account).decode()
            raise AssertionError(f"answered {replies[account]}, but {path} did not get it: {exc}") from exc
