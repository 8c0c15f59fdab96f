"""What checks of filters send: each wrapping holds the test string, and no file of ours holds EICAR whole."""

import email
import io
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from harness.strategies.messages import compose
from suites.filters.wrapped import EICAR, GTUBE, SPAM_WRAPPINGS, VIRUS_WRAPPINGS, Wrapping

ROOT = Path(__file__).parents[2]


def leaves(part: Message) -> Iterator[bytes]:
    """Every leaf, decoded; archives opened."""
    for each in part.walk():
        octets = each.get_payload(decode=True)
        if isinstance(octets, bytes):
            yield from unpacked(octets)


def unpacked(octets: bytes) -> Iterator[bytes]:
    if not octets.startswith(b"PK"):
        yield octets
        return
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        for name in archive.namelist():
            yield from unpacked(archive.read(name))


@pytest.mark.parametrize(
    ("wrapping", "string"),
    [(each, EICAR) for each in VIRUS_WRAPPINGS.values()]
    + [(each, GTUBE) for each in SPAM_WRAPPINGS.values()],
    ids=[*VIRUS_WRAPPINGS, *(f"spam, {name}" for name in SPAM_WRAPPINGS)],
)
def test_a_wrapping_holds_the_string_and_can_be_sent(wrapping: Wrapping, string: bytes) -> None:
    fields, body = wrapping(string)
    content = compose("m-1", body, fields=fields)

    found = [leaf for leaf in leaves(email.message_from_bytes(content)) if string in leaf]

    assert len(found) == 1
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)


@pytest.mark.parametrize("wrapping", VIRUS_WRAPPINGS.values(), ids=VIRUS_WRAPPINGS)
def test_the_test_file_begins_the_file_that_it_is_in(wrapping: Wrapping) -> None:
    fields, body = wrapping(EICAR)

    found = leaves(email.message_from_bytes(compose("m-1", body, fields=fields)))

    assert [leaf for leaf in found if leaf.startswith(EICAR)]  # elsewhere scanners need not see it


def test_no_file_of_the_tree_holds_the_test_file_whole() -> None:
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".j2"}
    folders = ("suites", "reference_server", "harness", "tests", "docs", "examples")
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and path.is_file()
    ]

    assert [str(path) for path in files if EICAR in path.read_bytes()] == []
