"""Lets ``pytest --pyargs suites`` run the checks too: against a target file, or the embedded server."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.clients.live import LiveTarget
from harness.target import Target
from suites.choices import ChoiceLog
from suites.cleanup import clean_up
from suites.plugin import PROFILES, CheckPlugin

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mailproof")
    group.addoption("--mailproof-target", metavar="FILE", help="target file; default: the embedded server")
    group.addoption("--mailproof-profile", choices=sorted(PROFILES), default="quick", help="how much to try")


class _Standalone:
    """Starts and stops what `mailproof check` would, around a plain pytest run."""

    def __init__(self, config: pytest.Config) -> None:
        self._server: AbstractContextManager[Target] | None = None
        if path := config.getoption("--mailproof-target"):
            declared = Target.load(Path(path))
        else:
            (entry,) = entry_points(group="mailproof.servers", name="embedded")
            self._server = entry.load()()
            declared = self._server.__enter__()
        choices = ChoiceLog()
        PROFILES[config.getoption("--mailproof-profile")].activate(choices)
        self.live = LiveTarget(declared)
        config.pluginmanager.register(CheckPlugin(self.live, choices=choices), "mailproof-checks")

    def pytest_unconfigure(self) -> None:
        clean_up(self.live)
        if self._server is not None:
            self._server.__exit__(None, None, None)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Nothing to do where the command line has brought its own plugin."""
    if not any(isinstance(plugin, CheckPlugin) for plugin in config.pluginmanager.get_plugins()):
        config.pluginmanager.register(_Standalone(config), "mailproof-standalone")
