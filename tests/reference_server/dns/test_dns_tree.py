"""The tree of names, against dnspython's zones, and what it refuses to hold."""

import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.dns import Tree, read_record
from reference_server.world.model import Record

APEX = "example.test."
TYPES = ("A", "AAAA", "MX", "TXT", "PTR")

labels = st.sampled_from(["a", "b", "c", "B"])
names = st.lists(labels, max_size=3).map(lambda found: ".".join([*found, APEX]))
values = {
    "A": st.integers(0, 255).map("192.0.2.{}".format),
    "AAAA": st.integers(0, 255).map("2001:db8::{:x}".format),
    "MX": st.tuples(st.integers(0, 65535), names).map(lambda mx: "{} {}".format(*mx)),
    "TXT": st.text("abc ", max_size=5).map('"{}"'.format),
    "PTR": names,
}


@st.composite
def plain_records(draw: st.DrawFn) -> Record:
    type_ = draw(st.sampled_from(TYPES))
    return Record(draw(names), draw(st.integers(0, 1000)), type_, draw(values[type_]))


@given(records=st.lists(plain_records(), max_size=12), name=names, type_=st.sampled_from(TYPES))
def test_it_finds_what_a_zone_of_dnspython_finds(records, name, type_) -> None:
    text = "\n".join(f"{r.name} {r.ttl_s} IN {r.type} {r.value}" for r in records)
    zone = dns.zone.from_text(text, APEX, check_origin=False, relativize=False)
    asked, rdtype = dns.name.from_text(name), dns.rdatatype.from_text(type_)

    found = Tree(records).look_up(asked, rdtype)

    expected = zone.get_rdataset(asked, rdtype)
    assert [(r.name, set(r), r.ttl) for r in found.answer] == (
        [(asked, set(expected), expected.ttl)] if expected else []
    )
    there = any(node.is_subdomain(asked) for node in zone)
    assert found.rcode == (dns.rcode.NOERROR if there else dns.rcode.NXDOMAIN)
    assert bool(found.authority) != bool(found.answer)


@given(links=st.dictionaries(st.integers(0, 9), st.integers(0, 9)), start=st.integers(0, 9))
def test_aliases_lead_where_following_them_by_hand_leads(links, start) -> None:
    ends = {n for n in range(10) if n not in links}
    tree = Tree(
        [Record(f"n{n}.test.", 60, "CNAME", f"n{links[n]}.test.") for n in links]
        + [Record(f"n{n}.test.", 60, "A", f"192.0.2.{n}") for n in ends]
    )
    seen, at = [], start
    while at in links and at not in seen:
        seen.append(at)
        at = links[at]

    found = tree.look_up(dns.name.from_text(f"n{start}.test."), dns.rdatatype.A)

    addresses = [
        value.to_text() for rrset in found.answer if rrset.rdtype == dns.rdatatype.A for value in rrset
    ]
    assert addresses == ([f"192.0.2.{at}"] if at in ends else [])
    assert found.rcode == dns.rcode.NOERROR


@given(st.lists(plain_records(), min_size=1, max_size=8))
def test_the_order_of_records_changes_nothing(records) -> None:
    for record in records:
        asked = (dns.name.from_text(record.name), dns.rdatatype.from_text(record.type))
        one, other = Tree(records).look_up(*asked), Tree(reversed(records)).look_up(*asked)
        assert [(set(r), r.ttl) for r in one.answer] == [(set(r), r.ttl) for r in other.answer]


@given(
    first=st.lists(plain_records(), max_size=8),
    more=st.lists(plain_records(), max_size=4),
    name=names,
    type_=st.sampled_from(TYPES),
)
def test_a_tree_that_grew_is_as_one_that_was_whole_from_the_start(first, more, name, type_) -> None:
    asked = (dns.name.from_text(name), dns.rdatatype.from_text(type_))
    tree = Tree(first)
    before = [(set(r), r.ttl) for r in tree.look_up(*asked).answer]

    grown, whole = tree.with_more(more).look_up(*asked), Tree([*first, *more]).look_up(*asked)

    assert [(set(r), r.ttl) for r in grown.answer] == [(set(r), r.ttl) for r in whole.answer]
    assert grown.rcode == whole.rcode
    assert [(set(r), r.ttl) for r in tree.look_up(*asked).answer] == before


@pytest.mark.parametrize(
    "record",
    [
        Record("example.test.", 60, "A", "300.0.0.1"),
        Record("example.test.", 60, "A", "2001:db8::1"),
        Record("example.test.", 60, "MX", "mx.example.test."),
        Record("example.test.", 60, "MX", "70000 mx.example.test."),
        Record("example..test.", 60, "A", "192.0.2.1"),
        Record("x" * 64 + ".test.", 60, "A", "192.0.2.1"),
        Record("example.test.", 60, "NONSENSE", "1"),
        Record("example.test.", 60, "ANY", "1"),
        Record("example.test.", -1, "A", "192.0.2.1"),
        Record("example.test.", 2**31, "A", "192.0.2.1"),
        Record("example.test.", 60, "TLSA", "3 1 1 zz"),
    ],
)
def test_a_record_that_cannot_be_is_refused_by_name(record) -> None:
    with pytest.raises(ValueError, match=r"DNS record \S+ " + record.type):
        read_record(record)


@pytest.mark.parametrize("beside", [("TXT", '"x"'), ("CNAME", "c.example.test.")])
@pytest.mark.parametrize("turn", [1, -1])
def test_an_alias_stands_alone(beside, turn) -> None:
    records = [
        Record("a.example.test.", 60, "CNAME", "b.example.test."),
        Record("a.example.test.", 60, *beside),
    ]

    with pytest.raises(ValueError, match=r"a\.example\.test\.: an alias stands alone"):
        Tree(records[::turn])


def test_a_zone_has_one_soa() -> None:
    soas = [Record("example.test.", 60, "SOA", f"a.test. b.test. {n} 1 1 1 1") for n in (1, 2)]

    with pytest.raises(ValueError, match="one SOA"):
        Tree(soas)


def test_names_are_absolute_with_and_without_the_dot_and_in_unicode() -> None:
    dotless = Tree([Record("bücher.test", 60, "MX", "10 mx.example.test")])

    (found,) = dotless.look_up(dns.name.from_text("xn--bcher-kva.test."), dns.rdatatype.MX).answer

    assert found[0].exchange == dns.name.from_text("mx.example.test.")
