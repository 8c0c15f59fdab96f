"""What `mailproof load` would run, and does not."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

import harness.cli.load as command
from harness.cli.app import app
from harness.cli.load_run import LoadRequest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadRequest]:
    """What would be run."""
    requests: list[LoadRequest] = []

    def note(request: LoadRequest) -> int:
        requests.append(request)
        return 0

    monkeypatch.setattr(command, "run_load", note)
    monkeypatch.setattr(command, "run_worker", note)

    def run(*words: str) -> LoadRequest:
        requests.clear()
        result = CliRunner().invoke(app, ["load", *words])
        assert result.exit_code == 0, result.exception or result.output
        (request,) = requests
        return request

    return run
