"""Settings files in TOML: read within bounds, converted to a table of types, and every mistake told in one line.

A caller gives the class of its error, so that a target file and a world file are refused in the same words.
"""

import enum
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from harness.errors import SettingsFileError

__all__ = ["convert", "read_toml"]

T = TypeVar("T", bound=msgspec.Struct)

# Ours: settings are written by hand; a larger file is a mistake.
MAX_FILE_OCTETS: Final = 256 * 1024

_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<place>.*)`$")
_STEP: Final = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<item>\d+|\.\.\.)\]")
_WORDS: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a table",
    "str": "text",
}


def read_toml(path: Path, error: type[SettingsFileError], kind: str) -> dict[str, object]:
    """The tables of a file.

    Args:
        kind: What the file should have been: ``"target file"``.

    Raises:
        SettingsFileError: As `error`: the file cannot be read, has more than `MAX_FILE_OCTETS`, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except OSError as exc:
        problem = f"cannot be read ({exc.strerror}); give the path of a {kind}"
        raise error(path, "", problem) from exc
    if len(octets) > MAX_FILE_OCTETS:
        raise error(path, "", f"is too large; a {kind} has at most {MAX_FILE_OCTETS} octets")
    try:
        return tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise error(path, "", f"is not TOML: {exc}") from exc


def convert(
    data: Mapping[str, object], table: type[T], source: Path | str, error: type[SettingsFileError]
) -> T:
    """The tables as `table` has them.

    Raises:
        SettingsFileError: As `error`, with the key, what was read and what is allowed.
    """
    try:
        return msgspec.convert(data, table)
    except msgspec.ValidationError as exc:
        raise error(source, *_explained(data, table, str(exc))) from exc


def _explained(data: object, table: type[msgspec.Struct], message: str) -> tuple[str, str]:
    """Key and problem, from msgspec's sentence, the table it was held against and the data."""
    found = _PLACE.search(message)
    place, problem = (found["place"], message[: found.start()]) if found else ("", message)
    key = place.lstrip(".").replace("[...]", "")
    kind: object = table
    for step in _STEP.finditer(place):
        kind = _inner(kind, step)
        data = _value(data, step)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem):
        return f"{key}.{unknown[1]}".lstrip("."), f"no such key; known here: {_listed(_fields(kind))}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return f"{key}.{missing[1]}".lstrip("."), "is missing and has no default"
    if invalid := re.fullmatch(r"Invalid enum value (.*)", problem):
        return key, f"{invalid[1]} is none of {_listed(_choices(kind))}"
    if wrong := re.fullmatch(r"Expected `(.*)`, got `(.*)`", problem):
        wanted = " or ".join(_WORDS.get(word, word) for word in wrong[1].split(" | "))
        read = "" if "password" in key or not isinstance(data, str | int | float) else f" {data!r}"
        return key, f"must be {wanted}, and is {_WORDS.get(wrong[2], wrong[2])}{read}"
    return key, problem


def _value(data: object, step: re.Match[str]) -> object:
    """The part of the data that a step leads to; None where the step does not say which."""
    if isinstance(data, dict) and step["field"]:
        return data.get(step["field"])
    if isinstance(data, list) and step["item"].isdigit():
        return data[int(step["item"])]
    return None


def _inner(kind: object, step: re.Match[str]) -> object:
    """The type of what a step leads to."""
    for option in _options(kind):
        if step["field"] and isinstance(option, type) and issubclass(option, msgspec.Struct):
            return typing.get_type_hints(option)[step["field"]]
        if step["item"] and typing.get_origin(option) in (list, dict):
            return typing.get_args(option)[-1]
    return None


def _options(kind: object) -> Iterator[object]:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        yield from typing.get_args(kind)
    else:
        yield kind


def _fields(kind: object) -> tuple[str, ...]:
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option.__struct_fields__
    return ()


def _choices(kind: object) -> tuple[str, ...]:
    """The values of the enumeration that the type is, or has as items or keys."""
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, enum.Enum):
            return tuple(str(member.value) for member in option)
        if typing.get_origin(option) is Literal:
            return tuple(str(value) for value in typing.get_args(option))
        if typing.get_origin(option) is dict:
            return _choices(typing.get_args(option)[0])
    return ()


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)
