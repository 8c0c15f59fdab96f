"""Hooks runs with a plan into Locust: options, the parts that processes play, start, stop, signals, end.

Without a plan Locust does as it always does. With one, the process that Locust starts alone, or as a master, leads
the run; each process that makes sessions is a worker, the one that is alone included. In open mode a class that does
nothing stands in for the users of the locustfile, which the schedule starts.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from locust import User, constant, events, task
from locust.argument_parser import LocustArgumentParser, get_parser
from locust.env import Environment
from locust.runners import Runner, WorkerRunner

from harness.errors import MailproofError, UsageError
from loadtests.plan import PLAN_VARIABLE, Plan

if TYPE_CHECKING:
    from locust.web import WebUI

__all__ = ["OpenArrivals"]

logger: Final = logging.getLogger(__name__)


class OpenArrivals(User):
    """Stands in for the users that a schedule starts: Locust counts one, and it does nothing."""

    wait_time = constant(3600)

    @task
    def nothing(self) -> None:
        """Nothing at all."""


def _add_options(parser: LocustArgumentParser, **_event: object) -> None:
    parser.add_argument(
        "--mail-plan",
        metavar="FILE",
        help="The plan of a run, as `mailproof load` writes it: arrivals, limits, audit",
        default=os.environ.get(PLAN_VARIABLE),
        include_in_web_ui=False,
    )
    parser.add_argument(
        "--mail-target",
        metavar="FILE",
        help="The target file: where mail users connect, and their accounts",
        include_in_web_ui=False,
    )


def _init(environment: Environment, runner: Runner, web_ui: "WebUI | None" = None, **_event: object) -> None:
    options = _own_options(environment, runner)
    file, target = options.get("mail_plan"), options.get("mail_target")
    if not file:
        return
    from loadtests.control.hooks import hook_in

    try:
        plan = _read_plan(Path(file))
        if target:
            plan = msgspec.structs.replace(plan, target=target)
        hook_in(environment, runner, web_ui, plan, OpenArrivals)
    except MailproofError as exc:
        logger.error("%s", exc)  # noqa: TRY400 - one line that says it all; a traceback adds nothing
        sys.exit(exc.exit_code)


def _own_options(environment: Environment, runner: Runner) -> dict[str, str | None]:
    """What this process was given itself. A worker that comes late has its master's options in their place."""
    if isinstance(runner, WorkerRunner):
        own: dict[str, str | None] = vars(get_parser().parse_known_args()[0])
        return own
    return vars(environment.parsed_options) if environment.parsed_options is not None else {}


def _read_plan(path: Path) -> Plan:
    """
    Raises:
        UsageError: The file cannot be read, or is no plan.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read: {exc.strerror}") from exc
    except msgspec.MsgspecError as exc:
        raise UsageError(f"{path}: is no plan of a load run: {exc}") from exc


events.init_command_line_parser.add_listener(_add_options)  # type: ignore[no-untyped-call]  # Locust's
events.init.add_listener(_init)  # type: ignore[no-untyped-call]  # Locust's
