"""Profiles: a scenario's settings, from the file that comes with it and the user's own file over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.errors import SettingsFileError, UsageError
from harness.toml_files import convert, read_toml
from loadtests.plan import Settings

__all__ = ["ProfileError", "load_profile", "scenario_file", "scenario_names"]

_HERE: Final = Path(__file__).parent


class ProfileError(SettingsFileError):
    """A profile cannot be used."""


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with mailproof, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in (_HERE / "profiles").glob("*.toml")))


def scenario_file(name: str) -> Path:
    """The locustfile of a scenario.

    Raises:
        UsageError: There is no such scenario.
    """
    if name not in scenario_names():
        raise UsageError(f"{name!r} is no scenario; known: {', '.join(scenario_names())}")
    return _HERE / "scenarios" / f"{name.replace('-', '_')}.py"


def load_profile(
    name: str | None, file: Path | None = None, changes: Mapping[str, object] | None = None
) -> Settings:
    """The settings of a scenario.

    Args:
        name: None for a locustfile of one's own, which comes without a profile.
        file: The user's own profile: only the keys that differ.
        changes: What flags say, over both; tables as nested mappings.

    Raises:
        UsageError: There is no such scenario.
        ProfileError: A file cannot be read, or a key or value is wrong.
    """
    tables: dict[str, object] = {}
    settings = Settings()
    if name is not None:
        scenario_file(name)
        source = _HERE / "profiles" / f"{name}.toml"
        tables = read_toml(source, ProfileError, "profile")
        settings = convert(tables, Settings, source, ProfileError)
    for over, said_by in (
        (read_toml(file, ProfileError, "profile") if file else {}, file),
        (changes, "flags"),
    ):
        if over:
            tables = _over(tables, over)
            settings = convert(tables, Settings, said_by or "", ProfileError)
    return settings


def _over(base: Mapping[str, object], top: Mapping[str, object]) -> dict[str, object]:
    """`base` with what `top` says; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
