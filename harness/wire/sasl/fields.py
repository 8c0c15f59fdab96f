"""Reading the fields of responses: UTF-8, bounded, prepared."""

from typing import Final

from harness.wire.sasl.errors import SaslError

__all__ = ["MAX_FIELD", "text"]

# RFC 4616 §2 asks for 255 octets at least for each; ours, to bound what a server hands to its password hash.
MAX_FIELD: Final = 1024


def text(octets: bytes, most: int = MAX_FIELD) -> str:
    """Octets as text.

    Raises:
        SaslError: More than `most` octets, no UTF-8, or NUL.
    """
    if len(octets) > most:
        raise SaslError(f"a field of {len(octets)} octets, at most {most}")
    try:
        found = octets.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SaslError(f"not UTF-8 at octet {exc.start}") from None
    if "\0" in found:
        raise SaslError("a field with NUL")
    return found
