"""Mail for checks: made with a token, put in by any way there is, read back octet for octet."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from typing import Protocol as Shape

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client, Pop3Refused
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.lines import CRLF
from harness.wire.smtp.replies import Reply

__all__ = [
    "TOKEN_HEADER",
    "changes",
    "deliver",
    "fetch",
    "fetch_all",
    "fetch_each",
    "fields_of",
    "forward_path",
    "open_transaction",
    "plain_message",
    "put",
    "reverse_path",
    "token_of",
    "transact",
    "without_trace",
]

# Every message of a run carries the run's token here; clean-up finds it by this field.
TOKEN_HEADER: Final = b"X-Mailproof-Token"

_TOKEN: Final = re.compile(rb"^%s: (\S+)\r?$" % TOKEN_HEADER, re.MULTILINE | re.IGNORECASE)
_FIELD_END: Final = re.compile(rb"\r\n(?![ \t])")

T = TypeVar("T")

# Ours: first wait and longest wait between two looks for a message that was accepted.
_FIRST_LOOK_S: Final = 0.01
_LONGEST_LOOK_S: Final = 0.5
# Ours: among how many of the newest messages the first look searches.
_NEWEST: Final = 20


def plain_message(
    token: str, *, to: str, body: bytes = b"Hello.\r\n", headers: Sequence[bytes] = ()
) -> bytes:
    """A small, correct message (RFC 5322 §3.6); `headers` are lines without CRLF, put below the usual ones."""
    lines = [
        b"From: Mailproof <mailproof@example.org>",
        b"To: <%s>" % to.encode(),
        b"Subject: mailproof %s" % token.encode(),
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000",
        b"Message-ID: <%s@example.org>" % token.encode(),
        b"%s: %s" % (TOKEN_HEADER, token.encode()),
        *headers,
        b"",
    ]
    return b"\r\n".join(lines) + b"\r\n" + body


def reverse_path(target: LiveTarget) -> bytes:
    """The sender that checks use from outside, as a path."""
    return b"<%s>" % target.policy.sender.encode()


def forward_path(target: LiveTarget, account: int = 0) -> bytes:
    """An account's address, as a path."""
    return b"<%s>" % target.account(account).address.encode()


def open_transaction(
    target: LiveTarget, client: SmtpClient, *, recipients: Sequence[bytes] = (), sender: bytes | None = None
) -> None:
    """MAIL and RCPT that must be accepted; `Unclear` where they are not: the check is about something else."""
    lines = [b"MAIL FROM:" + (sender if sender is not None else reverse_path(target))]
    lines += [b"RCPT TO:" + path for path in recipients or [forward_path(target)]]
    for line in lines:
        reply = client.command(line)
        if reply.klass != 2:
            raise Unclear(f"a plain transaction was refused: {line!r} was answered {reply}")


def transact(client: SmtpClient, sender: bytes, recipients: Sequence[bytes], content: bytes) -> list[Reply]:
    """MAIL, RCPTs and DATA without judging; the last reply, and for LMTP the last replies, are of the content."""
    replies = [client.mail(sender)]
    if replies[0].klass != 2:
        return replies
    replies += [client.rcpt(path) for path in recipients]
    if accepted := sum(reply.klass == 2 for reply in replies[1:]):
        replies += client.data_replies(content, accepted if client.lmtp else 1)
    return replies


def deliver(target: LiveTarget, content: bytes, *, account: int = 0) -> None:
    """Hand a message over for an account, by SMTP or, without an MX, by LMTP.

    Raises:
        Unclear: It was refused.
        NotOffered: There is no endpoint that takes mail.
    """
    protocol = Protocol.SMTP if Protocol.SMTP in target.declared.endpoints else Protocol.LMTP
    client = target.smtp(protocol)
    for reply in transact(client, reverse_path(target), [forward_path(target, account)], content):
        if reply.klass != 2:
            raise Unclear(f"a plain message was refused: {reply}")
    client.quit()


def put(target: LiveTarget, contents: Sequence[bytes], *, account: int = 0) -> None:
    """Put messages into an account's INBOX the quickest way there is: APPEND, else delivery, one after the other."""
    if not {Protocol.IMAP, Protocol.IMAPS} & set(target.declared.endpoints):
        for content in contents:
            deliver(target, content, account=account)
        return
    client = target.imap(account=account)
    for content in contents:
        result = client.append(b"INBOX", content)
        if not result.ok:
            raise Unclear(f"APPEND to INBOX was answered {result.status} {result.text!r}")
    client.logout()


def fetch(target: LiveTarget, token: str, *, account: int = 0) -> bytes:
    """The one message with this token, octet for octet; waits for it as long as `limits.delivery_s`.

    Raises:
        Unclear: It did not arrive in time.
        NotOffered: There is no way to read mail.
    """
    return fetch_all(target, token, 1, account=account)[0]


def fetch_all(target: LiveTarget, token: str, number: int, *, account: int = 0) -> list[bytes]:
    """So many messages with this token (more, where there are more), in the order of the mailbox; as `fetch`."""
    reader = _reader(target, account)
    return _awaited(
        target.limits.delivery_s, number, lambda: [c for c in reader.look(token) if token_of(c) == token]
    )


