"""Sessions, and the octets that they move."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.pages.lint import Linter
from reference_server.console.recorder import Session
from reference_server.console.site import Site

__all__ = ["SessionPages"]


class SessionPages:
    def __init__(self, site: Site, linter: Linter) -> None:
        self._site = site
        self._linter = linter

    async def index(self, request: Request) -> Response:
        """All that are kept, or those with a word in what they are or moved."""
        wanted = request.query_params.get("q", "").strip().lower()
        protocol = request.query_params.get("protocol", "")
        every = self._site.recorder.sessions()
        sessions = [
            session
            for session in every
            if (not protocol or session.protocol == protocol) and (not wanted or _has(session, wanted))
        ]
        context = {
            "sessions": sessions,
            "protocols": sorted({session.protocol for session in every}),
            "protocol": protocol,
            "query": wanted,
        }
        return self._site.page(request, "sessions.html.j2", context)

    async def show(self, request: Request) -> Response:
        session = self._site.recorder.session(request.path_params["number"])
        if session is None:
            raise HTTPException(404, "This session is not kept any more.")
        found = await self._site.aside(lambda: self._linter.findings(session))
        return self._site.page(request, "session.html.j2", {"session": session, "found": found})

    async def clear(self, request: Request) -> Response:
        """Those that are over."""
        await self._site.form(request)
        self._site.recorder.forget_sessions()
        return self._site.done("/sessions")


def _has(session: Session, wanted: str) -> bool:
    """What is searched for may stand across two pieces of octets."""
    about = f"{session.host} {session.protocol} {session.peer} {session.user} {session.tls}".lower()
    octets = b"".join(moved.octets for moved in session.moved).lower()
    return wanted in about or wanted.encode("utf-8", "replace") in octets
