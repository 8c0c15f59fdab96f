"""What the page on the console says is so."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.options import listen_address
from reference_server.console import recorder

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs" / "console.md").read_text("utf-8")
_COMMANDS = [line.partition("#")[0] for line in re.findall(r"^mailproof .*$", _PAGE, re.MULTILINE)]


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_of_the_page_names_an_address_and_files_that_exist(command: str) -> None:
    words = shlex.split(command)
    assert words[:3] == ["mailproof", "serve", "--web"]
    assert listen_address("--web", words[3]).host == "127.0.0.1"
    assert all((_ROOT / word).is_file() for word in words if word.endswith(".toml"))


def test_every_page_of_the_console_is_on_the_page(console) -> None:
    tabs = re.findall(r'<a href="(/[a-z]*)"[^>]*>([A-Za-z ]+)', console.get("/").partition("<main")[0])
    assert len(tabs) == 8
    for _place, name in tabs:
        assert f"| {name.strip()} |" in _PAGE


def test_what_is_kept_is_as_much_as_it_says() -> None:
    kept = (recorder.MAX_SESSIONS, recorder.MAX_OCTETS_A_SESSION, recorder.MAX_OCTETS, recorder.MAX_EVENTS)
    assert kept == (1000, 256 * 1024, 32 * 1024 * 1024, 2000)
    assert "1,000 sessions, 256 kB of each and 32 MB of all, and the latest 2,000 events" in _PAGE


def test_the_pictures_are_there() -> None:
    for picture in re.findall(r"images/[a-z-]+\.png", _PAGE):
        assert (_ROOT / "docs" / picture).is_file()
