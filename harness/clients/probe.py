"""What a target really offers: asked of each endpoint, in each state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness.errors import CheckOutcome, MailproofError, NotOffered
from harness.target import Protocol
from harness.wire.tls import TlsFacts

if TYPE_CHECKING:
    from harness.clients.live import LiveTarget
    from harness.clients.transport import Transport

__all__ = ["Abilities", "read_abilities"]


@dataclass(slots=True)
class Abilities:
    """By state (``smtp``, ``submission over TLS``, ``imap logged in`` ...), capability -> its arguments.

    Attributes:
        problems: State -> why it could not be asked.
        products: Protocol -> what the target says it is.
        tls: Protocol -> what is known of its TLS, by STARTTLS where that is how it begins.
    """

    offered: dict[str, Mapping[str, str]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    tls: dict[str, TlsFacts] = field(default_factory=dict)

    def keep_tls(self, protocol: Protocol, transport: "Transport") -> None:
        """What became of a handshake, where there was one."""
        if transport.tls_facts is not None:
            self.tls[str(protocol)] = transport.tls_facts

    def names(self, *states: str) -> set[str]:
        """The capabilities offered in any of these states, in upper case."""
        return {name.upper() for state in states for name in self.offered.get(state, {})}


def read_abilities(target: "LiveTarget") -> Abilities:
    """Ask every endpoint the target has; trouble with one is kept and the others are asked all the same."""
    abilities = Abilities()
    for ask in (_smtp, _submission, _submissions, _lmtp, _pop3, _imap, _pop3_tls, _imap_tls, *_IMPLICIT):
        try:
            ask(target, abilities)
        except NotOffered:
            continue
        except (MailproofError, CheckOutcome) as exc:
            abilities.problems[ask.__name__.strip("_").replace("_tls", " TLS")] = str(exc)
        finally:
            target.end()
    return abilities


def _esmtp(protocol: Protocol) -> Callable[["LiveTarget", Abilities], None]:
    def ask(target: "LiveTarget", abilities: Abilities) -> None:
        client = target.smtp(protocol)
        abilities.products[str(protocol)] = client.greeting.text
        abilities.offered[str(protocol)] = dict(client.extensions)
        if "STARTTLS" in client.extensions:
            target.start_tls(client)
            abilities.keep_tls(protocol, client.transport)
            abilities.offered[f"{protocol} over TLS"] = dict(client.extensions)

    ask.__name__ = str(protocol)
    return ask


_smtp = _esmtp(Protocol.SMTP)
_submission = _esmtp(Protocol.SUBMISSION)
_submissions = _esmtp(Protocol.SUBMISSIONS)
_lmtp = _esmtp(Protocol.LMTP)


def _pop3(target: "LiveTarget", abilities: Abilities) -> None:
    client = target.pop3(login=False)
    abilities.products["pop3"] = client.greeting.text.decode("latin-1")
    abilities.offered["pop3"] = {name: " ".join(words) for name, words in client.capa().items()}
    logged_in = target.pop3()
    abilities.offered["pop3 logged in"] = {name: " ".join(words) for name, words in logged_in.capa().items()}


def _imap(target: "LiveTarget", abilities: Abilities) -> None:
    client = target.imap(login=False)
    abilities.products["imap"] = client.greeting.text.decode("latin-1") if client.greeting else ""
    abilities.offered["imap"] = _by_name(client.capability())
    logged_in = target.imap()
    abilities.offered["imap logged in"] = _by_name(logged_in.capability())
    if "ID" in abilities.names("imap", "imap logged in"):
        identity = logged_in.command(b"ID NIL")
        abilities.products["imap id"] = "".join(u.raw.decode("latin-1").strip() for u in identity.untagged)


def _pop3_tls(target: "LiveTarget", abilities: Abilities) -> None:
    endpoint = target.endpoint(Protocol.POP3)
    client = target.pop3(login=False)
    if "STLS" in client.capa() and client.stls(target.tls_context, target.server_name(endpoint)).ok:
        abilities.keep_tls(Protocol.POP3, client.transport)


def _imap_tls(target: "LiveTarget", abilities: Abilities) -> None:
    endpoint = target.endpoint(Protocol.IMAP)
    client = target.imap(login=False)
    offered = "STARTTLS" in client.capabilities
    if offered and client.starttls(target.tls_context, target.server_name(endpoint)).ok:
        abilities.keep_tls(Protocol.IMAP, client.transport)


def _implicit(protocol: Protocol) -> Callable[["LiveTarget", Abilities], None]:
    def ask(target: "LiveTarget", abilities: Abilities) -> None:
        with target.connect(protocol) as transport:
            abilities.keep_tls(protocol, transport)

    ask.__name__ = f"{protocol} TLS"
    return ask


_IMPLICIT: Final = tuple(_implicit(protocol) for protocol in Protocol if protocol.implicit_tls)


def _by_name(capabilities: frozenset[str]) -> dict[str, str]:
    """``AUTH=PLAIN AUTH=LOGIN`` as one capability with two arguments."""
    found: dict[str, str] = {}
    for capability in sorted(capabilities):
        name, _, value = capability.partition("=")
        found[name] = f"{found.get(name, '')} {value}".strip()
        if value:
            found[capability] = ""
    return found
