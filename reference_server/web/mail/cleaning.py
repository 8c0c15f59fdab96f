"""HTML of strangers, cleaned by an allow-list. Run as a program it cleans what comes on its standard input.

Imports nothing of ours, so that the program starts at once.
"""

import json
import re
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import nh3

__all__ = ["MAX_SHOWN", "SECONDS", "Cleaned", "clean", "is_simple"]

# Ours: octets of pictures that one text brings along, and characters of what comes out.
MAX_PICTURES: Final = 8 * 1024 * 1024
MAX_SHOWN: Final = 12 * 1024 * 1024

# Ours: what the program may use. Some documents take the HTML algorithm a time, or make it a tree, that grows with
# the square of their length: tags in tags, attributes of one tag, formatting that is opened again in every paragraph.
SECONDS: Final = 3
_MEMORY_OCTETS: Final = 1024 * 1024 * 1024

# Ours: where the square is still small.
_SIMPLE_CHARACTERS: Final = 64 * 1024
_SIMPLE_TAGS: Final = 3000
_SIMPLE_FORMATS: Final = 100_000
_FORMATS: Final = re.compile(
    r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![a-z0-9])", re.IGNORECASE
)

# All about how text looks; nothing that can name an address, leave its place or cover another's.
_STYLES: Final = frozenset(
    {
        *("color", "background-color", "font", "font-family", "font-size", "font-style", "font-weight"),
        *("font-variant", "line-height", "letter-spacing", "word-spacing", "white-space", "direction"),
        *(
            "text-align",
            "text-decoration",
            "text-indent",
            "text-transform",
            "vertical-align",
            "list-style-type",
        ),
        *("border", "border-top", "border-right", "border-bottom", "border-left", "border-collapse"),
        *("border-color", "border-radius", "border-spacing", "border-style", "border-width"),
        *("padding", "padding-top", "padding-right", "padding-bottom", "padding-left"),
        *("margin", "margin-top", "margin-right", "margin-bottom", "margin-left"),
        *(
            "width",
            "max-width",
            "min-width",
            "height",
            "max-height",
            "display",
            "overflow-wrap",
            "word-break",
        ),
    }
)
_MORE_TAGS: Final = frozenset({"font", "section", "main"})
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"style", "align", "valign", "bgcolor", "width", "height", "dir", "lang", "title"},
    "a": {"href"},
    "img": {"src", "alt"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start", "type"},
    "blockquote": {"cite"},
}
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_GONE: Final = frozenset(
    {
        "script",
        "style",
        "title",
        "noscript",
        "template",
        "iframe",
        "object",
        "svg",
        "math",
        "form",
        "textarea",
    }
)
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """HTML that is safe to show, and how many pictures from elsewhere it would show."""

    html: str
    remote_pictures: int


def is_simple(html: str) -> bool:
    """Whether it can be cleaned at once, whatever it says."""
    tags = html.count("<")
    if len(html) > _SIMPLE_CHARACTERS or tags > _SIMPLE_TAGS:
        return False
    return sum(1 for _ in _FORMATS.finditer(html)) * tags <= _SIMPLE_FORMATS


def clean(html: str, pictures: Mapping[str, str], *, remote: bool) -> Cleaned:
    """Clean HTML.

    Args:
        pictures: Of the message itself, by content id, as ``data:`` addresses; they are put in.
        remote: Let pictures from elsewhere be fetched.
    """
    sources = _Sources(pictures, remote=remote)
    cleaned = nh3.clean(
        html,
        tags=(nh3.ALLOWED_TAGS | _MORE_TAGS) - _GONE,
        clean_content_tags=set(_GONE),
        attributes=_ATTRIBUTES,
        attribute_filter=sources.filter,
        url_schemes={*_SCHEMES, "cid", "data"},
        url_relative="deny",
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        filter_style_properties=set(_STYLES),
    )
    return Cleaned(cleaned, sources.remote_pictures)


class _Sources:
    """Decides, attribute by attribute, which address may stay."""

    def __init__(self, pictures: Mapping[str, str], *, remote: bool) -> None:
        self._pictures = pictures
        self._remote = remote
        self._characters = 0
        self.remote_pictures = 0

    def filter(self, tag: str, name: str, value: str) -> str | None:
        """What becomes of an attribute, None for nothing."""
        if name == "src":
            return self._picture(value) if tag == "img" else None
        if name in {"href", "cite"}:
            return value if _scheme(value) in _SCHEMES else None
        return value

    def _picture(self, value: str) -> str | None:
        scheme = _scheme(value)
        if scheme == "cid":
            url = self._pictures.get(unquote(value.strip()[4:]))
            self._characters += len(url or "")
            return url if self._characters <= MAX_PICTURES else None
        if scheme in {"http", "https"}:
            self.remote_pictures += 1
            return value if self._remote else None
        return None


def _scheme(value: str) -> str:
    try:
        return urlsplit(_CONTROL.sub("", value)).scheme.lower()
    except ValueError:
        return ""


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_OCTETS, _MEMORY_OCTETS))
    asked = json.load(sys.stdin)
    cleaned = clean(asked["html"], asked["pictures"], remote=asked["remote"])
    if len(cleaned.html) > MAX_SHOWN:
        sys.exit("more comes out than is shown")
    json.dump({"html": cleaned.html, "remote_pictures": cleaned.remote_pictures}, sys.stdout)


if __name__ == "__main__":
    _main()
