"""What can be wrong with a command line; each says at which octet and by which rule.

```
CommandError            the line itself                 a server answers 500 or 501
├── AddressError        a path, mailbox or domain       501 or 553
└── ParameterError      an ESMTP parameter              501 or 555
```
"""

from harness.errors import RemoteProtocolError

__all__ = ["AddressError", "CommandError", "ParameterError"]


class CommandError(RemoteProtocolError):
    """Octets that break the grammar: `position` in the octets read, `rule` as ``RFC 5321 §4.1.2``."""

    def __init__(self, position: int, rule: str, problem: str) -> None:
        self.position = position
        self.rule = rule
        self.problem = problem
        super().__init__(f"{problem} at octet {position} ({rule})")


class AddressError(CommandError):
    """A path, mailbox or domain that breaks the grammar."""


class ParameterError(CommandError):
    """An ESMTP parameter that breaks the grammar; `keyword` in upper case, empty where none was read."""

    def __init__(self, position: int, rule: str, problem: str, keyword: str = "") -> None:
        self.keyword = keyword
        super().__init__(position, rule, problem)
