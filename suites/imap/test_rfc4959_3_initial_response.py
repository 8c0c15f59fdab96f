"""RFC 4959 §3: initial responses that the mechanism has no place for; RFC 9051 §6.2.2."""

from base64 import b64encode
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from harness.wire.imap.responses import Tagged, Untagged
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import public
from suites.needs import endpoint, imap_offers, needs

# RFC 2195 §2; RFC 2831 §2.1.
_SERVER_FIRST: Final = ("AUTH=CRAM-MD5", "AUTH=DIGEST-MD5")


@covers("RFC4959-3-e", "RFC9051-6.2.2-i", fault="imap.unasked-response-gets-no")
@needs(endpoint(Protocol.IMAP, Protocol.IMAPS), imap_offers("SASL-IR"))
@given(response=st.binary(max_size=12))
def test_an_initial_response_where_the_server_speaks_first_gets_bad(
    target: LiveTarget, response: bytes
) -> None:
    imap = public(target)
    offered = [name for name in _SERVER_FIRST if name in imap.capabilities]
    if not offered:
        raise NotOffered("neither CRAM-MD5 nor DIGEST-MD5 is offered")
    name = offered[0].removeprefix("AUTH=")
    tag = imap.send(b"AUTHENTICATE " + name.encode(), b64encode(response) or b"=")
    answer = imap.read_response()
    while isinstance(answer, Untagged):
        answer = imap.read_response()
    bad = isinstance(answer, Tagged) and (answer.tag, answer.status) == (tag, Answer.BAD)
    assert bad, f"{name} with an initial response was answered {answer}"
