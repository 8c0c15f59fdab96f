"""A load generator in a process of its own, for `loading`: ``python load_generator.py KIND PORT MESSAGES EACH``.

Twenty users send so many messages, so many in each of their sessions, run by Locust as it runs any locustfile: ours,
``pipelined`` or ``in-turn`` (each reply is awaited), or ``plain``, which is smtplib and awaits each. Prints messages
per second of this process's CPU time, its start left out.
"""

import smtplib
import sys
import time

from locust import User, constant, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests import SmtpUser
from loadtests.plan import Content, Settings, Traffic
from loadtests.users.surroundings import context_of

USERS = 20
OCTETS = 1024
SENDER, RECIPIENT = "a@example.org", "b@example.test"


class Count:
    """How many sessions are still to be begun."""

    left = 0

    @classmethod
    def take(cls) -> None:
        if cls.left <= 0:
            raise StopUser
        cls.left -= 1


class Lean(SmtpUser):
    """Mailproof's user, with its recorder, its ledger and its letters."""

    recipients = (RECIPIENT,)
    wait_time = constant(0)

    def session(self) -> None:
        Count.take()
        super().session()


class Plain(User):
    """As people write it: `smtplib`, and one event for a message."""

    wait_time = constant(0)
    content = "Subject: x\r\n\r\n" + ("x" * 76 + "\r\n") * 13
    each = 1

    @task
    def send(self) -> None:
        Count.take()
        host, port = self.environment.host.removeprefix("smtp://").split(":")
        with smtplib.SMTP(host, int(port), local_hostname="localhost") as client:
            for _ in range(self.each):
                with self.environment.events.request.measure("SMTP", "message"):
                    client.sendmail(SENDER, [RECIPIENT], self.content)


def main(kind: str, port: str, messages: str, each: str) -> None:
    Count.left = int(messages) // int(each)
    Lean.settings = Settings(
        content=Content(sizes="fixed", octets=OCTETS),
        traffic=Traffic(messages=(int(each), int(each)), pipelining=kind == "pipelined"),
    )
    Plain.each = int(each)
    users: list[type[User]] = [Plain if kind == "plain" else Lean]
    environment = Environment(user_classes=users, host=f"smtp://127.0.0.1:{port}")
    runner = environment.create_local_runner()
    if kind != "plain":
        context_of(environment)
    before_s = time.process_time()
    runner.start(USERS, spawn_rate=USERS)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    spent_s = time.process_time() - before_s
    total = environment.stats.get("message" if kind == "plain" else "smtp.message", "SMTP")
    errors = [error.to_name() for error in environment.stats.errors.values()]
    runner.quit()
    assert (total.num_requests, total.num_failures) == (int(messages), 0), errors
    sys.stdout.write(f"{int(messages) / spent_s}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
