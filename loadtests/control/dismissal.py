"""How users of closed mode are sent home: nobody in the middle of a session."""

from typing import Final

import gevent
from gevent import Greenlet
from locust import User
from locust.runners import Runner
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

__all__ = ["dismiss"]


def dismiss(runner: Runner, limit_s: float) -> None:
    """Let each user end what it is doing, and no longer than so many seconds; none begins anything else.

    Locust kills a user who thinks at that moment, and the kill may meet it when it has just begun its next session.
    A user whose state says that it is stopping ends by itself where it would begin one, so all are told first.
    """
    if runner.spawning_greenlet is not None:
        runner.spawning_greenlet.kill()
    idle: Final[list[Greenlet]] = []
    for greenlet in list(runner.user_greenlets):
        user = _user_of(greenlet)
        if user is not None:
            if user._state != LOCUST_STATE_RUNNING:
                idle.append(greenlet)
            user._state = LOCUST_STATE_STOPPING
    gevent.killall(idle)
    runner.user_greenlets.join(timeout=limit_s)
    runner.user_greenlets.kill()


def _user_of(greenlet: Greenlet) -> User | None:
    """Locust's own way to a user; one that has ended has no arguments any more."""
    arguments = greenlet.args
    return arguments[0] if arguments and isinstance(arguments[0], User) else None
