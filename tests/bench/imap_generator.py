"""A load generator in a process of its own, for `loading_imap`.

``python imap_generator.py HOST:PORT USER PASSWORD SECONDS``: ten users do what imaptest does when it is given
`loading_imap.MIX`, run by Locust as it runs any locustfile. Prints commands per second of this process's CPU time,
its start left out.
"""

import sys
import time
from random import Random

import gevent
from locust import constant
from locust.env import Environment

from loadtests import ImapUser
from loadtests.plan import Settings, Traffic
from loadtests.users.imap import ImapSession
from loadtests.users.surroundings import context_of

USERS = 10
MESSAGES = 100

ITEMS = ("UID", "FLAGS", "ENVELOPE", "INTERNALDATE", "BODY", "BODYSTRUCTURE", "RFC822.SIZE")
FIELDS = ("From", "To", "Cc", "Subject", "References", "In-Reply-To", "Message-ID")
BODIES = ("BODY.PEEK[HEADER]", "RFC822.HEADER", "BODY.PEEK[]", "BODY.PEEK[1]", "BODY.PEEK[TEXT]")
FLAGS = (r"\Seen", r"\Answered", r"\Flagged", r"\Draft")


class Client(ImapUser):
    """imaptest's client, with no thought between its commands."""

    wait_time = constant(0)
    settings = Settings(traffic=Traffic(tls="off"))
    random = Random(1)

    def session(self) -> None:
        with self.login() as imap:
            imap.select()
            while True:
                self.go_round(imap)

    def go_round(self, imap: ImapSession) -> None:
        likely = self.random.random
        if likely() < 0.5:
            imap.list_()
        if likely() < 0.5:
            imap.status(b"INBOX", b"(MESSAGES UNSEEN RECENT)")
        imap.fetch(self.some(), self.items())
        self.read_one(imap)
        while likely() < 0.3:
            self.read_one(imap)
        if likely() < 0.5:
            sign = self.random.choice((b"", b"+", b"-"))
            silent = self.random.choice((b"", b".SILENT"))
            flag = self.random.choice(FLAGS).encode()
            imap.store(self.some(20), sign + b"FLAGS" + silent, b"(%b)" % flag)
        if likely() < 0.5:
            imap.noop()

    def read_one(self, imap: ImapSession) -> None:
        items = f"(UID {self.random.choice(BODIES)})".encode()
        imap.fetch(b"%d" % self.random.randint(1, MESSAGES), items)

    def some(self, most: int = MESSAGES) -> bytes:
        """A range of message numbers."""
        first = self.random.randint(1, MESSAGES)
        return b"%d:%d" % (first, min(MESSAGES, first + self.random.randrange(most)))

    def items(self) -> bytes:
        return f"({' '.join(self.item() for _ in range(self.random.randint(1, 4)))})".encode()

    def item(self) -> str:
        if self.random.random() < 0.75:
            return self.random.choice(ITEMS)
        fields = " ".join(self.random.choices(FIELDS, k=self.random.randint(1, 4)))
        return f"BODY.PEEK[HEADER.FIELDS ({fields})]"


def main(address: str, user: str, password: str, seconds: str) -> None:
    Client.user, Client.password = user, password
    environment = Environment(user_classes=[Client], host=f"imap://{address}")
    runner = environment.create_local_runner()
    context_of(environment)
    before_s = time.process_time()
    runner.start(USERS, spawn_rate=USERS)
    gevent.sleep(float(seconds))
    runner.stop()
    spent_s = time.process_time() - before_s
    counted = {name: each.num_requests for (name, _), each in environment.stats.entries.items()}
    failures = [each.to_name() for each in environment.stats.errors.values()]
    runner.quit()
    assert not failures, failures
    commands = sum(counted.values()) - counted["imap.connect"]
    sys.stdout.write(f"{commands / spent_s}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
