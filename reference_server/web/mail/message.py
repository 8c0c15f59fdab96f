"""A message as a page shows it: header, texts, HTML, attachments. Whatever it is, some page comes of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from harness.mua.decode import decode_text, decode_words, unfold
from harness.mua.message import Header, file_name, read_header_block
from reference_server.mime import Parameterized, Part, UnknownEncoding, decode_transfer, parse_message
from reference_server.mime.fields import parse_parameterized

__all__ = ["MAX_PARTS", "Leaf", "Letter", "Text", "read_letter"]

# Ours: parts that are looked at, and octets of a text that is shown; the rest is in the source.
MAX_PARTS: Final = 500
MAX_TEXT_OCTETS: Final = 2 * 1024 * 1024
MAX_TEXTS: Final = 50

_TOO_MUCH: Final = "This message has more parts than are shown; the source has them all."
_CUT: Final = "A text of this message is too long to be shown whole; the source has it all."

_SAFE_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_CONTINUED: Final = re.compile(rb"\*(\d{1,3})(\*?)")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that has none below it, or an enclosed message.

    Attributes:
        number: How a page names it, from 1 in the order of the message.
        media_type: In lower case; what is none is ``application/octet-stream``.
        name: Safe to make a file of.
        content_id: Without angle brackets, ``""`` for none.
    """

    number: int
    media_type: str
    name: str
    content_id: str
    attached: bool
    part: Part = field(repr=False)

    @property
    def octets(self) -> bytes:
        """Its content; as it stands where its encoding is unknown."""
        try:
            return decode_transfer(self.part.body, self.part.encoding)
        except (UnknownEncoding, ValueError):
            return self.part.body


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be read; `html` is as it came, and for nobody's eyes before it is cleaned."""

    text: str
    html: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message taken apart.

    Attributes:
        structure: The content type of the whole, in lower case.
        texts: What is to be read, in order; of alternatives the best, by `prefer_html`.
        alternative: Another form of it is there: the one that was not chosen.
        attachments: All else.
        leaves: By number.
        remarks: What people should know, for instance that something is left out.
    """

    header: Header
    root: Part = field(repr=False)
    structure: str
    texts: tuple[Text, ...]
    alternative: bool
    attachments: tuple[Leaf, ...]
    leaves: Mapping[int, Leaf]
    remarks: tuple[str, ...]

    def by_content_id(self) -> dict[str, Leaf]:
        """Parts that HTML may name by ``cid:``; the first of a name."""
        named = [leaf for leaf in self.leaves.values() if leaf.content_id]
        return {leaf.content_id: leaf for leaf in reversed(named)}


def read_letter(octets: bytes, *, prefer_html: bool = True) -> Letter:
    """Take a message apart; nothing raises. Blocking: megabytes take a while."""
    root = parse_message(octets)
    found = _Found(prefer_html)
    found.walk(root)
    return Letter(
        header=read_header_block(octets),
        root=root,
        structure=root.media_type.decode("latin-1"),
        texts=tuple(found.texts),
        alternative=found.alternative,
        attachments=tuple(found.attachments),
        leaves=MappingProxyType({leaf.number: leaf for leaf in found.leaves}),
        remarks=tuple(dict.fromkeys(found.remarks)),
    )


@dataclass(slots=True)
class _Found:
    prefer_html: bool
    texts: list[Text] = field(default_factory=list)
    attachments: list[Leaf] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    alternative: bool = False
    parts: int = 0

    def walk(self, part: Part, *, chosen: bool = True, related: bool = False) -> None:
        """Depth is bounded by `reference_server.mime`, the number of parts here."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            self.remarks.append(_TOO_MUCH)
            return
        if not part.children:
            self._leaf(part, chosen=chosen, related=related)
            return
        best = self._best(part)
        for child in part.children:
            if self.parts > MAX_PARTS:
                break
            self.walk(
                child,
                chosen=chosen and (best is None or child is best),
                related=related or part.media_type == b"multipart/related",
            )

    def _best(self, part: Part) -> Part | None:
        """Of alternatives the one to be shown, None where all are: RFC 2046 §5.1.4 puts the best last."""
        if part.media_type != b"multipart/alternative":
            return None
        html = [child for child in part.children if _has_html(child)]
        plain = [child for child in part.children if child.media_type == b"text/plain"]
        self.alternative = self.alternative or bool(html and plain)
        first, second = (html, plain) if self.prefer_html else (plain, html)
        return (first or second or list(part.children))[-1]

    def _leaf(self, part: Part, *, chosen: bool, related: bool) -> None:
        leaf = _leaf(part, len(self.leaves) + 1)
        self.leaves.append(leaf)
        readable = leaf.media_type in {"text/plain", "text/html"} and not leaf.attached
        if readable and chosen and len(self.texts) < MAX_TEXTS:
            self._text(leaf)
        elif not (readable and not chosen) and not (related and leaf.content_id and not leaf.attached):
            self.attachments.append(leaf)

    def _text(self, leaf: Leaf) -> None:
        octets = leaf.octets
        if len(octets) > MAX_TEXT_OCTETS:
            self.remarks.append(_CUT)
        charset = leaf.part.content_type.parameter(b"charset") or b"utf-8"
        text = decode_text(octets[:MAX_TEXT_OCTETS], charset.decode("latin-1"))
        if text.strip():
            self.texts.append(Text(text, leaf.media_type == "text/html", leaf.number))


