"""What the DNS answers, without sockets."""

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.dns import Authority, describe
from reference_server.world.model import Record

BIG = tuple(Record("big.example.test.", 300, "TXT", f'"{n:03} {"x" * 200}"') for n in range(40))


def values(message: dns.message.Message) -> list[str]:
    return [f"{rrset.name} {value.to_text()}" for rrset in message.answer for value in rrset]


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("example.test.", "MX", ["example.test. 10 mx1.example.test.", "example.test. 20 mx2.example.test."]),
        ("mx1.example.test.", "A", ["mx1.example.test. 127.0.2.1"]),
        ("mx1.example.test.", "AAAA", ["mx1.example.test. 2001:db8::1"]),
        ("example.test.", "TXT", ['example.test. "v=spf1 mx -all"']),
        ("_25._tcp.mx1.example.test.", "TLSA", ["_25._tcp.mx1.example.test. 3 1 1 " + "ab" * 32]),
        ("1.2.0.127.in-addr.arpa.", "PTR", ["1.2.0.127.in-addr.arpa. mx1.example.test."]),
        ("null.example.org.", "MX", ["null.example.org. 0 ."]),
        ("mx2.example.test.", "A", ["mx2.example.test. mx2.example.org.", "mx2.example.org. 127.0.2.2"]),
        ("mx2.example.test.", "CNAME", ["mx2.example.test. mx2.example.org."]),
        ("any.wild.example.org.", "MX", ["any.wild.example.org. 5 mx1.example.test."]),
        ("deep.any.wild.example.org.", "MX", ["deep.any.wild.example.org. 5 mx1.example.test."]),
    ],
)
def test_records_are_found(ask, name, type_, expected) -> None:
    response = ask(name, type_)

    assert sorted(values(response)) == sorted(expected)
    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.AA
    assert not response.flags & dns.flags.TC


@pytest.mark.parametrize(
    ("name", "type_", "rcode", "zone"),
    [
        ("nowhere.example.test.", "A", dns.rcode.NXDOMAIN, "example.test."),
        ("nowhere.example.org.", "A", dns.rcode.NXDOMAIN, "."),
        ("dangling.example.org.", "A", dns.rcode.NXDOMAIN, "example.test."),
        ("mx2.example.test.", "AAAA", dns.rcode.NOERROR, "."),
        ("mx1.example.test.", "MX", dns.rcode.NOERROR, "example.test."),
        (
            "_tcp.mx1.example.test.",
            "TLSA",
            dns.rcode.NOERROR,
            "example.test.",
        ),  # only names below it have records
        ("here.wild.example.org.", "MX", dns.rcode.NOERROR, "."),  # a wildcard does not cover what is there
        ("wild.example.org.", "MX", dns.rcode.NOERROR, "."),
    ],
)
def test_what_is_not_there_is_told_with_the_zone(ask, name, type_, rcode, zone) -> None:
    response = ask(name, type_)

    assert response.rcode() == rcode
    assert not [rrset for rrset in response.answer if rrset.rdtype != dns.rdatatype.CNAME]
    (soa,) = response.authority
    assert (soa.name.to_text(), soa.rdtype) == (zone, dns.rdatatype.SOA)
    assert soa.ttl == soa[0].minimum  # how long "no" may be remembered


def test_aliases_in_a_circle_end(ask) -> None:
    response = ask("loop1.example.org.", "A")

    assert response.rcode() == dns.rcode.NOERROR
    assert {rrset.rdtype for rrset in response.answer} == {dns.rdatatype.CNAME}


def test_any_gives_everything_that_a_name_has(ask) -> None:
    found = {rrset.rdtype for rrset in ask("example.test.", "ANY", over_tcp=True).answer}

    assert found == {dns.rdatatype.SOA, dns.rdatatype.MX, dns.rdatatype.TXT}


@given(letters=st.lists(st.booleans(), min_size=16, max_size=16))
def test_the_question_keeps_its_case_and_case_changes_nothing(letters) -> None:
    mixed = "".join(c.upper() if up else c for c, up in zip("mx1.example.test", letters, strict=True)) + "."
    authority = Authority([Record("MX1.example.TEST.", 300, "A", "127.0.2.1")])

    answer = authority.answer(dns.message.make_query(mixed, "A").to_wire())

    assert answer is not None
    response = dns.message.from_wire(answer.octets)
    assert response.question[0].name.to_text() == mixed
    assert values(response) == [f"{mixed} 127.0.2.1"]


@pytest.mark.parametrize(
    ("options", "limit"),
    [({}, 512), ({"use_edns": 0, "payload": 700}, 700), ({"use_edns": 0, "payload": 100}, 512)],
)
def test_a_long_answer_is_cut_on_udp_and_whole_on_tcp(authority, ask, options, limit) -> None:
    authority.replace_records(BIG)

    cut = ask("big.example.test.", "TXT", **options)
    whole = ask("big.example.test.", "TXT", over_tcp=True, **options)

    assert cut.flags & dns.flags.TC
    assert len(cut.wire) <= limit
    assert not whole.flags & dns.flags.TC
    assert len(values(whole)) == len(BIG)


