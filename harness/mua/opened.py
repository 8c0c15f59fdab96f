"""A message opened and judged with somebody's keys, and what is told of its seal."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console
from rich.text import Text

from harness.mua.message import Letter, read_message
from harness.mua.screen import line
from harness.sealed import Encryption, Keys, Seal, Signature, Standing, open_message

__all__ = ["Opener", "SealedLetter", "print_seal", "seal_as_data"]

_MARKS = {
    Standing.GOOD: ("✔", "green"),
    Standing.OPENED: ("✔", "green"),
    Standing.UNCHECKED: ("?", "yellow"),
}
_REFUSED = ("✖", "bold red")


@dataclass(frozen=True, slots=True)
class SealedLetter:
    """A message to be read, and what is said of its seal."""

    letter: Letter
    seal: Seal


@dataclass
class Opener:
    """Opens messages with somebody's keys.

    Attributes:
        load: Gets the keys; called when the first message is opened.
        wary: Whether one of those opened so far is not what it should be.
    """

    load: Callable[[], Keys] = Keys
    wary: bool = False

    @cached_property
    def keys(self) -> Keys:
        return self.load()

    def __call__(self, content: bytes) -> SealedLetter:
        opened = open_message(content, self.keys, dt.datetime.now(dt.UTC))
        self.wary = self.wary or not opened.seal.fine
        return SealedLetter(read_message(opened.content), opened.seal)


def print_seal(console: Console, seal: Seal) -> None:
    """What stands above a message's header, where nothing of the message itself can: its standing and the reasons."""
    if seal.standing is Standing.NONE and not seal.notes:
        return
    mark, style = _MARKS.get(seal.standing, _REFUSED)
    console.print(Text(f"{mark} {seal.standing.value}", style), soft_wrap=True)
    for signature in seal.signatures:
        console.print(Text(f"  {_signature_text(signature)}"), soft_wrap=True)
        for problem in signature.problems:
            console.print(Text(f"    {problem.value}", style), soft_wrap=True)
    for encryption in seal.encryptions:
        console.print(Text(f"  {_encryption_text(encryption)}"), soft_wrap=True)
    for note in seal.notes:
        console.print(Text(f"  note: {note.value}", "yellow"), soft_wrap=True)


def seal_as_data(seal: Seal) -> dict[str, object]:
    """A seal as JSON has it."""
    return {
        "standing": seal.standing.name.lower(),
        "decrypted": seal.decrypted,
        "signatures": [_signature_data(each) for each in seal.signatures],
        "encryptions": [
            {
                "scheme": each.scheme.value,
                "opened": each.opened,
                "authenticated": each.authenticated,
                "algorithm": each.algorithm,
                "reason": each.reason,
            }
            for each in seal.encryptions
        ],
        "notes": [each.name.lower() for each in seal.notes],
    }


def _signature_data(signature: Signature) -> dict[str, object]:
    return {
        "scheme": signature.scheme.value,
        "good": signature.good,
        "problems": [each.name.lower() for each in signature.problems],
        "coverage": signature.coverage.name.lower(),
        "addresses": list(signature.addresses),
        "name": signature.name,
        "issuer": signature.issuer,
        "trusted": signature.trusted,
        "fingerprint": signature.fingerprint,
        "hash": signature.hash_name,
        "signed_at": signature.signed_at.isoformat() if signature.signed_at else None,
        "not_before": signature.not_before.isoformat() if signature.not_before else None,
        "not_after": signature.not_after.isoformat() if signature.not_after else None,
    }


def _signature_text(signature: Signature) -> str:
    """The signer by address: a certificate's name may say anything."""
    who = ", ".join(signature.addresses) or line(signature.name, 60) or "somebody unknown"
    facts = [
        f"issued by {line(signature.issuer, 60)}" if signature.issuer else "",
        f"until {signature.not_after:%d %B %Y}" if signature.not_after else "",
        f"key {signature.fingerprint[:16]}" if signature.fingerprint else "",
    ]
    told = "; ".join(filter(None, facts))
    return f"{signature.scheme.value} signature of {line(who, 200)}" + (f" ({told})" if told else "")


def _encryption_text(encryption: Encryption) -> str:
    how = f" ({line(encryption.algorithm, 40)})" if encryption.algorithm else ""
    what = "opened" if encryption.opened else f"not opened: {line(encryption.reason, 200)}"
    return f"{encryption.scheme.value} encryption{how}, {what}"
