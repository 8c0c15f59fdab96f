"""RFC 5321 §3.3 and §6.2: what can be refused is refused at once, and not sent back to whoever it says it is from.

The sender of unwanted mail is forged as a rule: a notification goes to somebody who has nothing to do with it.
"""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import plain_message
from suites.needs import accounts, endpoint, needs
from suites.peer import outside, peer_of
from suites.relay.routes import FOREIGN, ROUTES, Form, attempted, bounced, declared_closed, settled

_MX: Final = (endpoint(Protocol.SMTP), accounts(1), outside(), declared_closed)

# Somebody elsewhere, whose address a spammer may have taken.
_BYSTANDER: Final = (FOREIGN[1],)
_NOBODY: Final = (
    Form("<{user}@{server}>"),
    Form("<{user}+detail@{server}>"),
    Form('<"{user} {user}"@{server}>'),
    Form("<{USER}@{SERVER}>"),
    Form("<{user}@{host}>"),
    Form("<{user}@{literal}>"),
    Form("<{user}>"),
)


@covers("RFC5321-3.3-nk1", fault="relay.unknown-taken-at-rcpt", also=("relay.unknown-bounces",))
@needs(*_MX)
@given(word=st.from_regex(r"[a-z]{1,8}[0-9]?", fullmatch=True))
def test_an_unknown_recipient_is_refused_at_rcpt(target: LiveTarget, word: str) -> None:
    peer = peer_of(target)
    nobody = f"<{target.unique(word)}@{target.domain}>"
    client = target.smtp()
    if (reply := client.mail(b"<sender@%s>" % peer.domain.encode())).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    if (reply := client.rcpt(nobody.encode())).klass != 2:
        return
    token = target.unique("r")
    final = client.data(plain_message(token, to=nobody.strip("<>")))
    told = final.klass != 2 or peer.wait_until(
        lambda messages: any(token.encode() in m.content for m in messages), target.limits.delivery_s
    )
    if not told:
        raise NotOffered(f"RCPT TO:{nobody} was answered {reply}, and nothing says that nobody gets the mail")
    assert reply.klass == 5, (
        f"RCPT TO:{nobody} was answered {reply}, the end of data {final}: that nobody has this address was said late"
    )


@covers("RFC5321-6.2-nk1", fault="relay.unknown-bounces")
@needs(*_MX)
def test_what_can_be_refused_does_not_bounce(target: LiveTarget) -> None:
    tried = attempted(target, _BYSTANDER, (*_NOBODY, *ROUTES), target.smtp)
    back = bounced(tried, settled(target, tried))
    assert not back, (
        f"of {len(tried)} messages {len(back)} were accepted and came back to the sender they named, one of them by"
        f" {back[0]}, answered {back[0].reply}"
    )
