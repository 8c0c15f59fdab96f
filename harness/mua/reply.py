"""An answer to a message: to whom, about what, and what it quotes."""

import datetime as dt
import re
from email.utils import getaddresses

from harness.errors import UsageError
from harness.mua.addresses import Address, parse_mailbox_text
from harness.mua.compose import Draft, compose, new_message_id
from harness.mua.decode import decode_words
from harness.mua.message import Letter
from harness.mua.screen import line, safe
from harness.sealed import Keys, Seal, Wish, seal

__all__ = ["draft_reply", "quoted", "sealed_as"]

# Ours: identifiers of earlier messages that an answer carries on (RFC 5322 §3.6.4).
_REFERENCES = 20


def draft_reply(letter: Letter, sender: Address, text: str, *, signed: bool = False) -> Draft:
    """An answer to whom the message says answers go.

    Raises:
        UsageError: It names nobody.

    Source: RFC 5322 §3.6.2, §3.6.4, §3.6.5.
    """
    header = letter.header
    to = addresses_in(header.raw("Reply-To")) or addresses_in(header.raw("From"))
    if not to:
        raise UsageError("the message names nobody who could be answered")
    subject = line(header.text("Subject"), 200)
    known = _ids(header.raw("Message-ID"))
    earlier = [*_ids(header.raw("References")), *known]
    return Draft(
        sender=sender,
        to=to,
        subject=subject if re.match(r"re:", subject, re.IGNORECASE) else f"Re: {subject}".strip(),
        body=text,
        in_reply_to=known[0] if known else "",
        references=earlier[-_REFERENCES:],
        date=dt.datetime.now().astimezone(),
        message_id=new_message_id(sender.mailbox.domain.decode() or "localhost"),
        signed=signed,
    )


def sealed_as(seal_of_original: Seal, draft: Draft, keys: Keys) -> bytes:
    """The answer as it goes: to an encrypted message, signed and encrypted in the same way.

    An answer in the clear would carry the text out that somebody sealed; that is also how a sealed part is stolen.

    Raises:
        UsageError: A key is missing.
    """
    content = compose(draft)
    if not seal_of_original.encryptions:
        return content
    wish = Wish(seal_of_original.encryptions[-1].scheme, sign=True, encrypt=True)
    return seal(
        content,
        wish,
        keys,
        sender=draft.sender.mailbox.encode().decode(),
        recipients=[each.encode().decode() for each in draft.recipients],
        at=dt.datetime.now(dt.UTC),
    )


def quoted(letter: Letter) -> str:
    """What an answer begins with: who wrote when, and the text behind ``>``."""
    date = letter.header.date
    when = date.strftime(" on %d %B %Y at %H:%M") if date else ""
    lines = safe(letter.text).splitlines()
    return "\n".join(
        [
            f"{line(letter.header.text('From'))} wrote{when}:",
            *(f"> {each}".rstrip() for each in lines),
            "",
            "",
        ]
    )


def addresses_in(field: str) -> list[Address]:
    """Those of a field that can be written to; a name keeps nothing that no name can hold."""
    found: list[Address] = []
    try:
        pairs = getaddresses([field])
    except (RecursionError, ValueError, IndexError):
        return []  # the standard library's parser, met by what is no field: comments within comments, for one
    for name, spec in pairs:
        try:
            mailbox = parse_mailbox_text(spec)
        except UsageError:
            continue
        found.append(Address(mailbox, line(decode_words(name), 100)))
    return found


def _ids(field: str) -> list[str]:
    return re.findall(r"<[!-;=?-~]{1,250}>", field)
