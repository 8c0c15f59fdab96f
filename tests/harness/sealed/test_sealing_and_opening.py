"""What was signed or sealed here is opened here, and says who signed it."""

import pytest

from harness.errors import UsageError
from harness.sealed import Coverage, Note, Opened, Scheme, Standing, Wish, seal
from harness.sealed.mime import Entity

SCHEMES = list(Scheme)


def fields(octets: bytes) -> dict[str, bytes]:
    return dict(Entity.read(octets).fields)


def body(opened: Opened) -> bytes:
    return Entity.read(opened.content).body


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_message_is_its_senders(world, scheme: Scheme) -> None:
    opened = world.open(world.signed(scheme))

    assert opened.seal.standing is Standing.GOOD
    (signature,) = opened.seal.signatures
    assert (signature.scheme, signature.good, signature.trusted) == (scheme, True, True)
    assert signature.addresses == ("alice@example.test",)
    assert signature.coverage is Coverage.WHOLE
    assert body(opened) == b"We meet at noon.\r\n"
    assert opened.seal.decrypted is None
    assert opened.seal.notes == ()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sign", [True, False])
def test_an_encrypted_message_is_for_its_recipients_alone(world, scheme: Scheme, sign: bool) -> None:
    sealed = world.seal(Wish(scheme, sign=sign, encrypt=True))
    opened = world.open(sealed)

    assert b"noon" not in sealed
    assert b"the plan" not in sealed
    assert b"Subject: [...]\r\n" in sealed
    assert opened.seal.standing is (Standing.GOOD if sign else Standing.OPENED)
    assert opened.seal.decrypted is True
    assert body(opened) == b"We meet at noon.\r\n"
    assert fields(opened.content)["subject"] == b"Subject: the plan\r\n"

    closed = world.open(sealed, world.without_secrets())
    assert closed.seal.standing is Standing.CLOSED
    assert closed.seal.decrypted is False
    assert closed.content == sealed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_sender_can_read_it_again(world, scheme: Scheme) -> None:
    sealed = world.encrypted(scheme)
    only_alice = type(world.keys)(
        certificates=world.keys.certificates,
        private_keys=(world.alice.key,),
        openpgp=world.keys.openpgp,
        secrets=(world.alice_pgp,),
    )

    assert world.open(sealed, only_alice).seal.standing is Standing.OPENED


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_has_no_certificate_is_sent_nothing(world, scheme: Scheme) -> None:
    with pytest.raises(UsageError, match=r"certificate of carol@example\.test, so nothing is sent"):
        seal(
            b"From: alice@example.test\r\n\r\nx\r\n", Wish(scheme, sign=False, encrypt=True), world.keys,
            sender="alice@example.test", recipients=["bob@example.test", "carol@example.test"], at=world.at,
        )  # fmt: skip
    with pytest.raises(UsageError, match=r"key of carol@example\.test to sign with"):
        world.seal(Wish(scheme, sign=True, encrypt=False), sender="carol@example.test")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("text", [b"caf\xc3\xa9\r\n", b"x" * 999 + b"\r\n", b"a\nb\r\n", b"a\0\r\n"])
def test_what_relays_would_change_is_not_signed(world, scheme: Scheme, text: bytes) -> None:
    message = b"From: alice@example.test\r\nContent-Type: text/plain\r\n\r\n" + text

    with pytest.raises(UsageError, match="encode it"):
        world.signed(scheme, message)


def test_blanks_at_line_ends_are_not_signed_by_openpgp(world) -> None:
    message = b"From: alice@example.test\r\nContent-Type: text/plain\r\n\r\nx \r\n"

    with pytest.raises(UsageError, match="blanks"):
        world.signed(Scheme.OPENPGP, message)
    assert world.open(world.signed(Scheme.SMIME, message)).seal.standing is Standing.GOOD


def test_an_address_beyond_ascii_keeps_the_fields_outside(world) -> None:
    message = "From: alice@example.test\r\nTo: 用户@example.test\r\nSubject: s\r\n\r\nx\r\n".encode()
    opened = world.open(world.signed(Scheme.SMIME, message))

    assert opened.seal.standing is Standing.GOOD
    assert opened.seal.notes == (Note.FIELDS_OPEN,)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_that_end_in_lf_alone_are_read_as_a_file_has_them(world, scheme: Scheme) -> None:
    assert world.open(world.signed(scheme).replace(b"\r\n", b"\n")).seal.standing is Standing.GOOD


@pytest.mark.parametrize("content", [b"", b"x", b"\r\n", b"From: a\r\n\r\nhello\r\n", b"\xff\0" * 50])
def test_what_has_no_seal_is_left_as_it_is(world, content: bytes) -> None:
    opened = world.open(content)

    assert (opened.content, opened.seal.standing, opened.seal.notes) == (content, Standing.NONE, ())


@pytest.mark.parametrize("outer", SCHEMES)
@pytest.mark.parametrize("inner", SCHEMES)
def test_a_seal_within_a_seal_is_opened(world, outer: Scheme, inner: Scheme) -> None:
    twice = world.encrypted(outer, world.signed(inner))

    opened = world.open(twice)

    assert opened.seal.standing is Standing.GOOD
    assert body(opened) == b"We meet at noon.\r\n"
