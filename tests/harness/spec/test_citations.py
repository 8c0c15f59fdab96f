"""Every section that the project cites exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.spec import Register, load_register, load_sections, parse_register

ROOT = Path(__file__).parents[3]
PLACES = ("harness", "reference_server", "suites", "loadtests", "reports", "tests", "docs", "examples")
KINDS = frozenset({".py", ".toml", ".md", ".j2", ".html"})

SECTION = r"(?:\d+|[A-Z])(?:\.\d+)*"
CITED = re.compile(rf"RFC (?P<rfc>\d+)\s+§(?P<section>{SECTION})")
# A section alone stands for the RFC that the requirement's own id names.
ALONE = re.compile(rf"(?<!\d )§(?P<section>{SECTION})")


def files() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for place in PLACES:
        yield from (path for path in (ROOT / place).rglob("*") if path.suffix in KINDS)


def strays(text: str) -> list[str]:
    sections = load_sections()
    return [
        found.group()
        for found in CITED.finditer(text)
        if found["section"] not in sections.get(int(found["rfc"]), ())
    ]


def strays_of_entries(register: Register) -> list[str]:
    sections = load_sections()
    return [
        f"{r.id}: §{found['section']}"
        for r in register.values()
        for text in (r.text, r.note, r.excluded)
        for found in ALONE.finditer(CITED.sub("", text))
        if found["section"] not in sections.get(r.rfc, ())
    ]


def test_every_section_cited_in_the_repository_exists() -> None:
    found = {
        str(path.relative_to(ROOT)): cited
        for path in files()
        if path != Path(__file__) and (cited := strays(path.read_text("utf-8")))
    }

    assert found == {}


def test_every_section_that_an_entry_names_alone_is_in_its_rfc() -> None:
    assert strays_of_entries(load_register()) == []


@pytest.mark.parametrize("text", ["RFC 5321 §4.1.1.12", "RFC 5321 §H.1", "RFC 9999 §1", "RFC\n5321"])
def test_what_does_not_exist_is_found(text: str) -> None:
    assert strays(f"as {text} has it") == ([text] if "§" in text else [])


@pytest.mark.parametrize("text", ["RFC 5321 §4.1.1.5", "RFC 5321 §F.2", "RFC 9051 §A"])
def test_what_exists_is_left_alone(text: str) -> None:
    assert strays(f"as {text}, has it") == []


def test_an_entry_that_names_a_stray_section_is_found() -> None:
    entry = """
        [[requirement]]
        id = "RFC1939-3-a"
        area = "pop3"
        level = "MUST"
        text = "As §77, §5, and RFC 5321 §4.1."
    """

    assert strays_of_entries(parse_register({"rfc1939.toml": entry}, "ruling = []")) == ["RFC1939-3-a: §77"]
