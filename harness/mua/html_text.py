"""HTML mail as text: what a reader would see, without pictures, scripts and styles. Nothing is fetched.

A scanner of our own in place of `html.parser`, which takes a time that grows with the square of some documents: here
every piece is looked at once.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

__all__ = ["html_to_text"]

# Ours: characters of a document that are read, and of one tag.
MAX_CHARACTERS: Final = 1_000_000

_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]{0,30})(?P<rest>[^<>]{0,4000})>")
# Doctypes, processing instructions and what is left of a broken comment.
_DECLARATION: Final = re.compile(r"<[!?][^<>]{0,4000}>")
_ATTRIBUTE: Final = re.compile(
    r"""\b(?P<name>href|alt)\s{0,9}=\s{0,9}(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^\s"'>]+))""",
    re.IGNORECASE,
)

_HIDDEN: Final = frozenset({"script", "style", "head", "title", "template", "noscript"})
_BLOCKS: Final = frozenset(
    {
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figure",
        ),
        *(
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
            "ol",
            "p",
        ),
        *("pre", "section", "table", "tr", "ul"),
    }
)
_PARAGRAPHS: Final = frozenset(
    {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"}
)

# What stands for white space that may vanish, and for a line end where the line is not ended yet; neither is in HTML.
_SPACE: Final = "\x01"
_BREAK: Final = "\x02"
_INERT: Final = str.maketrans("", "", f"\0{_SPACE}{_BREAK}")

_SHOWN: Final = {"br": "\n", "hr": "-" * 40 + "\n", "li": "* ", "td": _SPACE, "th": _SPACE}


def html_to_text(html: str) -> str:
    """The words of an HTML document in lines; links as ``words <address>``, list items behind a star."""
    document = _without_comments(html[:MAX_CHARACTERS].translate(_INERT))
    reader, at = _Reader(), 0
    for found in _TAG.finditer(document):
        reader.text(document[at : found.start()])
        reader.tag(found["name"].lower(), found["rest"], ends=bool(found["end"]))
        at = found.end()
    reader.text(document[at:])
    text = "".join(reader.pieces)
    text = re.sub(rf"{_SPACE}+", _SPACE, text)
    text = re.sub(rf"{_SPACE}?({_BREAK}|\n){_SPACE}?", r"\1", text)
    text = re.sub(rf"\n?{_BREAK}+\n?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip(f"\n{_SPACE}").replace(_SPACE, " ").rstrip()


def _without_comments(document: str) -> str:
    return _DECLARATION.sub("", "".join(_outside_comments(document)))


def _outside_comments(document: str) -> Iterator[str]:
    at = 0
    while (start := document.find("<!--", at)) >= 0:
        yield document[at:start]
        end = document.find("-->", start + 2)
        if end < 0:
            return  # a comment that never ends hides the rest, as browsers have it
        at = end + 3
    yield document[at:]


class _Reader:
    """Gathers words and line ends; where an element is hidden, nothing until its own end."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._hidden: list[str] = []
        self._links: list[str] = []
        self._preformatted = 0

    def text(self, text: str) -> None:
        if text and not self._hidden:
            words = unescape(text).translate(_INERT)
            self.pieces.append(words if self._preformatted else re.sub(r"[ \t\r\n\f]+", _SPACE, words))

    def tag(self, name: str, rest: str, *, ends: bool) -> None:
        if self._hidden:
            self._tag_within_hidden(name, ends=ends)
        elif name in _HIDDEN and not ends:
            self._hidden.append(name)
        else:
            if name in _BLOCKS and not (ends and name == "hr"):
                self.pieces.append("\n\n" if name in _PARAGRAPHS else _BREAK)
            if ends:
                self._end(name)
            else:
                self._start(name, rest)

    def _tag_within_hidden(self, name: str, *, ends: bool) -> None:
        if ends and name == self._hidden[-1]:
            self._hidden.pop()
        elif name == "body" or (ends and name == "head"):
            # An element of the head that nobody closed does not hide the body.
            self._hidden.clear()
        elif not ends and name in _HIDDEN and self._hidden[-1] in {"head", "template", "noscript"}:
            self._hidden.append(name)

    def _start(self, name: str, rest: str) -> None:
        self.pieces.append(_SHOWN.get(name, ""))
        match name:
            case "img":
                if alt := _attribute(rest, "alt"):
                    self.pieces.append(f"[{alt}]")
            case "a":
                self._links.append(_attribute(rest, "href"))
            case "pre":
                self._preformatted += 1

    def _end(self, name: str) -> None:
        if name == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        if name == "a" and self._links:
            href = self._links.pop()
            shown = "".join(self.pieces[-3:])
            # Where a link leads, unless its own words say so; only what leads somewhere outside.
            if (
                href.startswith(("http:", "https:", "mailto:"))
                and href.partition(":")[2].strip("/") not in shown
            ):
                self.pieces.append(f" <{href}>")


def _attribute(rest: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(rest):
        if found["name"].lower() == name:
            value = unescape(found["a"] or found["b"] or found["c"] or "").translate(_INERT)
            return " ".join(value.split())
    return ""
