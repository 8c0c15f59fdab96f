"""The ledger's page says what its data says."""

from pathlib import Path

from harness.spec import load_register
from harness.spec.rulings import page

PAGE = Path(__file__).parents[3] / "docs" / "rulings.md"


def test_the_page_is_what_the_data_gives() -> None:
    assert PAGE.read_text("utf-8") == page(load_register()), (
        "run: python -m harness.spec.rulings > docs/rulings.md"
    )


def test_the_page_has_each_ruling_with_the_requirements_that_rest_on_it() -> None:
    register = load_register()
    sections = page(register).split("\n## ")[1:]

    assert [section.partition(":")[0] for section in sections] == list(register.rulings)
    for section, ruling_id in zip(sections, register.rulings, strict=True):
        words = section.replace(",", "").split()
        assert [r.id for r in register.resting_on(ruling_id) if r.id not in words] == []
