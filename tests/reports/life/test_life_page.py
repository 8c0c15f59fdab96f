"""The page of a life: whole, alone, deaf to what peers say, and true to the steps."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results.life import Life, Standing, Step
from reports.life import render

VOID = {"meta", "link", "br", "col", "wbr"}


@dataclass
class Outline(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    open: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.hrefs.append(value or "")
            if name == "class":
                self.classes.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def having(self, *names: str) -> int:
        """How many elements have all of these classes."""
        return sum(set(names) <= set(found.split()) for found in self.classes)


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


def test_every_anchor_is_there_once(straight_life: Life, detour_life: Life) -> None:
    for life in (straight_life, detour_life):
        outline = read(render(life))

        assert len(outline.ids) == len(set(outline.ids))
        assert {href[1:] for href in outline.hrefs if href.startswith("#")} <= set(outline.ids)
        assert {f"step-{step.number}" for step in life.steps} <= set(outline.ids)


def test_the_page_asks_nobody_for_anything(detour_life: Life) -> None:
    page = render(detour_life)

    assert not [href for href in read(page).hrefs if not href.startswith("#") and href != "data:,"]
    assert not re.findall(r"url\(|@import|fetch\(|https?://|XMLHttpRequest", page)


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(detour_life: Life) -> None:
    page = render(detour_life)

    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in page
    assert "default-src &#39;none&#39;" in page
    assert read(page).inline == []


def test_each_dialogue_is_an_arrow_there_and_one_back(straight_life: Life) -> None:
    outline = read(render(straight_life))

    with_peer = [step for step in straight_life.steps if step.peer]
    assert outline.having("stroke") == 2 * len(with_peer)
    assert outline.having("stroke", "reply") == len(with_peer)
    assert outline.having("box") == len(straight_life.steps) - len(with_peer)


def test_an_arrow_that_nobody_answered_ends_in_a_cross(detour_life: Life) -> None:
    outline = read(render(detour_life))

    refused = [step for step in detour_life.steps if step.peer and step.standing is Standing.FAILED]
    assert outline.having("stroke", "lost") == len(refused) == 2
    assert "connect: connection refused" in outline.words


def test_an_arrow_runs_from_lifeline_to_lifeline(straight_life: Life) -> None:
    page = render(straight_life)

    lanes = [lane.name for lane in straight_life.lanes]
    for step in straight_life.steps:
        if step.peer:
            begin, end = sorted(2 * lanes.index(name) + 2 for name in (step.actor, step.peer))
            direction = "right" if lanes.index(step.actor) < lanes.index(step.peer) else "left"
            assert f'class="stroke {direction} f{begin} t{end}"' in page


def test_a_long_pause_is_seen(straight_life: Life, detour_life: Life) -> None:
    assert read(render(straight_life)).having("pause") == 0
    assert "30 min later" in read(render(detour_life)).words


def test_dns_octets_are_shown_decoded_and_in_hex(straight_life: Life) -> None:
    words = "".join(read(render(straight_life)).words)

    assert "windchaser.example. 300 IN MX 10 mail1.windchaser.example." in words
    assert "0000  12 67 01 00 00 01" in words


ATTACK = "</title></style></script>'\"><script>x()</script><img src=x>"


def _told(life: Life, said: str, octets: bytes) -> Life:
    """The same life, of peers who say this wherever they can."""

    def told(step: Step) -> Step:
        moved = tuple(msgspec.structs.replace(m, octets=octets, text=m.text and said) for m in step.moved)
        return msgspec.structs.replace(step, title=said, said=said, answered=said, facts=(said,), moved=moved)

    return msgspec.structs.replace(
        life, world=said, says=said, subject=said, sender=said, steps=tuple(map(told, life.steps))
    )


@settings(max_examples=20)
@given(said=st.text(st.characters(), max_size=40), octets=st.binary(max_size=40))
def test_what_peers_say_is_never_mark_up(straight_life: Life, said: str, octets: bytes) -> None:
    page = read(render(_told(straight_life, ATTACK + said, ATTACK.encode() + octets)))

    expected = read(render(_told(straight_life, "x", b"x")))
    for tag in ("script", "style", "img", "title", "link", "meta", "svg"):
        assert page.tags.count(tag) == expected.tags.count(tag)
    assert all(line.isprintable() for text in page.words for line in text.split("\n"))


def test_hostile_octets_are_shown_escaped_and_cut(hostile_life: Life) -> None:
    page = render(hostile_life)
    words = "".join(read(page).words)

    assert r"onerror=alert(2)>\x00\x1b[31m\xff\xfe\r\n" in words
    assert "more octets left out" in words
    assert "\u202e" not in page
    assert len(page) < 200_000


def test_a_party_without_a_lane_gets_one(straight_life: Life) -> None:
    alone = msgspec.structs.replace(straight_life, lanes=())

    assert read(render(alone)).having("lane") == 5
