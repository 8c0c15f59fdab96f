"""Envelopes that ask a server to relay, and the one proof that it did: what arrives at our own exchanger."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, TransportError, Unclear
from harness.wire.smtp.replies import Reply
from suites.mail import plain_message, token_of
from suites.peer import Peer, Received, peer_of

__all__ = [
    "CLAIMING",
    "FOREIGN",
    "PLAIN",
    "ROUTES",
    "Form",
    "Places",
    "Tried",
    "attempted",
    "bounced",
    "declared_closed",
    "relayed",
    "settled",
]

# Ours: servers slow down or close after some refusals in one session (Postfix after 10, Exim after 3 syntax errors).
_PER_SESSION: Final = 3

# Ours: how long after a later message of ours came through an earlier one may still come.
_GRACE_S: Final = 2.0

# Ours: how long is waited where no message of ours can go through to show that the rest has had its time.
_BLIND_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Places:
    """What the forms are made of.

    Attributes:
        user: A local part that nobody has.
        third: The domain of our exchanger, a third party's for the target; `exchanger` is its address.
        server: The domain whose mail is local to the target; `host` is the name that it greets with, `literal` its
            address with brackets.
        account: The address of somebody who is local.
    """

    user: str
    third: str
    exchanger: str
    server: str
    host: str
    literal: str
    account: str


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a path, brackets included; names in braces are of `Places`, in upper case where they are."""

    text: str
    utf8: bool = False

    def path(self, places: Places) -> bytes:
        """The octets for MAIL or RCPT."""
        words = asdict(places)
        return self.text.format_map(
            words | {name.upper(): word.upper() for name, word in words.items()}
        ).encode()


def _forms(*texts: str) -> tuple[Form, ...]:
    return tuple(map(Form, texts))


# Senders that claim nothing.
FOREIGN: Final = _forms("<>", "<sender@{third}>", "<{user}@{third}>", "<sender@{user}.{third}>")
# Senders that claim to belong to the target.
CLAIMING: Final = _forms(
    "<x@{server}>",
    "<x@{host}>",
    "<x@{literal}>",
    "<x@localhost>",
    "<x>",
    "<x@{user}.{server}>",
    "<postmaster@{server}>",
    "<{account}>",
)

