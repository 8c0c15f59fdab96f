"""How a test holds values against its keys: match type and comparator (RFC 5228 §2.7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reference_server.mda.sieve.arguments import Arguments, Choice, StringList
from reference_server.mda.sieve.comparators import COMPARATORS, Comparator, Relation
from reference_server.mda.sieve.errors import Place
from reference_server.mda.sieve.execution import Run
from reference_server.mda.sieve.glob import captured, glob
from reference_server.mda.sieve.syntax import Tag

__all__ = ["Match", "MatchType", "read_match"]


class MatchType(StrEnum):
    IS = ":is"
    CONTAINS = ":contains"
    MATCHES = ":matches"
    VALUE = ":value"
    COUNT = ":count"


# Ours: what one comparison costs beside the octets it looks at, in octets.
_COMPARISON: Final = 1024

_MATCH_TYPES: Final = (
    Choice(MatchType.IS),
    Choice(MatchType.CONTAINS),
    Choice(MatchType.MATCHES),
    Choice(MatchType.VALUE, "relational"),
    Choice(MatchType.COUNT, "relational"),
)
# RFC 5228 §2.7.3: these need no require.
_ALWAYS_THERE: Final = frozenset({"i;octet", "i;ascii-casemap"})


@dataclass(frozen=True, slots=True)
class Match:
    """Match type, comparator, and the operator of ``:value`` and ``:count``."""

    type: MatchType
    comparator: Comparator
    relation: Relation = Relation.EQ

    def any(
        self,
        run: Run,
        values: Sequence[bytes],
        keys: StringList,
        *,
        count: int | None = None,
        captures: bool = True,
    ) -> bool:
        """Whether any value matches any key.

        Args:
            count: How many there are for ``:count``, where that is not the number of values.
            captures: Whether ``:matches`` sets the match variables (RFC 5229 §3.2).
        """
        if self.type is MatchType.COUNT:
            values = (b"%d" % (len(values) if count is None else count),)
        for key in keys:
            expanded = run.expand(key)
            if any(self._one(run, value, key.place, expanded, captures) for value in values):
                return True
        return False

    def _one(self, run: Run, value: bytes, place: Place, key: bytes, captures: bool) -> bool:
        run.spend(self._cost(value, key), place)
        fold = self.comparator.fold
        match self.type:
            case MatchType.IS:
                return self.comparator.key(value) == self.comparator.key(key)
            case MatchType.VALUE | MatchType.COUNT:
                return self.relation.holds(self.comparator.key(value), self.comparator.key(key))
            case MatchType.CONTAINS:
                return fold is not None and fold(key) in fold(value)
            case MatchType.MATCHES:
                places = glob(fold(value), fold(key)) if fold is not None else None
                if places is not None and captures:
                    run.matches = captured(value, places)
                return places is not None

    def _cost(self, value: bytes, key: bytes) -> int:
        """Only a ``?`` between stars makes a search look at an octet more than a few times."""
        if self.type is MatchType.MATCHES and b"?" in key and b"*" in key:
            return len(value) * len(key) + _COMPARISON
        return len(value) + len(key) + _COMPARISON


def read_match(arguments: Arguments, default: str = "i;ascii-casemap") -> Match:
    """The match type and the comparator that a test asks for; ``:is`` and `default` where it does not say."""
    chosen = arguments.choice(*_MATCH_TYPES)
    kind = MatchType(chosen.name) if chosen else MatchType.IS
    relation = Relation.EQ
    if chosen is not None and kind in (MatchType.VALUE, MatchType.COUNT):
        relation = _relation(arguments, chosen)
    named = arguments.tag_string(":comparator")
    name = (
        default
        if named is None
        else arguments.literal(named, "a comparator's name").decode("ascii", "replace")
    )
    place = arguments.place if named is None else named.place
    comparator = COMPARATORS.get(name)
    if comparator is None:
        raise arguments.error(f"there is no comparator {name!r}; there are {', '.join(COMPARATORS)}", place)
    if name not in _ALWAYS_THERE:
        arguments.scope.demand(f"comparator-{name}", f"the comparator {name}", place)
    if comparator.fold is None and kind in (MatchType.CONTAINS, MatchType.MATCHES):
        raise arguments.error(f"{name} cannot be used with {kind}", place)
    return Match(kind, comparator, relation)


def _relation(arguments: Arguments, tag: Tag) -> Relation:
    operator = arguments.value_of(tag)
    name = arguments.literal(operator, "an operator").decode("ascii", "replace")
    try:
        return Relation(name)
    except ValueError as exc:
        raise arguments.error(
            f"{tag.name} takes {', '.join(Relation)}, not {name!r}", operator.place
        ) from exc
