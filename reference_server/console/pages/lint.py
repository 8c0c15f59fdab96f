"""What clients did against the RFCs, session by session."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.lint import RULES, Findings, lint
from reference_server.console.recorder import Session
from reference_server.console.site import Site

__all__ = ["LintPages", "Linter"]


@dataclass(frozen=True, slots=True)
class _Known:
    pieces: int
    findings: Findings


class Linter:
    """Remembers what it has read. Blocking; in any thread."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def findings(self, session: Session) -> Findings:
        known = self._known.get(session.number)
        if known is None or known.pieces != len(session.moved):
            known = self._known[session.number] = _Known(len(session.moved), lint(session))
        return known.findings

    def of_all(self, sessions: list[Session]) -> list[tuple[Session, Findings]]:
        """Those in which anything was found; sessions that are not kept any more are forgotten."""
        kept = {session.number for session in sessions}
        self._known = {number: known for number, known in self._known.items() if number in kept}
        return [(session, found) for session in sessions if len(found := self.findings(session))]


class LintPages:
    def __init__(self, site: Site, linter: Linter) -> None:
        self._site = site
        self._linter = linter

    async def show(self, request: Request) -> Response:
        sessions = self._site.recorder.sessions()
        found = await self._site.aside(lambda: self._linter.of_all(sessions))
        context = {"found": found, "read": len(sessions), "rules": list(RULES.values())}
        return self._site.page(request, "lint.html.j2", context)
