"""Templates of a package, as every page of ours has them: what they show is escaped, what they lack is an error."""

from collections.abc import Callable, Mapping

import jinja2

from harness.mua.screen import line, safe

__all__ = ["templates_of"]


def templates_of(package: str, filters: Mapping[str, Callable[..., object]]) -> jinja2.Environment:
    """The templates in `package`, with these filters and those that make a stranger's text fit for a page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"line": line, "safe_text": safe, **filters}
    return environment
