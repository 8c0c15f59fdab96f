"""RFC 3461 §5.2, RFC 5321 §3.6.3 and §6.1: who is told what became of a message, and who is not."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from suites.covers import covers, proves
from suites.mail import forward_path, plain_message
from suites.needs import accounts, endpoint, needs, smtp_offers, submission_offers
from suites.peer import peer_of
from suites.sending.journeys import (
    SENDS,
    Sent,
    arrives,
    content_for,
    own_sender,
    submitted,
    taken,
    visible_sender,
)
from suites.sending.reports import refusing_domain, reports_about, reports_owed, reports_so_far

_DSN: Final = (*SENDS, submission_offers("DSN"))
_MX: Final = (endpoint(Protocol.SMTP), accounts(1), *SENDS, smtp_offers("DSN"))

# With these words of NOTIFY, a failure is told, or is not.
_TOLD: Final = st.sampled_from(
    [(), (b"NOTIFY=FAILURE",), (b"NOTIFY=SUCCESS,FAILURE",), (b"NOTIFY=FAILURE,DELAY",)]
)
_UNTOLD: Final = (b"NOTIFY=NEVER", b"NOTIFY=SUCCESS", b"NOTIFY=DELAY", b"NOTIFY=SUCCESS,DELAY")
# With these, a success is not told.
_NO_SUCCESS: Final = ((), (b"NOTIFY=FAILURE",), (b"NOTIFY=NEVER",), (b"NOTIFY=FAILURE,DELAY",))


def nobody_at(domain: str) -> bytes:
    return f"nobody@{domain}".encode()


def refused_later(
    target: LiveTarget,
    *rcpt: bytes,
    mail: tuple[bytes, ...] = (),
    sender: bytes | None = None,
    dsn: bool = True,
) -> Sent:
    """A message that is accepted, and that the next host refuses."""
    domain = refusing_domain(target, without=() if dsn else ("DSN",))
    return taken(target, [nobody_at(domain)], sender=sender or visible_sender(target), rcpt=rcpt, mail=mail)


@covers("RFC5321-3.6.3-a", "RFC5321-6.1-b", "RFC5321-4.1.1.4-h", fault="sending.no-report")
@needs(*SENDS)
@given(code=st.sampled_from(["550 5.1.1", "550", "553 5.1.3", "554 5.7.1", "521 5.3.2", "551 5.1.6"]))
def test_a_message_that_cannot_be_delivered_is_reported(target: LiveTarget, code: str) -> None:
    domain = refusing_domain(target, reply=f"{code} Not here")
    sent = taken(target, [nobody_at(domain)], sender=visible_sender(target))
    found = reports_owed(target, sent)
    assert found, (
        f"the next host answered RCPT with {code}, and no report came; one about a later message did"
    )


@covers(
    "RFC3461-5.2.6-a",
    "RFC3461-5.2.6-d",
    fault="sending.failure-report-for-asked-only",
)
@needs(*_DSN)
@given(rcpt=_TOLD, dsn=st.booleans())
def test_a_failure_is_reported_where_it_is_asked_for(
    target: LiveTarget, rcpt: tuple[bytes, ...], dsn: bool
) -> None:
    sent = refused_later(target, *rcpt, dsn=dsn)
    found = reports_owed(target, sent)
    with proves("RFC3461-5.2.6-a" if rcpt else "RFC3461-5.2.6-d"):
        assert found, f"RCPT with {b' '.join(rcpt).decode() or 'no NOTIFY'} failed, and no report came"


@covers("RFC3461-5.2.6-b", "RFC3461-5.2.2-d", fault="sending.report-in-spite-of-notify")
@needs(*_DSN)
def test_a_failure_is_not_reported_where_it_is_not_asked_for(target: LiveTarget) -> None:
    sent = [(rcpt, dsn, refused_later(target, rcpt, dsn=dsn)) for rcpt in _UNTOLD for dsn in (True, False)]
    reports_about(target, sent[-1][2])
    for rcpt, dsn, each in sent:
        found = reports_so_far(target, each)
        covered = ["RFC3461-5.2.6-b"] + ["RFC3461-5.2.2-d"] * (rcpt == b"NOTIFY=NEVER" and not dsn)
        with proves(*covered):
            assert not found, f"RCPT with {rcpt.decode()} failed, and a report came: {found[0].actions}"


@covers("RFC3461-5.2.2-b", fault="sending.no-relayed-report")
@needs(*_DSN)
@given(rcpt=st.sampled_from([b"NOTIFY=SUCCESS", b"NOTIFY=SUCCESS,FAILURE,DELAY"]))
def test_success_is_reported_where_the_next_host_will_not(target: LiveTarget, rcpt: bytes) -> None:
    peer = peer_of(target)
    host = peer.exchanger(without=("DSN",))
    address = f"x@{peer.publish(('MX', f'10 {host.name}.'))}".encode()
    sent = taken(target, [address], sender=visible_sender(target), rcpt=[rcpt])
    if not arrives(target, sent):
        raise Unclear("a message did not come in time")
    found = reports_owed(target, sent)
    assert found, f"RCPT with {rcpt.decode()} was relayed to a host without DSN, and no report came"
    assert found[0].actions == ["relayed"], f"the message was relayed, and a report says {found[0].actions}"


@covers("RFC3461-5.2.2-g", fault="sending.relayed-report-unasked")
@needs(*SENDS)
def test_success_is_not_reported_unasked(target: LiveTarget) -> None:
    peer = peer_of(target)
    host = peer.exchanger(without=("DSN",))
    address = f"x@{peer.publish(('MX', f'10 {host.name}.'))}".encode()
    sent = taken(target, [address], sender=visible_sender(target))
    if not arrives(target, sent):
        raise Unclear("a message did not come in time")
    found = reports_about(target, sent)
    assert not found, f"the message was relayed, nobody had asked, and a report says {found[0].actions}"


@covers(
    "RFC5321-6.1-e",
    "RFC5321-3.6.3-c",
    "RFC5321-4.5.4-b",
    "RFC3461-5.2-a",
    fault="sending.report-to-the-author",
)
@needs(*SENDS)
def test_mail_without_a_sender_is_not_reported(target: LiveTarget) -> None:
    author = visible_sender(target)
    token, content = content_for(target)
    content = content.replace(own_sender(target), author, 1)
    sent = submitted(target, [nobody_at(refusing_domain(target))], sender=b"", content=(token, content))
    if sent.refusal is not None:
        raise NotOffered(f"submission does not take a message from <>: {sent.refusal}")
    found = reports_about(target, Sent(token, author, sent.recipients, content, sent.replies))
    assert not found, f"a message from <> failed, and a report came to the author: {found[0].actions}"


@covers("RFC3461-5.2.3-a", fault="sending.no-delivered-report")
@needs(*_MX)
def test_delivery_here_is_reported_where_it_is_asked_for(target: LiveTarget) -> None:
    sent = delivered_here(target, b"NOTIFY=SUCCESS")
    assert reports_owed(target, sent), (
        "RCPT with NOTIFY=SUCCESS was accepted for an account, and no report came"
    )


@covers("RFC3461-5.2.3-b", "RFC3461-5.2.3-c", fault="sending.delivered-report-unasked")
@needs(*_MX)
def test_delivery_here_is_not_reported_unasked(target: LiveTarget) -> None:
    sent = [(rcpt, delivered_here(target, *rcpt)) for rcpt in _NO_SUCCESS]
    reports_about(target, sent[-1][1])
    for rcpt, each in sent:
        found = reports_so_far(target, each)
        with proves("RFC3461-5.2.3-b" if rcpt else "RFC3461-5.2.3-c"):
            asked = b" ".join(rcpt).decode() or "no NOTIFY"
            assert not found, f"RCPT with {asked} was delivered, and a report says {found[0].actions}"


def delivered_here(target: LiveTarget, *rcpt: bytes) -> Sent:
    """A message from our side for the first account, by the MX."""
    client = target.smtp()
    sender, token = visible_sender(target), target.unique("d")
    content = plain_message(token, to=target.account().address)
    replies = [client.mail(b"<%s>" % sender), client.rcpt(forward_path(target), *rcpt), client.data(content)]
    for reply in replies:
        if reply.klass != 2:
            raise Unclear(f"a plain message was answered {reply}")
    return Sent(token, sender, (own_sender(target),), content, tuple(replies))
