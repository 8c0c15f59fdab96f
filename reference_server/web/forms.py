"""Forms that may be believed: filled in on a page of ours, and bounded."""

from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from reference_server.web.sessions import same

__all__ = ["believed_form"]

# Ours: octets of a field.
_MAX_FIELD_OCTETS: Final = 2 * 1024 * 1024


async def believed_form(
    request: Request, csrf: str, *, most_files: int, most_fields: int, too_old: str
) -> FormData:
    """The form of a request that carries this token.

    Args:
        too_old: What is said where it carries another one.

    Raises:
        HTTPException: 403 for a form of elsewhere, 400 for what is no form.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPException(403, "This form is not from here.")
    form = await request.form(max_files=most_files, max_fields=most_fields, max_part_size=_MAX_FIELD_OCTETS)
    if not csrf or not same(str(form.get("csrf", "")), csrf):
        await form.close()
        raise HTTPException(403, too_old)
    return form
