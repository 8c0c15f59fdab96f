"""The context of a locustfile that is run without a plan: ``locust -f mine.py``, closed mode, no audit."""

import secrets
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import gevent
from locust.env import Environment

from harness.errors import UsageError
from harness.target import Account, Endpoint, Protocol, Target
from loadtests.accounts import Accounts
from loadtests.content.letters import Letters
from loadtests.context import Context
from loadtests.figures.recorder import Recorder
from loadtests.figures.tally import Tally
from loadtests.ledger.ledger import Ledger
from loadtests.plan import Plan, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.users.base import MailUser

__all__ = ["standalone_context"]

_DEFAULT_PORTS: Final = {
    Protocol.SMTP: 25,
    Protocol.SUBMISSION: 587,
    Protocol.SUBMISSIONS: 465,
    Protocol.LMTP: 24,
    Protocol.POP3: 110,
    Protocol.POP3S: 995,
    Protocol.IMAP: 143,
    Protocol.IMAPS: 993,
}

_TICK_EVERY_S: Final = 1.0


def standalone_context(environment: Environment, users: "Sequence[type[MailUser]]") -> Context:
    """A context of what the command line and the user classes say.

    Raises:
        UsageError: The target file is wrong; or there is none, and no class says where to connect.
    """
    file = getattr(environment.parsed_options, "mail_target", None)
    target = Target.load(Path(file)) if file else _declared(environment, users)
    plan = Plan(
        scenario="",
        run=secrets.token_hex(4),
        seed=secrets.randbits(32),
        target=file or "",
        out="",
        settings=users[0].settings if users else Settings(),
        mode="closed",
    )
    now_s = monotonic()
    recorder, ledger = Recorder(environment, Tally(now_s)), Ledger(plan.run, 0, now_s)
    _keep_up(environment, recorder, ledger)
    return Context(
        plan=plan,
        worker=0,
        target=target,
        accounts=Accounts(target.accounts, target.policy),
        recorder=recorder,
        ledger=ledger,
        letters=Letters(plan.settings.content, plan.seed, plan.run, 0),
        started_s=now_s,
    )


def _keep_up(environment: Environment, recorder: Recorder, ledger: Ledger) -> None:
    """Keep Locust's table up to date: every second, and before anybody reads it. Nobody needs what is drained."""

    def drain(**_event: object) -> None:
        recorder.drain(monotonic())
        ledger.drain()

    def every_second() -> None:
        while True:
            gevent.sleep(_TICK_EVERY_S)
            drain()

    gevent.spawn(every_second)
    for event in (environment.events.test_stop, environment.events.quitting):
        event.add_listener(drain)  # type: ignore[no-untyped-call]  # Locust's
    # Before Locust's own listener, which takes what is there.
    environment.events.report_to_master._handlers.insert(0, drain)


def _declared(environment: Environment, users: "Sequence[type[MailUser]]") -> Target:
    """A target of hosts and accounts that the classes name."""
    endpoints: dict[Protocol, Endpoint] = {}
    accounts: dict[str, Account] = {}
    for each in users:
        if host := environment.host or each.host:
            endpoint = _endpoint(host)
            endpoints[endpoint.protocol] = endpoint
        if each.user:
            accounts[each.user] = Account(each.user, each.password, each.address or each.user)
        for address in each.recipients:
            accounts.setdefault(address, Account(address, "", address))
    if not endpoints:
        raise UsageError("nothing says where to connect: give --host smtp://HOST:PORT or --mail-target FILE")
    address = next((each.address for each in accounts.values() if "@" in each.address), "")
    names = ", ".join(str(each) for each in endpoints.values())
    return Target(
        name=names,
        domain=address.rpartition("@")[2] or "example.test",
        endpoints=endpoints,
        accounts=tuple(accounts.values()),
        verify_tls=False,
    )


def _endpoint(host: str) -> Endpoint:
    """Read ``smtp://192.0.2.7:25``; the port may be left out.

    Raises:
        UsageError: It is anything else.
    """
    known = {str(each): each for each in Protocol}
    try:
        parts = urlsplit(host)
        protocol = known[parts.scheme]
        if not parts.hostname or parts.path.strip("/") or parts.query:
            raise UsageError(f"--host {host}: give PROTOCOL://HOST:PORT and nothing behind it")
        return Endpoint(protocol, parts.hostname, parts.port or _DEFAULT_PORTS[protocol])
    except (KeyError, ValueError) as exc:
        raise UsageError(f"--host {host}: not PROTOCOL://HOST:PORT with one of {', '.join(known)}") from exc
