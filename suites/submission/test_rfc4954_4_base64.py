"""RFC 4954 §4: responses that are no base64."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.wire import sasl
from suites import expect
from suites.covers import covers
from suites.submission.base64 import STRAY, broken
from suites.submission.sessions import auth_plain, before_login, plain


@covers(
    "RFC4954-4-l", fault="submission.bad-base64-answered-535", also=("submission.stray-characters-skipped",)
)
@given(response=broken, initial=st.booleans())
def test_a_response_that_is_no_base64_is_answered_501(
    target: LiveTarget, response: bytes, initial: bool
) -> None:
    reply = auth_plain(before_login(target), response, initial=initial)
    expect.rejected(reply, 501, about=f"AUTH PLAIN with the response {response!r}")


@covers("RFC4954-4-n", fault="submission.stray-characters-skipped")
@given(stray=st.sampled_from(STRAY + "="), place=st.floats(0, 0.99), initial=st.booleans())
def test_a_stray_character_is_not_skipped(
    target: LiveTarget, stray: str, place: float, initial: bool
) -> None:
    response = sasl.encode(plain(target.account()))
    # In front of the padding, so that an = is never at the end.
    position = int(place * len(response.rstrip(b"=")))
    spoilt = response[:position] + stray.encode() + response[position:]
    reply = auth_plain(before_login(target), spoilt, initial=initial)
    expect.rejected(reply, about=f"true credentials with {stray!r} put in at {position}")
