"""Header fields under a seal, after RFC 9788: a copy of them stands within, and that copy is what is shown.

A signature is over the body alone; who reads "signed" takes the subject for signed too. Fields within a layer are
compared with those outside, and a difference is told. Older agents wrote ``protected-headers="v1"`` for the same.
"""

from collections.abc import Iterable
from email.headerregistry import AddressHeader, HeaderRegistry
from typing import Final, cast

from harness.sealed.mime import Entity, content_fields
from harness.sealed.model import Note

__all__ = ["HIDDEN_SUBJECT", "PROTECTED", "judged_fields", "merged", "protects", "sender_of"]

# What everybody may see of a subject that is sealed.
HIDDEN_SUBJECT: Final = b"Subject: [...]\r\n"
_HIDDEN: Final = frozenset({"[...]", "...", "encrypted message"})

PROTECTED: Final = (
    "from", "sender", "to", "cc", "reply-to", "date", "subject", "message-id", "in-reply-to", "references",
)  # fmt: skip
# RFC 5322 §3.6: those that a message has once at most, and that people go by.
_ONCE: Final = ("from", "sender", "to", "cc", "reply-to", "date", "subject")

_REGISTRY: Final = HeaderRegistry()


def protects(payload: Entity) -> bool:
    """Whether an entity says that its header fields are the message's."""
    return bool(payload.parameter("hp") or payload.parameter("protected-headers"))


def judged_fields(root: Entity, payload: Entity | None, *, signed: bool) -> list[Note]:
    """What is to be said of the fields outside, held against those within."""
    notes = [Note.FIELD_TWICE] if any(len(root.all(name)) > 1 for name in _ONCE) else []
    within = payload if payload is not None and protects(payload) else None
    if within is None:
        return [*notes, Note.FIELDS_OPEN] if signed else notes
    if any(len(within.all(name)) > 1 for name in _ONCE):
        notes.append(Note.FIELD_TWICE)
    elif any(_differs(root, within, name) for name in _compared(within)):
        notes.append(Note.FIELD_CHANGED)
    return notes


def merged(root: Entity, payload: Entity) -> bytes:
    """The message to be read: the outer header without what describes its body, the inner fields in their places."""
    within = {name for name, _ in payload.fields} & set(PROTECTED) if protects(payload) else set()
    outer = (octets for name, octets in root.fields if not name.startswith("content-") and name not in within)
    inner = (octets for name, octets in payload.fields if name in within)
    described = (octets for _, octets in content_fields(payload))
    return b"".join([*outer, *inner, *described, b"\r\n", payload.body])


def sender_of(root: Entity, payload: Entity | None) -> str:
    """The one address that the message is from, in lower case; ``""`` where nobody can tell."""
    within = payload if payload is not None and protects(payload) and payload.all("from") else root
    fields = within.all("from")
    found = _addresses(fields[0].partition(b":")[2]) if len(fields) == 1 else []
    return found[0] if len(found) == 1 else ""


def _compared(within: Entity) -> Iterable[str]:
    """RFC 9788 protects all fields, those that are not there too; agents before it, those that they copied."""
    whole = bool(within.parameter("hp"))
    return (name for name in _ONCE if name != "sender" and (whole or within.all(name)))


def _differs(root: Entity, within: Entity, name: str) -> bool:
    inner, outer = (_text(each.all(name)) for each in (within, root))
    if name == "subject" and outer.lower() in _HIDDEN:
        return False
    return bool(inner or outer) and inner != outer


def _text(fields: Iterable[bytes]) -> str:
    """Unfolded, with white space as one blank: relays may fold anew."""
    return " ".join(b" ".join(each.partition(b":")[2] for each in fields).decode("utf-8", "replace").split())


def _addresses(octets: bytes) -> list[str]:
    try:
        header = _REGISTRY("from", " ".join(octets.decode("utf-8", "replace").split()))
    except (ValueError, IndexError, AttributeError):
        # The standard library, over what is no list of addresses.
        return []
    # The registry makes an AddressHeader of every From; its types do not say so.
    addresses = () if header.defects else cast("AddressHeader", header).addresses
    return [each.addr_spec.lower() for each in addresses]
