"""A message as the tests of a script see it."""

from functools import cached_property

from reference_server.mime import Field, Part, decode_words, parse_message

__all__ = ["SieveMessage"]


class SieveMessage:
    """A message's octets, read as far as a script asks.

    Args:
        content: As it is delivered, CRLF at the end of each line.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._values: dict[bytes, tuple[bytes, ...]] = {}

    @property
    def octets(self) -> int:
        return len(self.content)

    @cached_property
    def root(self) -> Part:
        return parse_message(self.content)

    @cached_property
    def _fields(self) -> dict[bytes, list[Field]]:
        fields: dict[bytes, list[Field]] = {}
        for field in self.root.fields:
            fields.setdefault(field.name.lower(), []).append(field)
        return fields

    def fields(self, name: bytes) -> tuple[Field, ...]:
        """All of this name, in any case; a name that no field can have finds none (RFC 5228 §2.4.2.2)."""
        return tuple(self._fields.get(name.lower(), ()))

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """The fields of this name as they are compared: unfolded, decoded, in UTF-8, no white space around them.

        Source: RFC 5228 §2.7.2, §5.7.
        """
        name = name.lower()
        if name not in self._fields:
            return ()
        if name not in self._values:
            self._values[name] = tuple(map(_decoded, self._fields[name]))
        return self._values[name]


def _decoded(field: Field) -> bytes:
    return decode_words(field.text).encode("utf-8", "replace").strip(b" \t\r\n")