# Recipients elsewhere, however the address is written.
PLAIN: Final = (
    *_forms(
        "<{user}@{third}>",
        "<{USER}@{THIRD}>",
        "<{user}@{third}.>",
        "{user}@{third}",
        '<"{user}"@{third}>',
        "<{user}@xn--bcher-kva.{third}>",
        "<{user}@[{exchanger}]>",
        "<{user}@[IPv6:::ffff:{exchanger}]>",
    ),
    Form("<{user}@b\u00fccher.{third}>", utf8=True),
)
# Recipients elsewhere that are written as if they were here, or were reached by way of here.
ROUTES: Final = _forms(
    "<{user}%{third}@{literal}>",
    "<{user}%{third}@{server}>",
    "<{user}%{third}@{host}>",
    "<{user}%{third}@localhost>",
    "<{user}%{third}>",
    "<{user}%{third}%x@{server}>",
    '<"{user}@{third}">',
    '<"{user}%{third}">',
    '<"{user}%{third}"@{server}>',
    '<"{user}@{third}"@{literal}>',
    '<"{user}@{third}"@{server}>',
    "<{user}@{third}@{literal}>",
    "<{user}@{third}@{server}>",
    "<{user}@{server}@{third}>",
    "<{user}@{third}%{server}>",
    "<{user}\\@{third}@{server}>",
    "<@{literal}:{user}@{third}>",
    "<@{server}:{user}@{third}>",
    "<@{server},@{third}:{user}@x.{third}>",
    "<{third}!{user}>",
    "<{third}!x!{user}>",
    "<{server}!{third}!{user}>",
    "<{third}!{user}@{literal}>",
    "<{third}!{user}@{server}>",
    '<"{third}!{user}"@{server}>',
    "<{third}:{user}@{server}>",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One envelope, and what became of it.

    Attributes:
        reply: The last one; None where the connection was lost.
        taken: The content was accepted.
    """

    sender: bytes
    recipient: bytes
    token: str
    reply: Reply | None
    taken: bool

    def __str__(self) -> str:
        sender, recipient = (
            path.decode("utf-8", "backslashreplace") for path in (self.sender, self.recipient)
        )
        return f"MAIL FROM:{sender} RCPT TO:{recipient}"


def declared_closed(target: LiveTarget) -> None:
    """A need: the operator says that the target does not relay for us before we log in."""
    if target.policy.relay is None:
        raise NotOffered("the target file does not say for whom the target relays (policy.relay)")
    if target.policy.relay in {"open", "local-networks"}:
        raise NotOffered(
            f"the target file says relay = {target.policy.relay!r}, which may include this client"
        )


def attempted(
    target: LiveTarget,
    senders: Sequence[Form],
    recipients: Sequence[Form],
    session: Callable[[], SmtpClient],
    *,
    per_session: int = _PER_SESSION,
) -> list[Tried]:
    """Every sender with every recipient, so many of them in each session.

    Raises:
        Unclear: Every one was refused for the time being: nothing is known of the rest.
    """
    pairs = list(itertools.product(senders, recipients))
    tried: list[Tried] = []
    for start in range(0, len(pairs), per_session):
        client = session()
        places = _places(target, client)
        for sender, recipient in pairs[start : start + per_session]:
            tried.append(_try(target, client, places, sender, recipient))
            if tried[-1].reply is None:
                break
        client.transport.close()
    if all(each.reply is not None and each.reply.klass == 4 for each in tried):
        raise Unclear(f"every attempt was refused for the time being, the last by {tried[-1].reply}")
    return tried


def _places(target: LiveTarget, client: SmtpClient) -> Places:
    outside = target.declared.outside
    if outside is None:
        raise NotOffered("the target file has no outside")
    address = client.transport.peer_address
    return Places(
        user="",
        third=peer_of(target).domain,
        exchanger=outside.mx.host,
        server=target.domain,
        host=(client.greeting.text.split() or [target.domain])[0],
        literal=f"[IPv6:{address}]" if ":" in address else f"[{address}]",
        account=target.account().address,
    )


def _try(target: LiveTarget, client: SmtpClient, places: Places, sender: Form, recipient: Form) -> Tried:
    token = target.unique("r")
    here = Places(**asdict(places) | {"user": f"u{token}"})
    from_path, to_path = sender.path(here), recipient.path(here)
    reply: Reply | None = None
    taken = False
    try:
        utf8 = b" SMTPUTF8" if recipient.utf8 and "SMTPUTF8" in client.extensions else b""
        reply = client.command(b"MAIL FROM:" + from_path + utf8)
        if reply.klass == 2:
            reply = client.command(b"RCPT TO:" + to_path)
        if reply.klass == 2:
            reply = client.data(plain_message(token, to=f"relayed@{here.third}"))
            taken = reply.klass == 2
        else:
            client.command(b"RSET")
    except TransportError:
        reply = None
    return Tried(from_path, to_path, token, reply, taken)


def settled(target: LiveTarget, tried: Sequence[Tried]) -> list[Received]:
    """What came to our exchangers, once what was taken has had the time to come; at once where nothing was taken."""
    peer = peer_of(target)
    tokens = {each.token for each in tried if each.taken}
    if not tokens:
        return peer.received()

    def all_came(messages: list[Received]) -> bool:
        return all(any(token.encode() in m.content for m in messages) for token in tokens)

    peer.wait_until(all_came, _GRACE_S if _comes_through(target, peer) else _BLIND_S)
    return peer.received()


def _comes_through(target: LiveTarget, peer: Peer) -> bool:
    """Whether a message of a user who may send it comes to us; it is sent after all the others."""
    address = f"{target.unique('control')}@{peer.domain}"
    try:
        client = target.submission()
        client.mail(b"<%s>" % target.account().address.encode())
        if client.rcpt(b"<%s>" % address.encode()).klass != 2:
            return False
        client.data(plain_message(target.unique(), to=address))
    except (NotOffered, Unclear, TransportError):
        return False
    return bool(peer.wait_for([address.encode()], target.limits.delivery_s))


def relayed(tried: Sequence[Tried], came: Sequence[Received]) -> list[Tried]:
    """Those whose message itself came: its own header is on top, below what hops put there."""
    tokens = {token_of(message.content.partition(b"\r\n\r\n")[0]) for message in came}
    return [each for each in tried if each.token in tokens]


def bounced(tried: Sequence[Tried], came: Sequence[Received]) -> list[Tried]:
    """Those about whom a notification came to who they said they were from."""
    notices = [m for m in came if m.reverse_path == b"" and not token_of(m.content.partition(b"\r\n\r\n")[0])]
    return [each for each in tried if any(each.token.encode() in notice.content for notice in notices)]
