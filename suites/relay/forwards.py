"""Mail for addresses that lead on: to an account of the target, or out again and to our exchanger."""

from collections.abc import Sequence

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from suites.delivery.letters import Letter, entrance, post
from suites.mail import TOKEN_HEADER
from suites.needs import Need
from suites.peer import Received, peer_of

__all__ = ["aliased", "aliases", "forward", "forwards", "of_token", "sent_on"]


def aliases() -> Need:
    """The operator declares an address that leads to an account of the target file."""

    def need(target: LiveTarget) -> None:
        aliased(target)

    return need


def aliased(target: LiveTarget) -> list[tuple[str, int]]:
    """The declared aliases of accounts, and each account's place in the target file; `NotOffered` for none."""
    places = {account.address.lower(): index for index, account in enumerate(target.declared.accounts)}
    found = [
        (address, places[leads_to.lower()])
        for address, leads_to in target.policy.aliases.items()
        if leads_to.lower() in places
    ]
    if not found:
        raise NotOffered("the target file names no alias of an account (policy.aliases)")
    return found


def forwards() -> Need:
    """The operator declares an address whose mail goes on to one where our exchangers are."""

    def need(target: LiveTarget) -> None:
        forward(target)

    return need


def forward(target: LiveTarget) -> tuple[bytes, bytes]:
    """An address of the target, and the one of ours that its mail goes on to; `NotOffered` for none."""
    for address, leads_to in target.policy.forwards.items():
        return address.encode(), leads_to.encode()
    raise NotOffered("the target file names no address whose mail is sent on (policy.forwards)")


def of_token(messages: Sequence[Received], token: str) -> list[Received]:
    """Those with this token in their own header."""
    field = b"%s: %s\r\n" % (TOKEN_HEADER, token.encode())
    return [m for m in messages if field in m.content.partition(b"\r\n\r\n")[0] + b"\r\n"]


def sent_on(
    target: LiveTarget,
    sent: Sequence[Letter],
    *,
    sender: bytes | None = None,
    recipient: bytes | None = None,
    client: SmtpClient | None = None,
) -> list[Received]:
    """Each message as it came to our exchanger, sent to the forward by the MX.

    Raises:
        Unclear: One was refused, or did not come in time.
    """
    peer, address = peer_of(target), recipient or forward(target)[0]
    client = client or entrance(target)
    for each in sent:
        reply = post(target, client, each.content, sender=sender, recipients=[b"<%s>" % address])
        if reply.klass != 2:
            raise Unclear(f"a message for {address.decode()} was answered {reply}")

    def all_came(messages: list[Received]) -> bool:
        return all(of_token(messages, each.token) for each in sent)

    if not peer.wait_until(all_came, target.limits.delivery_s):
        raise Unclear(f"a message for {address.decode()} did not come on to us in time")
    return [of_token(peer.received(), each.token)[0] for each in sent]
