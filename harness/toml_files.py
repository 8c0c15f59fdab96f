"""Settings files in TOML: read within bounds, converted to a table of types, and every mistake told in one line.

A caller says how its error is made, so that a target file and a world file are refused in the same words.
"""

import enum
import os
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from harness.errors import SettingsFileError

__all__ = ["Refuse", "convert", "password_of", "read_toml"]

T = TypeVar("T", bound=msgspec.Struct)

# Makes the error of a file (or of the flags in its place), a key, ``""`` for the whole file, and a problem.
Refuse = Callable[[Path | str, str, str], SettingsFileError]

# Ours: a target of a load run with a hundred thousand accounts; a larger file is a mistake.
MAX_FILE_OCTETS: Final = 16 * 1024 * 1024

_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<place>.*)`$")
_STEP: Final = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<item>\d+|\.\.\.)\]")
_WORDS: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "a table",
    "str": "text",
}


def read_toml(path: Path, refuse: Refuse, kind: str) -> dict[str, object]:
    """The tables of a file.

    Args:
        kind: What the file should have been: ``"target file"``.

    Raises:
        SettingsFileError: Made by `refuse`: the file cannot be read, has more than `MAX_FILE_OCTETS`, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except OSError as exc:
        problem = f"cannot be read ({exc.strerror}); give the path of a {kind}"
        raise refuse(path, "", problem) from exc
    if len(octets) > MAX_FILE_OCTETS:
        raise refuse(path, "", f"is too large; a {kind} has at most {MAX_FILE_OCTETS} octets")
    try:
        return tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise refuse(path, "", f"is not TOML: {exc}") from exc


def convert(data: Mapping[str, object], table: type[T], source: Path | str, refuse: Refuse) -> T:
    """The tables as `table` has them.

    Raises:
        SettingsFileError: Made by `refuse`, with the key, what was read and what is allowed.
    """
    try:
        return msgspec.convert(data, table)
    except msgspec.ValidationError as exc:
        raise refuse(source, *_explained(data, table, str(exc))) from exc


def password_of(
    password: str | None,
    variable: str | None,
    key: str,
    source: Path | str,
    refuse: Refuse,
    word: str = "password",
) -> str:
    """The password that a table gives by ``password`` or, by the name of an environment variable, ``password_env``.

    Args:
        word: What it is called there, in place of ``password``.

    Raises:
        SettingsFileError: Neither or both are given, or there is no such variable.
    """
    match password, variable:
        case str(given), None:
            return given
        case None, str(name):
            if found := os.environ.get(name, ""):
                return found
            raise refuse(source, f"{key}.{word}_env", f"the environment has no variable {name!r}")
        case _:
            raise refuse(source, f"{key}.{word}", f"give exactly one of {word} and {word}_env")


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
        wanted = " or ".join(_WORDS.get(word, word) for word in wrong[1].split(" | ") if word != "null")
        read = "" if "password" in key or not isinstance(data, str | int | float) else f" {data!r}"
        return key, f"must be {wanted}, and is {_WORDS.get(wrong[2], wrong[2])}{read}"
    if beyond := re.fullmatch(r"Expected `(\w+)` ([<>]=?) (\S+)", problem):
        # Of a table with keys of one's own msgspec does not say which.
        read = "" if data is None else f", and is {data}"
        return key, f"must be {_WORDS[beyond[1]]} {beyond[2]} {float(beyond[3]):.15g}{read}"
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
        if step["item"] and typing.get_origin(option) in (list, dict, tuple):
            return [inner for inner in typing.get_args(option) if inner is not ...][-1]
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
