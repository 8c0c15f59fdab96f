"""Load runs with Locust, in a process of their own: users that speak mail, open arrivals, an audit of what was sent.

```python
from locust import task
from loadtests import SmtpUser


class Sender(SmtpUser):
    @task
    def send(self) -> None:
        with self.open() as session:
            session.send(self.letter())
```

Locust is imported when one of these names is asked for, not before: it patches the process it is imported in.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from loadtests.users.base import MailUser
    from loadtests.users.errors import OperationFailed
    from loadtests.users.imap import ImapUser
    from loadtests.users.pop3 import Pop3User
    from loadtests.users.smtp import LmtpUser, SmtpUser, SubmissionUser

__all__ = [
    "ImapUser",
    "LmtpUser",
    "MailUser",
    "OperationFailed",
    "Pop3User",
    "SmtpUser",
    "SubmissionUser",
]

_HOMES: Final = {
    "ImapUser": "loadtests.users.imap",
    "LmtpUser": "loadtests.users.smtp",
    "MailUser": "loadtests.users.base",
    "OperationFailed": "loadtests.users.errors",
    "Pop3User": "loadtests.users.pop3",
    "SmtpUser": "loadtests.users.smtp",
    "SubmissionUser": "loadtests.users.smtp",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
