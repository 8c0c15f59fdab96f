"""Web applications that run, and what talks to them."""

from collections.abc import Callable, Iterator

import pytest
from starlette.types import ASGIApp

from reference_server.runtime import TrioSide
from reference_server.web.http import serve_http


@pytest.fixture
def trio_side() -> Iterator[TrioSide]:
    side = TrioSide()
    side.start()
    yield side
    side.stop()


@pytest.fixture
def served(trio_side: TrioSide) -> Callable[[ASGIApp], str]:
    """Serves an application on a free port until the end of the test; gives its URL."""

    def serve(app: ASGIApp) -> str:
        return str(trio_side.start_task(serve_http, app))

    return serve
