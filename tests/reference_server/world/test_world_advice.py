"""What is said of a world that is probably not meant so, and what is not."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from reference_server.world import ONE_SERVER, World
from reference_server.world.advice import advice
from reference_server.world.load import load_world
from reference_server.world.model import RelayPolicy

EXAMPLES = Path(__file__).parents[3] / "examples" / "worlds"


def domain_of(world: World, **changes: object) -> World:
    return replace(world, domains=(replace(world.domains[0], **changes),))


def test_the_default_world_needs_no_advice() -> None:
    assert list(advice(ONE_SERVER)) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_need_no_advice(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_world(path)

    assert caplog.records == []


def test_an_open_relay_is_said_aloud() -> None:
    open_relay = replace(ONE_SERVER, hosts=(replace(ONE_SERVER.hosts[0], relay=RelayPolicy.OPEN),))

    assert [key for key, _ in advice(open_relay)] == ["hosts[0].relay"]


def test_a_domain_without_postmaster_is_said() -> None:
    assert [key for key, _ in advice(domain_of(ONE_SERVER, aliases={}))] == ["domains[0].aliases"]


def test_whoever_gets_all_the_mail_is_postmaster_too() -> None:
    assert list(advice(domain_of(ONE_SERVER, aliases={}, catch_all="alice@example.test"))) == []


def test_a_broken_script_is_said_with_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "world.toml"
    text = (EXAMPLES / "one-server.toml").read_text()
    path.write_text(text.replace('password = "secret"', 'password = "secret"\nsieve = "keep"', 1))

    with caplog.at_level(logging.WARNING):
        world = load_world(path)

    assert world.users[0].sieve == "keep"
    (record,) = caplog.records
    assert f"{path}: users[alice@example.test].sieve: does not compile" in record.getMessage()
    assert "line 1" in record.getMessage()
