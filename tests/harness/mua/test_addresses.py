"""Addresses as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.mua.addresses import Address, parse_address, parse_addresses, parse_reverse_path
from harness.strategies.addresses import mailboxes
from harness.wire.smtp.address import Mailbox, parse_mailbox


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("bob@example.test", "", b"bob@example.test"),
        ("<bob@example.test>", "", b"bob@example.test"),
        ("Bob Roe <bob@example.test>", "Bob Roe", b"bob@example.test"),
        ('"Roe, Bob" <bob@example.test>', "Roe, Bob", b"bob@example.test"),
        (r'"Bob \"B\" Roe" <bob@example.test>', 'Bob "B" Roe', b"bob@example.test"),
        ("王勤 <wqp@example.test>", "王勤", b"wqp@example.test"),
        ('"bob, roe"@example.test', "", b'"bob, roe"@example.test'),
        ("bob@[192.0.2.1]", "", b"bob@[192.0.2.1]"),
        ("bob@bücher.example", "", b"bob@xn--bcher-kva.example"),
        ("Bob <用户@例え.example>", "Bob", "用户@xn--r8jz45g.example".encode()),
    ],
)
def test_an_address_is_read(text: str, name: str, spec: bytes) -> None:
    assert parse_address(text) == Address(parse_mailbox(spec, smtputf8=True), name)


def test_lists_are_read_in_order() -> None:
    found = parse_addresses(['a@example.test, "B, b" <b@example.test>,', "c@example.test"])

    assert [address.mailbox.local_part for address in found] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    "text",
    [
        "bob",
        "bob@",
        "@example.test",
        "bob roe@example.test",
        "Bob <bob@example.test> x",
        "Bob <bob@example.test",
        "<>",
        "a@b@example.test",
        "bob@example.test\r\nRCPT TO:<eve@example.org>",
        "Bob\r\nBcc: eve@example.org <bob@example.test>",
        "bob@exa mple.test",
        "bob@\u2028.example",
        "\udcff@example.test",
        "",
        "a@example.test, b@example.test",
    ],
)
def test_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@given(octets=mailboxes)
def test_every_mailbox_is_read_as_on_the_wire(octets: bytes) -> None:
    assert parse_address(octets.decode()).mailbox == parse_mailbox(octets)


@given(text=st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_addresses([text])
    except UsageError:
        return
    assert all(address.name.isprintable() or not address.name.isascii() for address in found)


def test_the_null_reverse_path_is_nobody() -> None:
    assert parse_reverse_path("<>") is None
    assert parse_reverse_path("bob@example.test") == Mailbox(b"bob", b"example.test")