@given(records=st.integers(1, 40), payload=st.integers(0, 65535), edns=st.booleans(), over_tcp=st.booleans())
def test_no_answer_is_longer_than_the_client_takes(records, payload, edns, over_tcp) -> None:
    authority = Authority(BIG[:records])
    options = {"use_edns": 0, "payload": payload} if edns else {}
    query = dns.message.make_query("big.example.test.", "TXT", **options)

    answer = authority.answer(query.to_wire(), over_tcp=over_tcp)

    assert answer is not None
    response = dns.message.from_wire(answer.octets)
    limit = 65535 if over_tcp else max(512, payload) if edns else 512
    assert len(answer.octets) <= limit
    assert bool(response.flags & dns.flags.TC) == (len(values(response)) < records)
    assert (response.edns >= 0) == edns


@pytest.mark.parametrize(
    ("change", "rcode"),
    [
        (lambda q: q.set_opcode(dns.opcode.NOTIFY), dns.rcode.NOTIMP),
        (lambda q: q.set_opcode(dns.opcode.STATUS), dns.rcode.NOTIMP),
        (lambda q: q.question.clear(), dns.rcode.FORMERR),
        (lambda q: q.question.append(dns.message.make_query("b.test.", "A").question[0]), dns.rcode.FORMERR),
        (lambda q: q.use_edns(1), dns.rcode.BADVERS),
    ],
)
def test_what_is_not_served_is_refused_by_its_code(authority, change, rcode) -> None:
    query = dns.message.make_query("example.test.", "MX")
    change(query)

    answer = authority.answer(query.to_wire())

    assert answer is not None
    response = dns.message.from_wire(answer.octets)
    assert (response.id, response.rcode(), response.answer) == (query.id, rcode, [])


@pytest.mark.parametrize(("class_", "type_"), [("CH", "TXT"), ("IN", "AXFR"), ("IN", "IXFR"), ("IN", "TKEY")])
def test_other_classes_and_transfers_are_refused(authority, class_, type_) -> None:
    query = dns.message.make_query("example.test.", type_, class_)

    answer = authority.answer(query.to_wire(), over_tcp=True)

    assert answer is not None
    assert dns.message.from_wire(answer.octets).rcode() == dns.rcode.REFUSED


def test_an_answer_is_never_answered(authority) -> None:
    answer = authority.answer(dns.message.make_query("example.test.", "MX").to_wire())

    assert answer is not None
    assert authority.answer(answer.octets) is None


@given(st.binary(max_size=11))
def test_less_than_a_header_is_not_answered(octets) -> None:
    assert Authority().answer(octets) is None


QUERY = dns.message.make_query("example.test.", "MX", use_edns=0, payload=1232).to_wire()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    octets = bytearray(QUERY)
    for position in draw(st.lists(st.integers(0, len(QUERY) - 1), max_size=4)):
        octets[position] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))]) + draw(st.binary(max_size=8))


@given(octets=st.one_of(damaged(), st.binary(max_size=100)), over_tcp=st.booleans())
def test_garbage_gets_an_answer_that_can_be_read_or_none(octets, over_tcp) -> None:
    answer = Authority().answer(octets, over_tcp=over_tcp)

    if answer is not None:
        response = dns.message.from_wire(answer.octets)
        assert response.flags & dns.flags.QR
        assert answer.octets[:2] == octets[:2]
    assert describe(octets).isprintable()


def test_records_are_replaced_while_it_answers(authority, ask) -> None:
    assert values(ask("mx1.example.test.", "A")) == ["mx1.example.test. 127.0.2.1"]

    authority.replace_records([Record("mx1.example.test.", 1, "A", "127.0.2.9")])

    assert values(ask("mx1.example.test.", "A")) == ["mx1.example.test. 127.0.2.9"]
    with pytest.raises(ValueError, match="no address"):
        authority.replace_records([Record("mx1.example.test.", 1, "A", "no address")])
    assert values(ask("mx1.example.test.", "A")) == ["mx1.example.test. 127.0.2.9"]


@pytest.mark.parametrize(
    ("name", "type_", "line"),
    [
        ("example.test.", "MX", "MX example.test.: 10 mx1.example.test., 20 mx2.example.test."),
        ("mx2.example.test.", "A", "A mx2.example.test.: CNAME mx2.example.org., 127.0.2.2"),
        ("mx2.example.test.", "AAAA", "AAAA mx2.example.test.: CNAME mx2.example.org., no data"),
        ("dangling.example.org.", "A", "A dangling.example.org.: NXDOMAIN, CNAME nowhere.example.test."),
        ("null.example.org.", "MX", "MX null.example.org.: 0 ."),
    ],
)
def test_an_answer_in_one_line(ask, name, type_, line) -> None:
    assert describe(ask(name, type_).wire) == line


def test_a_long_answer_in_one_short_line(authority, ask) -> None:
    authority.replace_records([Record("big.example.test.", 60, "A", f"192.0.2.{n}") for n in range(200)])

    assert describe(ask("big.example.test.", "A", over_tcp=True).wire).endswith("192.0.2.7, 192 more")
    assert describe(ask("big.example.test.", "A").wire) == "A big.example.test.: truncated"
    authority.replace_records(BIG)
    assert len(describe(ask("big.example.test.", "TXT", over_tcp=True).wire)) <= 400
