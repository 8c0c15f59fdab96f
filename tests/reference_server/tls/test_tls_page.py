"""The worlds on the page about TLS run as they stand."""

import re
from pathlib import Path

import pytest

from harness.target import Protocol
from reference_server.server import serve_world

PAGE = (Path(__file__).parents[3] / "docs" / "tls.md").read_text("utf-8")
WORLDS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(WORLDS)))
def test_each_runs(number: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "world.toml"
    path.write_text(WORLDS[number])

    with serve_world(path) as server:
        assert Protocol.IMAPS in server.target.endpoints

    assert caplog.messages == []


def test_there_is_one_for_each_part() -> None:
    assert len(WORLDS) == 4
