"""Reads the register's TOML data, and refuses what is not whole."""

import functools
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from harness.spec.model import AREAS, ID, Level, Party, Register, Requirement, Ruling

__all__ = ["RegisterError", "load_register", "load_sections"]

_DATA: Final = files("harness.spec") / "data"
_KEYS: Final = frozenset(
    {"id", "area", "level", "party", "text", "note", "keyword", "weighed_as", "excluded", "rulings"}
)


class RegisterError(ValueError):
    """The data is wrong: which file, which id, what."""


@functools.cache
def load_register() -> Register:
    """The whole register.

    Raises:
        RegisterError: A duplicate id, an unknown level, party, area, key or ruling, or an IMPLIED without weight.
    """
    rulings = _rulings()
    requirements: dict[str, Requirement] = {}
    for path in sorted(_DATA.iterdir(), key=lambda p: p.name):
        if not (path.name.startswith("rfc") and path.name.endswith(".toml")):
            continue
        data = _read(path)
        for table in data.get("requirement", []):
            requirement = _requirement(path.name, {"area": data.get("area"), **table})
            if requirement.id in requirements:
                raise RegisterError(f"{path.name}: {requirement.id} is entered twice")
            if unknown := set(requirement.rulings) - set(rulings):
                raise RegisterError(f"{path.name}: {requirement.id}: no ruling {', '.join(sorted(unknown))}")
            requirements[requirement.id] = requirement
    return Register(requirements, rulings)


@functools.cache
def load_sections() -> dict[int, frozenset[str]]:
    """RFC -> its sections, appendices included, for every RFC that may be cited."""
    return {int(rfc): frozenset(sections.split()) for rfc, sections in _read(_DATA / "sections.toml").items()}


def _read(path: Traversable) -> dict[str, Any]:  # TOML's values are of any type until they are checked
    return tomllib.loads(path.read_text("utf-8"))


def _rulings() -> dict[str, Ruling]:
    found: dict[str, Ruling] = {}
    for table in _read(_DATA / "rulings.toml")["ruling"]:
        ruling = Ruling(**table)
        if ruling.id in found:
            raise RegisterError(f"rulings.toml: {ruling.id} is entered twice")
        found[ruling.id] = ruling
    return found


def _requirement(name: str, table: dict[str, Any]) -> Requirement:
    requirement_id = str(table.get("id", ""))
    where = f"{name}: {requirement_id or 'an entry without id'}"
    if not ID.fullmatch(requirement_id) or not requirement_id.lower().startswith(
        name.removesuffix(".toml") + "-"
    ):
        raise RegisterError(f"{where}: no id of this file's RFC")
    if unknown := set(table) - _KEYS:
        raise RegisterError(f"{where}: unknown key {', '.join(sorted(unknown))}")
    if table.get("area") not in AREAS:
        raise RegisterError(f"{where}: area {table.get('area')!r} is none of {', '.join(AREAS)}")
    try:
        requirement = Requirement(
            id=requirement_id,
            area=table["area"],
            level=Level(table["level"]),
            party=Party(table.get("party", "server")),
            text=table["text"],
            note=table.get("note", ""),
            keyword=table.get("keyword", ""),
            weighed_as=Level(table["weighed_as"]) if "weighed_as" in table else None,
            excluded=table.get("excluded", ""),
            rulings=tuple(table.get("rulings", ())),
        )
    except (KeyError, ValueError) as exc:
        raise RegisterError(f"{where}: {exc}") from exc
    if (requirement.level is Level.IMPLIED) != (requirement.weighed_as is not None):
        raise RegisterError(f"{where}: IMPLIED needs weighed_as, and nothing else takes it")
    return requirement
