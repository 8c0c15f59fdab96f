"""RFC 4954 §4: mechanisms that are not there, and responses that nobody asked for."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered
from harness.wire import sasl
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers
from suites.submission.sessions import before_login, mechanisms, needs_enhanced_codes

# RFC 4422 §3.1: 20 characters at most; no mechanism is registered with X-.
unavailable: Final = st.from_regex(r"X-[A-Z0-9_-]{1,18}", fullmatch=True).map(str.encode)

# Mechanisms in which the server speaks first (RFC 2195 §2; RFC 2831 §2.1).
SERVER_FIRST: Final = ("CRAM-MD5", "DIGEST-MD5")


@covers("RFC4954-4-nk2", fault="submission.unknown-mechanism-501")
@given(name=unavailable)
def test_an_unavailable_mechanism_is_answered_504(target: LiveTarget, name: bytes) -> None:
    reply = before_login(target).command(b"AUTH " + name)
    expect.not_temporary(reply, about="an unavailable mechanism")
    assert reply.code == 504, f"AUTH {name.decode()} was answered {reply}"


@covers("RFC4954-4-d", fault="submission.unknown-mechanism-without-5.5.4")
@given(name=unavailable)
def test_an_unavailable_mechanism_gets_5_5_4(target: LiveTarget, name: bytes) -> None:
    smtp = before_login(target)
    needs_enhanced_codes(smtp)
    reply = expect.rejected(smtp.command(b"AUTH " + name), about="an unavailable mechanism")
    assert str(reply.enhanced) == "5.5.4", f"AUTH {name.decode()} was answered {reply}"


def unasked(smtp: SmtpClient) -> tuple[str, Reply]:
    """The reply to an initial response where the server speaks first."""
    offered = [name for name in SERVER_FIRST if name in mechanisms(smtp)]
    if not offered:
        raise NotOffered(f"neither {' nor '.join(SERVER_FIRST)} is offered")
    return offered[0], smtp.command(b"AUTH %s %s" % (offered[0].encode(), sasl.encode(b"user")))


@covers("RFC4954-4-j", fault="submission.unasked-response-taken")
def test_an_initial_response_where_the_server_speaks_first_is_answered_501(target: LiveTarget) -> None:
    name, reply = unasked(before_login(target))
    expect.rejected(reply, 501, about=f"AUTH {name} with an initial response")


@covers("RFC4954-4-k", fault="submission.unasked-response-without-5.7.0")
def test_an_initial_response_where_the_server_speaks_first_gets_5_7_0(target: LiveTarget) -> None:
    smtp = before_login(target)
    needs_enhanced_codes(smtp)
    name, reply = unasked(smtp)
    if reply.code != 501:
        raise NotOffered(f"AUTH {name} with an initial response was answered {reply}, not 501")
    assert str(reply.enhanced) == "5.7.0", f"AUTH {name} with an initial response was answered {reply}"
