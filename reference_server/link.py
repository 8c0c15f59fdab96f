"""How a host is met on the network just now; a test or a script changes it while the host runs."""

from dataclasses import dataclass

from reference_server.world.model import Host, Reach

__all__ = ["Link"]


@dataclass
class Link:
    """The state of one host's network."""

    host: Host
    reach: Reach

    @property
    def delay_s(self) -> float:
        """How long every answer is held back."""
        return self.host.delay_ms / 1000 if self.reach is Reach.SLOW else 0.0
