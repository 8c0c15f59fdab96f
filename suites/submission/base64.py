"""Base64, and what only looks like it."""

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


# A stray character, padding in front or in the middle, an end cut short.
broken: Final[SearchStrategy[bytes]] = (
    st.one_of(
        st.text(_ALPHABET + STRAY, min_size=1, max_size=24),
        st.text(_ALPHABET, max_size=12).map(lambda text: "=" + text),
        st.tuples(st.text(_ALPHABET, min_size=1, max_size=8), st.text(_ALPHABET, min_size=1, max_size=8)).map(
            "=".join
        ),
        st.text(_ALPHABET, min_size=1, max_size=12),
    )
    .map(str.encode)
    .filter(lambda text: text != sasl.EMPTY_INITIAL and not is_base64(text))
)
