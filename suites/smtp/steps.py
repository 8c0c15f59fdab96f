"""What the checks of this area do again and again."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import ConnectionLost, NotOffered, Unclear
from harness.strategies.smtp import command_sequences
from harness.wire.smtp.address import parse_domain
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.errors import AddressError
from harness.wire.smtp.replies import Reply
from suites.mail import forward_path, plain_message, reverse_path

__all__ = [
    "ACCOUNT",
    "answers",
    "ask",
    "content",
    "converse",
    "dialogues",
    "finish",
    "is_domain",
    "judged",
    "open_data",
    "sent",
    "spellings",
    "take_content",
]

# Stands for the first account's address in generated lines: strategies know no target.
ACCOUNT: Final = b"<account@mailproof.invalid>"

dialogues: Final = command_sequences(st.just(ACCOUNT))


def spellings(word: str) -> st.SearchStrategy[bytes]:
    """The word in any case of letters."""
    cases = [st.sampled_from([letter.upper(), letter.lower()]) for letter in word]
    return st.tuples(*cases).map(lambda letters: "".join(letters).encode())


def content(target: LiveTarget, *, body: bytes = b"Hello.\r\n", headers: Sequence[bytes] = ()) -> bytes:
    """A small message to the first account, marked as this run's."""
    return plain_message(target.unique(), to=target.account().address, body=body, headers=headers)


def open_data(target: LiveTarget, smtp: SmtpClient) -> None:
    """DATA that must be answered 354; `Unclear` where it is not: the check is about what follows."""
    reply = smtp.command(b"DATA")
    if reply.code != 354:
        raise Unclear(f"DATA in a plain transaction was answered {reply}")


def take_content(target: LiveTarget, smtp: SmtpClient, octets: bytes) -> Reply:
    """DATA with all of `octets` behind its 354; the reply to their end."""
    open_data(target, smtp)
    smtp.raw(encode_data(octets))
    return smtp.read_reply()


def converse(target: LiveTarget, smtp: SmtpClient, lines: Sequence[bytes]) -> list[tuple[bytes, Reply]]:
    """Lines one by one, each with its reply; a 354 is given a message. Ends where the target says 421."""
    said: list[tuple[bytes, Reply]] = []
    for line in lines:
        reply = smtp.command(line.replace(ACCOUNT, forward_path(target)))
        said.append((line, reply))
        if reply.code == 354:
            smtp.raw(encode_data(content(target)))
            said.append((b"(end of data)", smtp.read_reply()))
        if reply.code == 421:
            break
    return said


def finish(smtp: SmtpClient) -> list[Reply]:
    """QUIT; what is answered before QUIT's own reply was not asked for.

    A last command proves that nothing more comes, where waiting for silence would only make it likely. A target
    that closes without a word gives the benefit of the doubt to its last reply.
    """
    replies: list[Reply] = []
    with suppress(ConnectionLost):
        smtp.raw(b"QUIT\r\n")
        while not replies or replies[-1].code != 221:
            replies.append(smtp.read_reply())
    return replies[:-1]


def answers(smtp: SmtpClient) -> bool:
    """Whether NOOP is answered; False where the target has closed the connection."""
    try:
        smtp.command(b"NOOP")
    except ConnectionLost:
        return False
    return True


def judged(reply: Reply) -> Reply:
    """The reply, unless it is temporary or asks for authentication or TLS first: `Unclear` then."""
    if reply.klass == 4 or reply.code == 530:
        raise Unclear(f"answered {reply}: not judged")
    return reply


def is_domain(word: bytes) -> bool:
    """Whether it is a domain or an address literal, by the grammar of RFC 5321 §4.1.2."""
    try:
        parse_domain(word)
    except AddressError:
        return False
    return True


def ask(offered: bool, what: str) -> None:
    """`NotOffered` where the target does not do what a rule is about."""
    if not offered:
        raise NotOffered(what)


def sent(target: LiveTarget, octets: bytes, *parameters: bytes) -> Reply:
    """A whole transaction for the first account; the reply to the end of data.

    Raises:
        Unclear: MAIL, RCPT or DATA was refused.
    """
    smtp = target.smtp()
    for reply in (
        smtp.mail(reverse_path(target), *parameters),
        smtp.command(b"RCPT TO:" + forward_path(target)),
    ):
        if reply.klass != 2:
            raise Unclear(f"a plain transaction was refused: {reply}")
    return take_content(target, smtp, octets)
