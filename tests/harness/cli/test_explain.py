"""`mailproof explain` says what a requirement asks, what proves it and what it rests on."""

import pytest

from harness.cli.explain import explanation
from harness.errors import UsageError
from harness.spec import Register, parse_register
from suites.covers import Check

CHECK = Check(
    id="imap.select_tells_all_that_a_client_needs",
    title="select tells all that a client needs",
    area="imap",
    requirements=("RFC3501-6.3.1-a",),
    fault="imap.select-without-uidnext",
)


@pytest.fixture
def register() -> Register:
    return parse_register(
        {
            "rfc3501.toml": """
                area = "imap"
                [[requirement]]
                id = "RFC3501-6.3.1-a"
                level = "MUST"
                text = "SELECT tells all."
                note = "In any order."
                [[requirement]]
                id = "RFC3501-6.3.1-nk1"
                level = "IMPLIED"
                weighed_as = "SHOULD"
                text = "SELECT is quick."
                rulings = ["R-001"]
                [[requirement]]
                id = "RFC3501-6.3.10-a"
                level = "MUST NOT"
                keyword = "must not"
                party = "client"
                text = "Clients do not guess."
                excluded = "It binds the client."
                rulings = ["R-001", "R-002"]
            """
        },
        """
            [[ruling]]
            id = "R-001"
            title = "Weights"
            place = "RFC 2119 §1"
            reading = "Weighed with care."
            why = "The text is silent."
            [[ruling]]
            id = "R-002"
            title = "Old words"
            place = "RFC 2119 §2"
            reading = "As if in capitals."
            why = "They meant it."
        """,
    )


def test_a_requirement_is_told_with_the_check_that_proves_it(register: Register) -> None:
    assert explanation(register, "RFC3501-6.3.1-a", [CHECK]) == (
        "RFC3501-6.3.1-a  MUST  server  RFC 3501 §6.3.1\n"
        "    SELECT tells all.\n"
        "    In any order.\n"
        "    Proved by imap.select_tells_all_that_a_client_needs: select tells all that a client needs;\n"
        "    imap.select-without-uidnext turns it red."
    )


def test_a_ruling_is_told_in_full(register: Register) -> None:
    assert explanation(register, "RFC3501-6.3.1-nk1", []) == (
        "RFC3501-6.3.1-nk1  IMPLIED, weighed as SHOULD  server  RFC 3501 §6.3.1\n"
        "    SELECT is quick.\n"
        "    No check proves it yet.\n"
        "    Rests on R-001.\n"
        "\n"
        "R-001  Weights  RFC 2119 §1\n"
        "    Weighed with care.\n"
        "    Why: The text is silent."
    )


def test_an_excluded_requirement_says_why(register: Register) -> None:
    told = explanation(register, "RFC3501-6.3.10", []).splitlines()

    assert told[0] == "RFC3501-6.3.10-a  MUST NOT (written 'must not')  client  RFC 3501 §6.3.10"
    assert "    Not tested: It binds the client." in told
    assert "    No check proves it yet." not in told


def test_a_ruling_that_several_rest_on_is_told_once(register: Register) -> None:
    told = explanation(register, "imap", [CHECK])

    assert told.count("Weighed with care.") == 1
    assert told.index("RFC3501-6.3.10-a") < told.index("R-001  Weights") < told.index("R-002  Old words")


def test_a_prefix_names_a_section_and_not_its_namesakes(register: Register) -> None:
    told = explanation(register, "rfc3501-6.3.1", [])

    assert "RFC3501-6.3.1-a" in told
    assert "RFC3501-6.3.10-a" not in told


def test_an_unknown_prefix_is_a_usage_error_with_the_nearest_ids(register: Register) -> None:
    with pytest.raises(UsageError, match=r"'RFC3501-6\.3\.15'; near: RFC3501-6\.3\.1") as caught:
        explanation(register, "RFC3501-6.3.15", [])

    assert "\n" not in str(caught.value)


def test_a_word_like_nothing_has_no_near_ids(register: Register) -> None:
    with pytest.raises(UsageError, match="near: none"):
        explanation(register, "???", [])
