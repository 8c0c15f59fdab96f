"""RFC 2033 §4.3: BDAT, and a reply for each recipient of the last chunk."""

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.strategies.messages import bodies
from suites.covers import covers
from suites.lmtp.sessions import UNKNOWN, begin, replies_before_quit
from suites.mail import plain_message
from suites.needs import accounts, lmtp_offers, needs


@covers(
    "RFC2033-4.3-a",
    fault="lmtp.one-reply-to-the-last-chunk",
    also=("lmtp.one-reply-for-all", "lmtp.one-reply-for-a-mailbox"),
)
@needs(lmtp_offers("CHUNKING"), accounts(2))
@given(recipients=st.lists(st.sampled_from([0, 1, UNKNOWN]), min_size=1, max_size=5), body=bodies)
def test_the_last_chunk_gets_a_reply_for_each_accepted_recipient(
    target: LiveTarget, recipients: list[int], body: bytes
) -> None:
    assume(set(recipients) != {UNKNOWN})
    lmtp = target.lmtp()
    accepted = begin(target, lmtp, recipients)
    if not accepted:
        raise Unclear("no recipient was accepted")
    content = plain_message(target.unique(), to=target.account().address, body=body)
    lmtp.raw(b"BDAT %d LAST\r\n%s" % (len(content), content))
    replies = replies_before_quit(lmtp)
    said = ", ".join(map(str, replies))
    assert len(replies) == len(accepted), f"{len(accepted)} recipients, {len(replies)} replies: {said}"


@covers("RFC2033-4.3-nk1", fault="lmtp.a-reply-for-each-recipient-of-a-chunk")
@needs(lmtp_offers("CHUNKING"), accounts(2))
@given(recipients=st.lists(st.sampled_from([0, 1]), min_size=2, max_size=4), chunks=st.integers(1, 3))
def test_a_chunk_before_the_last_gets_one_reply(
    target: LiveTarget, recipients: list[int], chunks: int
) -> None:
    lmtp = target.lmtp()
    if len(begin(target, lmtp, recipients)) < len(recipients):
        raise Unclear("a plain recipient was refused")
    for _ in range(chunks):
        lmtp.raw(b"BDAT 8\r\nX-A: b\r\n")
    replies = replies_before_quit(lmtp)
    assert len(replies) == chunks, f"{chunks} chunks, {len(replies)} replies: {', '.join(map(str, replies))}"
