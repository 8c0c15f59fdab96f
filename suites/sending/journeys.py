"""Messages from a user of the target to our exchangers: given to submission, waited for at our side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from suites.mail import TOKEN_HEADER, plain_message
from suites.needs import Need, accounts, endpoint
from suites.peer import Peer, Received, outside, peer_of

__all__ = [
    "SENDS",
    "Sent",
    "arrives",
    "attempted",
    "content_for",
    "own_sender",
    "passed_by",
    "submitted",
    "taken",
    "visible_sender",
]

# What every check of this area needs.
SENDS: Final[tuple[Need, ...]] = (
    endpoint(Protocol.SUBMISSION, Protocol.SUBMISSIONS),
    accounts(1),
    outside(),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it was submitted.

    Attributes:
        replies: To MAIL, each RCPT and, where one was accepted, the content.
    """

    token: str
    sender: bytes
    recipients: tuple[bytes, ...]
    content: bytes = field(repr=False)
    replies: tuple[Reply, ...]

    @property
    def refusal(self) -> Reply | None:
        """The first reply that is not 2yz."""
        return next((reply for reply in self.replies if reply.klass != 2), None)


def own_sender(target: LiveTarget) -> bytes:
    """The first account's address: who logs in may use it."""
    return target.account().address.encode()


def visible_sender(target: LiveTarget) -> bytes:
    """A sender at our side, so that what comes back is seen with its envelope."""
    return f"{target.unique('s')}@{peer_of(target).domain}".encode()


def content_for(
    target: LiveTarget, *, body: bytes = b"Hello.\r\n", fields: Sequence[bytes] = ()
) -> tuple[str, bytes]:
    """A message and its token; the header names the first account as the author, as submission may ask."""
    token = target.unique("j")
    plain = plain_message(token, to="recipient@example.net", body=body, headers=fields)
    author = b"From: Mailproof <%s>" % own_sender(target)
    return token, plain.replace(b"From: Mailproof <mailproof@example.org>", author, 1)


def submitted(
    target: LiveTarget,
    recipients: Sequence[bytes],
    *,
    sender: bytes | None = None,
    content: tuple[str, bytes] | None = None,
    mail: Sequence[bytes] = (),
    rcpt: Sequence[bytes] = (),
    client: SmtpClient | None = None,
) -> Sent:
    """One message given to submission, logged in; whatever the replies.

    Args:
        recipients: Addresses, or paths with their brackets.
        mail, rcpt: Parameters of MAIL, and of every RCPT.
    """
    client = client or target.submission()
    sender = own_sender(target) if sender is None else sender
    token, octets = content or content_for(target)
    replies = [client.mail(b"<%s>" % sender, *mail)]
    if replies[0].klass == 2:
        paths = [each if each.startswith(b"<") else b"<%s>" % each for each in recipients]
        replies += [client.rcpt(path, *rcpt) for path in paths]
        if any(reply.klass == 2 for reply in replies[1:]):
            replies.append(client.data(octets))
    return Sent(token, sender, tuple(recipients), octets, tuple(replies))


def taken(
    target: LiveTarget,
    recipients: Sequence[bytes],
    *,
    sender: bytes | None = None,
    content: tuple[str, bytes] | None = None,
    mail: Sequence[bytes] = (),
    rcpt: Sequence[bytes] = (),
    client: SmtpClient | None = None,
) -> Sent:
    """As `submitted`, for a message that must be accepted for everybody.

    Raises:
        NotOffered: Submission does not take this sender.
        Unclear: Something else was refused: the check is about what follows.
    """
    sent = submitted(target, recipients, sender=sender, content=content, mail=mail, rcpt=rcpt, client=client)
    refusal = sent.refusal
    if refusal is None:
        return sent
    if sender is not None and refusal.klass == 5 and len(sent.replies) <= 2:
        raise NotOffered(f"submission does not take MAIL FROM:<{sender.decode()}>: {refusal}")
    raise Unclear(f"a message for {recipients} was answered {refusal}")


def attempted(target: LiveTarget, recipient: bytes) -> Sent:
    """A message whose fate is to be seen; from our side, where submission takes that, so that nobody is bothered.

    Raises:
        Unclear: MAIL was refused, or something for the time being.
    """
    sent = submitted(target, [recipient], sender=visible_sender(target))
    if len(sent.replies) == 1:
        sent = submitted(target, [recipient])
    refusal = sent.refusal
    if refusal is not None and (len(sent.replies) == 1 or refusal.klass == 4):
        raise Unclear(f"a message for {recipient.decode()} was answered {refusal}")
    return sent


def passed_by(messages: Sequence[Received], token: str) -> list[Received]:
    """Those with this token in their own header: the message itself, not what is said of it."""
    field_ = b"\r\n%s: %s\r\n" % (TOKEN_HEADER, token.encode())
    return [m for m in messages if field_ in b"\r\n" + m.content.partition(b"\r\n\r\n")[0] + b"\r\n"]


def arrives(target: LiveTarget, sent: Sent, number: int = 1) -> list[Received]:
    """The message as our exchangers got it, in so many copies; empty where it does not come in time."""
    peer = peer_of(target)
    peer.wait_until(lambda messages: len(passed_by(messages, sent.token)) >= number, target.limits.delivery_s)
    return passed_by(peer.received(), sent.token)


def stays_away(target: LiveTarget, found: Callable[[list[Received]], bool]) -> bool:
    """Whether something did not come although a message submitted after it, now, has come."""
    peer: Peer = peer_of(target)
    later = taken(target, [f"{target.unique('later')}@{peer.domain}".encode()])
    if not arrives(target, later):
        raise Unclear("a later message did not come in time, so nothing is said by what did not come before")
    return not peer.wait_until(found, target.quiet_s)
