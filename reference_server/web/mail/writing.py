"""Writing: what the form holds, what it begins with, and the message that comes of it."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.errors import UsageError
from harness.mua.addresses import Address, parse_address, parse_addresses
from harness.mua.compose import Attachment, Draft, compose, media_type_of, new_message_id
from harness.mua.html_text import html_to_text
from harness.mua.message import Letter as PlainLetter
from harness.mua.message import file_name
from harness.mua.reply import addresses_in, draft_reply, quoted
from harness.mua.screen import line
from harness.wire.smtp.address import Mailbox
from reference_server.web.mail.message import Letter
from reference_server.web.mail.places import Carried, Place

__all__ = ["Sheet", "attachment_of", "begin_forward", "begin_reply", "go_on", "to_draft", "to_message"]

# Ours: characters of a field, and of the text.
MAX_FIELD: Final = 20_000
MAX_BODY: Final = 2_000_000

_IDS: Final = re.compile(r"<[!-;=?-~]{1,250}>")
_MAX_REFERENCES: Final = 20


@dataclass(frozen=True, slots=True)
class Sheet:
    """What somebody is writing, as the form has it.

    Attributes:
        carried: Parts of other messages that go along, with their names.
        draft: Where the last state of it is kept; goes when it is sent or kept anew.
        answers: The message that gets a flag when this is sent, and which.
    """

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    body: str = ""
    in_reply_to: str = ""
    references: str = ""
    carried: tuple[tuple[Carried, str], ...] = ()
    draft: Place | None = None
    answers: tuple[Place, str] | None = None


def readable_text(letter: Letter) -> str:
    """All its texts as plain text."""
    return "\n\n".join(html_to_text(each.text) if each.html else each.text for each in letter.texts)


def begin_reply(letter: Letter, place: Place, me: str, *, everybody: bool) -> Sheet:
    """An answer to whom the message says answers go; with `everybody`, to all it went to besides."""
    plain = PlainLetter(letter.header, readable_text(letter))
    try:
        draft = draft_reply(plain, parse_address(me), "")
    except UsageError:
        return Sheet(subject=_again("Re", letter), body="\n\n" + quoted(plain), answers=(place, "\\Answered"))
    to = list(draft.to)
    if own := {_spec(address) for address in to} == {me.lower()}:
        # What one wrote oneself is answered to whom one wrote.
        to = addresses_in(letter.header.raw("To")) or to
    cc: list[Address] = []
    if everybody:
        others = [] if own else addresses_in(letter.header.raw("To"))
        cc = _besides([*others, *addresses_in(letter.header.raw("Cc"))], [me, *map(_spec, to)])
    return Sheet(
        to=_written(to),
        cc=_written(cc),
        subject=draft.subject,
        body="\n\n" + quoted(plain),
        in_reply_to=draft.in_reply_to,
        references=" ".join(draft.references),
        answers=(place, "\\Answered"),
    )


def begin_forward(letter: Letter, place: Place, *, whole: bool) -> Sheet:
    """A message to be passed on: with its text and attachments, or `whole`, as a message within the new one."""
    subject = _again("Fwd", letter)
    answers = (place, "$Forwarded")
    if whole:
        name = file_name(line(letter.header.text("Subject"), 80), "message") + ".eml"
        return Sheet(subject=subject, carried=((Carried(place, 0), name),), answers=answers)
    fields = ("From", "Date", "To", "Subject")
    head = [f"{name}: {line(text, 500)}" for name in fields if (text := letter.header.text(name))]
    body = "\n".join(["", "", "---------- Forwarded message ----------", *head, "", readable_text(letter)])
    carried = tuple((Carried(place, leaf.number), leaf.name) for leaf in letter.attachments)
    return Sheet(subject=subject, body=body, carried=carried, answers=answers)


def go_on(letter: Letter, place: Place) -> Sheet:
    """A draft that was kept, or a message to be sent anew."""
    header = letter.header
    return Sheet(
        to=line(header.text("To"), MAX_FIELD),
        cc=line(header.text("Cc"), MAX_FIELD),
        bcc=line(header.text("Bcc"), MAX_FIELD),
        subject=line(header.text("Subject"), MAX_FIELD),
        body=readable_text(letter),
        in_reply_to=" ".join(_IDS.findall(header.raw("In-Reply-To"))[:1]),
        references=" ".join(_IDS.findall(header.raw("References"))[-_MAX_REFERENCES:]),
        carried=tuple((Carried(place, leaf.number), leaf.name) for leaf in letter.attachments),
        draft=place,
    )


def attachment_of(name: str, octets: bytes) -> Attachment:
    """A file that came with the form: its name is made safe, its type is told by its name."""
    safe = file_name(name, "attachment")
    return Attachment(safe, media_type_of(safe), octets)


def to_message(sheet: Sheet, sender: str, attachments: Sequence[Attachment]) -> tuple[Draft, bytes]:
    """The message to be sent.

    Raises:
        UsageError: Says which field cannot be read, or that it goes to nobody.
    """
    to, cc, blind = (
        _addresses(name, text) for name, text in (("To", sheet.to), ("Cc", sheet.cc), ("Bcc", sheet.bcc))
    )
    if not (to or cc or blind):
        raise UsageError("Say to whom it goes.")
    draft = replace(_plain_draft(sheet, sender, attachments), to=to, cc=cc, blind=blind)
    return draft, compose(draft)


def to_draft(sheet: Sheet, sender: str, attachments: Sequence[Attachment]) -> bytes:
    """The message to be kept, whatever its fields say. Raises `UsageError` for what no message can hold."""
    fields = (("To", sheet.to), ("Cc", sheet.cc), ("Bcc", sheet.bcc))
    headers = [(name, _one_line(text)) for name, text in fields if text.strip()]
    return compose(replace(_plain_draft(sheet, sender, attachments), headers=headers))


def _plain_draft(sheet: Sheet, sender: str, attachments: Sequence[Attachment]) -> Draft:
    who = parse_address(sender)
    return Draft(
        sender=who,
        subject=_one_line(sheet.subject),
        body=sheet.body[:MAX_BODY],
        attachments=attachments,
        in_reply_to=(_IDS.findall(sheet.in_reply_to[:1000]) or [""])[0],
        references=_IDS.findall(sheet.references[:MAX_FIELD])[-_MAX_REFERENCES:],
        date=dt.datetime.now().astimezone(),
        message_id=new_message_id(who.mailbox.domain.decode() or "localhost"),
    )


def _addresses(name: str, text: str) -> tuple[Address, ...]:
    try:
        return parse_addresses([_one_line(text).replace(";", ",")])
    except UsageError as exc:
        raise UsageError(f"{name}: {exc}") from exc


def _one_line(text: str) -> str:
    """White space of any kind is one space: a field has one line."""
    return " ".join(text[:MAX_FIELD].split())


def _again(mark: str, letter: Letter) -> str:
    subject = line(letter.header.text("Subject"), 200)
    return subject if subject.lower().startswith(f"{mark.lower()}:") else f"{mark}: {subject}".strip()


def mailbox_text(mailbox: Mailbox) -> str:
    """An address for comparing; the domain in lower case would do, but people write both as they like."""
    return mailbox.encode().decode().lower()


def _spec(address: Address) -> str:
    return mailbox_text(address.mailbox)


def _besides(addresses: Iterable[Address], known: Iterable[str]) -> list[Address]:
    seen = {each.lower() for each in known}
    kept = []
    for address in addresses:
        if _spec(address) not in seen:
            seen.add(_spec(address))
            kept.append(address)
    return kept


def _written(addresses: Iterable[Address]) -> str:
    """As one types them; a name with what would divide the list is quoted."""
    return ", ".join(map(_written_one, addresses))


def _written_one(address: Address) -> str:
    spec = address.mailbox.encode().decode()
    if not address.name:
        return spec
    name = address.name
    if re.search(r'[,;<>"\\@()]', name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{spec}>"
