"""POP3 command lines as a server reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.pop3.states import Verb, verb_of

__all__ = [
    "MAX_AUTH_LINE",
    "MAX_COMMAND_LINE",
    "Command",
    "CommandError",
    "is_multi_line",
    "parse_command",
    "parse_number",
]

# RFC 2449 §4: octets of a command line, CRLF included.
MAX_COMMAND_LINE: Final = 255

# Ours: octets of a line in an AUTH exchange, where RFC 5034 §4 asks for whatever the mechanisms need.
MAX_AUTH_LINE: Final = 12288

_KEYWORD: Final = re.compile(rb"[!-~]{3,4}(?= |$)")
_NUMBER: Final = re.compile(rb"[0-9]{1,10}")
_NOT_PRINTABLE: Final = re.compile(rb"[^ -~]")
_NOT_PRINTABLE_UTF8: Final = re.compile(rb"[\x00-\x1f\x7f]")

# How many arguments each command takes: at least, at most (RFC 1939 §9; RFC 2449 §5; RFC 2595 §4;
# RFC 5034 §4; RFC 6856 §2.1 and §3.2).
_ARGUMENTS: Final[Mapping[Verb, tuple[int, int]]] = {
    Verb.USER: (1, 1),
    Verb.PASS: (1, 1),
    Verb.APOP: (2, 2),
    Verb.AUTH: (1, 2),
    Verb.STLS: (0, 0),
    Verb.UTF8: (0, 0),
    Verb.CAPA: (0, 0),
    Verb.LANG: (0, 1),
    Verb.STAT: (0, 0),
    Verb.LIST: (0, 1),
    Verb.RETR: (1, 1),
    Verb.DELE: (1, 1),
    Verb.NOOP: (0, 0),
    Verb.RSET: (0, 0),
    Verb.TOP: (2, 2),
    Verb.UIDL: (0, 1),
    Verb.QUIT: (0, 0),
}

# A positive response to these has more lines: always, or only without an argument.
_ALWAYS_MULTI_LINE: Final = frozenset({Verb.CAPA, Verb.RETR, Verb.TOP})
_MULTI_LINE_ALONE: Final = frozenset({Verb.LIST, Verb.UIDL, Verb.LANG})


class CommandError(RemoteProtocolError):
    """A command line that breaks the grammar; a server answers -ERR (RFC 1939 §3).

    Attributes:
        position: Octets from the start of the line.
        rule: The rule's place, ``RFC 2449 §3``.
    """

    def __init__(self, position: int, rule: str, problem: str) -> None:
        self.position = position
        self.rule = rule
        self.problem = problem
        super().__init__(f"{problem} at octet {position} ({rule})")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line: `keyword` in upper case, and its arguments; a password is one argument, spaces and all."""

    keyword: bytes
    arguments: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def verb(self) -> Verb | None:
        """The verb, None for a keyword that is not known here."""
        return verb_of(self.keyword)


def parse_command(line: bytes, *, utf8: bool = False) -> Command:
    """Cut a line, without its CRLF, into keyword and arguments, and count these where the keyword is known.

    Args:
        utf8: Arguments may be UTF-8 beyond ASCII (RFC 6856 §2.2).

    Raises:
        CommandError: The line is too long, holds something that is not printable or not UTF-8, has no keyword
            of three or four characters, more than one space between words or one at the end, or the wrong
            number of arguments.

    Source: RFC 1939 §3; RFC 2449 §3 (grammar), §4 (length).
    """
    if len(line) + 2 > MAX_COMMAND_LINE:
        problem = f"a command line of {len(line) + 2} octets, at most {MAX_COMMAND_LINE}"
        raise CommandError(MAX_COMMAND_LINE - 2, "RFC 2449 §4", problem)
    _check_characters(line, utf8=utf8)
    found = _KEYWORD.match(line)
    if found is None:
        raise CommandError(0, "RFC 2449 §3", "a keyword of three or four characters expected")
    keyword = found[0].upper()
    arguments = _arguments(line, found.end(), whole=keyword == b"PASS")
    command = Command(keyword, arguments)
    if command.verb is not None:
        _check_count(command.verb, len(arguments), len(line))
    return command


def _check_characters(line: bytes, *, utf8: bool) -> None:
    if bad := (_NOT_PRINTABLE_UTF8 if utf8 else _NOT_PRINTABLE).search(line):
        raise CommandError(bad.start(), "RFC 1939 §3", f"{bad[0]!r} in a command line")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CommandError(exc.start, "RFC 6856 §2.2", "a command line that is not UTF-8") from None


def _arguments(line: bytes, at: int, *, whole: bool) -> tuple[bytes, ...]:
    if at == len(line):
        return ()
    rest = line[at + 1 :]
    # RFC 1939 §7: PASS has exactly one argument, so a space may be part of the password.
    words = [rest] if whole else rest.split(b" ")
    for word in words:
        if not word:
            raise CommandError(at + 1, "RFC 2449 §3", "an argument expected after the space")
        at += 1 + len(word)
    return tuple(words)


def _check_count(verb: Verb, count: int, position: int) -> None:
    least, most = _ARGUMENTS[verb]
    if not least <= count <= most:
        allowed = str(least) if least == most else f"{least} or {most}"
        raise CommandError(position, "RFC 1939 §3", f"{verb} takes {allowed} argument(s), not {count}")


def parse_number(argument: bytes) -> int:
    """A message-number, or TOP's number of lines: decimal digits (RFC 1939 §4), 0 included.

    Raises:
        CommandError: Something else, or more than ten digits; `position` counts from the argument's start.
    """
    if not _NUMBER.fullmatch(argument):
        raise CommandError(0, "RFC 1939 §4", "a decimal number expected")
    return int(argument)


def is_multi_line(line: bytes) -> bool:
    """Whether a positive response to this command line has more lines, up to a dot.

    Source: RFC 1939 §5, §7; RFC 2449 §5; RFC 6856 §3.2.
    """
    verb = verb_of(line)
    return verb in _ALWAYS_MULTI_LINE or (verb in _MULTI_LINE_ALONE and b" " not in line.strip())
