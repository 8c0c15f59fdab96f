"""RFC 2505 §2.1: nobody relays without authority, whatever the envelope looks like.

That a recipient is accepted proves nothing, a server may drop or bounce the message later: only what arrives at our
own exchanger was relayed.
"""

from harness.clients.live import LiveTarget
from harness.target import Protocol
from suites.covers import covers
from suites.needs import accounts, endpoint, needs
from suites.peer import outside
from suites.relay.routes import (
    CLAIMING,
    FOREIGN,
    PLAIN,
    ROUTES,
    Tried,
    attempted,
    declared_closed,
    relayed,
    settled,
)

_MX = (endpoint(Protocol.SMTP), accounts(1), outside(), declared_closed)
_SUBMISSION = (endpoint(Protocol.SUBMISSION, Protocol.SUBMISSIONS), accounts(1), outside(), declared_closed)


def none_relayed(target: LiveTarget, tried: list[Tried]) -> None:
    """Assert that none of the messages came to our exchanger."""
    through = relayed(tried, settled(target, tried))
    assert not through, (
        f"{len(through)} of {len(tried)} messages came to our exchanger, one of them by {through[0]},"
        f" answered {through[0].reply}"
    )


@covers("RFC2505-2.1-a", fault="relay.open-to-all")
@needs(*_MX)
def test_mail_of_strangers_is_not_relayed(target: LiveTarget) -> None:
    none_relayed(target, attempted(target, FOREIGN, PLAIN, target.smtp))


@covers("RFC2505-2.1-b", fault="relay.local-sender-relays", also=("relay.open-to-all",))
@needs(*_MX)
def test_a_claimed_sender_gives_no_authority(target: LiveTarget) -> None:
    none_relayed(target, attempted(target, CLAIMING, PLAIN, target.smtp))


@covers("RFC2505-2.1-nk1", fault="relay.percent-hack", also=("relay.open-to-all",))
@needs(*_MX)
def test_no_way_of_writing_a_route_is_followed(target: LiveTarget) -> None:
    none_relayed(target, attempted(target, (*FOREIGN, *CLAIMING), ROUTES, target.smtp))
