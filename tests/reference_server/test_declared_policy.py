"""What a host says of itself in a target file: where aliases and forwards lead, what filters do."""

from dataclasses import replace

import pytest

from reference_server.declared import policy_of
from reference_server.world import Host, Site, World
from reference_server.world.filters import StageKind, StageSettings, Verdict
from reference_server.world.model import Domain, RelayPolicy, User

HOST = Host("mail.example.test", "127.0.0.1", relay=RelayPolicy.NONE)


def site(*users: User, **aliases: tuple[str, ...]) -> Site:
    domain = Domain("example.test", mailboxes=HOST.name, aliases=aliases, subaddress="-")
    return Site(World("one", (HOST,), (domain,), users), HOST)


ALICE = User("alice", "secret", "alice@example.test")


def test_aliases_and_forwards_are_told_apart_by_where_they_end() -> None:
    carol = User("carol", "secret", "carol@example.test", forward=("carol@example.net",))

    policy = policy_of(
        site(
            ALICE,
            carol,
            info=("postmaster@example.test",),
            postmaster=("alice@example.test",),
            away=("somebody@example.org",),
        )
    )

    assert policy.relay == "none"
    assert policy.subaddress == "-"
    assert policy.aliases == {
        "info@example.test": "alice@example.test",
        "postmaster@example.test": "alice@example.test",
    }
    assert policy.forwards == {
        "away@example.test": "somebody@example.org",
        "carol@example.test": "carol@example.net",
    }


def test_what_leads_to_several_or_to_nobody_is_left_out() -> None:
    copied = User("bob", "secret", "bob@example.test", forward=("bob@example.net",), keep_copy=True)

    policy = policy_of(
        site(ALICE, copied, all=("alice@example.test", "x@example.org"), gone=("nobody@example.test",))
    )

    assert policy.aliases == {}
    assert policy.forwards == {}


def test_a_host_without_domains_has_no_subaddresses() -> None:
    policy = policy_of(Site(World("one", (HOST,), ()), HOST))

    assert (policy.subaddress, policy.aliases, policy.forwards) == ("", {}, {})


@pytest.mark.parametrize(
    ("stages", "viruses", "spam"),
    [
        ([], None, None),
        ([(StageKind.BUILT_IN, Verdict.REJECT)], "refused", "delivered-tagged"),
        ([(StageKind.BUILT_IN, Verdict.QUARANTINE)], "quarantined", "delivered-tagged"),
        (
            [(StageKind.SPAMD, Verdict.REWRITE), (StageKind.CLAMD, Verdict.DISCARD)],
            "discarded",
            "delivered-tagged",
        ),
        ([(StageKind.SPAMD, Verdict.REJECT)], None, "refused"),
        ([(StageKind.MILTER, Verdict.REJECT), (StageKind.BATCH, Verdict.QUARANTINE)], None, None),
    ],
)
def test_filters_that_see_mail_before_the_reply_are_told(
    stages: list[tuple[StageKind, Verdict]], viruses: str | None, spam: str | None
) -> None:
    settings = tuple(
        StageSettings(kind, f"stage-{index}", (HOST.name,), verdict=verdict)
        for index, (kind, verdict) in enumerate(stages)
    )
    plain = site(ALICE)

    policy = policy_of(replace(plain, world=replace(plain.world, filters=settings)))

    assert (policy.viruses, policy.spam) == (viruses, spam)
