"""For whom a host relays: decided by the envelope and by who the client is, never by what the message says."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from reference_server.world import Site
from reference_server.world.model import RelayPolicy

__all__ = ["Standing", "relays", "standings"]


class Standing(Enum):
    """What a client is to a host."""

    ANYBODY = auto()
    NEIGHBOUR = auto()
    USER = auto()


# Each policy takes whom the one above it takes, and more.
_TAKES: Final[Mapping[RelayPolicy, frozenset[Standing]]] = {
    RelayPolicy.NONE: frozenset(),
    RelayPolicy.LOCAL_NETWORKS: frozenset({Standing.NEIGHBOUR}),
    RelayPolicy.AUTHENTICATED: frozenset({Standing.NEIGHBOUR, Standing.USER}),
    RelayPolicy.OPEN: frozenset(Standing),
}


def standings(site: Site, *, peer: str, user: str | None) -> frozenset[Standing]:
    """Everything that a client is: NEIGHBOUR by its address, USER once it has logged in."""
    neighbour = {Standing.NEIGHBOUR} if site.relays_for(peer) else set()
    return frozenset({Standing.ANYBODY} | neighbour | ({Standing.USER} if user is not None else set()))


def relays(site: Site, *, peer: str, user: str | None) -> bool:
    """Whether a client may send mail through the host to others.

    Args:
        peer: The client's address.
        user: Who logged in, None for nobody.
    """
    return bool(_TAKES[site.host.relay] & standings(site, peer=peer, user=user))
