"""From the world's settings to the directories of a host."""

from collections.abc import Callable

from reference_server.accounts.of_host import Accounts
from reference_server.accounts.world_file import WorldFile
from reference_server.world.site import Site

__all__ = ["accounts_of"]


def accounts_of(site: Site, make_mailbox: Callable[[str], None]) -> Accounts:
    """The accounts of a host, as its world has them."""
    return Accounts(site, WorldFile(site), make_mailbox, instant=site.world.cheap_hashes)
