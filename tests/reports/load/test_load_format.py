"""What the files of a load run hold, and where that is written down."""

from pathlib import Path

import msgspec
import pytest

from harness.results import load

DOC = Path(__file__).parents[3] / "docs" / "load-format.md"

FILED = [
    each
    for each in vars(load).values()
    if isinstance(each, type) and issubclass(each, msgspec.Struct) and each is not load.LiveFigures
]


@pytest.mark.parametrize("record", FILED, ids=lambda record: record.__name__)
def test_every_field_is_documented(record: type[msgspec.Struct]) -> None:
    text = DOC.read_text()

    assert [field for field in record.__struct_fields__ if f"`{field}`" not in text] == []


def test_every_verdict_is_documented() -> None:
    verdicts = next(
        field for field in msgspec.structs.fields(load.LoadSummary) if field.name == "verdict"
    ).type

    assert [verdict for verdict in verdicts.__args__ if f"`{verdict}`" not in DOC.read_text()] == []
