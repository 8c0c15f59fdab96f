"""Modified UTF-7 has one form per name, and no other is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.imap_utf7 import decode as second_decode
from imapclient.imap_utf7 import encode as second_encode

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.wire.imap.mutf7 import decode_mailbox_name, encode_mailbox_name

names = st.text(st.characters(exclude_categories=["Cs"]))


@given(names)
def test_what_is_encoded_decodes_to_itself(name: str) -> None:
    octets = encode_mailbox_name(name)
    assert decode_mailbox_name(octets) == name
    assert all(0x20 <= octet <= 0x7E for octet in octets)


@given(names)
def test_a_second_implementation_agrees(name: str) -> None:
    assert second_encode(name) == encode_mailbox_name(name)
    assert second_decode(encode_mailbox_name(name)) == name


@given(st.binary() | st.text("&-,+abZ09é").map(str.encode))
def test_octets_decode_to_a_name_that_encodes_to_them_or_are_refused(octets: bytes) -> None:
    try:
        name = decode_mailbox_name(octets)
    except RemoteProtocolError:
        return
    assert encode_mailbox_name(name) == octets


# RFC 3501 §5.1.3
@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"&Jjo-!", "☺!"),
        (b"&U,BTF2XlZyyKng-", "台北日本語"),
        (b"A&-B", "A&B"),
        (b"", ""),
    ],
)
def test_the_rfcs_own_names(octets: bytes, name: str) -> None:
    assert decode_mailbox_name(octets) == name
    assert encode_mailbox_name(name) == octets


@pytest.mark.parametrize(
    "octets",
    [
        b"&Jjo!",  # no shift back
        b"&U,BTFw-&ZeVnLIqe-",  # a superfluous shift
        b"&AGE-",  # "a" represents itself
        b"&AOk",  # ends shifted
        b"&AO-",  # half a character
        b"&2D0-",  # a lone surrogate
        b"&AOk/-",  # a solidus is no modified base64
        b"&AOl-",  # bits left over are not zero
        b"\xc3\xa9",
        b"a\x00b",
    ],
)
def test_any_other_form_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not modified UTF-7 at octet"):
        decode_mailbox_name(octets)


def test_a_lone_surrogate_has_no_form() -> None:
    with pytest.raises(LocalProtocolError):
        encode_mailbox_name("\ud800")
