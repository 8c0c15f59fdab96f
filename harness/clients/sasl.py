"""The one SASL loop of the SMTP, POP3 and IMAP clients."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import LocalProtocolError
from harness.target import Account, Endpoint
from harness.wire import sasl

__all__ = ["SECRET", "converse", "identity_of", "mechanism_for"]

# What transcripts have in place of a response.
SECRET = b"<secret>"

Read = TypeVar("Read")


def converse(
    mechanism: sasl.ClientMechanism,
    began: Read,
    transcript: Transcript,
    *,
    respond: Callable[[bytes, bytes], Read],
    challenge_in: Callable[[Read], bytes | None],
    accepted: Callable[[Read], bool],
) -> Read:
    """Run an exchange to its end; the last that was read. A challenge nobody can read, or believe, is cancelled.

    Args:
        began: What was read after the command that begins the exchange.
        transcript: Where responses are not shown, and a server's proof is not either: from it a password can be
            guessed at leisure (RFC 5802 §9).
        respond: Sends a line; its second argument is what the transcript shows of it. Gives what is read then.
        challenge_in: The base64 in what was read; None where the exchange is over.
        accepted: Whether what was read lets the client in.

    Raises:
        ServerUnproven: The server lets the client in, and has not proved itself where the mechanism has it do so.
    """
    read = began
    while (challenge := challenge_in(read)) is not None:
        proven = mechanism.server_proven
        try:
            line = sasl.encode(mechanism.respond(sasl.decode(challenge)))
        except (sasl.SaslError, LocalProtocolError):
            read = respond(sasl.CANCEL, sasl.CANCEL)
            break
        if mechanism.server_proven and not proven:
            transcript.mask(challenge, SECRET)
        read = respond(line, SECRET)
    if accepted(read) and not mechanism.server_proven:
        raise sasl.ServerUnproven(f"the server lets us in by {mechanism.name} and has not shown who it is")
    return read


def identity_of(account: Account, *, certificate: bool = False) -> sasl.Identity:
    """What an account has to show."""
    return sasl.Identity(account.user, account.password, account.token, certificate=certificate)


def mechanism_for(
    name: str,
    identity: sasl.Identity,
    offered: Iterable[str],
    transport: Transport,
    endpoint: Endpoint,
) -> sasl.ClientMechanism:
    """An exchange by this mechanism on this connection.

    Raises:
        LocalProtocolError: There is no such mechanism, or it needs what the connection or the account lacks.
    """
    try:
        return sasl.client_mechanism(
            name,
            identity,
            offered=offered,
            facts=transport.tls_facts,
            host=endpoint.host,
            port=endpoint.port,
        )
    except KeyError:
        known = ", ".join(sasl.MECHANISMS)
        raise LocalProtocolError(f"there is no mechanism {name}; there are {known}") from None
