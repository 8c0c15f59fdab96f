"""What `send` and `inbox` share about keys: the flags that name them, and what is done with a message."""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import typer

from harness.errors import UsageError
from harness.sealed import Keys, Scheme, Wish, load_keys, seal

__all__ = ["CertFiles", "KeyFiles", "KeysDirectory", "Sealing", "known_keys"]

PASSPHRASE_ENV = "MAILPROOF_KEY_PASSPHRASE"  # noqa: S105 (the name of a variable)

KeyFiles = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="FILE", help="A key of your own: PEM, PKCS #12 or OpenPGP. Repeatable."),
]
CertFiles = Annotated[
    list[Path] | None,
    typer.Option("--cert", metavar="FILE", help="A certificate: a person's or an authority's. Repeatable."),
]
KeysDirectory = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", help="A directory of keys; default: the target file's."),
]


def known_keys(
    directory: Path | None,
    of_target: Path | None,
    keys: list[Path] | None,
    certs: list[Path] | None,
    *,
    address: str,
) -> Keys:
    """All that flags and target file name; a file that is named by itself comes before a directory.

    Args:
        address: Whose secret keys are used of a target's, which has everybody's.

    Raises:
        UsageError: Something named cannot be read.
    """
    if directory is not None and not directory.is_dir():
        raise UsageError(f"--keys {directory}: is no directory")
    passphrase = os.environ.get(PASSPHRASE_ENV)
    named = load_keys([*(keys or ()), *(certs or ()), *([directory] if directory else [])], passphrase)
    if directory is not None or of_target is None:
        return named
    return named + load_keys([of_target], passphrase).of(address)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What the flags say of signing and encrypting; no `wish` where neither is asked for."""

    wish: Wish | None = None
    directory: Path | None = None
    keys: list[Path] = field(default_factory=list)
    certs: list[Path] = field(default_factory=list)

    @classmethod
    def of_flags(
        cls,
        *,
        sign: bool,
        encrypt: bool,
        smime: bool,
        openpgp: bool,
        directory: Path | None,
        keys: list[Path] | None,
        certs: list[Path] | None,
    ) -> Self:
        """Read the flags. Raises `UsageError` where they do not go together."""
        if not sign and not encrypt:
            if smime or openpgp:
                raise UsageError("--smime, --openpgp: say what for, with --sign or --encrypt or both")
            return cls()
        if smime == openpgp:
            raise UsageError("--sign, --encrypt: say by which rules, with --smime or --openpgp")
        scheme = Scheme.SMIME if smime else Scheme.OPENPGP
        return cls(Wish(scheme, sign=sign, encrypt=encrypt), directory, keys or [], certs or [])

    @property
    def signs(self) -> bool:
        return self.wish is not None and self.wish.sign

    @property
    def encrypts(self) -> bool:
        return self.wish is not None and self.wish.encrypt

    def apply(
        self, content: bytes, *, sender: str, recipients: Sequence[str], of_target: Path | None
    ) -> bytes:
        """The message as it goes. Raises `UsageError` where it cannot be signed or sealed; nothing is sent then."""
        if self.wish is None:
            return content
        keys = known_keys(self.directory, of_target, self.keys, self.certs, address=sender)
        now = dt.datetime.now(dt.UTC)
        return seal(content, self.wish, keys, sender=sender, recipients=recipients, at=now)
