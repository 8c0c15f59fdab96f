"""The page on logging in says what is so."""

import re
from pathlib import Path

from harness.wire import sasl
from reference_server.world.load import load_world
from reference_server.world.sasl_tables import SaslTable, TokensTable

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sasl.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "worlds" / "sasl.toml"


def test_its_world_is_the_example_and_can_be_read() -> None:
    world, *_ = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert world == EXAMPLE.read_text("utf-8")
    assert load_world(EXAMPLE).sasl.mechanisms == sasl.MECHANISMS


def test_it_has_every_mechanism_and_every_key() -> None:
    table = PAGE.partition("| mechanism |")[2].partition("\n\n")[0]
    named = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`([A-Z0-9-]+)`", line.partition(" | ")[0])
    ]
    assert tuple(named) == sasl.MECHANISMS
    keys = set(
        re.findall(r"`((?:tokens\.)?\w+)`", PAGE.partition("| key of `[sasl]` |")[2].partition("\n\n")[0])
    )
    known = set(SaslTable.__struct_fields__) - {"tokens"}
    known |= {f"tokens.{key}" for key in TokensTable.__struct_fields__}
    assert known <= keys
