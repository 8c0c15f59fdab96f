"""The milter protocol's packets: a length of four octets, a letter, and data; no I/O here.

The protocol has no RFC; its texts are Sendmail's ``libmilter`` (``mfdef.h``, version 6) and the notes of MTAs that
speak it.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from typing import Final

__all__ = [
    "MAX_BODY_CHUNK",
    "Action",
    "Command",
    "MilterFault",
    "Options",
    "Packet",
    "Response",
    "Step",
    "connect_data",
    "decoded",
    "indexed_field",
    "macros",
    "named_field",
    "optneg",
    "packet",
    "read_optneg",
    "read_packet",
    "strings",
    "texts",
]

VERSION: Final = 6
# Version 1 knew no negotiation of steps; nothing speaks it.
OLDEST_VERSION: Final = 2

# MILTER_CHUNK_SIZE: what one body command holds.
MAX_BODY_CHUNK: Final = 65535
# MILTER_MAX_DATA_SIZE with room for its letter; a replaced body comes in chunks of this.
MAX_PACKET: Final = 1024 * 1024


class MilterFault(Exception):
    """The milter answers what the protocol does not know or what was not agreed; the message says what."""


class Command(Enum):
    """What the MTA says."""

    ABORT = b"A"
    BODY = b"B"
    CONNECT = b"C"
    MACRO = b"D"
    END_OF_BODY = b"E"
    HELO = b"H"
    QUIT_NEW = b"K"
    HEADER = b"L"
    MAIL = b"M"
    END_OF_HEADER = b"N"
    OPTNEG = b"O"
    QUIT = b"Q"
    RCPT = b"R"
    DATA = b"T"
    UNKNOWN = b"U"


class Response(Enum):
    """What the milter says."""

    ADD_RCPT = b"+"
    DEL_RCPT = b"-"
    ADD_RCPT_PAR = b"2"
    SHUTDOWN = b"4"
    ACCEPT = b"a"
    REPLACE_BODY = b"b"
    CONTINUE = b"c"
    DISCARD = b"d"
    CHANGE_FROM = b"e"
    CONN_FAIL = b"f"
    ADD_HEADER = b"h"
    INSERT_HEADER = b"i"
    SET_SYMLIST = b"l"
    CHANGE_HEADER = b"m"
    OPTNEG = b"O"
    PROGRESS = b"p"
    QUARANTINE = b"q"
    REJECT = b"r"
    SKIP = b"s"
    TEMPFAIL = b"t"
    REPLY_CODE = b"y"


class Action(IntFlag):
    """What a milter may do to a message (SMFIF_)."""

    ADD_HEADERS = 0x1
    CHANGE_BODY = 0x2
    ADD_RCPT = 0x4
    DEL_RCPT = 0x8
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_FROM = 0x40
    ADD_RCPT_PAR = 0x80
    SET_SYMLIST = 0x100


class Step(IntFlag):
    """What is left out, or not answered (SMFIP_)."""

    NO_CONNECT = 0x1
    NO_HELO = 0x2
    NO_MAIL = 0x4
    NO_RCPT = 0x8
    NO_BODY = 0x10
    NO_HEADERS = 0x20
    NO_END_OF_HEADER = 0x40
    NO_REPLY_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REJECTED_RCPT = 0x800
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RCPT = 0x8000
    NO_REPLY_DATA = 0x10000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADER = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000


ALL_ACTIONS: Final = Action(0x1FF)
# Recipients that were refused at RCPT are unknown by the time that filters see the message.
OFFERED_STEPS: Final = Step(0x1FFFFF) & ~Step.REJECTED_RCPT

# The stages that macros can be asked for, by their number (SMFIM_).
_MACRO_STAGES: Final[Mapping[int, Command]] = {
    0: Command.CONNECT,
    1: Command.HELO,
    2: Command.MAIL,
    3: Command.RCPT,
    4: Command.DATA,
    5: Command.END_OF_BODY,
    6: Command.END_OF_HEADER,
}


@dataclass(frozen=True, slots=True)
class Packet:
    """What a milter answered."""

    response: Response
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Options:
    """What was agreed.

    Attributes:
        macros: The macros that the milter wants at each stage; a stage that is missing gets what we send by default.
    """

    version: int = VERSION
    actions: Action = ALL_ACTIONS
    steps: Step = OFFERED_STEPS
    macros: Mapping[Command, tuple[str, ...]] = field(default_factory=dict)


def packet(command: Command, data: bytes = b"") -> bytes:
    """``length, letter, data``; the length counts the letter."""
    return struct.pack("!I", len(data) + 1) + command.value + data


def read_packet(octets: bytes) -> Packet:
    """A letter and its data, the length taken off.

    Raises:
        MilterFault: No such letter.
    """
    try:
        return Packet(Response(octets[:1]), octets[1:])
    except ValueError as exc:
        raise MilterFault(f"answers {octets[:1]!r}, which is no response") from exc


def strings(*octets: bytes) -> bytes:
    """Each with a NUL at its end; one within would end it early and is taken out."""
    return b"".join(each.replace(b"\0", b"") + b"\0" for each in octets)


def texts(data: bytes) -> list[bytes]:
    """What `strings` makes.

    Raises:
        MilterFault: The last has no NUL.
    """
    if not data.endswith(b"\0"):
        raise MilterFault("sends a text without its end")
    return data[:-1].split(b"\0")


def optneg(options: Options = Options()) -> bytes:
    """The first packet: the version, and what we can do."""
    return packet(Command.OPTNEG, struct.pack("!III", options.version, options.actions, options.steps))


def read_optneg(answer: Packet) -> Options:
    """What the milter makes of the offer.

    Raises:
        MilterFault: It is no answer to an offer, or wants more than was offered.
    """
    if answer.response is not Response.OPTNEG or len(answer.data) < 12:
        raise MilterFault("does not negotiate")
    version, actions, steps = struct.unpack("!III", answer.data[:12])
    if not OLDEST_VERSION <= version <= VERSION:
        raise MilterFault(f"speaks version {version}; this is {VERSION}")
    # The upper bits of the steps are how much data fits: what we send always does.
    steps &= 0x0FFFFFFF
    if actions & ~int(ALL_ACTIONS) or steps & ~int(OFFERED_STEPS):
        raise MilterFault(f"wants actions {actions:#x} and steps {steps:#x}, which were not offered")
    return Options(version, Action(actions), Step(steps), _wanted(answer.data[12:]))


def _wanted(data: bytes) -> dict[Command, tuple[str, ...]]:
    """Lists of macros: the number of a stage, and names with spaces between them."""
    wanted: dict[Command, tuple[str, ...]] = {}
    while data:
        if len(data) < 5 or b"\0" not in data[4:]:
            raise MilterFault("sends a list of macros that is cut short")
        (number,) = struct.unpack("!I", data[:4])
        names, _, data = data[4:].partition(b"\0")
        if number in _MACRO_STAGES:
            wanted[_MACRO_STAGES[number]] = tuple(names.decode("latin-1").replace(",", " ").split())
    return wanted


def macros(command: Command, values: Mapping[str, str], wanted: Sequence[str] | None) -> bytes:
    """What goes before a command: those of the values that are wanted; names of one letter stand alone."""
    chosen = values if wanted is None else {name: values[name] for name in wanted if name in values}
    pairs: Iterable[bytes] = (text.encode() for pair in chosen.items() for text in pair)
    return packet(Command.MACRO, command.value + strings(*pairs))


def connect_data(hostname: bytes, address: str, port: int = 0) -> bytes:
    """Who connected: a name, a family, a port (0 where it is not known) and an address."""
    family = b"6" if ":" in address else b"4"
    return strings(hostname) + family + struct.pack("!H", port) + strings(address.encode())


def indexed_field(data: bytes) -> tuple[int, bytes, bytes]:
    """Number, name and value of a header change.

    Raises:
        MilterFault: It is cut short.
    """
    if len(data) < 6:
        raise MilterFault("sends a header change that is cut short")
    (index,) = struct.unpack("!I", data[:4])
    name, value = named_field(data[4:])
    return index, name, value


def named_field(data: bytes) -> tuple[bytes, bytes]:
    """Name and value of a new field.

    Raises:
        MilterFault: It is not both.
    """
    both = texts(data)
    if len(both) != 2 or not both[0]:
        raise MilterFault("sends a header field that is not a name and a value")
    return both[0], both[1]


def decoded(octets: bytes) -> str:
    """Answers of a milter as text, a line each; those in a row that are the same share one."""
    lines: list[str] = []
    counts: list[int] = []
    while len(octets) >= 5:
        (length,) = struct.unpack("!I", octets[:4])
        answer, octets = octets[4 : 4 + length], octets[4 + length :]
        line = _line(answer)
        if lines and lines[-1] == line:
            counts[-1] += 1
        else:
            lines.append(line)
            counts.append(1)
    return "\n".join(
        line if count == 1 else f"{line} ({count} times)" for line, count in zip(lines, counts, strict=True)
    )


def _line(answer: bytes) -> str:
    try:
        response = Response(answer[:1])
    except ValueError:
        return f"{answer[:1]!r}, which is no response"
    if response is Response.OPTNEG and len(answer) >= 13:
        version, actions, steps = struct.unpack("!III", answer[1:13])
        return f"OPTNEG version {version}, actions {actions:#x}, steps {steps:#x}"
    data = answer[1:]
    number = ""
    if response in (Response.INSERT_HEADER, Response.CHANGE_HEADER) and len(data) >= 4:
        number, data = f" {struct.unpack('!I', data[:4])[0]}", data[4:]
    if response is Response.REPLACE_BODY:
        return f"{response.name} {len(data)} octets"
    text = data.replace(b"\0", b" ").replace(b"\n", b" ").decode("utf-8", "backslashreplace")
    return f"{response.name}{number} {text}".rstrip()
