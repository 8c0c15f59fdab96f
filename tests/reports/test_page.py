"""The HTML page: whole, alone, deaf to what the target says, and legible."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results.model import (
    CheckResult,
    EntryRecord,
    RunEnd,
    RunHeader,
    Seen,
    TranscriptRecord,
    Verdict,
)
from harness.results.store import Run
from harness.spec.model import Register
from reports.html import render
from reports.html.evidence import evidence
from reports.overview import Overview, overview
from reports.words import STATES

TEMPLATES = Path(__file__).parents[2] / "reports" / "templates"
VOID = {"meta", "link", "input", "br", "col", "img", "hr"}
EMPTY_SVG = {"path", "circle", "rect", "use"}


@dataclass
class Outline(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    open: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
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
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY_SVG
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    return outline


def test_every_element_is_closed_and_every_anchor_is_there_once(seen: Overview) -> None:
    outline = read(render(seen))

    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {href[1:] for href in outline.hrefs if href.startswith("#")} <= set(outline.ids)


def test_every_requirement_and_every_check_has_its_anchor(seen: Overview) -> None:
    ids = set(read(render(seen)).ids)

    assert {standing.id for standing in seen.standings} <= ids
    assert {f"check-{check.check}" for check in seen.run.checks} <= ids


def test_the_page_asks_nobody_for_anything(seen: Overview) -> None:
    page = render(seen)

    assert not [href for href in read(page).hrefs if not href.startswith("#") and href != "data:,"]
    assert not re.findall(r"url\(|@import|fetch\(|https?://|XMLHttpRequest", page)


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(seen: Overview) -> None:
    page = render(seen)

    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in page
    assert "default-src &#39;none&#39;" in page
    assert read(page).handlers == []


ATTACK = "</title></style></script>'\"><script>x()</script><img src=x>"


@pytest.fixture(scope="module")
def outline_of(
    register: Register, first_record: Callable[..., RunHeader], check_of_one: Callable[..., CheckResult]
) -> Callable[[str, bytes], Outline]:
    """The page of a run of one check, of a target that says this wherever it can."""
    requirement = register.requirements[0]
    small = Register({requirement.id: requirement}, register.rulings)

    def outline(said: str, octets: bytes) -> Outline:
        check = check_of_one(requirement, Seen.BROKEN, octets)
        findings = [msgspec.structs.replace(check.findings[0], reason=said)]
        check = msgspec.structs.replace(check, findings=findings, error=said, title=said)
        end = RunEnd(wall_s=1.0, finished=False, reason=said, gates=[])
        first = first_record(target=said, greeting=said)
        return read(render(overview(Run(Path("run"), first, (check,), end), small)))

    return outline


@settings(max_examples=30, deadline=None)
@given(said=st.text(st.characters(), max_size=60), octets=st.binary(max_size=80))
def test_what_the_target_says_is_never_mark_up(
    outline_of: Callable[[str, bytes], Outline], said: str, octets: bytes
) -> None:
    page = outline_of(ATTACK + said, ATTACK.encode() + octets)

    expected = outline_of("x", b"x")
    assert page.open == []
    for tag in ("script", "style", "img", "title", "link", "meta"):
        assert page.tags.count(tag) == expected.tags.count(tag)
    assert all(line.isprintable() for text in page.words for line in text.split("\n"))


def test_octets_are_shown_escaped(seen: Overview) -> None:
    words = "".join(read(render(seen)).words)

    assert r"onerror=alert(2)>\x00\x1b[31m\xff\xfe\r\n" in words
    assert r"Subject: \xc3\xa9t\xc3\xa9\r\n" in words


def test_every_verdict_is_said_in_a_word_and_has_a_shape(seen: Overview) -> None:
    page = render(seen)
    words = "".join(read(page).words)

    for state, named in STATES.items():
        assert named.name in words
        assert f'id="g-{state}"' in page


def test_a_check_without_a_finding_is_not_lost(
    write_run: Callable[..., Run], run: Run, register: Register
) -> None:
    lost = msgspec.structs.replace(run.checks[0], findings=[], error="it went wrong early")

    words = "".join(read(render(overview(write_run(lost), register))).words)

    assert "it went wrong early" in words


def test_a_run_cut_before_its_first_check_has_a_page(
    write_run: Callable[..., Run], register: Register
) -> None:
    outline = read(render(overview(write_run(end=None), register)))

    assert "Nothing can be said about" in "".join(outline.words)


@pytest.mark.parametrize("seen_by_all", [Seen.KEPT, Seen.BROKEN])
def test_a_big_run_stays_under_three_megabytes(
    write_run: Callable[..., Run],
    register: Register,
    check_of_one: Callable[..., CheckResult],
    seen_by_all: Seen,
) -> None:
    requirements = [r for r in register.requirements if r.weight.value != "MAY"]
    noise = bytes(range(256)) * 40
    checks = [
        msgspec.structs.replace(check_of_one(r, seen_by_all, *[noise] * 10), check=f"big.{number}")
        for number, r in enumerate((requirements * 2)[:250])
    ]

    assert len(render(overview(write_run(*checks), register))) < 3_000_000


entries = st.lists(
    st.builds(
        EntryRecord,
        at_us=st.integers(0, 10**9),
        direction=st.sampled_from(["sent", "received"]),
        octets=st.binary(max_size=400),
        tls=st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(dialogues=st.lists(entries, max_size=5), allowance=st.integers(0, 20_000), loud=st.booleans())
def test_what_is_left_out_is_counted(
    register: Register,
    check_of_one: Callable[..., CheckResult],
    dialogues: list[list[EntryRecord]],
    allowance: int,
    *,
    loud: bool,
) -> None:
    transcripts = [
        TranscriptRecord(label=f"#{number}", entries=found) for number, found in enumerate(dialogues)
    ]
    check = msgspec.structs.replace(
        check_of_one(register.requirements[0], Seen.KEPT), transcripts=transcripts
    )

    shown = evidence(check, allowance, loud=loud)

    rows = [row for dialogue in shown.dialogues for row in dialogue.rows]
    said = sum(len(run_) for row in rows for line in row.lines for _, run_ in line)
    whole = sum(len(entry.octets) for found in dialogues for entry in found)
    listed = sum(dialogue.octets for dialogue in shown.dialogues)
    assert len(shown.dialogues) + shown.connections_left_out == len(dialogues)
    assert listed + shown.octets_left_out == whole
    for dialogue in shown.dialogues:
        assert sum(row.entries for row in dialogue.rows) == dialogue.entries
    # One entry of each shown connection may exceed the allowance: it is never shown without its beginning.
    assert said <= allowance + len(shown.dialogues) * 400 * 4


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_have_the_contrast_that_wcag_asks_for_text() -> None:
    style = (TEMPLATES / "base.css").read_text()
    pairs = {
        name: colours
        for name, *colours in re.findall(r"--([a-z_]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", style)
    }
    grounds = ("paper", "card", "wash")
    tones = ("ink", "quiet", "link", *(verdict.value for verdict in Verdict if verdict.value in pairs))

    assert len(tones) == 9
    for scheme in (0, 1):
        for tone in tones:
            for ground in grounds:
                light, dark = sorted(
                    (_luminance(pairs[tone][scheme]), _luminance(pairs[ground][scheme])), reverse=True
                )
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (tone, ground, scheme)
