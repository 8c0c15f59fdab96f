"""Checking mail by POP3: look, retrieve what is new, delete some of it or leave it."""

from time import monotonic
from typing import Final

from locust.env import Environment

from loadtests.ledger.reading import Finder
from loadtests.ledger.token import Found
from loadtests.scenarios.habits.deleting import deleting
from loadtests.scenarios.habits.memory import Maildrop, Memories, mailbox_of, random_of
from loadtests.users.pop3 import Pop3Session, Pop3User

__all__ = ["Checker"]

# Ours: what one session retrieves at most; the rest is new to the next one.
_MOST_AT_ONCE: Final = 100

_maildrops: Final[Memories[Maildrop]] = Memories()


class Checker(Pop3User):
    """Somebody whose program checks for mail.

    It retrieves each message once, as programs do that leave mail on the server, and deletes the profile's share
    (`traffic.delete`) of the run's own messages; it deletes no other.
    """

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.random: Final = random_of(self.shared)

    def session(self) -> None:
        maildrop = _maildrops.of(self.shared, self.account.user, self._maildrop)
        with maildrop.turn, self.login() as pop3:
            looked_s = monotonic()
            unwanted = self.retrieve(pop3, maildrop)
            if unwanted:
                pop3.dele(*unwanted)
                # They go when the session ends; of a refusal some may be left (RFC 1939 §6).
                with deleting(maildrop.finder, unwanted.values()):
                    pop3.quit()
            maildrop.finder.absent_s = looked_s

    def retrieve(self, pop3: Pop3Session, maildrop: Maildrop) -> dict[int, Found]:
        """Retrieve what is new.

        Returns:
            Number -> the run's message that is to be deleted.
        """
        listed = pop3.look()
        numbers = sorted(maildrop.known.compare(listed)[1])[:_MOST_AT_ONCE]
        # Where the mailbox is not of this kind alone, somebody else may take away the same message.
        alone = self.owns(self.shared, maildrop.finder.mailbox)
        delete, unwanted = self.shared.plan.settings.traffic.delete if alone else 0.0, {}
        for number, content in zip(numbers, pop3.each_retr(numbers), strict=True):
            found = maildrop.finder.found(content)
            if found is not None and self.random.random() < delete:
                unwanted[number] = found
        uids = dict(listed)
        maildrop.known.add(uids[number] for number in numbers)
        return unwanted

    def _maildrop(self) -> Maildrop:
        return Maildrop(Finder(self.shared.ledger, mailbox_of(self)))
