"""RFC 2195 §2: CRAM-MD5's challenge, and its digest."""

import re
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers
from suites.needs import accounts, needs
from suites.security.doors import Entrance, Kind, tour

# RFC 1939 §7 has it from RFC 822: what stands between the brackets has one @ and neither space nor control.
_MESSAGE_ID: Final = re.compile(rb"<[\x21-\x3b=\x3f\x41-\x7e]+@[\x21-\x3b=\x3f\x41-\x7e]+>")


def challenge(target: LiveTarget, entrance: Entrance) -> bytes:
    """The server's challenge."""
    said = entrance.open(target).begin(entrance.name)
    if said.kind is not Kind.CHALLENGE:
        raise Unclear(f"{entrance} was answered {said}")
    return said.octets


@covers("RFC2195-2-a", fault="security.cram-md5-without-brackets")
@needs(accounts(1))
def test_the_challenge_has_the_form_of_a_message_id(target: LiveTarget) -> None:
    for entrance in tour(target, ("CRAM-MD5",)):
        octets = challenge(target, entrance)
        assert _MESSAGE_ID.fullmatch(octets), f"{entrance} began with {octets!r}"


@covers("RFC2195-2-nk1", fault="security.cram-md5-challenge-twice")
@needs(accounts(1))
def test_the_challenge_is_another_every_time(target: LiveTarget) -> None:
    for entrance in tour(target, ("CRAM-MD5",)):
        first, second = challenge(target, entrance), challenge(target, entrance)
        assert first != second, f"{entrance} began with {first!r} twice"
