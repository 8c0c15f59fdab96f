"""What the page on filters shows is in the example worlds, and those of them that need nothing do what it says."""

import re
import smtplib
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from reference_server import Server
from reference_server.relay.model import Transport
from reference_server.world.load import load_world

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "filters.md").read_text("utf-8")
WORLDS = ROOT / "examples" / "worlds"
PATIENCE_S = 30.0


def same(shown: dict, there: dict) -> bool:
    """A page may leave rules out."""
    rules = shown.get("rules", [])
    return {**shown, "rules": []} == {**there, "rules": []} and all(
        rule in there.get("rules", []) for rule in rules
    )


@pytest.mark.parametrize("toml", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_table_of_the_page_stands_in_an_example(toml: str) -> None:
    shown = tomllib.loads(toml)["filters"]
    examples = [tomllib.loads(path.read_text("utf-8"))["filters"] for path in WORLDS.glob("filters-*.toml")]
    assert any(all(any(same(table, each) for each in stages) for table in shown) for stages in examples)


def test_every_example_is_on_the_page() -> None:
    assert {path.name for path in WORLDS.glob("filters-*.toml")} == set(
        re.findall(r"worlds/(filters-[a-z-]+\.toml)", PAGE)
    )


@pytest.fixture
def example(tmp_path):
    def run(name: str) -> Server:
        world = load_world(WORLDS / f"{name}.toml")
        return Server(
            replace(world, network=replace(world.network, dns_port=0, smtp_port=0)), data_dir=tmp_path
        )

    return run


def code(server: Server, content: bytes, sender: str = "alice@example.test") -> int:
    endpoint = next(iter(server.target.endpoints.values()))
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE_S) as client:
        client.ehlo()
        client.mail(sender)
        client.rcpt("bob@example.test")
        return client.data(content)[0]


def test_the_built_in_world_does_what_its_comments_say(tools, example) -> None:
    with example("filters-built-in") as server:
        queue = server.hosts[tools.HOST].context.queue
        assert code(server, tools.sealed(tools.letter(subject="Buy now"))) == 550
        assert code(server, tools.HAM, "mei@slow.example.net") == 451
        assert code(server, tools.HAM) == 250
        assert code(server, b"Subject: x\r\n\r\n" + b"x" * 60 * 20_000) == 250
        assert [b"\r\nX-Large: yes\r\n" in kept for kept in tools.inbox(server.store)] == [False, True]
        assert code(server, tools.with_file(tools.EICAR)) == 250
        (held,) = queue.entries()
        assert held.recipients[0].next_hop.transport is Transport.QUARANTINE


def test_the_world_of_batches_does_what_its_comments_say(tools, example) -> None:
    with example("filters-batch") as server:
        queue = server.hosts[tools.HOST].context.queue
        assert code(server, tools.HAM) == 250
        assert code(server, tools.with_file(tools.EICAR)) == 250
        end = time.monotonic() + PATIENCE_S
        while [e.recipients[0].next_hop.transport for e in queue.entries()] != [Transport.QUARANTINE]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert len(tools.inbox(server.store)) == 1
