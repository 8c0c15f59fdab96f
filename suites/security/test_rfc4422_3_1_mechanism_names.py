"""RFC 4422 §3.1: the names of mechanisms; RFC 5802 §6: which of them go with a channel."""

import re
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.wire.sasl.scram import PLUS
from suites.covers import covers
from suites.security.doors import Place, places

# In either case of letters: the protocols that carry the list take it in either.
_NAME: Final = re.compile(r"[A-Z0-9_-]{1,20}")


def listed(target: LiveTarget, *, tls: bool | None = None) -> dict[Place, tuple[str, ...]]:
    """Where something is listed, and what; `NotOffered` where it is nowhere."""
    found = {place: names for place, names in places(target).items() if names and tls in (None, place.tls)}
    if not found:
        raise NotOffered("no mechanisms are listed")
    return found


@covers("RFC4422-3.1-nk1", fault="security.mechanism-with-a-long-name")
def test_mechanisms_have_names_of_20_letters_at_most(target: LiveTarget) -> None:
    for place, names in listed(target).items():
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        assert not wrong, f"{place} lists {', '.join(wrong)}"


@covers("RFC5802-6-b", fault="security.plus-listed-in-the-clear")
def test_no_mechanism_that_binds_to_a_channel_is_listed_where_there_is_none(target: LiveTarget) -> None:
    for place, names in listed(target, tls=False).items():
        wrong = [name for name in names if name.endswith(PLUS)]
        assert not wrong, f"{place} lists {', '.join(wrong)}"
