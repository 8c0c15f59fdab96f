"""Writing mail: new, as an answer, passed on, as a draft; sent by submission, kept by IMAP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from harness.errors import LocalProtocolError, MailproofError, UsageError
from harness.mua.compose import MAX_ATTACHMENTS_OCTETS, Attachment, Draft, compose
from harness.mua.screen import line
from harness.wire.imap.results import fetched, found
from reference_server.web.mail import changes
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone, NotPossible
from reference_server.web.mail.folders import Use, folder_for
from reference_server.web.mail.places import Carried, Place
from reference_server.web.mail.submission import Sent, submit
from reference_server.web.mail.writing import (
    Sheet,
    attachment_of,
    begin_forward,
    begin_reply,
    go_on,
    to_draft,
    to_message,
)
from reference_server.web.pages.site import Desk, Site, listing_url
from reference_server.web.sessions import Session

__all__ = ["ComposePages"]

_FIELDS: Final = ("to", "cc", "bcc", "subject", "body", "in_reply_to", "references")
_ANSWERS: Final = frozenset({"\\Answered", "$Forwarded"})
_MAX_CARRIED: Final = 100


@dataclass(slots=True)
class _Form:
    """A form as it was sent."""

    sheet: Sheet
    attachments: list[Attachment]
    action: str


class ComposePages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        session = self._site.session(request)
        sheet = await self._begun(session, request.query_params)
        async with session.who.person.reading() as imap:
            context = {"sheet": sheet, "sender": session.who.person.address, "can_send": self._can_send}
            return await self._site.page(request, session, "compose.html.j2", context, imap=imap)

    async def take(self, request: Request) -> Response:
        """Send it, or keep it as a draft; what cannot be sent is kept, so that nothing is lost."""
        session = self._site.session(request)
        sent_form = await self._site.form(request, session.csrf)
        try:
            form = await self._read(session, sent_form)
        finally:
            await sent_form.close()
        if form.action == "discard":
            await self._drop_draft(session, form.sheet.draft)
            session.notes.append("Discarded.")
            return RedirectResponse(listing_url(b"INBOX"), 303)
        if form.action != "send":
            return await self._keep(session, form, "Kept as a draft.")
        try:
            draft, content = to_message(form.sheet, session.who.person.address, form.attachments)
            sent = await submit(session.who.person, draft.sender.mailbox, draft.recipients, content)
        except (UsageError, LocalProtocolError) as exc:
            return await self._keep(session, form, f"Not sent, but kept as a draft. {exc}")
        except MailproofError as exc:
            return await self._keep(session, form, f"{exc} It is kept as a draft.")
        session.notes.append(_told(sent))
        await self._after(session, form, draft)
        return RedirectResponse(listing_url(b"INBOX"), 303)

    @property
    def _can_send(self) -> bool:
        return self._site.system.sending is not None

    async def _begun(self, session: Session[Desk], query: Mapping[str, str]) -> Sheet:
        """What the form begins with."""
        me = session.who.person.address
        for word in ("reply", "all", "forward", "attach", "draft", "again"):
            if word not in query:
                continue
            place = Place.parse(query[word])
            letter = (await self._site.message(session, place, prefer_html=False)).letter
            match word:
                case "reply" | "all":
                    return begin_reply(letter, place, me, everybody=word == "all")
                case "forward" | "attach":
                    return begin_forward(letter, place, whole=word == "attach")
                case "draft":
                    return replace(go_on(letter, place), answers=_answers(query.get("answers", "")))
                case _:
                    return replace(go_on(letter, place), draft=None, in_reply_to="", references="")
        given = {name: line(query.get(name, ""), 2000) for name in ("to", "cc", "subject")}
        return Sheet(given["to"], given["cc"], "", given["subject"], query.get("body", "")[:20_000])

    # The form

    async def _read(self, session: Session[Desk], form: FormData) -> _Form:
        fields = {name: str(form.get(name, "")) for name in _FIELDS}
        draft = str(form.get("draft", ""))
        sheet = Sheet(
            **fields,
            carried=tuple((Carried.parse(str(t)), "") for t in form.getlist("carried")[:_MAX_CARRIED]),
            draft=Place.parse(draft) if draft else None,
            answers=_answers(str(form.get("answers", ""))),
        )
        attachments: list[Attachment] = []
        for carried, _ in sheet.carried:
            attachments.append(await self._carried(session, carried))
            _check_size(attachments)
        uploads = [each for each in form.getlist("files") if isinstance(each, UploadFile)]
        attachments += [
            attachment_of(each.filename or "", await each.read())
            for each in uploads
            if each.filename or each.size
        ]
        _check_size(attachments)
        return _Form(sheet, attachments, str(form.get("action", "")))

    async def _carried(self, session: Session[Desk], carried: Carried) -> Attachment:
        message = await self._site.message(session, carried.place, prefer_html=False)
        if carried.number == 0:
            name = line(message.letter.header.text("Subject"), 80) or "message"
            return Attachment(attachment_of(name + ".eml", b"").name, "message/rfc822", message.octets)
        leaf = message.letter.leaves.get(carried.number)
        if leaf is None:
            raise Gone("An attachment is not there any more.")
        return attachment_of(leaf.name, leaf.octets)

    # What becomes of it

    async def _keep(self, session: Session[Desk], form: _Form, note: str) -> Response:
        """As a draft in the place of the one before; back to the form."""
        person = session.who.person
        try:
            content = to_draft(form.sheet, person.address, form.attachments)
        except UsageError as exc:
            raise HTTPException(400, f"No message can hold this: {exc}") from exc
        async with person.reading() as imap:
            folder = await folder_for(imap, Use.DRAFTS)
            uid = await changes.append(imap, folder.mailbox, content, flags=["\\Draft", "\\Seen"])
        async with person.reading(folder.mailbox) as imap:
            uid = uid or await _last_uid(imap)
            place = Place(folder.mailbox, imap.uidvalidity, uid) if uid else None
        await self._drop_draft(session, form.sheet.draft)
        session.notes.append(note)
        if place is None:
            return RedirectResponse(listing_url(folder), 303)
        answers = form.sheet.answers
        query = {"draft": str(place)} | ({"answers": f"{answers[1]} {answers[0]}"} if answers else {})
        return RedirectResponse("/compose?" + urlencode(query), 303)

    async def _after(self, session: Session[Desk], form: _Form, draft: Draft) -> None:
        """Keep a copy, drop the draft, mark what was answered. It is sent: what fails now is only told."""
        try:
            async with session.who.person.reading() as imap:
                folder = await folder_for(imap, Use.SENT)
                copy = compose(replace(draft, headers=_blind(draft)))
                await changes.append(imap, folder.mailbox, copy, flags=["\\Seen"])
            await self._drop_draft(session, form.sheet.draft)
            if form.sheet.answers is not None:
                place, flag = form.sheet.answers
                async with session.who.person.reading(place.mailbox) as imap:
                    if imap.uidvalidity == place.uidvalidity:
                        await changes.set_flag(imap, [place.uid], flag, on=True)
        except MailproofError as exc:
            session.notes.append(f"It was sent, but something after it went wrong: {exc}")

    async def _drop_draft(self, session: Session[Desk], place: Place | None) -> None:
        """Remove a draft that is kept anew or sent; only what is one."""
        if place is None:
            return
        async with session.who.person.reading(place.mailbox) as imap:
            if imap.uidvalidity != place.uidvalidity:
                return
            result = await imap.asked(b"UID SEARCH", b"UID", b"%d" % place.uid, b"DRAFT")
            if found(result):
                try:
                    await changes.delete_for_good(imap, [place.uid])
                except NotPossible as exc:
                    session.notes.append(str(exc))
        session.who.recent.clear()


def _check_size(attachments: Sequence[Attachment]) -> None:
    if sum(len(each.octets) for each in attachments) > MAX_ATTACHMENTS_OCTETS:
        problem = f"The attachments have more than {MAX_ATTACHMENTS_OCTETS // 2**20} MB. Leave some out."
        raise HTTPException(413, problem)


async def _last_uid(imap: Connection) -> int | None:
    """The newest message: what was just kept, where the server does not say its UID."""
    if not imap.exists:
        return None
    data = fetched(await imap.asked(b"FETCH", b"%d" % imap.exists, b"(UID)"), uid=False)
    return data[imap.exists].uid if imap.exists in data else None


def _answers(text: str) -> tuple[Place, str] | None:
    """What is answered and how, as the form has it."""
    flag, _, place = text.partition(" ")
    return (Place.parse(place), flag) if flag in _ANSWERS else None


def _blind(draft: Draft) -> Sequence[tuple[str, str]]:
    """Whom the copy of the sender names besides."""
    return [("Bcc", ", ".join(map(str, draft.blind)))] if draft.blind else []


def _told(sent: Sent) -> str:
    many = f"{len(sent.accepted)} people" if len(sent.accepted) > 1 else "1 person"
    refused = "".join(f" Not taken for {who.encode().decode()}: {why}." for who, why in sent.refused)
    return f"Sent to {many}.{refused}"
