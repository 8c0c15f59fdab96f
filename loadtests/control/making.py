"""What a worker makes ready before a run: what its users share, and the users that the driver starts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from locust import User, constant
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import Runner

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectFailed, UnreachableTarget, UsageError
from harness.target import Endpoint, Target
from loadtests.accounts import Accounts
from loadtests.arrivals.driver import UNCOUNTED, Kind
from loadtests.content.letters import Letters
from loadtests.context import Context, Terms
from loadtests.control.faults import Faults
from loadtests.control.messages import FromWorker
from loadtests.figures.recorder import Recorder
from loadtests.figures.tally import Tally
from loadtests.ledger.ledger import Ledger
from loadtests.ledger.readers import reading_protocol
from loadtests.plan import READERS, Plan
from loadtests.users.base import MailUser
from loadtests.users.errors import NOT_8BIT, OperationFailed
from loadtests.users.smtp import SmtpUser
from loadtests.users.surroundings import expect, provide, tls_context_of

__all__ = ["Place", "kinds_of", "make_context", "readable", "wants_readers", "weigh"]

# Ours: who does not answer a connection in this time is not there.
_REACH_S: Final = 5.0

_NOBODY: Final = "no user class has a share of the sessions against {}"


@dataclass
class Place:
    """Where a worker does its parts, run after run.

    Attributes:
        kinds: The user classes of the locustfile.
        tell: Gives a message to the director.
        behind_s: What the director's clock says more than this process's.
        recorder: Locust's table has one for all runs.
    """

    environment: Environment
    kinds: Sequence[type[User]]
    faults: Faults
    tell: Callable[[FromWorker], None]
    behind_s: float = 0.0
    recorder: Recorder | None = None

    @property
    def runner(self) -> Runner:
        if self.environment.runner is None:
            raise RuntimeError("a worker lives in a process of Locust's that has a runner")
        return self.environment.runner


def make_context(place: Place, plan: Plan, worker: int, started_s: float) -> Context:
    """What all users of this process share.

    Raises:
        UsageError: The target file cannot be used, or mailboxes cannot be read as the profile has it.
    """
    target = Target.load(Path(plan.target))
    if wants_readers(plan, target):
        reading_protocol(target, plan.settings.reading.protocol)
    warming_up = Tally(started_s)
    if place.recorder is None:
        place.recorder = Recorder(place.environment, warming_up, UNCOUNTED)
    recorder = place.recorder.phase(UNCOUNTED, warming_up)
    return Context(
        plan=plan,
        worker=worker,
        target=target,
        accounts=Accounts(target.accounts, target.policy),
        recorder=recorder,
        ledger=Ledger(plan.run, worker, started_s),
        letters=Letters(plan.settings.content, plan.seed, plan.run, worker),
        started_s=started_s,
    )


def readable(target: Target) -> bool:
    """There is a way to the mailboxes: a relay has none, and is loaded all the same, without an audit."""
    return any(not target.endpoints.keys().isdisjoint(ways) for ways in READERS.values())


def wants_readers(plan: Plan, target: Target) -> bool:
    """Mailboxes are to be read, in the run or after it; not for a relay, unless the profile insists on a protocol."""
    reading = plan.settings.reading
    wanted = plan.settings.audit.enabled or reading.mode != "none"
    return wanted and (readable(target) or reading.protocol != "auto")


def kinds_of(place: Place, context: Context) -> list[Kind]:
    """The users that the driver starts, one of each made and its endpoint reached.

    In closed mode Locust starts them, when the phase begins, and others as well; ours are tried all the same.

    Raises:
        UsageError: A class is none of ours, or misses something; or none has a share of the sessions.
        UnreachableTarget: Nobody answers at an endpoint.
    """
    closed = context.plan.mode == "closed"
    _check_shares(place.kinds, context.plan)
    provide(place.environment, context)
    try:
        shares = {each: each.share(context) for each in _mail_users(place.kinds, all_of_them=not closed)}
        users = {each: each(place.environment) for each, share in shares.items() if share > 0}
        tls_context_of(place.environment)  # made now, when it is known of which target
    except StopTest as exc:
        raise UsageError(str(exc)) from exc
    finally:
        expect(place.environment)
    if not users and not closed:
        raise UsageError(_NOBODY.format(context.target.name))
    # Only now: users of Locust's own wait for a context, and whoever waits for an answer lets them look for it.
    _reach(user.endpoint for user in users.values())
    if context.letters.needs_8bit:
        _check_8bit(context, users.values())
    for each in users:
        if closed and each.wait_time is User.wait_time:
            each.wait_time = constant(context.plan.think_s)
    return [Kind(_maker(each, place.environment), shares[each]) for each in users]


def weigh(kinds: Iterable[type[User]], terms: Terms) -> list[type[User]]:
    """Closed mode: those that have a share of the sessions, with it as the weight that Locust divides users by.

    Raises:
        UsageError: None has.
    """
    weighed = []
    for each in kinds:
        if issubclass(each, MailUser):
            each.weight = each.share(terms)
        if each.weight > 0 or each.fixed_count > 0:
            weighed.append(each)
    if not weighed:
        raise UsageError(_NOBODY.format(terms.target.name))
    return weighed


def _mail_users(kinds: Iterable[type[User]], *, all_of_them: bool) -> Iterator[type[MailUser]]:
    for each in kinds:
        if issubclass(each, MailUser):
            yield each
        elif all_of_them:
            raise UsageError(f"{each.__name__} is no mail user, and a schedule starts no others; use --users")


def _check_shares(kinds: Iterable[type[User]], plan: Plan) -> None:
    names = [each.__name__ for each in kinds]
    for name in plan.settings.shares:
        if name not in names:
            raise UsageError(
                f"shares.{name}: the locustfile has no such user class; it has {', '.join(names)}"
            )


def _maker(kind: type[MailUser], environment: Environment) -> Callable[[], MailUser]:
    return lambda: kind(environment)


def _reach(endpoints: Iterable[Endpoint]) -> None:
    for endpoint in dict.fromkeys(endpoints):
        try:
            Transport.connect(endpoint, timeout_s=_REACH_S, transcript=Transcript(str(endpoint))).close()
        except ConnectFailed as exc:
            raise UnreachableTarget(str(exc)) from exc


def _check_8bit(context: Context, users: Iterable[MailUser]) -> None:
    """Ask as a session of the run does; what else goes wrong in that is for the run to show."""
    for user in users:
        if not isinstance(user, SmtpUser):
            continue
        try:
            user.open().quit()
        except OperationFailed as exc:
            if exc.error_class == NOT_8BIT:
                directory = context.plan.settings.content.directory
                raise UsageError(
                    f"content.directory: {directory} has messages with octets above 127, and {user.endpoint} "
                    "does not offer 8BITMIME; take them out of the directory"
                ) from exc
        finally:
            user.hang_up()
