"""Logging in, and out."""

import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from harness.errors import MailproofError
from reference_server.web.mail.errors import LogInRefused
from reference_server.web.mail.person import Person
from reference_server.web.pages.site import NotSignedIn, Site, cookie_name, listing_url, set_cookie

__all__ = ["LogInPages"]

# Ours: characters of a name or password; RFC 4616 §2 asks for 255 octets at least.
_MAX_CREDENTIAL: Final = 500


class LogInPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """The form; it carries a token that the browser has as a cookie, too: there is no session yet."""
        try:
            self._site.session(request)
        except NotSignedIn:
            return self._form(request, user="", problem="")
        return RedirectResponse(listing_url(b"INBOX"), 303)

    async def enter(self, request: Request) -> Response:
        form = await self._site.form(request, request.cookies.get(_form_cookie(request), ""))
        user, password = str(form.get("user", "")).strip(), str(form.get("password", ""))
        if not (0 < len(user) <= _MAX_CREDENTIAL and 0 < len(password) <= _MAX_CREDENTIAL):
            return self._form(request, user="", problem="Give a name and a password.", status=400)
        address = request.client.host if request.client else ""
        attempts = self._site.attempts
        if wait_s := attempts.wait_s(user, address):
            problem = f"Too many attempts. Try again in {wait_s / 60:.0f} minutes."
            response = self._form(request, user=user, problem=problem, status=429)
            response.headers["Retry-After"] = str(int(wait_s) + 1)
            return response
        # Counted before it is known how it ends: many at the same time are many.
        attempts.failed(user, address)
        person = Person(self._site.system, user, password)
        try:
            async with person.reading():
                pass
        except LogInRefused as exc:
            return self._form(request, user=user, problem=str(exc), status=503 if exc.temporary else 403)
        except MailproofError as exc:
            return self._form(request, user=user, problem=str(exc), status=502)
        attempts.succeeded(user, address)
        session = self._site.welcome(person)
        response = RedirectResponse(listing_url(b"INBOX"), 303)
        set_cookie(request, response, cookie_name(request), session.token)
        response.delete_cookie(_form_cookie(request))
        return response

    async def leave(self, request: Request) -> Response:
        session = self._site.session(request)
        await self._site.form(request, session.csrf)
        await self._site.dismiss(session)
        response = RedirectResponse("/login", 303)
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response

    def _form(self, request: Request, *, user: str, problem: str, status: int = 200) -> Response:
        token = secrets.token_urlsafe(32)
        context = {"user": user, "problem": problem, "csrf": token}
        response = self._site.plain_page(request, "login.html.j2", context, status=status)
        set_cookie(request, response, _form_cookie(request), token)
        return response


def _form_cookie(request: Request) -> str:
    return cookie_name(request) + "-form"
