"""The trace field that this host put on top of a message that is in its queue."""

import re
from typing import Final

__all__ = ["split_trace"]

_RECEIVED: Final = re.compile(rb"Received:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE)


def split_trace(content: bytes) -> tuple[bytes, bytes]:
    """The first Received field, where the message begins with one, and the rest (RFC 5321 §4.4)."""
    found = _RECEIVED.match(content)
    return (found[0], content[found.end() :]) if found else (b"", content)
