"""Where a message is, as pages and forms name it; whatever such a name says, it leads to one's own mail alone."""

import re
from dataclasses import dataclass
from typing import Final, Self

from reference_server.web.mail.errors import Gone

__all__ = ["Carried", "Place"]

_PLACE: Final = re.compile(
    r"(?P<validity>\d{1,10})\.(?P<uid>[1-9]\d{0,9})\.(?P<folder>[\x00-\xff]{1,1000})", re.DOTALL
)
_MAX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A message: its mailbox as on the wire, that mailbox's UIDVALIDITY, its UID (RFC 3501 §2.3.1.1)."""

    mailbox: bytes
    uidvalidity: int
    uid: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes. Raises `Gone` where it is none."""
        found = _PLACE.fullmatch(text)
        if found is None or int(found["validity"]) > _MAX or int(found["uid"]) > _MAX:
            raise Gone("There is no such message.")
        return cls(found["folder"].encode("latin-1"), int(found["validity"]), int(found["uid"]))

    def __str__(self) -> str:
        return f"{self.uidvalidity}.{self.uid}.{self.mailbox.decode('latin-1')}"


@dataclass(frozen=True, slots=True)
class Carried:
    """A part of a message that goes along with another: an attachment of a draft, or of what is forwarded.

    Attributes:
        number: Of the part; 0 for the whole message.
    """

    place: Place
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes. Raises `Gone` where it is none."""
        number, _, place = text.partition(".")
        if not (number.isascii() and number.isdigit() and len(number) <= 4):
            raise Gone("There is no such attachment.")
        return cls(Place.parse(place), int(number))

    def __str__(self) -> str:
        return f"{self.number}.{self.place}"