def _has_html(part: Part) -> bool:
    """Whether it is HTML, or a picture book of it."""
    if part.media_type == b"text/html":
        return True
    wraps = part.media_type in {b"multipart/related", b"multipart/mixed"}
    return wraps and any(child.media_type == b"text/html" for child in part.children[:10])


def _leaf(part: Part, number: int) -> Leaf:
    media_type = part.media_type.decode("latin-1")
    if not _SAFE_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    disposition = parse_parameterized(part.field(b"content-disposition") or b"")
    given = _file_parameter(disposition, b"filename") or _file_parameter(part.content_type, b"name")
    content_id = unfold(part.field(b"content-id") or b"").strip(" <>")
    return Leaf(
        number=number,
        media_type=media_type,
        name=file_name(given, "") or _made_name(part, media_type, number),
        content_id=content_id[:250],
        attached=disposition is not None and disposition.value.lower() == b"attachment",
        part=part,
    )


_SUFFIXES: Final = {"text/plain": "txt", "text/html": "html", "image/jpeg": "jpg", "message/rfc822": "eml"}


def _made_name(part: Part, media_type: str, number: int) -> str:
    if part.message is not None:
        subject = decode_words(unfold(part.message.field(b"subject") or b""))
        return file_name(subject, "message") + ".eml"
    suffix = _SUFFIXES.get(media_type) or media_type.partition("/")[2]
    return file_name(f"part-{number}.{suffix if suffix.isalnum() and len(suffix) < 8 else 'bin'}", "part.bin")


def _file_parameter(value: Parameterized | None, name: bytes) -> str:
    """A file's name, in the forms of RFC 2231 §3, §4 and in those that are only common."""
    if value is None:
        return ""
    plain = value.parameter(name)
    extended = dict(_extended(value, name))
    if extended:
        octets = b"".join(extended[at] for at in sorted(extended))
        charset, _, rest = octets.partition(b"'")
        encoded = rest.partition(b"'")[2] if b"'" in rest else octets
        return decode_text(unquote_to_bytes(encoded), charset.decode("latin-1") if b"'" in rest else "utf-8")
    return decode_words(unfold(plain)) if plain else ""


def _extended(value: Parameterized, name: bytes) -> Iterator[tuple[int, bytes]]:
    for key, text in value.parameters:
        lower = key.lower()
        if not lower.startswith(name + b"*"):
            continue
        if lower == name + b"*":
            yield 0, text
        elif found := _CONTINUED.fullmatch(lower, len(name)):
            yield int(found[1]), text
