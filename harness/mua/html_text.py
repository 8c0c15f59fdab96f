"""HTML mail as text: what a reader would see, without pictures, scripts and styles. Nothing is fetched."""

import re
from html.parser import HTMLParser
from typing import Final

__all__ = ["html_to_text"]

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
_SHOWN: Final = {"br": "\n", "hr": "-" * 40 + "\n", "li": "* ", "td": _SPACE, "th": _SPACE}
_INERT: Final = str.maketrans("", "", f"\0{_SPACE}{_BREAK}")

# Ours: characters of a document that are read.
MAX_CHARACTERS: Final = 1_000_000

_VOID: Final = frozenset({"br", "hr", "img"})


class _Reader(HTMLParser):
    """Gathers words and line ends; where an element was hidden, nothing until its own end."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden: list[str] = []
        self.preformatted = 0
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self.hidden.append(tag)
        if self.hidden:
            return
        given = dict(attrs)
        if tag in _BLOCKS:
            self._block(tag)
        self.pieces.append(_SHOWN.get(tag, ""))
        match tag:
            case "img" if given.get("alt"):
                self.pieces.append(f"[{given['alt']}]")
            case "a":
                self.links.append(given.get("href") or "")
            case "pre":
                self.preformatted += 1

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            if tag == self.hidden[-1]:
                self.hidden.pop()
            elif tag == "head":
                # An element of the head that nobody closed does not hide the body.
                self.hidden.clear()
            return
        if tag == "a" and self.links:
            self._end_of_link(self.links.pop())
        if tag == "pre":
            self.preformatted = max(0, self.preformatted - 1)
        if tag in _BLOCKS and tag not in _VOID:
            self._block(tag)

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data if self.preformatted else re.sub(r"[ \t\r\n\f]+", _SPACE, data))

    def _block(self, tag: str) -> None:
        self.pieces.append("\n\n" if tag in _PARAGRAPHS else _BREAK)

    def _end_of_link(self, href: str) -> None:
        """Where a link leads, unless its own words say so; only what leads somewhere outside."""
        shown = "".join(self.pieces[-3:])
        if href.startswith(("http:", "https:", "mailto:")) and href.partition(":")[2].strip("/") not in shown:
            self.pieces.append(f" <{href}>")


def html_to_text(html: str) -> str:
    """The words of an HTML document in lines; links as ``words <address>``, list items behind a star."""
    reader = _Reader()
    reader.feed(html[:MAX_CHARACTERS].translate(_INERT))
    reader.close()
    text = "".join(reader.pieces)
    text = re.sub(rf"{_SPACE}+", _SPACE, text)
    text = re.sub(rf"{_SPACE}?({_BREAK}|\n){_SPACE}?", r"\1", text)
    text = re.sub(rf"\n?{_BREAK}+\n?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip(f"\n{_SPACE}").replace(_SPACE, " ").rstrip()
