"""People who look for new mail, read it, and save a draft now and then: a plain locustfile, with all that Locust has.

locust -f imap_reader.py --host imap://127.0.0.1:1143 --users 20 --spawn-rate 5
locust -f imap_reader.py --mail-target mailproof-target.toml --headless --users 20 --run-time 1m
"""

from locust import between, task

from loadtests import ImapUser

DRAFT = b"From: alice@example.test\r\nSubject: Not finished\r\n\r\nTo be continued.\r\n"


class Reader(ImapUser):
    wait_time = between(0.5, 2)

    @task(5)
    def read_new_mail(self) -> None:
        with self.login() as imap:
            imap.select(b"INBOX")
            for uid in imap.uid_search(b"UNSEEN")[:10]:
                imap.uid_fetch(b"%d" % uid, b"(BODY[])")

    @task(1)
    def save_a_draft(self) -> None:
        with self.login() as imap:
            imap.append(b"INBOX", DRAFT, rb"(\Draft)")
