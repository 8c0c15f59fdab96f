"""The world that the reference server plays, as data."""

from reference_server.world.model import Domain, Host, Limits, Mx, Network, Record, RelayLimits, User, World
from reference_server.world.one_server import FILTERED, ONE_SERVER
from reference_server.world.site import Site

__all__ = [
    "FILTERED",
    "ONE_SERVER",
    "Domain",
    "Host",
    "Limits",
    "Mx",
    "Network",
    "Record",
    "RelayLimits",
    "Site",
    "User",
    "World",
]
