"""For whom a host relays: decided by the envelope and by who the client is, never by what the message says."""

from collections.abc import Callable, Mapping
from typing import Final

from reference_server.world import Site
from reference_server.world.model import RelayPolicy

__all__ = ["relays"]

# Each policy takes what the one above it takes, and more.
_ALLOWED: Final[Mapping[RelayPolicy, Callable[[Site, str, str | None], bool]]] = {
    RelayPolicy.NONE: lambda site, peer, user: False,
    RelayPolicy.LOCAL_NETWORKS: lambda site, peer, user: site.relays_for(peer),
    RelayPolicy.AUTHENTICATED: lambda site, peer, user: user is not None or site.relays_for(peer),
    RelayPolicy.OPEN: lambda site, peer, user: True,
}


def relays(site: Site, *, peer: str, user: str | None) -> bool:
    """Whether a client may send mail through the host to others.

    Args:
        peer: The client's address.
        user: Who logged in, None for nobody.
    """
    return _ALLOWED[site.host.relay](site, peer, user)
