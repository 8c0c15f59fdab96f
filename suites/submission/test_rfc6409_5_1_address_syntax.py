"""RFC 6409 §5.1: addresses that are none."""

from hypothesis import given

from harness.clients.live import LiveTarget
from harness.strategies.addresses import BadPath, bad_paths
from suites import expect
from suites.covers import covers


@covers("RFC6409-5.1-a", fault="submission.bad-sender-taken")
@given(path=bad_paths)
def test_a_sender_of_illegal_syntax_is_refused(target: LiveTarget, path: BadPath) -> None:
    smtp = target.submission()
    reply = smtp.command(b"MAIL FROM:" + path.octets)
    expect.rejected(reply, about=f"MAIL FROM:{path.octets!r} ({path.broken})")
