"""RFC 5321 §3.3: what is no reason to refuse a message."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import plain_message
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import content, sent

_DEFECTS: Final = (
    b"Subject: twice\r\nSubject: twice",
    b"Date: yesterday",
    b"Message-ID: no brackets",
    b"no field at all",
    b"Content-Type: text",
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=absent",
    b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64",
    b"Reply-To: <not an address",
)
_LOOP_LIMIT: Final = 100
_POLICY: Final = ("spam", "virus", "policy", "blocked", "reject")


def _refused_for(target: LiveTarget, octets: bytes, what: str) -> str:
    """Why the message was refused, ``""`` where it was taken: a sound one must be taken before and after.

    Raises:
        Unclear: A sound message is refused too, or the reply is temporary or names a policy.
    """
    reply = sent(target, octets)
    if reply.klass == 2:
        return ""
    sound = sent(target, content(target))
    if reply.klass != 5 or sound.klass != 2 or any(word in reply.text.lower() for word in _POLICY):
        raise Unclear(f"a message with {what} was answered {reply}, a sound one {sound}")
    return f"a message with {what} was answered {reply}, a sound one {sound}"


@covers("RFC5321-3.3-l", fault="smtp.header-defects-refused")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(defect=st.sampled_from(_DEFECTS))
def test_defects_of_the_header_are_borne(target: LiveTarget, defect: bytes) -> None:
    refused = _refused_for(target, content(target, headers=[defect]), f"the header {defect!r}")

    assert not refused, refused


@covers("RFC5321-4.5.3.1.8-b", fault="smtp.recipients-in-header-counted")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_recipients_in_the_header_are_not_counted(target: LiveTarget) -> None:
    named = b",\r\n ".join(b"user%d@example.net" % number for number in range(300))

    refused = _refused_for(target, content(target, headers=[b"Cc: " + named]), "300 addresses in Cc")

    assert not refused, refused


@covers("RFC5321-6.3-a", fault="smtp.50-received-fields")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_99_received_fields_are_borne(target: LiveTarget) -> None:
    received = (
        b"Received: from a.example.org by b.example.org with SMTP id %d; Tue, 24 Nov 2026 12:00:00 +0000"
    )
    message = plain_message(
        target.unique(),
        to=target.account().address,
        headers=[received % number for number in range(_LOOP_LIMIT - 1)],
    )

    refused = _refused_for(target, message, f"{_LOOP_LIMIT - 1} Received fields")

    assert not refused, refused


@covers("RFC3030-3-l", fault="smtp.binary-label-refused")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_message_labelled_binary_is_taken(target: LiveTarget) -> None:
    label = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary"

    refused = _refused_for(target, content(target, headers=[label]), "a binary label")

    assert not refused, refused
