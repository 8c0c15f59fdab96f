"""`openssl cms` and `gpg` open what is made here, and what they make is opened here."""

from pathlib import Path

import pytest

from harness.sealed import Note, Problem, Scheme, Standing, Wish, load_keys, seal
from harness.sealed.mime import Entity

HEADER = b"From: %s@example.test\r\nTo: bob@example.test\r\nSubject: x\r\n"
DAN = "dan@example.test"
# What transit likes to change, and a signature does not forgive.
AWKWARD = (
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"X-Odd:\r\n\t folded\r\n   twice\r\n\r\n"
    b"trailing \t \r\nFrom me\r\n>From you\r\n.\r\n..\r\n" + b"y" * 990 + b"\r\ncaf\xc3\xa9\r\n\r\n\r\n"
)


def body(content: bytes) -> bytes:
    return Entity.read(content).body


# S/MIME: openssl's


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(
    "flags",
    ["", "-md sha512", "-noattr", "-keyid", "-nodetach", "-nocerts", "-keyopt rsa_padding_mode:pss"],
)
def test_what_openssl_signs_is_good_here(openssl, world, who: str, flags: str) -> None:
    if "rsa" in flags and who == "alice":
        who = "bob"
    entity = AWKWARD.replace(b"\xc3\xa9", b"e")
    made = openssl(
        "cms", "-sign", "-crlfeol", "-signer", world.directory / f"{who}.pem", *flags.split(), stdin=entity
    )

    opened = world.open(HEADER % who.encode() + made)

    assert opened.seal.standing is Standing.GOOD, opened.seal
    assert opened.seal.notes == (Note.FIELDS_OPEN,)
    assert body(opened.content) == body(entity)


def test_what_openssl_signs_with_sha1_is_refused(openssl, world) -> None:
    made = openssl(
        "cms", "-sign", "-crlfeol", "-md", "sha1", "-signer", world.directory / "bob.pem", stdin=AWKWARD
    )

    opened = world.open(HEADER % b"bob" + made)

    assert opened.seal.standing is Standing.BAD
    assert opened.seal.signatures[0].problems == (Problem.WEAK_HASH,)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(
    ("cipher", "flags"),
    [
        ("aes-128-gcm", ""), ("aes-256-gcm", ""), ("aes128", ""), ("aes256", ""),
        ("aes256", "-keyopt rsa_padding_mode:oaep"),
        ("aes-256-gcm", "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"),
        ("aes-256-gcm", "-keyopt ecdh_kdf_md:sha256"), ("aes256", "-keyopt ecdh_kdf_md:sha512"),
    ],
)  # fmt: skip
def test_what_openssl_encrypts_is_opened_here(openssl, world, who: str, cipher: str, flags: str) -> None:
    who = "bob" if "rsa" in flags else "alice" if "ecdh" in flags else who
    made = openssl(
        "cms", "-encrypt", "-crlfeol", "-binary", f"-{cipher}", "-recip", world.directory / f"{who}.pem",
        *flags.split(), stdin=AWKWARD,
    )  # fmt: skip

    opened = world.open(HEADER % b"alice" + made)

    assert opened.seal.standing is Standing.OPENED, opened.seal
    assert body(opened.content) == body(AWKWARD)
    assert (Note.NOT_AUTHENTICATED in opened.seal.notes) == ("gcm" not in cipher)


def test_triple_des_is_told_and_not_opened(openssl, world) -> None:
    made = openssl("cms", "-encrypt", "-crlfeol", "-des3", world.directory / "bob.pem", stdin=AWKWARD)

    opened = world.open(HEADER % b"alice" + made)

    assert opened.seal.standing is Standing.CLOSED
    assert "tripledes" in opened.seal.encryptions[0].reason


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_openssl_verifies_what_is_signed_here(openssl, world, who: str) -> None:
    message = HEADER % who.encode() + b"Content-Type: text/plain\r\n\r\nNoon.\r\n"
    signed = world.seal(Wish(Scheme.SMIME, sign=True, encrypt=False), message, f"{who}@example.test")

    content = openssl(
        "cms",
        "-verify",
        "-CAfile",
        world.directory / "authorities.pem",
        "-purpose",
        "smimesign",
        stdin=signed,
    )

    assert content.endswith(b"\r\n\r\nNoon.\r\n")


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("sign", [True, False])
def test_openssl_opens_what_is_sealed_here(openssl, world, who: str, sign: bool) -> None:
    message = HEADER % b"alice" + b"Content-Type: text/plain\r\n\r\nNoon.\r\n"
    sealed = world.seal(Wish(Scheme.SMIME, sign=sign, encrypt=True), message)

    content = openssl("cms", "-decrypt", "-recip", world.directory / f"{who}.pem", stdin=sealed)
    if sign:
        content = openssl("cms", "-verify", "-CAfile", world.directory / "authorities.pem", stdin=content)

    assert content.endswith(b"\r\n\r\nNoon.\r\n")


# OpenPGP: gpg's


