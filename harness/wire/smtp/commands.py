"""SMTP and LMTP command lines as a server reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.wire.smtp.address import Path, parse_path
from harness.wire.smtp.errors import AddressError, CommandError
from harness.wire.smtp.parameters import parse_parameters

__all__ = [
    "MAX_AUTH_LINE",
    "MAX_COMMAND_LINE",
    "AuthCommand",
    "BdatCommand",
    "Command",
    "MailCommand",
    "RcptCommand",
    "parse_auth",
    "parse_bdat",
    "parse_command",
    "parse_mail",
    "parse_rcpt",
]

# Octets, CRLF included. RFC 5321 §4.5.3.1.4; extensions add to it. RFC 4954 §4 for the lines of an AUTH exchange.
MAX_COMMAND_LINE: Final = 512
MAX_AUTH_LINE: Final = 12288

_VERB: Final = re.compile(rb"[A-Za-z0-9-]+")
_BDAT: Final = re.compile(rb"(?P<octets>[0-9]{1,20})(?P<last> LAST)?", re.IGNORECASE)
_AUTH: Final = re.compile(rb"(?P<mechanism>[A-Za-z0-9_-]{1,20})(?: (?P<initial>[^ ]+))?")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line in two: `verb` in upper case, `argument` as it came without the space before it.

    `offset` is where the argument begins in the line, so that a position in it can be told in the line.
    """

    verb: bytes
    argument: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL: the reverse-path, null for ``<>``; parameter keywords in upper case, None where there is no value."""

    reverse_path: Path
    parameters: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class RcptCommand:
    """RCPT: the forward-path, never null; parameters as in `MailCommand`."""

    forward_path: Path
    parameters: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class BdatCommand:
    """BDAT: so many octets follow the CRLF; with `last` they end the message (RFC 3030 §2)."""

    octets: int
    last: bool


@dataclass(frozen=True, slots=True)
class AuthCommand:
    """AUTH: mechanism in upper case; the initial response as it stands, still base64 or ``=``, None for none."""

    mechanism: str
    initial: bytes | None = field(repr=False)


def parse_command(line: bytes) -> Command:
    """Cut a line, without its CRLF, into verb and argument. White space at its end is dropped (RFC 5321 §4.1.1).

    Raises:
        CommandError: No verb, or a NUL, CR or LF in the line. Whether the verb is known is the server's to say.
    """
    for octet in (b"\0", b"\r", b"\n"):
        if (at := line.find(octet)) >= 0:
            raise CommandError(at, "RFC 5321 §4.1.2", f"{octet!r} in a command line")
    found = _VERB.match(line)
    if found is None:
        raise CommandError(0, "RFC 5321 §4.1.1", "no command verb")
    rest = line[found.end() :].rstrip(b" \t")
    if rest and not rest.startswith(b" "):
        raise CommandError(found.end(), "RFC 5321 §4.1.1", "a space ends the command verb")
    return Command(found[0].upper(), rest[1:], found.end() + 1)


def parse_mail(argument: bytes) -> MailCommand:
    """Read ``FROM:<path> parameters``; octets above 127 are read and then need the SMTPUTF8 parameter.

    Raises:
        CommandError: ``FROM:`` is missing or something else stands where a parameter should.
        AddressError: The path breaks the grammar, or needs SMTPUTF8 that was not asked for.
        ParameterError: A parameter breaks the grammar, comes twice, or its value does not fit.

    Source: RFC 5321 §4.1.1.2; RFC 6531 §3.4.
    """
    path, end = _addressed(argument, b"FROM:")
    parameters = parse_parameters(argument, end)
    if path.mailbox is not None and not path.mailbox.domain:
        raise AddressError(5, "RFC 5321 §4.1.1.2", "a reverse-path has a domain")
    if path.needs_smtputf8 and "SMTPUTF8" not in parameters:
        raise AddressError(5, "RFC 6531 §3.4", "an address beyond ASCII without SMTPUTF8")
    return MailCommand(path, parameters)


def parse_rcpt(argument: bytes, *, smtputf8: bool = False) -> RcptCommand:
    """Read ``TO:<path> parameters``; `smtputf8` when MAIL asked for it. Raises as `parse_mail`.

    Source: RFC 5321 §4.1.1.3; RFC 6531 §3.4.
    """
    path, end = _addressed(argument, b"TO:")
    parameters = parse_parameters(argument, end)
    if path.mailbox is None:
        raise AddressError(3, "RFC 5321 §4.1.1.3", "a forward-path is not null")
    if path.needs_smtputf8 and not smtputf8:
        raise AddressError(3, "RFC 6531 §3.4", "an address beyond ASCII without SMTPUTF8")
    return RcptCommand(path, parameters)


def _addressed(argument: bytes, word: bytes) -> tuple[Path, int]:
    if argument[: len(word)].upper() != word:
        raise CommandError(0, "RFC 5321 §3.3", f"{word.decode()} expected")
    return parse_path(argument, len(word), smtputf8=True)


def parse_bdat(argument: bytes) -> BdatCommand:
    """Read ``octets [LAST]`` (RFC 3030 §2); `CommandError` where it is not that."""
    found = _BDAT.fullmatch(argument)
    if found is None:
        raise CommandError(0, "RFC 3030 §2", "a number of octets and perhaps LAST expected")
    return BdatCommand(int(found["octets"]), found["last"] is not None)


def parse_auth(argument: bytes) -> AuthCommand:
    """Read ``mechanism [initial-response]`` (RFC 4954 §8); `CommandError` where it is not that."""
    found = _AUTH.fullmatch(argument)
    if found is None:
        raise CommandError(0, "RFC 4954 §8", "a mechanism and perhaps an initial response expected")
    return AuthCommand(found["mechanism"].decode().upper(), found["initial"])
