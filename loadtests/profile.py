"""Profiles: a scenario's settings, from the file that comes with it and the user's own file over it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from harness.errors import SettingsFileError, UsageError
from harness.toml_files import convert, read_toml
from loadtests.arrivals.office import flows_of
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
    """The settings of a run.

    Args:
        name: The scenario; None for a locustfile of one's own, which starts from the defaults. One with an [office]
            and no rate of its own has the office's.
        file: The user's profile: only the keys that differ. A directory in it is relative to it.
        changes: What flags say, over both; tables as nested mappings.

    Raises:
        UsageError: There is no such scenario.
        ProfileError: A file cannot be read, or a key or value is wrong.
    """
    tables: dict[str, object] = {}
    settings = Settings()
    for source, said in _layers(name, file, changes):
        tables = _over(tables, said)
        settings = convert(tables, Settings, source, ProfileError)
        _check(settings, source)
    if "office" in tables and "rate_per_s" not in tables:
        return replace(settings, rate_per_s=flows_of(settings.office).per_s)
    return settings


def _layers(
    name: str | None, file: Path | None, changes: Mapping[str, object] | None
) -> Iterator[tuple[Path | str, Mapping[str, object]]]:
    """Who says what, each over the one before."""
    if name is not None:
        scenario_file(name)
        own = _HERE / "profiles" / f"{name}.toml"
        yield own, read_toml(own, ProfileError, "profile")
    if file is not None:
        yield file, _rooted(read_toml(file, ProfileError, "profile"), file.parent)
    if changes:
        yield "flags", changes


def _over(base: Mapping[str, object], top: Mapping[str, object]) -> dict[str, object]:
    """`base` with what `top` says; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged


def _rooted(tables: dict[str, object], base: Path) -> dict[str, object]:
    """The same with the messages' directory found from where the file is."""
    content = tables.get("content")
    if isinstance(content, dict) and isinstance(directory := content.get("directory"), str):
        content["directory"] = str((base / directory).absolute())
    return tables


def _check(settings: Settings, source: Path | str) -> None:
    """What one key alone cannot tell.

    Raises:
        ProfileError: Two keys contradict each other.
    """
    traffic, content = settings.traffic, settings.content
    for key in ("messages", "recipients"):
        least, most = getattr(traffic, key)
        if least > most:
            raise ProfileError(
                source, f"traffic.{key}", f"[{least}, {most}] goes from the larger to the smaller"
            )
    if not any(first or last for first, last, _stretch in settings.course):
        raise ProfileError(source, "course", "no stretch of it has a rate, so nothing would be done")
    if traffic.stay_s > settings.drain_s:
        problem = (
            f"{settings.drain_s:g} is less than traffic.stay_s, so that the last sessions would be cut off"
        )
        raise ProfileError(source, "drain_s", problem)
    if traffic.actions and not sum(traffic.actions.values()):
        raise ProfileError(source, "traffic.actions", "every action has weight 0, so nothing would be done")
    if content.sizes == "directory":
        if content.directory is None:
            raise ProfileError(source, "content.directory", 'is missing, and sizes = "directory" needs it')
        if not Path(content.directory).is_dir():
            raise ProfileError(source, "content.directory", f"{content.directory} is not a directory")
