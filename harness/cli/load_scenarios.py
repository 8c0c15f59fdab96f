"""What can be run: the scenarios that come with mailproof, and locustfiles of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from harness.errors import UsageError
from loadtests.figures.limits import Limit, parse_limits, read_limits
from loadtests.plan import Settings
from loadtests.profile import load_profile, scenario_file, scenario_names

__all__ = ["Scenario", "print_scenarios", "scenario_of", "settings_of"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A locustfile and, where it is not one's own, the profile of its name."""

    name: str
    file: Path
    own: bool = False


def scenario_of(text: str) -> Scenario:
    """The scenario of a name, or the locustfile at a path.

    Raises:
        UsageError: There is none.
    """
    path = Path(text)
    if path.suffix != ".py":
        return Scenario(text, scenario_file(text))
    if not path.is_file():
        raise UsageError(f"{text}: there is no such locustfile")
    return Scenario(path.stem, path.absolute(), own=True)


def settings_of(scenario: Scenario, profile: Path | None, slo: Sequence[str], *, audit: bool) -> Settings:
    """The scenario's settings, with the user's profile and flags over them; ``--slo`` replaces the profile's limits.

    Without an audit the profile's limits on what only the audit finds are left out.

    Raises:
        UsageError: A key, a value or a limit is wrong, or ``--slo`` is about an audit that is not to be made.
    """
    changes: dict[str, object] = {}
    if slo:
        changes["limits"] = [limit.rule for text in slo for limit in _limits(text)]
    if not audit:
        changes["audit"] = {"enabled": False}
    settings = load_profile(None if scenario.own else scenario.name, profile, changes)
    limits = parse_limits(settings.limits, str(profile or f"{scenario.name}.toml"))
    if audit:
        return settings
    audited = [limit.rule for limit in limits if limit.of_audit]
    if slo and audited:
        raise UsageError(f"--slo: {audited[0]!r} needs the audit, which --no-audit leaves out")
    kept = tuple(limit.rule for limit in limits if not limit.of_audit)
    return msgspec.structs.replace(settings, limits=kept)


def _limits(text: str) -> Sequence[Limit]:
    """One rule, or those of the file of this name."""
    path = Path(text)
    return read_limits(path) if path.is_file() else parse_limits([text], "--slo")


def print_scenarios() -> None:
    """Each on a line, with what it is about."""
    names = scenario_names()
    width = max(map(len, names))
    for name in names:
        typer.echo(f"{name:<{width}}  {load_profile(name).about}")
    typer.echo("\nmailproof load SCENARIO [TARGET.toml], or a locustfile of your own: mailproof load mine.py")
