"""The register's data is whole, and its loader refuses what is not."""

import pytest

from harness.spec import (
    AREAS,
    Level,
    Party,
    RegisterError,
    load_register,
    load_sections,
    parse_register,
)

RULINGS = """
[[ruling]]
id = "R-001"
title = "t"
place = "RFC 2119 §1"
reading = "r"
why = "w"
"""

ENTRY = """
[[requirement]]
id = "RFC5321-4.1-a"
area = "smtp"
level = "MUST"
text = "One."
"""

IMPLIED = ENTRY.replace('"MUST"', '"IMPLIED"')


def test_every_section_is_in_its_rfc() -> None:
    sections = load_sections()

    strays = [r.id for r in load_register().values() if r.section not in sections.get(r.rfc, ())]

    assert strays == []


def test_every_ruling_is_used() -> None:
    register = load_register()

    assert [ruling_id for ruling_id in register.rulings if not register.resting_on(ruling_id)] == []


def test_rulings_are_numbered_without_gaps() -> None:
    rulings = load_register().rulings

    assert list(rulings) == [f"R-{number:03d}" for number in range(1, len(rulings) + 1)]


def test_a_keyword_in_lower_case_rests_on_its_ruling() -> None:
    entries = [r for r in load_register().values() if r.keyword.islower()]

    assert entries
    assert [r.id for r in entries if "R-002" not in r.rulings] == []


def test_a_statement_without_a_keyword_has_a_weight_and_rests_on_its_ruling() -> None:
    implied = [r for r in load_register().values() if r.level is Level.IMPLIED]

    assert implied
    assert [r.id for r in implied if r.weight is Level.IMPLIED or "R-001" not in r.rulings] == []
    assert {r.id for r in implied} >= {r.id for r in load_register().values() if "-nk" in r.id}


def test_what_binds_the_client_alone_is_excluded() -> None:
    assert [r.id for r in load_register().values() if r.party is Party.CLIENT and not r.excluded] == []


def test_texts_are_sentences_of_a_readable_length() -> None:
    def readable(text: str) -> bool:
        return text.endswith((".", ":")) and len(text) <= 400 and text == " ".join(text.split())

    register = load_register()
    texts = [(r.id, text) for r in register.values() for text in (r.text, r.note, r.excluded) if text]

    assert [(where, text) for where, text in texts if not readable(text)] == []


def test_no_two_entries_of_an_rfc_say_the_same() -> None:
    seen: dict[tuple[int, str], str] = {}

    twins = [
        (r.id, seen[r.rfc, r.text])
        for r in load_register().values()
        if seen.setdefault((r.rfc, r.text), r.id) != r.id
    ]

    assert twins == []


def test_every_area_has_entries() -> None:
    assert {r.area for r in load_register().values()} == set(AREAS)


def test_a_prefix_ends_where_a_part_of_the_id_ends() -> None:
    document = "".join(
        ENTRY.replace("RFC5321-4.1-a", requirement_id)
        for requirement_id in ("RFC5321-4.1-a", "RFC5321-4.1.1.5-b", "RFC5321-4.10-c", "RFC5321-4.1-a2")
    )
    register = parse_register({"rfc5321.toml": document}, RULINGS)

    def select(prefix: str) -> list[str]:
        return [r.id for r in register.select(prefix)]

    assert select("RFC5321-4.1") == ["RFC5321-4.1-a", "RFC5321-4.1.1.5-b", "RFC5321-4.1-a2"]
    assert select("rfc5321-4.1.1.5") == ["RFC5321-4.1.1.5-b"]
    assert select("RFC5321-4.1-a") == ["RFC5321-4.1-a"]
    assert select("RFC5321-4.1-") == ["RFC5321-4.1-a", "RFC5321-4.1-a2"]
    assert len(select("RFC5321")) == len(select("smtp")) == len(register)
    assert select("RFC532") == select("4.1") == select("") == []


def test_an_unknown_prefix_has_near_ids() -> None:
    assert "RFC5321-4.1.1.5-a" in load_register().nearest("rfc5321-4.1.1.5a")


def test_a_requirement_tells_its_place_and_its_weight() -> None:
    document = IMPLIED + 'weighed_as = "SHOULD"\nrulings = ["R-001"]\n'
    requirement = parse_register({"rfc5321.toml": document}, RULINGS)["RFC5321-4.1-a"]

    assert (requirement.rfc, requirement.section, requirement.place) == (5321, "4.1", "RFC 5321 §4.1")
    assert requirement.weight is Level.SHOULD


def test_the_areas_of_a_file_hold_unless_an_entry_says_otherwise() -> None:
    entry = ENTRY.replace('area = "smtp"\n', "")
    document = 'area = "lmtp"\n' + entry + ENTRY.replace("4.1-a", "4.1-b")

    register = parse_register({"rfc5321.toml": document}, RULINGS)

    assert [r.area for r in register.requirements] == ["lmtp", "smtp"]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (ENTRY + ENTRY, "entered twice"),
        (ENTRY.replace("5321", "5322"), "no id of this file's RFC"),
        (ENTRY.replace("4.1-a", "4.1-A"), "no id of this file's RFC"),
        (ENTRY.replace('id = "RFC5321-4.1-a"', ""), "an entry without id"),
        (ENTRY.replace('"MUST"', '"OUGHT"'), "OUGHT"),
        (ENTRY.replace('"smtp"', '"uucp"'), "uucp"),
        (ENTRY + 'party = "relay"\n', "relay"),
        (ENTRY + 'colour = "red"\n', "colour"),
        (ENTRY + 'rulings = ["R-999"]\n', "R-999"),
        (ENTRY + 'weighed_as = "MUST"\n', "nothing else takes it"),
        (ENTRY.replace('text = "One."', ""), "text"),
        (IMPLIED, "IMPLIED needs weighed_as"),
        (IMPLIED + 'weighed_as = "IMPLIED"\nrulings = ["R-001"]\n', "IMPLIED needs weighed_as"),
        (IMPLIED + 'weighed_as = "MUST"\n', "IMPLIED needs the ruling"),
    ],
)
def test_data_that_is_not_whole_is_refused(document: str, complaint: str) -> None:
    with pytest.raises(RegisterError, match=complaint):
        parse_register({"rfc5321.toml": document}, RULINGS)


@pytest.mark.parametrize(
    ("rulings", "complaint"),
    [
        (RULINGS + RULINGS, "R-001 is entered twice"),
        (RULINGS.replace('why = "w"', ""), "R-001.*why"),
        (RULINGS + 'colour = "red"\n', "colour"),
    ],
)
def test_a_ledger_that_is_not_whole_is_refused(rulings: str, complaint: str) -> None:
    with pytest.raises(RegisterError, match=complaint):
        parse_register({"rfc5321.toml": ENTRY}, rulings)
