"""Signed and sealed mail: S/MIME (RFC 8551) and OpenPGP (RFC 3156, RFC 9580), made, opened and judged.

No network, no clock of its own: what time it is, and which keys there are, is told by whoever calls.
"""

from harness.sealed.keys import Keys, load_keys
from harness.sealed.model import (
    Coverage,
    Encryption,
    Note,
    Opened,
    Problem,
    Scheme,
    Seal,
    Signature,
    Standing,
)
from harness.sealed.opening import open_message
from harness.sealed.sealing import Wish, seal

__all__ = [
    "Coverage",
    "Encryption",
    "Keys",
    "Note",
    "Opened",
    "Problem",
    "Scheme",
    "Seal",
    "Signature",
    "Standing",
    "Wish",
    "load_keys",
    "open_message",
    "seal",
]
