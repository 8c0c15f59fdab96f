"""RFC 4954 §7: the trace of a submitted message."""

import re
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers
from suites.submission.sessions import trace

# RFC 3848 §1 and, with UTF8, RFC 6531 §4.3.
_WITH_LOGIN: Final = re.compile(rb"\swith\s+(?:ESMTP|UTF8SMTP)SA\b", re.IGNORECASE)


@covers("RFC4954-7-a", fault="submission.no-received-field")
def test_a_submitted_message_gets_a_received_field(target: LiveTarget) -> None:
    assert trace(target), "the message came back without a Received field in front"


@covers("RFC4954-7-b", fault="submission.received-with-esmtps")
def test_the_received_field_tells_of_login_and_tls(target: LiveTarget) -> None:
    fields = trace(target)
    if not fields:
        raise Unclear("the message came back without a Received field in front")
    assert any(map(_WITH_LOGIN.search, fields)), f"no with ESMTPSA in {fields}"
