"""Writes the ledger of rulings as a page: `python -m harness.spec.rulings > docs/rulings.md`."""

import sys
import textwrap
from typing import Final

from harness.spec.load import load_register
from harness.spec.model import Register, Ruling

__all__ = ["page"]

_HEAD: Final = """\
# Rulings

Where an RFC can be read in more than one way, this is how mailproof reads it, and why. Checks rest on these readings,
and a report names them beside each finding. Numbers are never used again.

This page is written from `harness/spec/data/rulings.toml` by `python -m harness.spec.rulings > docs/rulings.md`.
"""


def page(register: Register) -> str:
    """The ledger in Markdown, rulings by number, each with the requirements that rest on it."""
    return "\n".join([_HEAD, *(_section(ruling, register) for ruling in register.rulings.values())])


def _section(ruling: Ruling, register: Register) -> str:
    resting = ", ".join(requirement.id for requirement in register.resting_on(ruling.id))
    paragraphs = (
        f"## {ruling.id}: {ruling.title}",
        ruling.place,
        _filled(ruling.reading),
        _filled(f"**Why.** {ruling.why}"),
        _filled(f"**Requirements.** {resting}"),
    )
    return "\n\n".join(paragraphs) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, width=118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(page(load_register()))
