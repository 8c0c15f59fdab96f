"""An application on hypercorn and trio: what every answer carries, and what no request may."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference_server.web import http
from reference_server.web.http import GUARDS, serve_http, to_policy

Serve = Callable[[ASGIApp], str]


async def _library(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return PlainTextResponse("trio", headers={"Cache-Control": "public"})


async def _octets(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


_APP = Starlette(routes=[Route("/", _library), Route("/octets", _octets, methods=["POST"])])


def test_the_application_runs_in_the_trio_loop_and_keeps_what_it_says_itself(served: Serve) -> None:
    answer = httpx.get(served(_APP))

    assert answer.text == "trio"
    assert answer.headers["Cache-Control"] == "public"


@pytest.mark.parametrize("path", ["/", "/nothing-here"])
def test_every_answer_is_guarded(served: Serve, path: str) -> None:
    headers = httpx.get(served(_APP) + path).headers

    assert {name: headers[name] for name in GUARDS if name != "Cache-Control"} == {
        name: text for name, text in GUARDS.items() if name != "Cache-Control"
    }
    assert "server" not in headers


def test_a_page_of_elsewhere_that_is_made_to_lead_here_gets_nothing(served: Serve) -> None:
    url = served(_APP)

    assert httpx.get(url, headers={"Host": "attacker.example.org"}).status_code == 421
    assert httpx.get(url, headers={"Host": "[::1"}).status_code == 421
    assert httpx.get(url, headers={"Host": "localhost:1"}).status_code == 200


def test_a_body_is_bounded_whether_its_length_is_said_or_not(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_BODY_OCTETS", 1000)
    url = served(_APP) + "/octets"

    def chunks() -> Iterator[bytes]:
        yield b"x" * 600
        yield b"x" * 600

    assert httpx.post(url, content=b"x" * 1000).text == "1000"
    assert httpx.post(url, content=b"x" * 1001).status_code == 413
    assert httpx.post(url, content=chunks()).status_code == 413


def test_a_port_that_is_taken_is_an_oserror(served: Serve) -> None:
    port = int(served(_APP).rpartition(":")[2])

    async def again() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_http, _APP, "127.0.0.1", port)

    with pytest.raises(BaseExceptionGroup) as seen:
        trio.run(again)
    assert seen.group_contains(OSError)


def test_a_policy_is_written_as_one_line() -> None:
    assert to_policy({"default-src": "'none'", "sandbox": ""}) == "default-src 'none'; sandbox"
