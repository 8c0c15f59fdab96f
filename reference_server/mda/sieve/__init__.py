"""Sieve, the language of users' own mail rules (RFC 5228): compiling and running, without any I/O.

    script = compile_script('require "fileinto"; if header :contains "subject" "report" { fileinto "Reports"; }')
    result = run(script, SieveMessage(content), envelope_from="a@example.org", envelope_to="b@example.test", now=now)
    for action in result.actions: ...

Whatever a script does, a message is not lost by accident: `run` never raises for what a script or message does, its
list of actions is never empty, and an error leaves the implicit keep alone standing.
"""

import datetime as dt
from collections.abc import Callable

from reference_server.mda.sieve.actions import Action, Discard, FileInto, Keep, Redirect, Reject, Vacation
from reference_server.mda.sieve.addresses import read_address
from reference_server.mda.sieve.compiler import CAPABILITIES, Script, compile_script
from reference_server.mda.sieve.errors import SieveError
from reference_server.mda.sieve.execution import Facts, Limits, Result, Run, Stop
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.rejection import rejection_notice
from reference_server.mda.sieve.reply import unanswered_because, vacation_reply
from reference_server.mda.sieve.strings import octets_of

__all__ = [
    "Action",
    "Discard",
    "FileInto",
    "Keep",
    "Limits",
    "Redirect",
    "Reject",
    "Result",
    "Script",
    "SieveError",
    "SieveMessage",
    "Vacation",
    "capabilities",
    "compile_script",
    "rejection_notice",
    "run",
    "unanswered_because",
    "vacation_reply",
]


def capabilities() -> frozenset[str]:
    """What `require` takes (RFC 5228 §6.1)."""
    return CAPABILITIES


def run(
    script: Script,
    message: SieveMessage,
    *,
    envelope_from: str,
    envelope_to: str,
    now: dt.datetime,
    separator: str = "+",
    mailbox_exists: Callable[[str], bool] = lambda _name: False,
    limits: Limits | None = None,
) -> Result:
    """Decide what becomes of a message; nothing is done yet.

    Args:
        envelope_from: ``""`` for the null reverse-path.
        envelope_to: The recipient that brought the message to this user.
        now: Aware; the zone is the one dates are shown in.
        separator: As `Domain.subaddress`.
        mailbox_exists: Whether the user has a mailbox of this name.

    Returns:
        At least one action. Where something went wrong, `Result.error` says what, and the one action is an implicit
        keep: no action of the script is to be done (RFC 5228 §2.10.6).
    """
    facts = Facts(
        message,
        read_address(octets_of(envelope_from)) if envelope_from else None,
        read_address(octets_of(envelope_to)),
        now,
        separator,
        mailbox_exists,
    )
    state = Run(facts, limits or Limits())
    try:
        _execute(script, state)
        return state.result(script.end)
    except SieveError as error:
        return Result((Keep(implicit=True),), error)


def _execute(script: Script, state: Run) -> None:
    try:
        for command in script.commands:
            command.execute(state)
    except Stop:
        return
