"""Sessions on submission before and after login, and AUTH exchanges spelt out octet by octet."""

import re
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Account, Protocol
from harness.wire import sasl
from harness.wire.lines import CRLF
from harness.wire.smtp.commands import MAX_COMMAND_LINE
from harness.wire.smtp.replies import Reply
from suites.mail import fetch, forward_path, plain_message, transact

__all__ = [
    "SECRET",
    "auth_plain",
    "before_login",
    "cased",
    "challenge",
    "foreign_domain",
    "in_the_clear",
    "login_failure",
    "mechanisms",
    "needs_enhanced_codes",
    "plain",
    "submit",
    "trace",
]

_RECEIVED: Final = re.compile(rb"^Received:(?:[^\r]|\r\n[ \t])*", re.IGNORECASE | re.MULTILINE)

# What a transcript shows in the place of credentials.
SECRET: Final = b"<secret>"


def mechanisms(smtp: SmtpClient) -> list[str]:
    """The mechanisms that the last EHLO listed, in upper case."""
    return smtp.extensions.get("AUTH", "").upper().split()


def before_login(target: LiveTarget, mechanism: str = "PLAIN") -> SmtpClient:
    """A session, over TLS, in which `mechanism` is offered and nobody is logged in.

    Raises:
        NotOffered: No submission, no TLS there, or not this mechanism.
    """
    smtp = target.submission(login=False)
    if mechanism not in mechanisms(smtp):
        raise NotOffered(f"AUTH {mechanism} is not offered")
    return smtp


def in_the_clear(target: LiveTarget) -> SmtpClient:
    """A session on the submission port before STARTTLS; `NotOffered` where STARTTLS is not offered there."""
    smtp = target.smtp(Protocol.SUBMISSION)
    if "STARTTLS" not in smtp.extensions:
        raise NotOffered("STARTTLS is not offered on the submission port")
    return smtp


def plain(account: Account, *, authorization: str = "", password: str | None = None) -> bytes:
    """The message of PLAIN (RFC 4616 §2): true credentials unless another password is given."""
    secret = account.password if password is None else password
    return "\0".join((authorization, account.user, secret)).encode()


def auth_plain(smtp: SmtpClient, response: bytes, *, initial: bool = True) -> Reply:
    """AUTH PLAIN with this response, as it stands on the wire, in the command or as a line of its own.

    A response too long for the command goes on its own line (RFC 4954 §4). The transcript shows no response.

    Raises:
        Unclear: AUTH PLAIN alone was not answered 334.
    """
    line = b"AUTH PLAIN " + response
    if initial and len(line) + len(CRLF) <= MAX_COMMAND_LINE:
        return smtp.command(line, shown=b"AUTH PLAIN " + SECRET)
    challenge(smtp, "PLAIN")
    return smtp.command(response, shown=SECRET)


def challenge(smtp: SmtpClient, mechanism: str) -> Reply:
    """The server's first challenge; `Unclear` where the mechanism does not begin."""
    reply = smtp.command(b"AUTH " + mechanism.encode())
    if reply.code != 334:
        raise Unclear(f"AUTH {mechanism} was answered {reply}")
    return reply


def login_failure(smtp: SmtpClient, user: str, password: str) -> Reply:
    """The reply to credentials that are wrong."""
    return auth_plain(smtp, sasl.encode(f"\0{user}\0{password}".encode()))


def needs_enhanced_codes(smtp: SmtpClient) -> None:
    """`NotOffered` where the last EHLO did not list ENHANCEDSTATUSCODES."""
    if "ENHANCEDSTATUSCODES" not in smtp.extensions:
        raise NotOffered("ENHANCEDSTATUSCODES is not offered")


def foreign_domain(target: LiveTarget) -> bytes:
    """A domain that is nobody's and not the target's (RFC 2606 §3)."""
    return b"example.net" if target.domain == "example.org" else b"example.org"


def submit(target: LiveTarget, content: bytes) -> Reply:
    """Hand a message over, logged in, from the first account to itself; the reply to its content.

    Raises:
        Unclear: The envelope was refused.
    """
    smtp = target.submission()
    own = forward_path(target)
    replies = transact(smtp, own, [own], content)
    if len(replies) < 3:
        raise Unclear(f"a message of the user's to itself was refused: {replies[-1]}")
    return replies[-1]


def trace(target: LiveTarget) -> list[bytes]:
    """The Received fields in front of a message that was submitted, the last one first."""
    token = target.unique()
    reply = submit(target, plain_message(token, to=target.account().address))
    if reply.klass != 2:
        raise Unclear(f"a plain message was answered {reply}")
    delivered = fetch(target, token)
    return _RECEIVED.findall(delivered[: delivered.find(b"From: Mailproof")])


def cased(text: str) -> SearchStrategy[bytes]:
    """The text with each letter in either case."""
    return st.tuples(*(st.sampled_from([c.lower(), c.upper()]) for c in text)).map(
        lambda letters: "".join(letters).encode()
    )
