"""Fields, parameters, addresses, encodings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.mime import (
    Address,
    Parameterized,
    UnknownEncoding,
    decode_transfer,
    decode_words,
    parse_addresses,
    parse_fields,
    unfold,
)
from reference_server.mime.fields import parse_parameterized


def test_fields_keep_their_octets_and_unfold() -> None:
    header = b"Subject: one\r\n two\r\nX :y\r\nno field\r\nLast: z"
    fields = parse_fields(header)
    assert [(field.name, field.text) for field in fields] == [
        (b"Subject", b"one two"),
        (b"X", b"y"),
        (b"Last", b"z"),
    ]
    assert fields[0].raw == b"Subject: one\r\n two\r\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", Parameterized(b"text/plain")),
        (b"Text / Plain (really); Charset = utf-8", Parameterized(b"Text/Plain", ((b"Charset", b"utf-8"),))),
        (b'a/b; n="x \\" (y);z"; m=(c)1', Parameterized(b"a/b", ((b"n", b'x " (y);z'), (b"m", b"1")))),
        (b"a/b; name=b c; x=1", Parameterized(b"a/b", ((b"name", b"b"),))),
        (b"a/b;;", Parameterized(b"a/b")),
        (b"a/b; x", Parameterized(b"a/b")),
        (b"a/b; boundary==_1/2", Parameterized(b"a/b", ((b"boundary", b"=_1/2"),))),
        (b"text", None),
        (b"/plain", None),
        (b"", None),
    ],
)
def test_parameters(value: bytes, expected: Parameterized | None) -> None:
    assert parse_parameterized(value, slash=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b", [Address(None, None, b"a", b"b")]),
        (b"A B <a@b>", [Address(b"A B", None, b"a", b"b")]),
        (b'"A, \\"B\\"" <a@b>', [Address(b'A, "B"', None, b"a", b"b")]),
        (b"a@b (A B)", [Address(b"A B", None, b"a", b"b")]),
        (b'"a b"@c', [Address(None, None, b"a b", b"c")]),
        (
            b"<@r,@s:a@b>, <c@[192.0.2.1]>",
            [Address(None, b"@r,@s", b"a", b"b"), Address(None, None, b"c", b"[192.0.2.1]")],
        ),
        (
            b"g: a@b, c@d;, e@f",
            [
                Address(None, None, b"g", None),
                Address(None, None, b"a", b"b"),
                Address(None, None, b"c", b"d"),
                Address(None, None, None, None),
                Address(None, None, b"e", b"f"),
            ],
        ),
        (
            b"undisclosed-recipients:;",
            [Address(None, None, b"undisclosed-recipients", None), Address(None, None, None, None)],
        ),
        (b"just a phrase", [Address(None, None, b"justaphrase", b"")]),
        (b" , ,", []),
        (b"", []),
    ],
)
def test_addresses(value: bytes, expected: list[Address]) -> None:
    assert list(parse_addresses(value)) == expected


@given(st.text('ab@<>,;:()"\\[] .', max_size=30).map(str.encode))
def test_any_value_is_some_list_of_addresses_with_groups_closed(value: bytes) -> None:
    addresses = parse_addresses(value)
    opened = [a for a in addresses if a.host is None and a.mailbox is not None]
    closed = [a for a in addresses if a.host is None and a.mailbox is None]
    assert len(opened) == len(closed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"=?utf-8?q?a=C3=A9_b?=", "aé b"),
        (b"=?UTF-8?B?w6k=?= =?utf-8?b?w6k=?= x", "éé x"),
        (b"=?iso-8859-1?Q?=E9?=", "é"),
        (b"=?x-unknown?q?=E9?=", "é"),
        (b"=?punycode?q?caf-dma?=", "caf-dma"),
        (b"=?unicode-escape?q?=5Cu0041?=", "\\u0041"),
        ("roh é".encode(), "roh é"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_encoded_words(value: bytes, expected: str) -> None:
    assert decode_words(value) == expected


@pytest.mark.parametrize(
    ("octets", "encoding", "expected"),
    [
        (b"YW\r\nJj", b"base64", b"abc"),
        (b"YWJjZ", b"base64", b"abc"),
        (b"!YWI=", b"base64", b"ab"),
        (b"a=3D=\r\nb", b"quoted-printable", b"a=b"),
        (b"x=", b"8bit", b"x="),
    ],
)
def test_transfer_encodings(octets: bytes, encoding: bytes, expected: bytes) -> None:
    assert decode_transfer(octets, encoding) == expected


def test_an_unknown_encoding_is_said() -> None:
    with pytest.raises(UnknownEncoding):
        decode_transfer(b"x", b"x-uuencode")


@given(st.binary(max_size=60), st.sampled_from([b"base64", b"quoted-printable", b"7bit"]))
def test_decoding_never_fails_on_a_known_encoding(octets: bytes, encoding: bytes) -> None:
    assert isinstance(decode_transfer(octets, encoding), bytes)
    assert isinstance(decode_words(octets), str)
    assert b"\n" not in unfold(octets)
