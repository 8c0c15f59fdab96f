"""HTML of a message, made ready for a sandboxed frame: cleaned within bounds, its own pictures put in."""

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import trio

from reference_server.web.http import to_policy
from reference_server.web.mail import cleaning
from reference_server.web.mail.cleaning import Cleaned
from reference_server.web.mail.message import Leaf

__all__ = ["Cleaner", "frame_policy"]

_PICTURES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"}
)
_NAMED: Final = re.compile(r"cid:([^\s\"'<>]{1,250})", re.IGNORECASE)

# Ours: programs that clean at the same time; each may take much of a processor and of memory.
_AT_ONCE: Final = 2


def frame_policy(*, pictures: bool) -> str:
    """The policy of the frame: no script, no form, and from elsewhere only pictures that are asked for."""
    return to_policy(
        {
            "sandbox": "allow-popups allow-popups-to-escape-sandbox",
            "default-src": "'none'",
            "img-src": "data: https: http:" if pictures else "data:",
            "style-src": "'unsafe-inline'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'self'",
        }
    )


class Cleaner:
    """Cleans HTML, what is not simple in a program of its own that is ended where it takes too long."""

    def __init__(self) -> None:
        self._places = trio.CapacityLimiter(_AT_ONCE)

    async def clean(self, html: str, attached: Mapping[str, Leaf], *, remote: bool) -> Cleaned | None:
        """Cleaned HTML; None where it cannot be cleaned within bounds.

        Args:
            attached: Parts of the message by content id. Pictures go into the page as ``data:`` addresses: a
                sandboxed frame has no session to fetch them with.
            remote: Let pictures from elsewhere be fetched.
        """
        pictures = await trio.to_thread.run_sync(_pictures, html, attached)
        if cleaning.is_simple(html):
            return await trio.to_thread.run_sync(lambda: cleaning.clean(html, pictures, remote=remote))
        asked = json.dumps({"html": html, "pictures": pictures, "remote": remote}).encode()
        async with self._places:
            with trio.move_on_after(2 * cleaning.SECONDS):
                done = await trio.run_process(
                    [sys.executable, "-I", cleaning.__file__],
                    stdin=asked,
                    capture_stdout=True,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
                return Cleaned(**json.loads(done.stdout)) if done.returncode == 0 else None
        return None


def _pictures(html: str, attached: Mapping[str, Leaf]) -> dict[str, str]:
    """Those that the text names and the message has, up to so many octets as may be shown."""
    found: dict[str, str] = {}
    octets = 0
    for name in dict.fromkeys(map(unquote, _NAMED.findall(html))):
        leaf = attached.get(name)
        if leaf is None or leaf.media_type not in _PICTURES:
            continue
        octets += leaf.part.body_octets
        if octets > cleaning.MAX_PICTURES:
            break
        found[name] = f"data:{leaf.media_type};base64,{b64encode(leaf.octets).decode('ascii')}"
    return found