def pgp_signed(entity: bytes, signature: bytes) -> bytes:
    lines = signature.replace(b"\n", b"\r\n")
    return (
        HEADER % b"alice"
        + b"Content-Type: multipart/signed; micalg=pgp-sha512;\r\n"
        + b' protocol="application/pgp-signature"; boundary=b\r\n\r\n'
        + b"--b\r\n" + entity + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n" + lines
        + b"\r\n--b--\r\n"
    )  # fmt: skip


def pgp_encrypted(message: bytes) -> bytes:
    return (
        HEADER % b"alice"
        + b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n\r\n'
        + b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\n"
        + b"Content-Type: application/octet-stream\r\n\r\n" + message.replace(b"\n", b"\r\n") + b"\r\n--b--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    "flags", ["", "--textmode", "--digest-algo SHA256", "--emit-version --comment hello"]
)
def test_what_gpg_signs_is_good_here(gpg, world, flags: str) -> None:
    signature = gpg("-u", "alice", "--armor", *flags.split(), "--detach-sign", stdin=AWKWARD)

    opened = world.open(pgp_signed(AWKWARD, signature))

    assert opened.seal.standing is Standing.GOOD, opened.seal
    assert body(opened.content) == body(AWKWARD)


def test_what_gpg_signs_with_sha1_is_refused(gpg, world) -> None:
    signature = gpg("-u", "alice", "--armor", "--digest-algo", "SHA1", "--detach-sign", stdin=AWKWARD)

    opened = world.open(pgp_signed(AWKWARD, signature))

    assert opened.seal.standing is Standing.BAD
    assert Problem.WEAK_HASH in opened.seal.signatures[0].problems


@pytest.mark.parametrize("flags", ["", "--compress-algo zlib", "--compress-algo none", "--throw-keyids"])
@pytest.mark.parametrize("sign", [True, False])
def test_what_gpg_encrypts_is_opened_here(gpg, world, flags: str, sign: bool) -> None:
    how = [*flags.split(), *(["--sign"] if sign else [])]
    made = gpg("-u", "alice", "-r", "bob", "--armor", *how, "--encrypt", stdin=AWKWARD)

    opened = world.open(pgp_encrypted(made))

    # pysequoia does not check a signature within a compressed packet, which gpg makes unless told otherwise.
    signed = Standing.GOOD if "none" in flags else Standing.UNCHECKED
    assert opened.seal.standing is (signed if sign else Standing.OPENED), opened.seal
    assert body(opened.content) == body(AWKWARD)


def test_a_small_message_with_an_enormous_text_stays_closed(gpg, world, tmp_path: Path) -> None:
    made = gpg(
        "-r", "bob", "--armor", "--compress-algo", "zlib", "--encrypt", stdin=b"\0" * (80 * 1024 * 1024)
    )
    assert len(made) < 200_000

    opened = world.open(pgp_encrypted(made))

    assert opened.seal.standing is Standing.CLOSED
    assert "octets come out of it" in opened.seal.encryptions[0].reason


def test_gpg_verifies_what_is_signed_here(gpg, world, tmp_path: Path) -> None:
    message = HEADER % b"alice" + b"Content-Type: text/plain\r\n\r\nNoon.\r\n"
    signed, signature = Entity.read(world.signed(Scheme.OPENPGP, message)).parts()
    (tmp_path / "text").write_bytes(signed)
    (tmp_path / "sig").write_bytes(Entity.read(signature).body)

    told = gpg("--status-fd", "1", "--verify", tmp_path / "sig", tmp_path / "text")

    assert b"[GNUPG:] GOODSIG" in told


@pytest.mark.parametrize("sign", [True, False])
def test_gpg_opens_what_is_sealed_here(gpg, world, tmp_path: Path, sign: bool) -> None:
    (tmp_path / "dan.asc").write_bytes(gpg("--armor", "--export", DAN))
    keys = world.keys + load_keys([tmp_path])
    message = HEADER % b"alice" + b"Content-Type: text/plain\r\n\r\nNoon.\r\n"
    wish = Wish(Scheme.OPENPGP, sign=sign, encrypt=True)
    sealed = seal(message, wish, keys, sender="alice@example.test", recipients=[DAN], at=world.at)
    _control, octets = Entity.read(sealed).parts()
    (tmp_path / "sealed").write_bytes(Entity.read(octets).body)

    told = gpg("--status-fd", "1", "--output", tmp_path / "text", "--decrypt", tmp_path / "sealed")

    assert (tmp_path / "text").read_bytes().endswith(b"\r\n\r\nNoon.\r\n")
    assert (b"[GNUPG:] GOODSIG" in told) == sign
    assert b"[GNUPG:] DECRYPTION_OKAY" in told


def test_a_key_that_gpg_made_signs_here(gpg, world, tmp_path: Path) -> None:
    (tmp_path / "dan.asc").write_bytes(gpg("--armor", "--export-secret-keys", DAN))
    message = HEADER % b"dan" + b"Content-Type: text/plain\r\n\r\nNoon.\r\n"
    keys = load_keys([tmp_path])
    wish = Wish(Scheme.OPENPGP, sign=True, encrypt=True)
    sealed = seal(message, wish, keys, sender=DAN, recipients=[DAN], at=world.at)

    assert world.open(sealed, keys).seal.standing is Standing.GOOD
    assert world.open(sealed).seal.standing is Standing.CLOSED
