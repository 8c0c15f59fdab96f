"""Files of keys are read for what is in them; a world's keys are made once."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from pysequoia import Tsk

from harness.errors import RunFailed, UsageError
from harness.sealed import Keys, Scheme, Standing, Wish, load_keys, open_message, seal
from harness.sealed.certificates import addresses_of, vouched_for
from harness.sealed.make_keys import AUTHORITY_KEY, issue, make_keys

ALICE = "alice@example.test"
MESSAGE = b"From: alice@example.test\r\nContent-Type: text/plain\r\n\r\nx\r\n"


def signs(world, keys: Keys, scheme: Scheme = Scheme.SMIME) -> bool:
    """Whether Alice can sign with these keys, and the world takes it for hers."""
    wish = Wish(scheme, sign=True, encrypt=False)
    message = seal(MESSAGE, wish, keys, sender=ALICE, recipients=[], at=world.at)
    return world.open(message).seal.standing is Standing.GOOD


def test_a_key_and_its_certificate_may_be_in_two_files(world, tmp_path: Path) -> None:
    key, certificate = tmp_path / "a.key", tmp_path / "a.crt"
    key.write_bytes(world.alice.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(world.alice.certificate.public_bytes(Encoding.PEM))

    assert signs(world, load_keys([key, certificate]))
    assert signs(world, load_keys([tmp_path]))


def test_locked_keys_open_with_their_passphrase(world, tmp_path: Path) -> None:
    lock = BestAvailableEncryption(b"open sesame")
    pem, p12 = tmp_path / "a.pem", tmp_path / "a.p12"
    pem.write_bytes(
        world.alice.certificate.public_bytes(Encoding.PEM)
        + world.alice.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    )
    p12.write_bytes(
        pkcs12.serialize_key_and_certificates(b"a", world.alice.key, world.alice.certificate, None, lock)
    )

    for path in (pem, p12):
        assert signs(world, load_keys([path], "open sesame"))
        for wrong in ("sesame", None):
            with pytest.raises(UsageError, match="MAILPROOF_KEY_PASSPHRASE"):
                load_keys([path], wrong)


def test_a_keyring_of_openpgp_keys_is_read_armored_or_not(world, tmp_path: Path) -> None:
    (tmp_path / "ring.pgp").write_bytes(bytes(world.alice_pgp) + bytes(world.bob_pgp.extract_certificate()))
    (tmp_path / "carol.asc").write_text(str(Tsk.generate("<carol@example.test>")))

    keys = load_keys([tmp_path])

    assert signs(world, keys, Scheme.OPENPGP)
    assert len(keys.secrets) == 2
    assert all(keys.openpgp_of(f"{name}@example.test", world.at) for name in ("alice", "bob", "carol"))


def test_in_a_directory_only_one_file_names_authorities(world, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(world.authority.certificate.public_bytes(Encoding.PEM))

    assert load_keys([tmp_path]).authorities == ()
    assert load_keys([tmp_path / "other.pem"]).authorities == (world.authority.certificate,)


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("a.pem", b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"),
        ("a.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("a.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"),
        ("a.asc", b""), ("a.p12", b"\x30\x03abc"), ("a.gpg", b"\xff" * 100),
    ],
)  # fmt: skip
def test_a_file_without_keys_is_named(tmp_path: Path, name: str, octets: bytes) -> None:
    (tmp_path / name).write_bytes(octets)

    with pytest.raises(UsageError, match=rf"{name}: holds no keys that can be read"):
        load_keys([tmp_path])


def test_a_file_that_is_not_there_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_keys([tmp_path / "nothing.pem"])
    (tmp_path / "big.pem").write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(UsageError, match="no file of keys"):
        load_keys([tmp_path])


def test_a_worlds_keys_are_made_once_and_fit_each_other(world, tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "keys"
    make_keys(directory, [ALICE], world.at)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    make_keys(directory, [ALICE, "o'bob/../x@example.test", "用户@example.test"], world.at)

    after = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 4
    assert all(not path.stat().st_mode & 0o077 for path in directory.iterdir())

    keys = load_keys([directory])
    assert {a for c in keys.certificates for a in addresses_of(c)} == {
        ALICE, "o'bob/../x@example.test", "用户@example.test",
    }  # fmt: skip
    assert all(vouched_for(c, [], keys.authorities, world.at) for c in keys.certificates)
    for scheme in Scheme:
        wish = Wish(scheme, sign=True, encrypt=True)
        message = seal(MESSAGE, wish, keys, sender=ALICE, recipients=["用户@example.test"], at=world.at)
        assert open_message(message, keys, world.at).seal.standing is Standing.GOOD


def test_the_authoritys_key_is_no_persons(world, tmp_path: Path) -> None:
    make_keys(tmp_path, [ALICE], world.at)

    assert (tmp_path / AUTHORITY_KEY).exists()
    assert len(load_keys([tmp_path]).private_keys) == 1


def test_a_directory_that_cannot_be_written_is_named(world, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunFailed, match="no keys can be put there"):
        make_keys(tmp_path / "file" / "keys", [ALICE], world.at)


def test_a_certificate_of_another_use_is_not_taken(world) -> None:
    tls = issue(world.authority, "alice@example.test", world.at)
    keys = Keys(certificates=(world.authority.certificate, tls.certificate), private_keys=(tls.key,))

    assert keys.identity_of(ALICE, world.at) is not None
    assert keys.certificate_of("nobody@example.test", world.at) is None
