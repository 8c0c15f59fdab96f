"""Mail that can go nowhere, or round and round, with a real server in the middle."""

import pytest

from reference_server.world.model import Record, Trouble, TroubleKind
from reference_server.world.records import records_of


@pytest.mark.parametrize(
    ("domain", "statuses"),
    [
        # RFC 7505 §4.1 wants 5.1.10 in the reply of a submission server. None of the three looks before it accepts.
        ("no-mail.test", {"postfix": "5.1.0", "exim": "5.0.0", "opensmtpd": "5.0.0"}),
        ("no-such-domain.test", {"postfix": "5.4.4", "exim": "5.0.0", "opensmtpd": "5.0.0"}),
    ],
)
def test_the_real_server_gives_up_at_once(
    world, neighbour, post, letter, read_report, domain: str, statuses: dict[str, str]
) -> None:
    message = letter("alice@example.test", f"anybody@{domain}")

    neighbour.send("alice@example.test", f"anybody@{domain}", message)

    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    (recipient,) = report.recipients
    assert report.action == "failed"
    assert recipient["Status"] == statuses[neighbour.name]


def test_we_give_up_at_once_where_the_real_servers_domain_says_that_it_takes_no_mail(
    world, neighbour, post, letter, read_report
) -> None:
    world.publish([Record("example.test.", 300, "MX", "0 .")])
    message = letter("wqp@example.org", "alice@example.test")

    world.send("wqp@example.org", "alice@example.test", message)

    report = read_report(post.arrived(world, "wqp@example.org", message))
    (recipient,) = report.recipients
    assert recipient["Status"] == "5.1.10"
    assert not world.sent("mail.example.test")


def test_the_real_server_waits_for_a_dns_in_trouble(world, neighbour, post, letter, eventually) -> None:
    """example.net, which has an address and no MX; no other test writes there, so nobody remembers its address."""
    records = records_of(world.server.world)
    world.publish(records, [Trouble("example.net", TroubleKind.SERVFAIL)])
    message = letter("alice@example.test", "ada@example.net")

    neighbour.send("alice@example.test", "ada@example.net", message)

    eventually(lambda: any("SERVFAIL" in event.text for event in world.events), "it has asked")
    eventually(neighbour.queue, "it waits")
    assert world.inbox("ada@example.net", message.token) == []
    world.publish(records)
    assert post.arrived(world, "ada@example.net", message).endswith(message.content)


@pytest.mark.parametrize("ours", ["mei@example.org", "round@example.org"])
def test_two_addresses_that_point_at_each_other_end_in_one_report(
    world, neighbour, post, letter, read_report, ours: str
) -> None:
    """A forward and an alias of ours lead to carol, and carol's forward leads back; our mark is known again."""
    message = letter("wqp@example.org", ours)

    with neighbour.forwarding("carol@example.test", ours):
        world.send("wqp@example.org", ours, message)
        report = read_report(post.arrived(world, "wqp@example.org", message))

    assert report.action == "failed"
    assert b"554 5.4.6 Mail for" in report.message.as_bytes()


def test_mail_that_has_passed_too_many_hosts_for_the_real_server_comes_back_once(
    world, neighbour, post, letter, read_report
) -> None:
    """RFC 5321 §6.3 wants a limit of 100 at least; Postfix has 50, Exim 30."""
    hops = [
        f"Received: from h{i}.example.net by h{i + 1}.example.net; Tue, 24 Nov 2026 11:00:00 +0000"
        for i in range(60)
    ]
    message = letter("wqp@example.org", "alice@example.test", fields=hops)

    world.send("wqp@example.org", "alice@example.test", message)

    if neighbour.name == "opensmtpd":
        assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)
        return
    # Postfix refuses it, so that the report is ours; Exim takes it and reports itself.
    report = read_report(post.arrived(world, "wqp@example.org", message))
    assert report.action == "failed"
    reporter = "mail.example.test" if neighbour.name == "exim" else "mail1.example.org"
    assert report.of_message["Reporting-MTA"] == f"dns; {reporter}"
