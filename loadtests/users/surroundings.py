"""What a user finds where it lives: the process's context, its endpoint, its TLS context.

A run with a plan provides the context (`provide`). Without one it is made for a locustfile that somebody runs by
``locust -f``: of a target file (``--mail-target``), or of the hosts and accounts that the user classes name.
"""

import gc
import ssl
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from gevent.event import Event
from locust.env import Environment

from harness.clients.tls import client_context
from harness.errors import UsageError
from harness.target import Endpoint

if TYPE_CHECKING:
    from loadtests.context import Context
    from loadtests.users.base import MailUser

__all__ = ["context_of", "endpoint_of", "expect", "provide", "tls_context_of"]

_contexts: "Final[WeakKeyDictionary[Environment, Context]]" = WeakKeyDictionary()
_tls_contexts: Final[WeakKeyDictionary[Environment, ssl.SSLContext]] = WeakKeyDictionary()
_expected: Final[WeakKeyDictionary[Environment, Event]] = WeakKeyDictionary()

# Ours: containers made and not dropped before cycles are looked for, and so on; Python's own are 700, 10 and 10.
_COLLECT_AFTER: Final = (20_000, 10, 10)

# Ours: longer than it takes all workers of a run to make ready.
_PATIENCE_S: Final = 300.0


def expect(environment: Environment) -> None:
    """A run with a plan will provide the context, or another one: users that are made before that wait for it."""
    _contexts.pop(environment, None)
    _expected[environment] = Event()


def provide(environment: Environment, context: "Context") -> None:
    """Give the users of an environment their context; a context of before is forgotten."""
    _contexts[environment] = context
    _tls_contexts.pop(environment, None)
    _relax_collector()
    if (expected := _expected.pop(environment, None)) is not None:
        expected.set()


def _relax_collector() -> None:
    """What is there now stays; sessions leave few cycles behind them, and to look for them often costs CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def context_of(environment: Environment) -> "Context":
    """The context that was provided, or one for a locustfile of its own.

    Raises:
        UsageError: There is no target file and no user class says where to connect; or the file is wrong. The run
            that is to provide the context has not begun.
    """
    while (expected := _expected.get(environment)) is not None:
        if not expected.wait(_PATIENCE_S):
            raise UsageError("the run that these users belong to has not begun")
    if environment not in _contexts:
        from loadtests.users.base import MailUser
        from loadtests.users.standalone import standalone_context

        users = [each for each in environment.user_classes if issubclass(each, MailUser)]
        provide(environment, standalone_context(environment, users))
    return _contexts[environment]


def endpoint_of(environment: Environment, user: "MailUser") -> Endpoint:
    """The endpoint of a user.

    Raises:
        UsageError: The target has none of its protocols.
    """
    target = context_of(environment).target
    for protocol in user.protocols:
        if protocol in target.endpoints:
            return target.endpoints[protocol]
    known = ", ".join(str(each) for each in target.endpoints.values())
    raise UsageError(
        f"{type(user).__name__} needs an endpoint for {' or '.join(user.protocols)};"
        f" {target.name} has {known or 'none'}"
    )


def tls_context_of(environment: Environment) -> ssl.SSLContext:
    """One for all connections of the process.

    Raises:
        UsageError: The target's authority cannot be read.
    """
    if environment not in _tls_contexts:
        try:
            _tls_contexts[environment] = client_context(context_of(environment).target)
        except OSError as exc:
            raise UsageError(f"the target's certificate authority cannot be used: {exc}") from exc
    return _tls_contexts[environment]
