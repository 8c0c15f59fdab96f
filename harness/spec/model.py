"""Requirements, rulings, and the register that holds them; data only, standard library only."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["AREAS", "ID", "Level", "Party", "Register", "Requirement", "Ruling"]

# An id never changes and its letters are never used again: RFC, section, and the letter of the sentence, with a 2
# behind it for the second level that one sentence holds; ``nk`` and a number for a statement without a keyword.
ID: Final = re.compile(r"RFC(?P<rfc>\d+)-(?P<section>(?:\d+|[A-Z])(?:\.\d+)*)-(?:[a-z]{1,2}2?|nk\d+)")

AREAS: Final = ("smtp", "submission", "lmtp", "pop3", "imap", "relay", "sending", "security", "filters")


class Level(StrEnum):
    """The weight of a requirement (RFC 2119 §1 to §5); IMPLIED has a keyword nowhere and is weighed by a ruling."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"
    IMPLIED = "IMPLIED"


class Party(StrEnum):
    """Whom it binds."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Our published reading of a text that can be read in more than one way.

    Attributes:
        id: ``R-001``.
        place: Where the text stands, ``RFC 5321 §4.2.4``.
    """

    id: str
    title: str
    place: str
    reading: str
    why: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing an RFC asks, in our words.

    Attributes:
        level: As the RFC has it.
        keyword: The RFC's own word where it is not the level's: ``must`` and ``required`` in old texts.
        weighed_as: For IMPLIED, the level its ruling gives it.
        note: What does and does not break it.
        excluded: Why no check can prove it, ``""`` where one can.
        rulings: Ids of the rulings it rests on.
    """

    id: str
    area: str
    level: Level
    party: Party
    text: str
    note: str = ""
    keyword: str = ""
    weighed_as: Level | None = None
    excluded: str = ""
    rulings: tuple[str, ...] = ()

    @property
    def rfc(self) -> int:
        return int(self._parts["rfc"])

    @property
    def section(self) -> str:
        """``4.1.1.5``, or a letter and numbers for an appendix."""
        return self._parts["section"]

    @property
    def place(self) -> str:
        """``RFC 5321 §4.1.1.5``."""
        return f"RFC {self.rfc} §{self.section}"

    @property
    def weight(self) -> Level:
        """The level that a verdict is made with."""
        return self.weighed_as or self.level

    @property
    def _parts(self) -> re.Match[str]:
        found = ID.fullmatch(self.id)
        if found is None:
            raise ValueError(f"{self.id!r} is no requirement id")
        return found


class Register(Mapping[str, Requirement]):
    """All requirements by id, in the order of the data, and all rulings."""

    def __init__(self, requirements: Mapping[str, Requirement], rulings: Mapping[str, Ruling]) -> None:
        self._requirements = dict(requirements)
        self.rulings = dict(rulings)

    def __getitem__(self, key: str) -> Requirement:
        return self._requirements[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._requirements)

    def __len__(self) -> int:
        return len(self._requirements)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        return tuple(self.values())

    def ruling(self, ruling_id: str) -> Ruling:
        """Raises KeyError where there is none of this id."""
        return self.rulings[ruling_id]

    def resting_on(self, ruling_id: str) -> tuple[Requirement, ...]:
        """The requirements that name this ruling."""
        return tuple(r for r in self.values() if ruling_id in r.rulings)

    def select(self, prefix: str) -> list[Requirement]:
        """The requirements that a prefix names: an id, a section with those below it, an RFC, or an area.

        ``RFC5321-4.1`` names §4.1 and §4.1.1.1 and not §4.10.
        """
        wanted = prefix.upper()
        return [r for r in self.values() if r.area == prefix.lower() or _begins(r.id.upper(), wanted)]

    def nearest(self, prefix: str) -> list[str]:
        """At most three ids that look like a prefix that names nothing, the most alike first."""
        ids = {requirement_id.upper(): requirement_id for requirement_id in self}
        return [ids[near] for near in difflib.get_close_matches(prefix.upper(), ids, n=3, cutoff=0.4)]


def _begins(requirement_id: str, prefix: str) -> bool:
    if not requirement_id.startswith(prefix):
        return False
    rest = requirement_id[len(prefix) :]
    return not rest or prefix.endswith(("-", ".")) or rest[0] in "-."
