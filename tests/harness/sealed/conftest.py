"""People with keys, an authority, and the two programs that everybody else uses: openssl and gpg."""

import datetime as dt
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pysequoia import Tsk

from harness.sealed import Keys, Opened, Scheme, Wish, load_keys, open_message, seal
from harness.sealed.keys import Identity
from harness.sealed.make_keys import issue, make_authority

ALICE = "alice@example.test"
BOB = "bob@example.test"
# Whose key gpg made: it knows nothing of RFC 9580.
DAN = "dan@example.test"

HEADER = b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: the plan\r\n"
HEADER += b"Date: Tue, 24 Nov 2026 16:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n"
ENTITY = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nWe meet at noon.\r\n"
MESSAGE = HEADER + ENTITY

BOUND_S = 60.0


def pem(identity: Identity) -> bytes:
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return identity.certificate.public_bytes(Encoding.PEM) + key


@dataclass(frozen=True)
class World:
    """An authority; Alice with an elliptic curve key, Bob with one of RSA, both with OpenPGP keys of their own.

    Attributes:
        directory: All of that in files.
        keys: All of that.
    """

    at: dt.datetime
    directory: Path
    authority: Identity
    alice: Identity
    bob: Identity
    alice_pgp: Tsk
    bob_pgp: Tsk
    keys: Keys

    def seal(self, wish: Wish, message: bytes = MESSAGE, sender: str = ALICE) -> bytes:
        return seal(message, wish, self.keys, sender=sender, recipients=[BOB], at=self.at)

    def signed(self, scheme: Scheme, message: bytes = MESSAGE) -> bytes:
        return self.seal(Wish(scheme, sign=True, encrypt=False), message)

    def encrypted(self, scheme: Scheme, message: bytes = MESSAGE) -> bytes:
        return self.seal(Wish(scheme, sign=False, encrypt=True), message)

    def open(self, message: bytes, keys: Keys | None = None, at: dt.datetime | None = None) -> Opened:
        return open_message(message, keys or self.keys, at or self.at)

    def without_secrets(self) -> Keys:
        return replace(self.keys, private_keys=(), secrets=())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    at = dt.datetime.now(dt.UTC)
    directory = tmp_path_factory.mktemp("keys")
    authority = make_authority("an authority", at)
    alice = issue(authority, ALICE, at)
    bob = issue(authority, BOB, at, key=rsa.generate_private_key(65537, 2048))
    alice_pgp, bob_pgp = Tsk.generate(f"Alice <{ALICE}>"), Tsk.generate(f"Bob <{BOB}>")
    (directory / "authorities.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    for name, identity, secret in (("alice", alice, alice_pgp), ("bob", bob, bob_pgp)):
        (directory / f"{name}.pem").write_bytes(pem(identity))
        (directory / f"{name}.asc").write_text(str(secret))
    return World(at, directory, authority, alice, bob, alice_pgp, bob_pgp, load_keys([directory]))


Tool = Callable[..., bytes]


def _ran(command: list[str], *words: object, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        [*command, *map(str, words)], input=stdin, capture_output=True, timeout=BOUND_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


@pytest.fixture(scope="session")
def openssl() -> Tool:
    """``openssl WORDS``: its standard output; one that fails fails the test."""
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl is not installed: S/MIME cannot be held against another implementation")
    return partial(_ran, [found])


@pytest.fixture(scope="session")
def gpg(world: World) -> Iterator[Tool]:
    """``gpg WORDS`` with a home of its own that has everybody's keys; its agent ends with it."""
    found, control = shutil.which("gpg"), shutil.which("gpgconf")
    if found is None or control is None:
        pytest.skip("gpg is not installed: OpenPGP cannot be held against another implementation")
    # Its agent listens at a path, and a path of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="gpg") as home:
        run = partial(
            _ran, [found, "--homedir", home, "--batch", "--quiet", "--yes", "--trust-model", "always"]
        )
        try:
            for name in ("alice", "bob"):
                run("--import", world.directory / f"{name}.asc")
            run("--passphrase", "", "--quick-generate-key", f"Dan <{DAN}>", "future-default")
            yield run
        finally:
            _ran([control, "--homedir", home], "--kill", "all")
