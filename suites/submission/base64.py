"""Base64, and what can never be taken for it."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.wire import sasl

__all__ = ["STRAY", "broken", "is_base64"]

_ALPHABET: Final = "ABCXYZabcxyz0189+/"

# Visible characters outside the alphabet, without the = of padding; - and _ are those of another alphabet.
STRAY: Final = "!#$%&'().,:;<>?@[]^{|}~-_"


def is_base64(line: bytes) -> bool:
    """Whether a challenge or response can be decoded (RFC 4954 §4)."""
    try:
        sasl.decode(line)
    except sasl.SaslError:
        return False
    return True


_words: Final = st.text(_ALPHABET, max_size=8)

# A stray character, or an = that is not at the end. Padding that is missing is left out: a patient decoder reads on.
broken: Final[SearchStrategy[bytes]] = (
    st.tuples(_words, st.sampled_from(STRAY), st.text(_ALPHABET + STRAY + "=", max_size=12))
    | st.tuples(_words, st.just("="), st.text(_ALPHABET, min_size=1, max_size=8))
).map(lambda pieces: "".join(pieces).encode())
