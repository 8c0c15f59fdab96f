"""Strings as a script means them: encoded characters and references to variables.

Octets throughout, for that is what comparators compare (RFC 5228 §2.7.2).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.syntax import Text

__all__ = ["IDENTIFIER", "Reference", "Template", "Values", "cut", "octets_of", "read_template"]

IDENTIFIER: Final = r"[A-Za-z_][A-Za-z0-9_]*"

# RFC 5229 §6 asks for ${1} to ${9} at least.
MAX_MATCH_INDEX: Final = 99
# Ours: an expanded string is cut there, so that variables within variables cannot fill the memory.
MAX_EXPANDED: Final = 256 * 1024

_NAME: Final = rf"(?:{IDENTIFIER}|[0-9]+)"
_REFERENCE: Final = re.compile(
    rf"\$\{{(?P<namespace>{IDENTIFIER}\.(?:{_NAME}\.)*)?(?P<name>{_NAME})\}}".encode(),
)
_BLANK: Final = r"(?:[ \t]|\r\n)"
_ENCODED: Final = re.compile(
    rf"\$\{{(?:hex:{_BLANK}*(?P<hex>[0-9a-f]{{1,2}}(?:{_BLANK}+[0-9a-f]{{1,2}})*)"
    rf"|unicode:{_BLANK}*(?P<unicode>[0-9a-f]+(?:{_BLANK}+[0-9a-f]+)*)){_BLANK}*\}}".encode(),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """``${name}``: a variable, or by number a match variable."""

    name: str | int


@dataclass(frozen=True, slots=True)
class Values:
    """What references mean now: variables by lower-case name, match variables by index (RFC 5229 §3)."""

    variables: Mapping[str, bytes]
    matches: Sequence[bytes]

    def of(self, reference: Reference) -> bytes:
        """Unknown variables and indices out of range are empty."""
        if isinstance(reference.name, str):
            return self.variables.get(reference.name, b"")
        return self.matches[reference.name] if reference.name < len(self.matches) else b""


@dataclass(frozen=True, slots=True)
class Template:
    """A string of a script.

    Attributes:
        source: With its references as they are written.
    """

    source: bytes
    parts: tuple[bytes | Reference, ...]
    place: Place

    @property
    def constant(self) -> bytes | None:
        """The value, where it does not depend on variables (RFC 5229 §3)."""
        return self.source if all(isinstance(part, bytes) for part in self.parts) else None

    def expand(self, values: Values) -> bytes:
        """In one pass; cut at `MAX_EXPANDED` octets where variables make it longer."""
        if (constant := self.constant) is not None:
            return constant
        pieces, octets = [], 0
        for part in self.parts:
            piece = part if isinstance(part, bytes) else values.of(part)
            pieces.append(piece[: MAX_EXPANDED - octets])
            octets += len(pieces[-1])
        return b"".join(pieces)


def octets_of(text: str) -> bytes:
    """A script's text as octets; what was no UTF-8 when the script was read is again what it was."""
    return text.encode("utf-8", "surrogateescape")


def read_template(text: Text, extensions: frozenset[str]) -> Template:
    """Decode encoded characters, then find references, each where its extension is on (RFC 5229 §3.1).

    Raises:
        SieveError: A code point that is none, a namespace nobody has, or a match variable beyond `MAX_MATCH_INDEX`.
    """
    octets = octets_of(text.value)
    if "encoded-character" in extensions:
        octets = _ENCODED.sub(lambda found: _decoded(found, text.place), octets)
    parts: list[bytes | Reference] = [octets]
    if "variables" in extensions:
        parts = []
        at = 0
        for found in _REFERENCE.finditer(octets):
            parts += (octets[at : found.start()], _reference(found, text.place))
            at = found.end()
        parts.append(octets[at:])
    return Template(octets, tuple(part for part in parts if part != b""), text.place)


def _decoded(found: re.Match[bytes], place: Place) -> bytes:
    """RFC 5228 §2.4.2.4."""
    if found["hex"] is not None:
        return bytes(int(pair, 16) for pair in found["hex"].split())
    return b"".join(_code_point(digits, place) for digits in found["unicode"].split())


def _code_point(digits: bytes, place: Place) -> bytes:
    number = int(digits, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise SieveError(place, "${unicode:} takes 0 to D7FF and E000 to 10FFFF")
    return chr(number).encode()


def _reference(found: re.Match[bytes], place: Place) -> Reference:
    name = found["name"].decode("ascii")
    if found["namespace"] is not None:
        raise SieveError(place, f"nothing has a namespace {found['namespace'].decode('ascii')[:40]!r}")
    if not name.isdigit():
        return Reference(name.lower())
    digits = name.lstrip("0") or "0"
    if len(digits) > len(str(MAX_MATCH_INDEX)):
        raise SieveError(place, f"match variables end at ${{{MAX_MATCH_INDEX}}}")
    return Reference(int(digits))


def cut(octets: bytes, limit: int) -> bytes:
    """The first `limit` octets, without the beginning of a character that would be cut through."""
    if len(octets) <= limit:
        return octets
    end = limit
    while end > limit - 4 and end > 0 and octets[end] & 0xC0 == 0x80:
        end -= 1
    return octets[:end]
