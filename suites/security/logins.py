"""Who logs in: the first account, by any mechanism; with a wrong secret, as nobody, or for somebody else."""

from dataclasses import replace

from harness.clients.live import LiveTarget
from harness.clients.sasl import identity_of
from harness.errors import Unclear
from harness.target import Account
from harness.wire import sasl
from suites.security.doors import Door, Kind, Said
from suites.security.scram import BARE, EVERY

__all__ = ["CLIENT_FIRST", "KNOWN", "PASSWORDS", "let_in", "log_in", "mechanism", "nobody", "wrong"]

PASSWORDS = (*EVERY, "CRAM-MD5", "PLAIN", "LOGIN")
KNOWN = (*PASSWORDS, "OAUTHBEARER")
# RFC 5802 §5; RFC 4616 §2; RFC 7628 §3.1.
CLIENT_FIRST = (*BARE, "PLAIN", "OAUTHBEARER")


def mechanism(door: Door, name: str, account: Account, *, authorization: str = "") -> sasl.ClientMechanism:
    """The client's side of an exchange at this door."""
    identity = replace(identity_of(account), authorization=authorization)
    try:
        return sasl.client_mechanism(name, identity, offered=door.offered, facts=door.facts)
    except sasl.SaslError as exc:
        raise Unclear(f"{account.user} cannot be prepared: {exc}") from exc


def log_in(door: Door, name: str, account: Account) -> list[Said]:
    """All that is said to an account's credentials."""
    return door.run(mechanism(door, name, account))


def let_in(door: Door, name: str, account: Account) -> None:
    """Log in by true credentials.

    Raises:
        Unclear: They are refused: the account may have no secret of that kind.
    """
    said = log_in(door, name, account)[-1]
    if said.kind is not Kind.IN:
        raise Unclear(f"{name} at {door.place} with true credentials was answered {said}")


def wrong(target: LiveTarget) -> Account:
    """The first account with a password, and a token, that it has not."""
    account = target.account()
    return replace(account, password=target.unique("wrong"), token=account.token and "wrong.wrong.wrong")


def nobody(target: LiveTarget) -> Account:
    """A user that there is not, whose name is as long as the first account's, with its password and its token."""
    other = wrong(target)
    user, at, domain = other.user.partition("@")
    unknown = (f"no{target.token}" * 20)[: max(len(user), 6)]
    return replace(other, user=f"{unknown}{at}{domain}", address=f"{unknown}@{target.domain}")
