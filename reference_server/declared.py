"""What a host's operator would write into its target file."""

from harness.target import Policy
from reference_server.mda.addresses import Addresses, Away, Local
from reference_server.world import Site

__all__ = ["policy_of"]


def policy_of(site: Site) -> Policy:
    """For whom the host relays, and where its aliases and forwards lead; those that lead to several are left out."""
    aliases: dict[str, str] = {}
    forwards: dict[str, str] = {}
    named = [f"{local_part}@{domain.name}" for domain in site.domains for local_part in domain.aliases]
    for address in (*named, *(user.address for user in site.users if user.forward)):
        match Addresses(site).expand(address).destinations:
            case (Local(user),):
                aliases[address] = user.address
            case (Away(elsewhere),):
                forwards[address] = elsewhere
    return Policy(
        relay=site.host.relay.value,
        subaddress=site.domains[0].subaddress if site.domains else "",
        aliases=aliases,
        forwards=forwards,
    )
