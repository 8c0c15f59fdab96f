"""A help desk: customers write to it, and its people look for what is new and read it.

mailproof load help_desk.py server.toml --rate 5 --duration 60
locust -f help_desk.py --mail-target server.toml --headless --users 20 --run-time 1m
"""

from loadtests import ImapUser, SmtpUser


class Customer(SmtpUser):
    """Sends a message, which is what a session does that says nothing else."""

    weight = 3


class Agent(ImapUser):
    """Reads the newest messages, without marking them as read."""

    weight = 1

    def session(self) -> None:
        with self.login() as imap:
            imap.select(b"INBOX")
            newest = imap.uid_search(b"SINCE 1-Jan-2020")[-5:]
            for uid in newest:
                imap.uid_fetch(b"%d" % uid, b"(FLAGS ENVELOPE BODY.PEEK[])")
