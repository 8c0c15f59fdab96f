"""From the world's settings to the directories of a host."""

from reference_server.accounts.directory import Directory
from reference_server.accounts.guarded import Guarded
from reference_server.accounts.of_host import Accounts, Mailboxes
from reference_server.accounts.saslauthd import Saslauthd
from reference_server.accounts.several import Several
from reference_server.accounts.world_file import WorldFile
from reference_server.world.accounts import AccountSettings, BackEnd
from reference_server.world.site import Site

__all__ = ["accounts_of"]


def accounts_of(site: Site, store: Mailboxes) -> Accounts:
    """The accounts of a host, as its world has them; no back end is asked yet.

    Raises:
        UsageError: A setting means nothing, or needs a package that is not installed.
    """
    settings = site.world.accounts
    directories = [_opened(place, settings, site) for place in settings.order]
    directory = directories[0] if len(directories) == 1 else Several(directories)
    all_here = settings.order == (BackEnd.WORLD,)
    accounts = Accounts(site, directory, store, instant=all_here and site.world.cheap_hashes)
    if not all_here:
        accounts.welcome_back()
    return accounts


def _opened(place: BackEnd, settings: AccountSettings, site: Site) -> Directory:
    """A place; what is imported is what is used, for the packages are optional."""
    if place is BackEnd.WORLD:
        return WorldFile(site)
    if place is BackEnd.SQL and settings.sql is not None:
        from reference_server.accounts.sql import SqlDirectory

        return Guarded("sql", SqlDirectory(settings.sql, site.domain))
    if place is BackEnd.LDAP and settings.ldap is not None:
        from reference_server.accounts.ldap import LdapDirectory

        return Guarded("ldap", LdapDirectory(settings.ldap, site.domain))
    if place is BackEnd.SASLAUTHD and settings.saslauthd is not None:
        return Guarded("saslauthd", Saslauthd(settings.saslauthd, site.domain))
    raise ValueError(f"accounts are looked for in {place.value}, and nothing says where that is")
