"""RFC 2033 §5: extensions that LMTP needs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from suites import expect
from suites.covers import covers
from suites.lmtp.sessions import replies_before_quit
from suites.mail import forward_path, reverse_path
from suites.needs import lmtp_offers, needs


@covers("RFC2033-5-b", fault="lmtp.no-pipelining")
def test_lmtp_offers_pipelining_and_enhanced_status_codes(target: LiveTarget) -> None:
    offered = target.lmtp().extensions
    missing = {"PIPELINING", "ENHANCEDSTATUSCODES"} - set(offered)
    assert not missing, f"LHLO lists {', '.join(offered)}, not {' nor '.join(sorted(missing))}"


@covers("RFC2033-5-b", fault="lmtp.pipelined-commands-lost")
@needs(lmtp_offers("PIPELINING"))
@given(times=st.integers(1, 4), cuts=st.lists(st.floats(0, 1), max_size=3))
def test_a_group_of_commands_gets_a_reply_for_each(target: LiveTarget, times: int, cuts: list[float]) -> None:
    lmtp = target.lmtp()
    lines = [b"MAIL FROM:" + reverse_path(target), *[b"RCPT TO:" + forward_path(target)] * times]
    octets = b"".join(line + b"\r\n" for line in lines)
    edges = [0, *sorted(int(cut * len(octets)) for cut in cuts), len(octets)]
    for start, end in pairwise(edges):
        lmtp.raw(octets[start:end])
    replies = replies_before_quit(lmtp)
    assert len(replies) == len(lines), f"{len(lines)} commands in a group got {len(replies)} replies"
    for line, reply in zip(lines, replies, strict=True):
        expect.accepted(reply, about=f"{line.decode()}, in a group")


@covers("RFC2033-5-c", fault="lmtp.no-8bitmime")
def test_lmtp_offers_8bitmime(target: LiveTarget) -> None:
    offered = target.lmtp().extensions
    assert "8BITMIME" in offered, f"LHLO lists {', '.join(offered)}"
