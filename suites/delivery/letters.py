"""Messages that go in together and are waited for once: real servers take a while to deliver each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.clients.live import CLIENT_NAME, LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.strategies.messages import compose
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from suites.expect import no_policy
from suites.mail import fetch_each, fields_of, forward_path, reverse_path, transact

__all__ = [
    "Letter",
    "arrived",
    "entrance",
    "letter",
    "letters",
    "named",
    "overdue",
    "own_received",
    "post",
    "posted",
    "sound",
    "trace_of",
]

_OURS: Final = b"From: Mailproof"

# Ours: how much later than a message sent after it a message may arrive.
_GRACE_S: Final = 5.0


@dataclass(frozen=True)
class Letter:
    """A message and the token it is found by."""

    token: str
    content: bytes


def letters(
    target: LiveTarget, bodies: Sequence[bytes], *, fields: Sequence[bytes] = (), account: int = 0
) -> list[Letter]:
    """A message of each body, for an account; `fields` are further header fields of all."""
    batch = target.unique("d")
    address = target.account(account).address
    tokens = [f"{batch}.{index}" for index in range(len(bodies))]
    return [
        Letter(token, compose(token, body, to=address, fields=fields))
        for token, body in zip(tokens, bodies, strict=True)
    ]


def letter(target: LiveTarget, body: bytes = b"Hello.\r\n", *, fields: Sequence[bytes] = ()) -> Letter:
    """One message for the first account."""
    return letters(target, [body], fields=fields)[0]


def entrance(target: LiveTarget) -> SmtpClient:
    """A session with the MX, or with LMTP where there is no MX."""
    return target.smtp(Protocol.SMTP if Protocol.SMTP in target.declared.endpoints else Protocol.LMTP)


def post(
    target: LiveTarget,
    client: SmtpClient,
    content: bytes,
    *,
    sender: bytes | None = None,
    recipients: Sequence[bytes] = (),
) -> Reply:
    """One transaction up to the reply to the content.

    Raises:
        Unclear: The envelope was refused, or the content for the time being or by a policy.
    """
    paths = recipients or [forward_path(target)]
    path = reverse_path(target) if sender is None else sender
    replies = transact(client, path, paths, content)
    if replies[0].code == 503:
        # The server wants to be greeted before each message; whether it may is another check's concern.
        client.rset()
        target.hello(client)
        replies = transact(client, path, paths, content)
    for reply in replies[: 1 + len(paths)]:
        if reply.klass != 2:
            raise Unclear(f"a plain envelope was refused: {reply}")
    return no_policy(replies[-1], about="the end of data")


def posted(target: LiveTarget, sent: Sequence[Letter], *, sender: bytes | None = None) -> None:
    """All of them on one connection; `Unclear` where one is refused: the check is about what arrives."""
    client = entrance(target)
    for each in sent:
        if (reply := post(target, client, each.content, sender=sender)).klass != 2:
            raise Unclear(f"the content was answered {reply}")
    client.quit()


def sound(target: LiveTarget, client: SmtpClient) -> None:
    """A plain message is taken: what is refused beside it is refused for what it is (else `Unclear`)."""
    if (reply := post(target, client, letter(target).content)).klass != 2:
        raise Unclear(f"a sound message was answered {reply}")


def arrived(
    target: LiveTarget, sent: Sequence[Letter], *, account: int = 0, within_s: float | None = None
) -> list[bytes]:
    """Each of the messages as the mailbox has it, in their order; waits as `fetch_each`."""
    found = fetch_each(target, [each.token for each in sent], account=account, within_s=within_s)
    return [found[each.token] for each in sent]


def overdue(target: LiveTarget, sent: Sequence[Letter]) -> bool:
    """Whether one of these does not come although a plain message sent after them, here, has come a while ago."""
    later = letter(target)
    posted(target, [later])
    arrived(target, [later])
    try:
        arrived(target, sent, within_s=min(_GRACE_S, target.limits.delivery_s))
    except Unclear:
        return True
    return False


def trace_of(received: bytes) -> list[bytes]:
    """The fields that were put on top of a message of ours."""
    start = received.find(_OURS)
    if start < 0:
        raise Unclear("the message came back without its own header")
    return fields_of(received[:start]) if start else []


def named(fields: Sequence[bytes], name: bytes) -> list[bytes]:
    """The fields of this name, in lower case, in their order."""
    return [field for field in fields if field.lower().startswith(name + b":")]


def own_received(target: LiveTarget, *, recipients: Sequence[bytes] = (), name: bytes = CLIENT_NAME) -> bytes:
    """The Received field of the hop that took a message from us by SMTP: the lowest one above our header.

    Args:
        name: What EHLO says.

    Raises:
        NotOffered: There is no MX, or its field cannot be seen.
    """
    if Protocol.SMTP not in target.declared.endpoints:
        raise NotOffered("the target file has no MX")
    sent = letter(target)
    client = target.smtp()
    if name != CLIENT_NAME and (reply := client.ehlo(name)).klass != 2:
        raise Unclear(f"EHLO {name!r} was answered {reply}")
    if (reply := post(target, client, sent.content, recipients=recipients)).klass != 2:
        raise Unclear(f"a plain message was answered {reply}")
    client.quit()
    found = named(trace_of(arrived(target, [sent])[0]), b"received")
    if not found:
        raise NotOffered("the message arrived without a Received field on top")
    return re.sub(rb"\r\n(?=[ \t])", b"", found[-1])
