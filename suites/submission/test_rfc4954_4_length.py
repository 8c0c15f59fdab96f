"""RFC 4954 §4: how long a response may be."""

from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire import sasl
from suites import expect
from suites.covers import covers
from suites.submission.sessions import auth_plain, before_login, needs_enhanced_codes

# RFC 4616 §2.
MAX_FIELD: Final = 255

# Twice what RFC 4954 §4 calls sufficient; base64 of nothing.
TOO_LONG: Final = b"A" * 24_576


@covers("RFC4954-4-o", fault="submission.short-auth-lines-only")
def test_the_longest_response_of_plain_is_taken(target: LiveTarget) -> None:
    name = b"x" * MAX_FIELD
    reply = auth_plain(before_login(target), sasl.encode(b"\0".join((name, name, name))), initial=False)
    expect.not_temporary(reply, about="PLAIN with three fields of 255 octets")
    if reply.code == 501:
        raise Unclear(f"PLAIN with three fields of 255 octets was answered {reply}")
    assert reply.code != 500, f"PLAIN with three fields of 255 octets was answered {reply}"


@covers("RFC4954-4-p", fault="submission.endless-response-without-5.5.6")
def test_a_response_too_long_to_hold_gets_5_5_6(target: LiveTarget) -> None:
    smtp = before_login(target)
    needs_enhanced_codes(smtp)
    reply = auth_plain(smtp, TOO_LONG, initial=False)
    if reply.code != 500:
        raise NotOffered(f"{len(TOO_LONG)} octets were answered {reply}: not refused for their length")
    assert str(reply.enhanced) == "5.5.6", f"a response of {len(TOO_LONG)} octets was answered {reply}"
