"""How fast the wire cores read, beside libraries that read the same."""

import io
import smtplib
from typing import Final

from figures import Figure, compare, rate
from imapclient.response_parser import parse_fetch_response

from harness.wire.imap.reader import ResponseReader
from harness.wire.smtp.replies import ReplyReader

__all__ = ["imap_fetches", "smtp_replies"]

REPLIES: Final = 5_000
FETCHES: Final = 2_000


def smtp_replies() -> Figure:
    octets = b"250-mail.example.test\r\n250-PIPELINING\r\n250 SIZE 1000\r\n" * REPLIES

    def ours() -> None:
        reader = ReplyReader()
        for at in range(0, len(octets), 65536):
            reader.feed(octets[at : at + 65536])

    def stdlib() -> None:
        client = smtplib.SMTP()
        client.file = io.BufferedReader(io.BytesIO(octets))
        for _ in range(REPLIES):
            client.getreply()

    return compare(
        "SMTP replies read",
        "1/s",
        lambda: rate(REPLIES, ours),
        lambda: rate(REPLIES, stdlib),
        "smtplib.getreply",
    )


def imap_fetches() -> Figure:
    item = b'(UID 7 FLAGS (\\Seen) ENVELOPE ("d" "s" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i@h>"))'
    octets = b"".join(b"* %d FETCH %s\r\n" % (n, item) for n in range(1, FETCHES + 1))
    lines = [b"%d %s" % (n, item) for n in range(1, FETCHES + 1)]
    return compare(
        "IMAP FETCH responses read",
        "1/s",
        lambda: rate(FETCHES, lambda: ResponseReader().feed(octets)),
        lambda: rate(FETCHES, lambda: [parse_fetch_response([line]) for line in lines]),
        "IMAPClient's parser",
    )
