"""SASLprep: names and passwords in the one form in which they are compared."""

import stringprep
from collections.abc import Callable
from typing import Final
from unicodedata import ucd_3_2_0

from harness.wire.sasl.errors import SaslError

__all__ = ["saslprep"]

# RFC 4013 §2.3, by the tables of RFC 3454, appendix C.
_PROHIBITED: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (stringprep.in_table_c12, "a space that is not ASCII's"),
    (stringprep.in_table_c21_c22, "a control character"),
    (stringprep.in_table_c3, "a character of private use"),
    (stringprep.in_table_c4, "a non-character"),
    (stringprep.in_table_c5, "a surrogate"),
    (stringprep.in_table_c6, "a character unfit for plain text"),
    (stringprep.in_table_c7, "a character unfit for canonical representation"),
    (stringprep.in_table_c8, "a character that changes display"),
    (stringprep.in_table_c9, "a tagging character"),
)


def saslprep(text: str, *, stored: bool = False) -> str:
    """The prepared form of a name or a password.

    Args:
        stored: For what is kept rather than sent: characters that Unicode 3.2 does not assign are refused.

    Raises:
        SaslError: It holds what may not be in it; the message says of what kind, and not where.

    Source: RFC 4013 §2.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    for each in prepared:
        for prohibits, what in _PROHIBITED:
            if prohibits(each):
                raise SaslError(f"{what} (RFC 4013 §2.3)")
        if stored and stringprep.in_table_a1(each):
            raise SaslError("a character that is not assigned (RFC 4013 §2.5)")
    _check_directions(prepared)
    return prepared


def _check_directions(text: str) -> None:
    """RFC 3454, section 6: what is written from right to left begins and ends so, and has nothing else in it."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise SaslError("both directions of writing (RFC 4013 §2.4)")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise SaslError("right-to-left text that does not begin and end so (RFC 4013 §2.4)")
