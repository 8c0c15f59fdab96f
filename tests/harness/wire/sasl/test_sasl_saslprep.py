"""SASLprep: the RFC's examples, laws, and scramp as the second implementation."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scramp.utils import ScramException
from scramp.utils import saslprep as scramp_saslprep

from harness.wire.sasl import SaslError, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX")],
)
def test_the_examples_of_the_rfc(text: str, prepared: str) -> None:
    # RFC 4013 §3.
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271"])
def test_what_the_rfc_refuses(text: str) -> None:
    # RFC 4013 §3.
    with pytest.raises(SaslError):
        saslprep(text)


@pytest.mark.parametrize(
    "text",
    ["tab\t", "\ue000", "\ufdd0", "\ufff9", "\u2ff0", "\u202e", "\U000e0001", "\u0627a", "a\u0627"],
)
def test_one_of_each_prohibited_kind(text: str) -> None:
    with pytest.raises(SaslError):
        saslprep(text)


def test_spaces_are_spaces_and_the_unassigned_is_for_questions_only() -> None:
    assert saslprep("a\u00a0b\u3000c") == "a b c"
    assert saslprep("\u0221") == "\u0221"
    with pytest.raises(SaslError):
        saslprep("\u0221", stored=True)


@given(st.text(max_size=8))
def test_what_is_prepared_stays_so(text: str) -> None:
    try:
        prepared = saslprep(text)
    except SaslError:
        return
    assert saslprep(prepared) == prepared


@given(st.text(st.characters(max_codepoint=0x2FFF), max_size=6))
@example("")
@example("\u0627\u0628")
def test_another_implementation_agrees_on_what_is_stored(text: str) -> None:
    try:
        theirs: str | None = scramp_saslprep(text)
    except (ScramException, IndexError):
        theirs = None
    try:
        ours: str | None = saslprep(text, stored=True)
    except SaslError:
        ours = None
    assert ours == theirs
