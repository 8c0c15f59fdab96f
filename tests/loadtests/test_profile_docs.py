"""The documentation of scenarios says what the profiles and their settings say."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from loadtests.plan import Settings
from loadtests.profile import load_profile, scenario_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/load-scenarios.md").read_text()
SESSIONS = (
    "dialogue",
    "imap_dialogue",
    "imap_idle",
    "imap_session",
    "pop3_session",
    "smtp_dialogue",
    "smtp_session",
)


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    table = re.search(r"^\|(?:.*\n)+?\n", PAGE[PAGE.index(f"## {heading}\n") :], re.MULTILINE)
    assert table
    lines = table[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def defaults(table: msgspec.Struct, above: str = "") -> Iterator[tuple[str, object]]:
    """Each key, tables joined by dots, and its default."""
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if isinstance(value, msgspec.Struct):
            yield from defaults(value, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}", value


def listed(value: object) -> object:
    return [listed(each) for each in value] if isinstance(value, list | tuple) else value


def test_every_key_is_told_with_its_default() -> None:
    told = {key.strip("`"): default.strip("`") for key, default, _meaning in rows("The keys of a profile")}

    known = dict(defaults(Settings()))
    assert told.keys() == known.keys()
    for key, default in known.items():
        if default is None:
            assert told[key] == "none"
        else:
            assert tomllib.loads(f"it = {told[key]}")["it"] == listed(default), key


def test_every_scenario_is_told_with_its_rate() -> None:
    told = {name.strip("`"): rate for name, _session, rate, _needs in rows("What each of them models")}

    assert told.keys() == set(scenario_names())
    for name, rate in told.items():
        assert float(rate.split("/s")[0]) == pytest.approx(load_profile(name).rate_per_s, abs=0.05), name


def test_the_example_is_the_file_of_that_name() -> None:
    shown = re.search(r"<!-- (?P<path>\S+) -->\n```python\n(?P<text>.*?)```", PAGE, re.DOTALL)

    assert shown
    assert (ROOT / shown["path"]).read_text() == shown["text"]


def test_the_profile_that_is_shown_can_be_used(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(?P<text># mine.*?)```", PAGE, re.DOTALL)
    assert shown
    path = tmp_path / "mine.toml"
    path.write_text(shown["text"])

    assert load_profile("office", path).rate_per_s > load_profile("office").rate_per_s


def test_the_newsletter_s_profile_can_be_used() -> None:
    assert load_profile(None, ROOT / "examples/locustfiles/newsletter.toml").traffic.recipients == (50, 50)


def test_sessions_have_the_methods_that_are_told() -> None:
    known = {
        node.name
        for module in SESSIONS
        for node in ast.walk(ast.parse((ROOT / f"loadtests/users/{module}.py").read_text()))
        if isinstance(node, ast.FunctionDef)
    } | {"logout", "quit"}
    told = [
        name
        for _class, _opens, methods in rows("A locustfile of your own")
        for name in re.findall(r"`(\w+)", methods)
    ]

    assert len(told) > 20
    assert set(told) <= known
