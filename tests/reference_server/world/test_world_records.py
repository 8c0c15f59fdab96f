"""What a world's hosts and domains are in the DNS."""

from reference_server.world import ONE_SERVER, Domain, Host, Mx, Record, World
from reference_server.world.records import records_of


def values(world: World, type_: str) -> dict[str, list[str]]:
    """By name, the values of one type."""
    found: dict[str, list[str]] = {}
    for record in records_of(world):
        if record.type == type_:
            found.setdefault(record.name, []).append(record.value)
    return found


def world(*domains: Domain, hosts: tuple[Host, ...] = (), records: tuple[Record, ...] = ()) -> World:
    return World("test", hosts or (Host("mail.example.test", "127.0.2.1"),), domains, records=records)


def test_the_default_world_has_an_exchanger_with_an_address() -> None:
    assert values(ONE_SERVER, "MX") == {"example.test.": ["10 mail.example.test."]}
    assert values(ONE_SERVER, "A") == {"mail.example.test.": ["127.0.0.1"]}
    assert values(ONE_SERVER, "PTR") == {"1.0.0.127.in-addr.arpa.": ["mail.example.test."]}


def test_exchangers_keep_their_preferences() -> None:
    domain = Domain("example.test", mx=(Mx(10, "mail.example.test"), Mx(20, "backup.example.test")))

    found = values(world(domain), "MX")

    assert found == {"example.test.": ["10 mail.example.test.", "20 backup.example.test."]}


def test_a_null_mx_is_the_root_with_preference_0() -> None:
    null = world(Domain("example.test", null_mx=True))

    assert values(null, "MX") == {"example.test.": ["0 ."]}
    assert "example.test." not in values(null, "A")


def test_a_domain_without_exchanger_has_the_address_of_its_mailboxes() -> None:
    assert values(world(Domain("example.test", mailboxes="mail.example.test")), "A") == {
        "mail.example.test.": ["127.0.2.1"],
        "example.test.": ["127.0.2.1"],
    }


def test_a_domain_that_only_sends_has_no_records() -> None:
    assert {record.name for record in records_of(world(Domain("sends.test")))} == {
        "mail.example.test.",
        "1.2.0.127.in-addr.arpa.",
    }


def test_an_ipv6_host_has_aaaa_and_its_reverse() -> None:
    six = world(
        Domain("example.test", mailboxes="mail.example.test"), hosts=(Host("mail.example.test", "::1"),)
    )

    assert values(six, "AAAA") == {"mail.example.test.": ["::1"], "example.test.": ["::1"]}
    assert values(six, "A") == {}
    assert list(values(six, "PTR")) == [f"1.{'0.' * 31}ip6.arpa."]


def test_what_the_world_says_itself_stands_beside_what_follows() -> None:
    text = Record("example.test.", 60, "TXT", '"v=spf1 mx -all"')
    domain = Domain("example.test", mx=(Mx(10, "mail.example.test"),))

    found = records_of(world(domain, records=(text,)))

    assert text in found
    assert Record("example.test.", 300, "MX", "10 mail.example.test.") in found


def test_an_address_that_the_world_gives_comes_in_place_of_the_hosts() -> None:
    given = (
        Record("mail.example.test.", 60, "A", "127.0.2.9"),
        Record("mail.example.test.", 60, "A", "127.0.2.8"),
        Record("example.test.", 60, "CNAME", "mail.example.test."),
    )
    domain = Domain("example.test", mailboxes="mail.example.test")

    found = world(domain, records=given)

    assert values(found, "A") == {"mail.example.test.": ["127.0.2.9", "127.0.2.8"]}
    assert values(found, "CNAME") == {"example.test.": ["mail.example.test."]}


def test_no_record_comes_twice() -> None:
    twice = (Record("mail.example.test.", 300, "MX", "1 a.test."),) * 2

    found = records_of(world(records=twice))

    assert len(found) == len(set(found))
