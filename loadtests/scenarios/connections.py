"""Many connections at once that do nothing but wait: each logs in, opens INBOX, and idles for as long as it stays."""

from time import monotonic

from loadtests import ImapUser
from loadtests.scenarios import habits


class Idler(ImapUser):
    """A mail program in the background."""

    def session(self) -> None:
        with self.login() as imap:
            imap.select()
            leaves_s = monotonic() + self.shared.plan.settings.traffic.stay_s
            while (left_s := leaves_s - monotonic()) > 0:
                habits.stay(imap, left_s)
