"""RFC 2505 §2.1: nobody relays without authority, whatever the envelope looks like.

That a recipient is accepted proves nothing, a server may drop or bounce the message later: only what arrives at our
own exchanger was relayed.
"""

from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
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

_MX: Final = (endpoint(Protocol.SMTP), accounts(1), outside(), declared_closed)
_SUBMISSION: Final = (
    endpoint(Protocol.SUBMISSION, Protocol.SUBMISSIONS),
    accounts(1),
    outside(),
    declared_closed,
)

# One that claims nothing and one that claims the most.
_TWO_SENDERS: Final = (FOREIGN[1], CLAIMING[-1])
_EVERY_RECIPIENT: Final = (*PLAIN, *ROUTES)


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


@covers("RFC2505-2.1-b", fault="relay.claimed-sender-relays", also=("relay.open-to-all",))
@needs(*_MX)
def test_a_claimed_sender_gives_no_authority(target: LiveTarget) -> None:
    none_relayed(target, attempted(target, CLAIMING, PLAIN, target.smtp))


@covers(
    "RFC2505-2.1-nk1",
    fault="relay.percent-hack",
    also=("relay.open-to-all", "relay.claimed-sender-relays"),
)
@needs(*_MX)
def test_no_way_of_writing_a_route_is_followed(target: LiveTarget) -> None:
    none_relayed(target, attempted(target, (*FOREIGN, *CLAIMING), ROUTES, target.smtp))


@covers(
    "RFC2505-2.1-a",
    fault="relay.tls-relays",
    also=("relay.open-to-all", "relay.claimed-sender-relays", "relay.percent-hack"),
)
@needs(*_MX)
def test_tls_gives_no_authority(target: LiveTarget) -> None:
    def session() -> SmtpClient:
        client = target.smtp()
        target.start_tls(client)
        return client

    none_relayed(target, attempted(target, _TWO_SENDERS, _EVERY_RECIPIENT, session))


@covers("RFC2505-2.1-a", fault="relay.failed-login-relays", also=("relay.submission-without-login",))
@needs(*_SUBMISSION)
def test_a_failed_login_gives_no_authority(target: LiveTarget) -> None:
    def session() -> SmtpClient:
        client = target.submission(login=False)
        if "PLAIN" not in client.extensions.get("AUTH", "").upper().split():
            raise NotOffered("submission does not offer AUTH PLAIN")
        reply = client.auth_plain(target.account().user, target.unique("wrong"))
        if reply.klass == 2:
            raise Unclear(f"a wrong password was answered {reply}")
        return client

    none_relayed(target, attempted(target, (CLAIMING[-1],), _EVERY_RECIPIENT, session, per_session=9))


@covers("RFC2505-2.1-a", fault="relay.submission-without-login")
@needs(*_SUBMISSION)
def test_submission_relays_for_nobody_before_login(target: LiveTarget) -> None:
    def session() -> SmtpClient:
        return target.submission(login=False)

    none_relayed(target, attempted(target, _TWO_SENDERS, _EVERY_RECIPIENT, session))
