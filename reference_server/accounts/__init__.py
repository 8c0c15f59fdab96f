"""Who may log in: one question for every session, and the places where accounts live behind it.

Sessions ask a host's `Accounts`; a `Directory` is one place where accounts live. Both block, so they are asked in
worker threads, unless `Accounts.instant` says that nothing takes time.
"""

from reference_server.accounts.directory import (
    Abilities,
    BackEndDown,
    BackEndUnavailable,
    Directory,
    ScramSecrets,
)
from reference_server.accounts.of_host import Accounts
from reference_server.accounts.opening import accounts_of

__all__ = [
    "Abilities",
    "Accounts",
    "BackEndDown",
    "BackEndUnavailable",
    "Directory",
    "ScramSecrets",
    "accounts_of",
]