def fetch_each(
    target: LiveTarget, tokens: Sequence[str], *, account: int = 0, within_s: float | None = None
) -> dict[str, bytes]:
    """By token, the message of each, waited for together; as `fetch`. Tokens of one batch are ``BATCH.INDEX``.

    Args:
        within_s: How long, where that is not `limits.delivery_s`.
    """
    reader = _reader(target, account)
    batches = {token.partition(".")[0] for token in tokens}
    common = batches.pop() if len(batches) == 1 else target.token

    def found() -> list[tuple[str, bytes]]:
        return list({token_of(c): c for c in reader.look(common) if token_of(c) in tokens}.items())

    allowed_s = target.limits.delivery_s if within_s is None else within_s
    return dict(_awaited(allowed_s, len(tokens), found))


def _awaited(allowed_s: float, number: int, look: Callable[[], list[T]]) -> list[T]:
    """What `look` finds once it is so much."""
    deadline = time.monotonic() + allowed_s
    pause_s = _FIRST_LOOK_S
    while len(found := look()) < number:
        if time.monotonic() > deadline:
            raise Unclear(
                f"{len(found)} of {number} messages arrived within {allowed_s:g} s; were they delayed?"
            )
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)
    return found


def token_of(content: bytes) -> str:
    """The token of a message of ours, ``""`` where it has none."""
    found = _TOKEN.search(content)
    return found[1].decode("ascii", "replace") if found else ""


def fields_of(content: bytes) -> list[bytes]:
    """The header fields as they stand, folding included, each without its last CRLF."""
    header = content.partition(CRLF + CRLF)[0]
    return _FIELD_END.split(header)


def changes(sent: bytes, received: bytes) -> str:
    """What happened to a message on its way, ``""`` where every field and the body came through octet for octet.

    Fields that were added are no change: servers mark what they deliver and store.
    """
    body, came = sent.partition(CRLF + CRLF)[2], received.partition(CRLF + CRLF)[2]
    if body != came:
        at = next((i for i, pair in enumerate(zip(body, came, strict=False)) if pair[0] != pair[1]), None)
        at = min(len(body), len(came)) if at is None else at
        start = max(0, at - 20)
        return (
            f"the body of {len(body)} octets came out with {len(came)}, different from octet {at}: "
            f"{body[start : at + 20]!r} became {came[start : at + 20]!r}"
        )
    left = iter(fields_of(received))
    lost = [field for field in fields_of(sent) if field not in left]
    return f"the field {lost[0]!r} is gone, changed or out of order" if lost else ""


def without_trace(content: bytes) -> bytes:
    """The message from our own first header field on: what delivery put on top (RFC 5321 §4.4) is left out.

    Raises:
        AssertionError: Our first header field is no longer there.
    """
    start = content.find(b"From: Mailproof")
    assert start >= 0, "the message came back without its own header"
    return content[start:]


class _Reader(Shape):
    def look(self, token: str) -> list[bytes]:
        """Messages whose token holds this; the first look may see the newest ones only."""


def _reader(target: LiveTarget, account: int) -> _Reader:
    endpoints = set(target.declared.endpoints)
    if {Protocol.IMAP, Protocol.IMAPS} & endpoints:
        return _ImapReader(target.imap(account=account))
    if {Protocol.POP3, Protocol.POP3S} & endpoints:
        return _Pop3Reader(target, account)
    raise NotOffered("the target file has no endpoint to read mail by")


class _ImapReader:
    def __init__(self, client: ImapClient) -> None:
        self._client = client
        self._selected = False

    def look(self, token: str) -> list[bytes]:
        among = b""
        if self._selected:
            self._client.noop()
        else:
            exists = self._client.examine(b"INBOX").exists or 0
            self._selected = True
            # A server without an index reads every message for a criterion on the header.
            among = b"%d:* " % (exists - _NEWEST) if exists > _NEWEST else b""
        uids = self._client.uid_search(among + b"HEADER %s %s" % (TOKEN_HEADER, token.encode()))
        if not uids:
            return []
        fetched = self._client.uid_fetch(b",".join(b"%d" % uid for uid in uids), b"(BODY.PEEK[])")
        contents = [fetched[number].body() for number in sorted(fetched)]
        return [content for content in contents if content is not None]


class _Pop3Reader:
    """POP3 shows what was there at login, so every look is a session of its own."""

    def __init__(self, target: LiveTarget, account: int) -> None:
        self._target = target
        self._account = account

    def look(self, token: str) -> list[bytes]:
        client = self._target.pop3(account=self._account)
        contents = [
            client.retr(number) for number, _octets in client.list_() if self._fits(client, number, token)
        ]
        client.quit()
        return contents

    @staticmethod
    def _fits(client: Pop3Client, number: int, token: str) -> bool:
        try:
            header = client.top(number, 0)
        except Pop3Refused:  # TOP is optional (RFC 1939 §7)
            header = client.retr(number)
        return token in token_of(header)
