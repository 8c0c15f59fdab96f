"""Header fields of a message, changed one at a time; every octet that is not meant stays as it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reference_server.mime import header_end, unfold

__all__ = ["Header", "field", "on_top"]

# A line and those that are folded under it. What is no field is left where it is, as mail readers pass over it.
_LINES: Final = re.compile(rb"[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*")
_NAME: Final = re.compile(rb"[!-9;-~]+(?=[ \t]*:)")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Lines:
    """One field as it stands, with the lines folded under its first; without a name where it is none."""

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        """Behind the colon, without the last line end."""
        return self.raw.partition(b":")[2].removesuffix(b"\n").removesuffix(b"\r")


def field(name: bytes, value: bytes) -> bytes:
    """A field's octets; line ends in the value are folds, and stay within it."""
    folded = b"\r\n".join(
        line if index == 0 or line.startswith((b" ", b"\t")) else b"\t" + line
        for index, line in enumerate(_LINE_END.split(_CONTROLS.sub(b"?", value)))
        if index == 0 or line.strip()
    )
    space = b"" if folded.startswith((b" ", b"\t")) else b" "
    return name + b":" + space + folded + b"\r\n"


def on_top(content: bytes, fields: Iterable[bytes]) -> bytes:
    """The message below these fields."""
    return b"".join(fields) + content


class Header:
    """The header of a message, in its order."""

    def __init__(self, content: bytes) -> None:
        end = header_end(content)
        self._blank = next((b for b in (b"\r\n", b"\n") if _ends_blank(content[:end], b)), b"")
        lines = content[: end - len(self._blank)]
        self._fields = [_read(found[0]) for found in _LINES.finditer(lines) if found[0]]
        self._body = content[end:]

    @property
    def body(self) -> bytes:
        """What is below the first blank line."""
        return self._body

    @body.setter
    def body(self, octets: bytes) -> None:
        self._body = octets
        self._blank = self._blank or b"\r\n"

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """Name and value of each, the value as it stands behind the colon, folds and all."""
        return tuple((each.name, each.value) for each in self._fields if each.name)

    def values(self, name: bytes) -> list[bytes]:
        """The unfolded values of the fields of this name, in any case."""
        return [unfold(each.value) for each in self._fields if each.name.lower() == name.lower()]

    def add(self, name: bytes, value: bytes) -> None:
        """Below all that are there."""
        self._fields.append(_Lines(name, field(name, value)))

    def insert(self, place: int, name: bytes, value: bytes) -> None:
        """So that it is the field number `place`, from 0; at the end where there are fewer."""
        self._fields.insert(place, _Lines(name, field(name, value)))

    def change(self, name: bytes, number: int, value: bytes) -> bool:
        """Replace the field of this name with this number, from 1; an empty value takes it away.

        Returns:
            Whether it was there.
        """
        found = [i for i, each in enumerate(self._fields) if each.name.lower() == name.lower()]
        if not 1 <= number <= len(found):
            return False
        if value:
            self._fields[found[number - 1]] = _Lines(name, field(name, value))
        else:
            del self._fields[found[number - 1]]
        return True

    def encode(self) -> bytes:
        """The whole message."""
        raw = [each.raw if each.raw.endswith(b"\n") else each.raw + b"\r\n" for each in self._fields[:-1]]
        raw += [each.raw for each in self._fields[-1:]]
        return b"".join(raw) + self._blank + self._body


def _ends_blank(header: bytes, end: bytes) -> bool:
    return header == end or header.endswith(b"\n" + end)


def _read(raw: bytes) -> _Lines:
    name = _NAME.match(raw)
    return _Lines(name[0] if name else b"", raw)
