"""Reads the register's TOML data, and refuses what is not whole."""

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from harness.spec.model import AREAS, ID, Level, Party, Register, Requirement, Ruling

__all__ = ["RegisterError", "load_register", "load_sections", "parse_register"]

# TOML's values are of any type until they are checked.
Table = dict[str, Any]

_DATA: Final = files("harness.spec") / "data"
_KEYS: Final = frozenset(
    {"id", "area", "level", "party", "text", "note", "keyword", "weighed_as", "excluded", "rulings"}
)


class RegisterError(ValueError):
    """The data is wrong: which file, which id, what."""


@functools.cache
def load_register() -> Register:
    """The register that comes with the package."""
    names = sorted(path.name for path in _DATA.iterdir() if path.name.startswith("rfc"))
    return parse_register({name: _text(name) for name in names}, _text("rulings.toml"))


@functools.cache
def load_sections() -> dict[int, frozenset[str]]:
    """RFC -> its sections, appendices included, for every RFC that may be cited."""
    table = tomllib.loads(_text("sections.toml"))
    return {int(rfc): frozenset(sections.split()) for rfc, sections in table.items()}


def parse_register(documents: Mapping[str, str], rulings: str) -> Register:
    """A register from TOML.

    Args:
        documents: File name, as in ``rfc5321.toml``, -> its text. An ``area`` at the top holds for the whole file.
        rulings: The text of the rulings' file.

    Raises:
        RegisterError: A duplicate id, an id of another file's RFC, an unknown level, party, area, key or ruling, or
            an IMPLIED without weight or ruling.
        tomllib.TOMLDecodeError: A text is no TOML.
    """
    ledger = _rulings(tomllib.loads(rulings)["ruling"])
    requirements: dict[str, Requirement] = {}
    for name, text in documents.items():
        document = tomllib.loads(text)
        for table in document.get("requirement", []):
            requirement = _requirement(name, {"area": document.get("area"), **table})
            if requirement.id in requirements:
                raise RegisterError(f"{name}: {requirement.id} is entered twice")
            if unknown := set(requirement.rulings) - set(ledger):
                raise RegisterError(f"{name}: {requirement.id}: no ruling {', '.join(sorted(unknown))}")
            requirements[requirement.id] = requirement
    return Register(requirements, ledger)


def _text(name: str) -> str:
    return (_DATA / name).read_text("utf-8")


def _rulings(tables: list[Table]) -> dict[str, Ruling]:
    found: dict[str, Ruling] = {}
    for table in tables:
        try:
            ruling = Ruling(**table)
        except TypeError as exc:
            raise RegisterError(f"rulings.toml: {table.get('id', 'an entry without id')}: {exc}") from exc
        if ruling.id in found:
            raise RegisterError(f"rulings.toml: {ruling.id} is entered twice")
        found[ruling.id] = ruling
    return found


def _requirement(name: str, table: Table) -> Requirement:
    requirement_id = str(table.get("id", ""))
    where = f"{name}: {requirement_id or 'an entry without id'}"
    prefix = f"{name.removesuffix('.toml').upper()}-"
    if not (ID.fullmatch(requirement_id) and requirement_id.startswith(prefix)):
        raise RegisterError(f"{where}: no id of this file's RFC")
    if unknown := set(table) - _KEYS:
        raise RegisterError(f"{where}: unknown key {', '.join(sorted(unknown))}")
    if table["area"] not in AREAS:
        raise RegisterError(f"{where}: area {table['area']!r} is none of {', '.join(AREAS)}")
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
    implied = requirement.level is Level.IMPLIED
    if implied != (requirement.weighed_as is not None) or requirement.weighed_as is Level.IMPLIED:
        raise RegisterError(f"{where}: IMPLIED needs weighed_as, and nothing else takes it")
    if implied and not requirement.rulings:
        raise RegisterError(f"{where}: IMPLIED needs the ruling that weighs it")
    return requirement
