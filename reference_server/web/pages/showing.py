"""A message of strangers, made harmless to look at: for the webmail, and for the console."""

import re
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape
from starlette.exceptions import HTTPException

from harness.mua.html_text import html_to_text
from harness.mua.message import file_name
from harness.mua.screen import line, safe
from reference_server.web.http import to_policy
from reference_server.web.mail.cleaning import Cleaned
from reference_server.web.mail.message import Letter

__all__ = ["as_file", "frame_document", "linked", "part_number", "shown"]

_TOO_INTRICATE: Final = Markup(
    "<p><i>This HTML is too intricate to be cleaned; here is what it says.</i></p><pre>{}</pre>"
)

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^\x00-\x1f]{1,2000}")
_QUOTED: Final = re.compile(r"^(?:>.*\n?)+", re.MULTILINE)
_FRAME: Final = (
    '<!doctype html><html><head><meta charset="utf-8"><title>Message</title>'
    '<meta name="viewport" content="width=device-width"><style>'
    "body{margin:.9rem;background:#fff;color:#1d1e20;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "blockquote{margin:.6rem 0;padding-left:.8rem;border-left:2px solid #dedbd4}</style></head><body>"
)
# What a browser is told of a part: nothing in it is run, nothing is fetched, it is a file.
_FILE_POLICY: Final = to_policy({"sandbox": "", "default-src": "'none'"})


def frame_document(html: str, cleaned: Cleaned | None) -> str:
    """The document of a sandboxed frame.

    Args:
        html: As it came.
        cleaned: What the cleaner made of it; without it only what it says is shown.
    """
    body = cleaned.html if cleaned is not None else _TOO_INTRICATE.format(safe(html_to_text(html)))
    return f"{_FRAME}{body}</body></html>"


def part_number(text: str) -> int:
    """Raises `HTTPException`, 404."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise HTTPException(404, "There is no such part.")
    return int(text)


def as_file(name: str) -> dict[str, str]:
    """RFC 6266 §4.1, §4.3: a plain name for every browser, the whole one for those of today."""
    safe_name = file_name(name, "file")
    plain = re.sub(r"[^ !#$&+\-.0-9A-Z^_`a-z~()]", "_", safe_name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe_name, safe='')}"
    return {"Content-Disposition": disposition, "Content-Security-Policy": _FILE_POLICY}


def shown(letter: Letter) -> dict[str, object]:
    """A letter as a template has it; every text of strangers is made harmless to look at."""
    header = letter.header
    fields = [
        (name, line(text, 2000)) for name in ("From", "To", "Cc", "Reply-To") if (text := header.text(name))
    ]
    if _same_as_sender(header.raw("Reply-To"), header.raw("From")):
        fields = [field for field in fields if field[0] != "Reply-To"]
    return {
        "subject": line(header.text("Subject"), 300) or "(no subject)",
        "fields": fields,
        "date": header.date,
        "texts": [
            {"number": each.number, "html": each.html, "markup": None if each.html else linked(each.text)}
            for each in letter.texts
        ],
        "html_shown": any(each.html for each in letter.texts),
        "attachments": letter.attachments,
    }


def _same_as_sender(reply_to: str, sender: str) -> bool:
    return reply_to.strip().lower() == sender.strip().lower()


def linked(text: str) -> Markup:
    """Plain text for a page: escaped, addresses as links, what is quoted in its own colour."""
    visible = safe(text)
    pieces: list[Markup] = []
    at = 0
    for found in _QUOTED.finditer(visible):
        pieces.append(_with_links(visible[at : found.start()]))
        pieces.append(Markup('<span class="quoted">{}</span>').format(_with_links(found[0])))
        at = found.end()
    pieces.append(_with_links(visible[at:]))
    return Markup("").join(pieces)


def _with_links(text: str) -> Markup:
    pieces: list[Markup] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        url = found[0].rstrip(".,;:!?)]")
        pieces.append(escape(text[at : found.start()]))
        pieces.append(Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(url))
        at = found.start() + len(url)
    pieces.append(escape(text[at:]))
    return Markup("").join(pieces)
