"""The page on world files has every key of every table, and none that is not there."""

import re
from pathlib import Path

import msgspec
import pytest

from reference_server.world.filter_tables import FilterTable
from reference_server.world.sasl_tables import SaslTable
from reference_server.world.tables import (
    DomainTable,
    HostTable,
    LimitsTable,
    NetworkTable,
    RecordTable,
    RelayTable,
    TroubleTable,
    UserTable,
    WorldTable,
)
from reference_server.world.tls_tables import TlsTable

PAGE = (Path(__file__).parents[3] / "docs" / "worlds.md").read_text("utf-8")

# Each has a section of its own.
TABLES = {
    "accounts",
    "sasl",
    "hosts",
    "domains",
    "users",
    "network",
    "relay",
    "limits",
    "tls",
    "dns",
    "filters",
}


def keys_of(heading: str) -> list[str]:
    section = PAGE.partition(f"\n### {heading}")[2].partition("\n### ")[0].partition("\n## ")[0]
    return re.findall(r"^\| `\[?(\w+)\]?` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("`[[domains]]`", DomainTable),
        ("`[[hosts]]`", HostTable),
        ("`[[users]]`", UserTable),
        ("`[network]`", NetworkTable),
        ("`[[dns.records]]`", RecordTable),
        ("`[[dns.trouble]]`", TroubleTable),
        ("`[relay]`", RelayTable),
        ("`[tls]`", TlsTable),
        ("`[sasl]`", SaslTable),
        ("`[limits]`", LimitsTable),
        ("`[[filters]]`", FilterTable),
    ],
)
def test_a_section_has_the_keys_of_its_table(heading: str, table: type[msgspec.Struct]) -> None:
    assert sorted(keys_of(heading)) == sorted(table.__struct_fields__)


def test_the_first_section_has_the_keys_that_have_none_of_their_own() -> None:
    assert set(keys_of("The whole")) == set(WorldTable.__struct_fields__) - TABLES
