"""The world as one host sees it."""

import pytest

from reference_server.world import Domain, Host, Mx, Site, World

LARGE = World(
    "large",
    hosts=(
        Host("mx1.large.test", "127.0.7.1"),
        Host("mx2.large.test", "127.0.7.2"),
        Host("backup.large.test", "127.0.7.3"),
        Host("inside.large.test", "127.0.7.4"),
        Host("six.large.test", "::1"),
    ),
    domains=(
        Domain(
            "large.test",
            mailboxes="inside.large.test",
            mx=(Mx(10, "mx1.large.test"), Mx(10, "mx2.large.test"), Mx(20, "backup.large.test")),
        ),
        Domain("six.test", mailboxes="six.large.test", mx=(Mx(0, "mx1.large.test"),)),
        Domain(
            "small.test",
            mailboxes="mx1.large.test",
            mx=(Mx(10, "mx1.large.test"), Mx(20, "mx2.large.test")),
        ),
    ),
)


@pytest.mark.parametrize(
    ("host", "domain", "hop"),
    [
        ("mx1.large.test", "large.test", "[127.0.7.4]"),
        ("mx2.large.test", "Large.Test", "[127.0.7.4]"),
        ("mx1.large.test", "six.test", "[IPv6:::1]"),
        ("backup.large.test", "large.test", "large.test"),
        ("mx2.large.test", "small.test", "small.test"),
        ("mx1.large.test", "elsewhere.test", "elsewhere.test"),
        ("inside.large.test", "small.test", "small.test"),
    ],
)
def test_the_best_exchangers_know_the_way_inside_and_all_others_ask_the_dns(
    host: str, domain: str, hop: str
) -> None:
    assert Site(LARGE, LARGE.host(host)).next_hop(domain) == hop
