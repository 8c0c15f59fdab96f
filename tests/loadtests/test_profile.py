"""Profiles: what a scenario's file says, the user's over it, flags over both, and every mistake in one line."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.target import Protocol
from loadtests.plan import Settings
from loadtests.profile import ProfileError, load_profile, scenario_file, scenario_names


@pytest.fixture
def profile(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_has_a_locustfile_and_says_what_it_is_and_needs(name: str) -> None:
    settings = load_profile(name)

    assert scenario_file(name).is_file()
    assert settings.about.endswith(".")
    assert settings.needs
    assert settings.limits


@pytest.mark.parametrize(
    "path", sorted(scenario_file("inbound").parent.glob("*.py")), ids=lambda path: path.stem
)
def test_every_locustfile_has_a_profile(path: Path) -> None:
    assert path.stem.replace("_", "-") in scenario_names() or path.stem == "__init__"


def test_a_locustfile_of_ones_own_starts_from_the_defaults(profile) -> None:
    assert load_profile(None) == Settings()
    assert load_profile(None, profile("rate_per_s = 3")).rate_per_s == 3.0


def test_a_profile_says_only_what_differs(profile) -> None:
    shipped = load_profile("inbound")

    mine = load_profile("inbound", profile("rate_per_s = 123\n[traffic]\nunknown = 0.5\n"))

    assert (mine.rate_per_s, mine.traffic.unknown) == (123.0, 0.5)
    assert mine.traffic.messages == shipped.traffic.messages
    assert mine.needs == shipped.needs


def test_flags_are_said_over_files(profile) -> None:
    mine = load_profile(
        "inbound", profile("rate_per_s = 123\n"), {"rate_per_s": 7.0, "audit": {"enabled": False}}
    )

    assert mine.rate_per_s == 7.0
    assert not mine.audit.enabled
    assert mine.audit.delete == load_profile("inbound").audit.delete


def test_a_list_replaces_the_list_below(profile) -> None:
    assert load_profile("inbound", profile('limits = ["lost = 0"]')).limits == ("lost = 0",)


def test_a_directory_is_found_from_the_file_that_names_it(profile, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()

    mine = load_profile("inbound", profile('[content]\nsizes = "directory"\ndirectory = "letters"'))

    assert mine.content.directory == str(tmp_path / "letters")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rate_per_sec = 1", "rate_per_sec: no such key; known here: about, needs, rate_per_s,"),
        ("rate_per_s = 0", "rate_per_s: must be a number > 0, and is 0"),
        ('rate_per_s = "many"', "rate_per_s: must be a number, and is text 'many'"),
        ('arrivals = "random"', "arrivals: 'random' is none of poisson, even"),
        ('needs = [["imapx"]]', "'imapx' is none of smtp, submission,"),
        ("[traffic]\nunknown = 2", "traffic.unknown: must be a number <= 1, and is 2"),
        ("[traffic]\nmessages = [0, 2]", "traffic.messages[0]: must be a whole number >= 1, and is 0"),
        ("[traffic]\nmessages = [3, 2]", "traffic.messages: [3, 2] goes from the larger to the smaller"),
        ("[traffic.actions]\nfetch = -1", "traffic.actions: must be a number >= 0"),
        ("[traffic.actions]\nfetch = 0", "traffic.actions: every action has weight 0"),
        ('[content]\nsizes = "directory"', "content.directory: is missing"),
        ('[content]\nsizes = "directory"\ndirectory = "none"', "none is not a directory"),
        ("traffic = 1", "traffic: must be a table, and is a whole number 1"),
        ("rate_per_s = ", "is not TOML"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_key(profile, text: str, problem: str) -> None:
    path = profile(text)

    with pytest.raises(ProfileError) as refused:
        load_profile(None, path)

    assert str(refused.value).startswith(str(path))
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_mistake_of_the_flags_names_no_file() -> None:
    with pytest.raises(ProfileError, match=r"^flags: rate_per_s: must be a number > 0"):
        load_profile("inbound", None, {"rate_per_s": -1.0})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile("inbound", tmp_path / "none.toml")


def test_an_unknown_scenario_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'outbound' is no scenario; known: .*inbound"):
        load_profile("outbound")


def test_needs_are_endpoints() -> None:
    assert load_profile("inbound").needs == ((Protocol.SMTP,),)
