"""The name that somebody logs in with, its parts, and the templates that they are put into."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.wire.smtp.address import AddressError, parse_mailbox
from reference_server.accounts.directory import BackEndUnavailable

__all__ = ["Login", "fill", "kept_address", "mailbox_address", "names_in"]

_FIELD: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Login:
    """A name as a client gives it, in lower case, so that one account has one name.

    Attributes:
        user: The whole.
        domain: What stands behind the last @, else the host's own.
    """

    user: str
    local_part: str
    domain: str

    @classmethod
    def of(cls, user: str, domain: str) -> "Login":
        """Without an @ it is a user of `domain`."""
        folded = user.lower()
        local_part, at, own = folded.rpartition("@")
        return cls(folded, local_part, own) if at else cls(folded, folded, domain)

    @property
    def parts(self) -> dict[str, str]:
        """By the names that templates and queries have for them."""
        return {"user": self.user, "local_part": self.local_part, "domain": self.domain}


def names_in(template: str) -> frozenset[str]:
    """What stands in braces."""
    return frozenset(_FIELD.findall(template))


def fill(template: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """The template with each value, escaped, in the place of its name; `KeyError` for a name without value."""
    return _FIELD.sub(lambda found: escape(values[found[1]]), template)


def mailbox_address(text: str) -> str | None:
    """An address in lower case; None where it is none."""
    try:
        return parse_mailbox(text.lower().encode(), smtputf8=True).encode().decode()
    except AddressError:
        return None


def kept_address(text: str) -> str:
    """What a back end has as somebody's address, in lower case.

    Raises:
        BackEndUnavailable: It is no address: the operator's mistake, so the user is not told to have no account.
    """
    address = mailbox_address(text)
    if address is None:
        raise BackEndUnavailable(f"{text!r} is no address such as eric@example.test")
    return address
