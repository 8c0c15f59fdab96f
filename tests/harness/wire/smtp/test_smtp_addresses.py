import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.strategies.addresses import (
    BROKEN,
    address_literals,
    bad_paths_by,
    domains,
    general_literals,
    longest_local_parts,
    mailboxes,
    paths,
    paths_with_routes,
    utf8_mailboxes,
)
from harness.wire.smtp.address import (
    AddressError,
    Mailbox,
    Path,
    parse_domain,
    parse_mailbox,
    parse_path,
)


def whole_path(octets: bytes, *, smtputf8: bool = False) -> Path:
    path, end = parse_path(octets, smtputf8=smtputf8)
    if end != len(octets):
        raise AddressError(end, "RFC 5321 §4.1.2", "something follows the path")
    return path


def path_or_error(octets: bytes, *, smtputf8: bool) -> Path | AddressError:
    try:
        return whole_path(octets, smtputf8=smtputf8)
    except AddressError as error:
        return error


@given(paths | paths_with_routes)
def test_every_path_of_the_grammar_is_read_and_means_the_same_when_written(octets: bytes) -> None:
    path = whole_path(octets)
    assert path.mailbox is not None
    assert whole_path(path.encode()) == path
    assert len(path.encode()) <= len(octets)


@given(mailboxes)
def test_encoding_is_minimal_and_stable(octets: bytes) -> None:
    encoded = parse_mailbox(octets).encode()
    assert parse_mailbox(encoded).encode() == encoded


@pytest.mark.parametrize("broken", BROKEN)
@settings(max_examples=10)
@given(st.data())
def test_every_broken_path_is_refused_with_position_and_rule(broken: str, data: st.DataObject) -> None:
    octets = data.draw(bad_paths_by(broken)).octets
    with pytest.raises(AddressError) as caught:
        whole_path(octets)
    assert 0 <= caught.value.position <= len(octets)
    assert caught.value.rule.startswith("RFC 5321 §")


@given(utf8_mailboxes)
def test_utf8_is_read_only_where_it_was_asked_for(octets: bytes) -> None:
    mailbox = parse_mailbox(octets, smtputf8=True)
    assert mailbox.needs_smtputf8
    assert mailbox.encode() == octets
    with pytest.raises(AddressError):
        parse_mailbox(octets)


@given(st.binary(max_size=40), st.booleans())
def test_no_octets_raise_anything_else(octets: bytes, smtputf8: bool) -> None:
    result = path_or_error(b"<" + octets + b">", smtputf8=smtputf8)
    if isinstance(result, AddressError):
        assert 0 <= result.position <= len(octets) + 2
    else:
        assert whole_path(result.encode(), smtputf8=smtputf8) == result


@given(longest_local_parts)
def test_a_local_part_of_64_octets_is_read(local_part: bytes) -> None:
    assert parse_mailbox(local_part + b"@example.test").local_part == local_part


@given(domains | address_literals | general_literals)
def test_domains_and_literals_are_what_ehlo_takes(domain: bytes) -> None:
    assert parse_domain(domain) == domain


@pytest.mark.parametrize(
    "spelling",
    [b"smith", b'"smith"', b'"\\s\\m\\i\\t\\h"', b'"s\\mith"'],
    ids=["atom", "quoted", "pairs", "mixed"],
)
def test_spellings_of_one_mailbox_are_equal(spelling: bytes) -> None:
    assert parse_mailbox(spelling + b"@example.test") == Mailbox(b"smith", b"example.test")


@pytest.mark.parametrize(
    ("local_part", "encoded"),
    [
        (b"a.b", b"a.b"),
        (b"", b'""'),
        (b".a", b'".a"'),
        (b"a..b", b'"a..b"'),
        (b"a b", b'"a b"'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
        (b"a@b", b'"a@b"'),
    ],
)
def test_only_what_must_be_quoted_is(local_part: bytes, encoded: bytes) -> None:
    octets = encoded + b"@example.test"
    assert Mailbox(local_part, b"example.test").encode() == octets
    assert parse_mailbox(octets).local_part == local_part


def test_a_local_part_that_no_spelling_carries_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Mailbox(b"a\r\nb", b"example.test").encode()


def test_domains_compare_without_case_and_local_parts_with_it() -> None:
    upper, lower = Mailbox(b"Smith", b"EXAMPLE.Test"), Mailbox(b"Smith", b"example.test")
    assert upper.canonical == lower.canonical
    assert Mailbox(b"smith", b"example.test").canonical != lower.canonical


@pytest.mark.parametrize(
    "literal",
    [
        b"[192.0.2.1]",
        b"[192.000.002.001]",
        b"[IPv6:2001:db8::1]",
        b"[ipv6:2001:DB8::1]",
        b"[IPv6:::1]",
        b"[IPv6:::]",
        b"[IPv6:2001:db8::]",
        b"[IPv6:2001:db8:0:0:0:0:0:1]",
        b"[IPv6:2001:db8:0:0:0:0:192.0.2.1]",
        b"[IPv6:::ffff:192.0.2.1]",
        b"[x-tag:anything!]",
    ],
)
def test_address_literals(literal: bytes) -> None:
    assert parse_domain(literal) == literal


@pytest.mark.parametrize(
    "literal",
    [
        b"[192.0.2.1.]",
        b"[192.0.2.1.5]",
        b"[192.0.2.0001]",
        b"[192.0.2.-1]",
        b"[IPv6:2001:db8::192.0.2.1:1]",
        b"[IPv6:192.0.2.1::]",
        b"[IPv6:1:2:3:4:5:6:7::]",
        b"[IPv6:12345::1]",
        b"[IPv6:fe80::1%eth0]",
        b"[IPv6::1]",
        b"[-:x]",
        b"[x-:y]",
        b"[x:]",
        b"[x:a b]",
    ],
)
def test_what_is_no_address_literal(literal: bytes) -> None:
    with pytest.raises(AddressError) as caught:
        parse_domain(literal)
    assert (caught.value.position, caught.value.rule) == (0, "RFC 5321 §4.1.3")


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        (b"<a..b@example.test>", 3),
        (b"<a@-example.test>", 3),
        (b"<a@example.test", 15),
        (b"a@example.test", 0),
    ],
)
def test_an_error_says_where(octets: bytes, position: int) -> None:
    with pytest.raises(AddressError, match=f"at octet {position} "):
        parse_path(octets)


@pytest.mark.parametrize(
    ("octets", "rule"),
    [
        (b"<" + b"x" * 257 + b"@example.test>", "RFC 5321 §4.5.3.1.1"),
        (b"<a@" + b"x" * 63 + b"." + b"example." * 30 + b"test>", "RFC 5321 §4.5.3.1.2"),
        (b"<a@" + b"x" * 64 + b".example.test>", "RFC 5321 §2.3.5"),
    ],
)
def test_lengths_are_bounded(octets: bytes, rule: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_path(octets)
    assert caught.value.rule == rule


def test_the_null_path_and_postmaster() -> None:
    assert whole_path(b"<>") == Path(None)
    assert whole_path(b"<>").encode() == b"<>"
    assert whole_path(b"<PostMaster>").encode() == b"<PostMaster>"


def test_a_source_route_is_read_and_set_aside() -> None:
    path = whole_path(b"<@one.example.test,@two.example.test:a@example.test>")
    assert path == Path(Mailbox(b"a", b"example.test"), (b"one.example.test", b"two.example.test"))
