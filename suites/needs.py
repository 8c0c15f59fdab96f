"""What a check needs of its target; where it is missing the requirement is "not tested", never failed.

```python
@needs(smtp_offers("PIPELINING"), accounts(2))
```
"""

from collections.abc import Callable
from typing import Final, TypeVar

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol

__all__ = [
    "Need",
    "accounts",
    "claimed",
    "endpoint",
    "imap_offers",
    "lmtp_offers",
    "needs",
    "needs_of",
    "pop3_offers",
    "reader",
    "smtp_offers",
    "submission_offers",
]

F = TypeVar("F", bound=Callable[..., object])
Need = Callable[[LiveTarget], None]

_ATTRIBUTE: Final = "__mailproof_needs__"


def needs(*needed: Need) -> Callable[[F], F]:
    """Declare needs; each raises `NotOffered` where the target does not meet it."""

    def declare(function: F) -> F:
        setattr(function, _ATTRIBUTE, needed)
        return function

    return declare


def needs_of(function: Callable[..., object]) -> tuple[Need, ...]:
    """The needs declared on a test function."""
    found: tuple[Need, ...] = getattr(function, _ATTRIBUTE, ())
    return found


def endpoint(*protocols: Protocol) -> Need:
    """One of these endpoints."""

    def need(target: LiveTarget) -> None:
        target.endpoint(*protocols)

    return need


def accounts(number: int) -> Need:
    """So many accounts in the target file."""

    def need(target: LiveTarget) -> None:
        target.account(number - 1)

    return need


def reader() -> Need:
    """A way to read mail back: IMAP or POP3, and an account."""

    def need(target: LiveTarget) -> None:
        target.endpoint(Protocol.IMAP, Protocol.IMAPS, Protocol.POP3, Protocol.POP3S)
        target.account()

    return need


def _offers(where: str, *states: str) -> Callable[..., Need]:
    def offers(*names: str) -> Need:
        """These capabilities, by their first word, in upper case."""

        def need(target: LiveTarget) -> None:
            known = target.abilities.names(*states)
            for name in names:
                if name.upper() not in known:
                    raise NotOffered(f"{where} does not offer {name}")

        return need

    return offers


smtp_offers: Final = _offers("the MX", "smtp")
submission_offers: Final = _offers("submission", "submission", "submission over TLS")
lmtp_offers: Final = _offers("LMTP", "lmtp")
pop3_offers: Final = _offers("POP3", "pop3", "pop3 logged in")
imap_offers: Final = _offers("IMAP", "imap", "imap logged in")

# What a server lists where it follows the document; of two revisions it need follow only one.
_REVISIONS: Final = {"RFC3501": "IMAP4REV1", "RFC9051": "IMAP4REV2"}


def claimed(document: str, target: LiveTarget) -> None:
    """Raises `NotOffered` where the target says that it follows the other revision of IMAP, and not this document."""
    if document not in _REVISIONS:
        return
    listed = target.abilities.names("imap", "imap logged in") & set(_REVISIONS.values())
    if listed and _REVISIONS[document] not in listed:
        raise NotOffered(f"IMAP does not offer {_REVISIONS[document]}")
