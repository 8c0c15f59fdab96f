"""What people do with mail, for scenarios to mix: who brings it, who checks it by POP3, who keeps it by IMAP.

None of these classes is a user by itself: a locustfile makes those that it wants.
"""

from loadtests.scenarios.habits.bringing import Exchanger, Sender, Transfer
from loadtests.scenarios.habits.checking import Checker
from loadtests.scenarios.habits.offers import IfOffered, office, uses_pop3
from loadtests.scenarios.habits.staying import stay
from loadtests.scenarios.habits.syncing import Syncer

__all__ = ["Checker", "Exchanger", "IfOffered", "Sender", "Syncer", "Transfer", "office", "stay", "uses_pop3"]
