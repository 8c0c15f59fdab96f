"""What every session of a host shares."""

from dataclasses import dataclass
from typing import TypeVar

from reference_server.accounts import Accounts, accounts_of
from reference_server.clock import Clock
from reference_server.errand import Workers
from reference_server.faults import Faults
from reference_server.journal import Journal
from reference_server.link import Link
from reference_server.relay.queue import Queue
from reference_server.sasl.tokens import TokenIssuer
from reference_server.store import Store
from reference_server.tls import HostTls
from reference_server.world import Host, Site, World

__all__ = ["Context"]

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """One host's state and rules, as a server plays it; sessions of both threads hold it."""

    site: Site
    accounts: Accounts
    store: Store
    queue: Queue
    tls: HostTls
    faults: Faults
    clock: Clock
    journal: Journal
    link: Link
    account_workers: Workers
    filter_workers: Workers
    issuer: TokenIssuer

    @classmethod
    def make(
        cls,
        site: Site,
        store: Store,
        tls: HostTls,
        *,
        clock: Clock,
        faults: Faults | None = None,
        journal: Journal | None = None,
        account_workers: Workers | None = None,
        filter_workers: Workers | None = None,
        issuer: TokenIssuer | None = None,
    ) -> "Context":
        """A host with this store; its users' mailboxes are made."""
        for user in site.residents:
            store.create_user(user.name)
        return cls(
            site=site,
            accounts=accounts_of(site, store),
            store=store,
            queue=Queue(store, clock),
            tls=tls,
            faults=faults or Faults(),
            clock=clock,
            journal=journal or Journal(clock),
            link=Link(site.host, site.host.reach),
            account_workers=account_workers or Workers(),
            filter_workers=filter_workers or Workers(),
            issuer=issuer or TokenIssuer(site.world.sasl.tokens, clock),
        )

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def host(self) -> Host:
        return self.site.host

    @property
    def hostname(self) -> str:
        return self.site.host.name

    def variant(self, base: type[T]) -> type[T]:
        """The class to instantiate in place of `base`."""
        return self.faults.variant(base)
