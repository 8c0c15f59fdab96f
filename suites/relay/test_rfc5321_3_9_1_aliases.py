"""RFC 5321 §3.9.1: an alias stands for other addresses, here or elsewhere; the rest stays as it was."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.strategies.messages import bodies, header_fields
from harness.target import Protocol
from suites.covers import covers, proves
from suites.delivery.letters import Letter, arrived, entrance, letter, letters, named, overdue, post, trace_of
from suites.mail import TOKEN_HEADER, changes
from suites.needs import endpoint, needs, reader, smtp_offers
from suites.peer import outside, peer_of
from suites.relay.forwards import aliased, aliases, forward, forwards, of_token, sent_on

_FORWARDS: Final = (endpoint(Protocol.SMTP), outside(), forwards())

_details: Final = st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True)


def subaddresses(target: LiveTarget) -> None:
    """The operator declares what divides a user from a detail."""
    if not target.policy.subaddress:
        raise NotOffered("the target file declares no subaddresses (policy.subaddress)")


def posted_to(target: LiveTarget, sent: Letter, address: str) -> None:
    reply = post(target, entrance(target), sent.content, recipients=[b"<%s>" % address.encode()])
    if reply.klass != 2:
        raise Unclear(f"a message for {address} was answered {reply}")


def filed_anywhere(target: LiveTarget, token: str) -> bool:
    """Whether a message is in a mailbox beside INBOX: some file by the detail."""
    if not {Protocol.IMAP, Protocol.IMAPS} & set(target.declared.endpoints):
        return False
    imap = target.imap()
    for entry in imap.list_(b'""', b"*"):
        if imap.examine(entry.name).ok and imap.uid_search(b"HEADER %s %s" % (TOKEN_HEADER, token.encode())):
            return True
    return False


@covers("RFC5321-3.9.1-nk1", fault="relay.alias-lost")
@needs(reader(), aliases())
@given(drawn=st.data())
def test_mail_for_an_alias_reaches_its_account(target: LiveTarget, drawn: st.DataObject) -> None:
    address, place = drawn.draw(st.sampled_from(aliased(target)))
    (sent,) = letters(target, [drawn.draw(bodies)], account=place)
    posted_to(target, sent, address)
    if place == 0:
        late = overdue(target, [sent])
        assert not late, f"a message for {address} was accepted and did not arrive, one sent after it did"
    change = changes(sent.content, arrived(target, [sent], account=place)[0])
    assert not change, f"of a message for {address}, {change}"


@covers("RFC5321-2.1-b", fault="relay.detail-lost")
@needs(reader(), outside(), subaddresses)
@given(detail=_details)
def test_mail_with_a_detail_reaches_its_user(target: LiveTarget, detail: str) -> None:
    local_part, _, domain = target.account().address.partition("@")
    address = f"{local_part}{target.policy.subaddress}{detail}@{domain}"
    sent = letter(target)
    posted_to(target, sent, address)
    late = overdue(target, [sent]) and not filed_anywhere(target, sent.token)
    told = any(sent.token.encode() in message.content for message in peer_of(target).received())
    assert not late or told, f"a message for {address} was accepted and did not arrive, one sent after it did"


@covers("RFC5321-3.9.1-nk2", fault="relay.forward-changes-content")
@needs(*_FORWARDS)
@given(drawn=st.lists(bodies, min_size=1, max_size=3), fields=header_fields)
def test_a_forward_leaves_the_message_as_it_is(
    target: LiveTarget, drawn: list[bytes], fields: list[bytes]
) -> None:
    sent = letters(target, drawn, fields=fields)
    for each, came in zip(sent, sent_on(target, sent), strict=True):
        change = changes(each.content, came.content)
        assert not change, f"of a message for {forward(target)[0].decode()}, {change}"


@covers("RFC5321-3.9.1-nk3", fault="relay.forward-changes-sender")
@needs(*_FORWARDS)
@given(local_part=st.from_regex(r"[a-z0-9]{1,12}([.+=_-][a-z0-9]{1,12}){0,2}", fullmatch=True))
def test_a_forward_keeps_the_reverse_path(target: LiveTarget, local_part: str) -> None:
    sender = f"{local_part}@{peer_of(target).domain}".encode()
    (came,) = sent_on(target, [letter(target)], sender=b"<%s>" % sender)
    assert came.reverse_path == sender, (
        f"a message from {sender.decode()} was sent on with MAIL FROM:<{came.reverse_path.decode()}>"
    )


@covers("RFC3461-5.2.7.2-a", "RFC3461-5.2.7.2-b", fault="relay.forward-drops-dsn-parameters")
@needs(*_FORWARDS, smtp_offers("DSN"))
def test_a_forward_passes_dsn_parameters_on(target: LiveTarget) -> None:
    peer, address = peer_of(target), forward(target)[0]
    sent = letter(target)
    sender = f"{target.unique('s')}@{peer.domain}".encode()
    client = target.smtp()
    for reply in (
        client.mail(b"<%s>" % sender, b"RET=HDRS", b"ENVID=e1"),
        client.rcpt(b"<%s>" % address, b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;First@example.org"),
        client.data(sent.content),
    ):
        if reply.klass != 2:
            raise Unclear(f"a message for {address.decode()} was answered {reply}")
    if not peer.wait_until(lambda messages: bool(of_token(messages, sent.token)), target.limits.delivery_s):
        raise Unclear(f"a message for {address.decode()} did not come on to us in time")
    came = of_token(peer.received(), sent.token)[0]
    with proves("RFC3461-5.2.7.2-b"):
        kept = {name: came.mail_parameters.get(name) for name in ("RET", "ENVID")}
        kept |= {name: came.recipient_parameters[0].get(name) for name in ("NOTIFY", "ORCPT")}
        lost = [name for name, value in kept.items() if value is None]
        assert not lost, f"a forward passed the message on without {', '.join(lost)}"
    with proves("RFC3461-5.2.7.2-a"):
        told = peer.wait_until(
            lambda messages: any(sender in message.recipients for message in messages), target.quiet_s
        )
        assert not told, "a forward to one address passed the message on, and a report came"


@covers("RFC5321-4.5.5-b", fault="relay.forward-fills-null", also=("relay.forward-changes-sender",))
@needs(*_FORWARDS)
def test_a_forward_keeps_the_null_reverse_path(target: LiveTarget) -> None:
    (came,) = sent_on(target, [letter(target)], sender=b"<>")
    assert came.reverse_path == b"", (
        f"a message from <> was sent on with MAIL FROM:<{came.reverse_path.decode()}>"
    )


@covers("RFC5321-4.4-a", fault="relay.forward-without-trace")
@needs(*_FORWARDS)
def test_a_message_that_is_sent_on_has_a_new_received_field(target: LiveTarget) -> None:
    (came,) = sent_on(target, [letter(target)])
    fields = trace_of(came.content)
    assert named(fields, b"received"), f"above the message's own header stand {[f[:40] for f in fields]}"
