"""What every page has in common: escaping, style and script, and the policy that allows them and nothing else.

The content-security policy names a page's own style and script by their digests, so that even octets that slipped
through the escaping could not run.
"""

import base64
import hashlib
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.text import number, one_line, plural, printable

__all__ = ["asset", "environment", "policy"]


def environment() -> Environment:
    """Where templates come from; whatever they show is escaped and made printable."""
    made = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters |= {"number": number, "one_line": one_line, "plural": plural, "when": _when}
    return made


def asset(*names: str) -> str:
    """Style sheets or scripts of the templates' directory, one behind the other."""
    return "".join((files("reports") / "templates" / name).read_text("utf-8") for name in names)


def policy(style: str, script: str) -> str:
    """The content-security policy of a page with this one style and this one script."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _finalize(value: object) -> object:
    """Nothing reaches the page but through here: what the target said is made printable, wherever it is put."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _when(started: str) -> str:
    """An ISO 8601 time for people; what cannot be read is shown as it is."""
    try:
        return datetime.fromisoformat(started).strftime("%-d %B %Y, %H:%M:%S %Z").strip()
    except ValueError:
        return started


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
