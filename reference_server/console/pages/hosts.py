"""The hosts of the world: where they are, and how they are met."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.site import Site
from reference_server.world.model import Reach

__all__ = ["HostPages"]

_MEANINGS: Final = {
    Reach.UP: "answers",
    Reach.DOWN: "refuses connections; its relay stands still",
    Reach.SLOW: "answers late",
    Reach.UNREACHABLE: "takes connections and says nothing",
}


class HostPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        server = self._site.server
        context = {
            "hosts": [(running, running.target) for running in server.hosts.values()],
            "reaches": _MEANINGS,
            "dns": server.world.network if server.dns is not None else None,
            "domains": server.world.domains,
        }
        return self._site.page(request, "hosts.html.j2", context)

    async def change(self, request: Request) -> Response:
        """One host, one word."""
        form = await self._site.form(request)
        name, word = str(form.get("host", "")), str(form.get("reach", ""))
        if name not in self._site.server.hosts or word not in set(Reach):
            raise HTTPException(404, "There is no such host, or no such word.")
        try:
            await self._site.aside(lambda: self._site.server.set_reach(name, word))
        except OSError as exc:
            raise HTTPException(409, f"{name} cannot listen: {exc}") from exc
        self._site.news.tell(["hosts"])
        return self._site.done("/hosts", f"{name} is {word}.")
