"""What a load run is about to do, said before it does it, and whether it may."""

from typing import Final

from harness.cli.load_schedule import Shape
from harness.errors import UsageError
from harness.target import Protocol, Target
from loadtests.plan import Settings

__all__ = ["CEILING_PER_S", "check_allowed", "check_owner_agrees", "plan_in_words"]

# Ours: sessions a second at a target elsewhere that nobody has to ask for; a busy mail system of a thousand people.
CEILING_PER_S: Final = 100.0

_SENDING: Final = frozenset({Protocol.SMTP, Protocol.SUBMISSION, Protocol.SUBMISSIONS, Protocol.LMTP})


def check_allowed(target: Target, shape: Shape, *, authorized: bool, max_rate: float | None) -> None:
    """Whether the run may be.

    Args:
        max_rate: A ceiling in sessions a second that was asked for; None for none on this host, `CEILING_PER_S`
            elsewhere.

    Raises:
        UsageError: The target is elsewhere and nobody said that its owner agrees, or the rate is above the ceiling.
    """
    check_owner_agrees(target, authorized=authorized)
    ceiling = max_rate
    if ceiling is None and not target.on_this_host:
        ceiling = CEILING_PER_S
    if ceiling is not None and shape.peak_per_s > ceiling:
        raise UsageError(
            f"up to {shape.peak_per_s:g} sessions/s are above the ceiling of {ceiling:g}/s"
            f"{' for a target that is not on this host' if max_rate is None else ''}; "
            f"if that is meant, say --max-rate {shape.peak_per_s:g}"
        )


def check_owner_agrees(target: Target, *, authorized: bool) -> None:
    """Raises `UsageError` where the target is elsewhere and nobody said that its owner agrees."""
    if not target.on_this_host and not authorized:
        raise UsageError(
            f"{target.name} is not on this host, and a load run can take a mail system down: "
            "if its owner agrees, say so with --authorized"
        )


def plan_in_words(scenario: str, target: Target, shape: Shape, settings: Settings, run: str) -> str:
    """One line: who does what to whom, how fast, how long, and how to undo it."""
    return (
        f"{scenario} against {target.name}{_places(target, settings)}: {_pace(shape)}"
        f"{_mail(target, settings)}; {len(target.accounts):,} accounts; run {run}"
    )


def _needed(target: Target, settings: Settings) -> list[Protocol]:
    groups = settings.needs or [[protocol] for protocol in target.endpoints]
    return [next((p for p in group if p in target.endpoints), group[0]) for group in groups]


def _places(target: Target, settings: Settings) -> str:
    if target.on_this_host:
        return ""
    places = [str(target.endpoints[p]) for p in _needed(target, settings) if p in target.endpoints]
    return f" ({', '.join(places)})"


def _pace(shape: Shape) -> str:
    if shape.search is not None:
        search = shape.search
        return (
            f"from {search.from_per_s:g} up to {search.to_per_s:g} sessions/s, "
            f"in steps of {search.step_s:g} s, until a limit breaks"
        )
    if shape.mode == "closed":
        return f"{shape.users:,} users for {shape.duration_s:g} s (closed: they wait for the target)"
    return (
        f"up to {shape.peak_per_s:g} sessions/s for {shape.duration_s:g} s, about {shape.sessions:,} in all"
    )


def _mail(target: Target, settings: Settings) -> str:
    if not _SENDING & set(_needed(target, settings)):
        return ""
    traffic = settings.traffic
    messages, recipients = _range(*traffic.messages), _range(*traffic.recipients)
    return f", {messages} message(s) each to {recipients} recipient(s)"


def _range(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"
