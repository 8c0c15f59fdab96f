"""What a host's operator would write into its target file."""

from collections.abc import Mapping
from typing import Final

from harness.target import Fate, Policy
from reference_server.filters.chain import stages_before_the_reply
from reference_server.mda.addresses import Addresses, Away, Local
from reference_server.world import Site
from reference_server.world.filters import StageKind, StageSettings, Verdict, Way

__all__ = ["policy_of"]


_FATES: Final[Mapping[Verdict, Fate]] = {
    Verdict.REJECT: "refused",
    Verdict.QUARANTINE: "quarantined",
    Verdict.DISCARD: "discarded",
    Verdict.TAG: "delivered-tagged",
    Verdict.REWRITE: "delivered-tagged",
}


def policy_of(site: Site) -> Policy:
    """For whom the host relays, where its aliases and forwards lead, what its filters do.

    Aliases that lead to several are left out, and filters that are not ours to know: milters, rules, queues.
    """
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
        viruses=_fate_of_viruses(site),
        spam=_fate_of_spam(site),
    )


def _fate_of_viruses(site: Site) -> Fate | None:
    """What the first stage that looks for viruses does."""
    found = [stage.verdict for stage in _stages(site) if stage.kind in (StageKind.BUILT_IN, StageKind.CLAMD)]
    return _FATES.get(found[0]) if found else None


def _fate_of_spam(site: Site) -> Fate | None:
    """What the first stage that looks for spam does; the built-in one tags it."""
    found = [
        Verdict.TAG if stage.kind is StageKind.BUILT_IN else stage.verdict
        for stage in _stages(site)
        if stage.kind in (StageKind.BUILT_IN, StageKind.SPAMD)
    ]
    return _FATES.get(found[0]) if found else None


def _stages(site: Site) -> list[StageSettings]:
    """Those that see all mail from outside before it is answered."""
    return stages_before_the_reply(site, Way.SMTP)
