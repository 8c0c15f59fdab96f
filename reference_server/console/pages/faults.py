"""Deviations of the servers, switched on and off while they run."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.site import Site
from reference_server.faults import known_faults

__all__ = ["FaultPages"]

_OFF: Final = "off"


class FaultPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """All there are, those that are on first; or those with a word in name or sentence."""
        wanted = request.query_params.get("q", "").strip().lower()
        known = await self._site.aside(known_faults)
        active = set(self._site.server.faults)
        found = {
            name: text
            for name, text in known.items()
            if not wanted or wanted in f"{name} {text}".lower() or name in active
        }
        areas: dict[str, list[tuple[str, str]]] = {}
        for name, text in found.items():
            if name not in active:
                areas.setdefault(name.partition(".")[0], []).append((name, text))
        context = {
            "active": [(name, known[name]) for name in sorted(active)],
            "areas": areas,
            "query": wanted,
            "known": len(known),
        }
        return self._site.page(request, "faults.html.j2", context)

    async def change(self, request: Request) -> Response:
        """One on or off, or all off."""
        form = await self._site.form(request)
        faults, name = self._site.server.faults, str(form.get("name", ""))
        if form.get("all") == _OFF:
            for each in faults:
                faults.switch_off(each)
            self._site.say("No fault is on.")
        elif name not in await self._site.aside(known_faults):
            raise HTTPException(404, "There is no such fault.")
        elif form.get("to") == _OFF:
            faults.switch_off(name)
            self._site.say(f"{name} is off for sessions from now on.")
        else:
            faults.switch_on(name)
            self._site.say(f"{name} is on for sessions from now on.")
        self._site.news.tell(["faults"])
        return self._site.done("/faults")
