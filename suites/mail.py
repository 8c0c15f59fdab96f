"""Mail for checks: made with a token, put in by any way there is, read back octet for octet."""

import time
from collections.abc import Sequence
from typing import Final

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply

__all__ = [
    "TOKEN_HEADER",
    "deliver",
    "fetch",
    "fetch_all",
    "forward_path",
    "open_transaction",
    "plain_message",
    "put",
    "reverse_path",
    "transact",
    "without_trace",
]

# Every message of a run carries the run's token here; clean-up finds it by this field.
TOKEN_HEADER: Final = b"X-Mailproof-Token"

# Ours: first wait and longest wait between two looks for a message that was accepted.
_FIRST_LOOK_S: Final = 0.01
_LONGEST_LOOK_S: Final = 0.5


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
        replies += client.data_replies(content, accepted)
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
    endpoints = set(target.declared.endpoints)
    if {Protocol.IMAP, Protocol.IMAPS} & endpoints:
        look = _ImapReader(target.imap(account=account)).look
    elif {Protocol.POP3, Protocol.POP3S} & endpoints:
        look = _Pop3Reader(target, account).look
    else:
        raise NotOffered("the target file has no endpoint to read mail by")
    deadline = time.monotonic() + target.limits.delivery_s
    pause_s = _FIRST_LOOK_S
    while len(found := look(token)) < number:
        if time.monotonic() > deadline:
            raise Unclear(
                f"{len(found)} of {number} messages arrived within {target.limits.delivery_s:g} s; were they delayed?"
            )
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)
    return found


def without_trace(content: bytes) -> bytes:
    """The message from our own first header field on: what delivery put on top (RFC 5321 §4.4) is left out.

    Raises:
        AssertionError: Our first header field is no longer there.
    """
    start = content.find(b"From: Mailproof")
    assert start >= 0, "the message came back without its own header"
    return content[start:]


class _ImapReader:
    def __init__(self, client: ImapClient) -> None:
        self._client = client
        self._selected = False

    def look(self, token: str) -> list[bytes]:
        if self._selected:
            self._client.noop()
        else:
            self._client.examine(b"INBOX")
            self._selected = True
        uids = self._client.uid_search(b"HEADER %s %s" % (TOKEN_HEADER, token.encode()))
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
        mark = b"%s: %s\r\n" % (TOKEN_HEADER, token.encode())
        contents = [content for number in self._numbers(client) if mark in (content := client.retr(number))]
        client.quit()
        return contents

    @staticmethod
    def _numbers(client: Pop3Client) -> list[int]:
        return [number for number, _octets in client.list_()]
