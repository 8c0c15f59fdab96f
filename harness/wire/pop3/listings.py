"""What the responses of POP3 say: drop, scan and unique-id listings, capabilities, the APOP timestamp."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.lines import WireFault
from harness.wire.pop3.responses import Status

__all__ = [
    "MAX_CAPABILITY_LINE",
    "MAX_UNIQUE_ID",
    "DropListing",
    "ScanListing",
    "UidListing",
    "apop_digest",
    "capability_faults",
    "read_capabilities",
    "read_drop_listing",
    "read_scan_listing",
    "read_timestamp",
    "read_uid_listing",
]

# Octets: RFC 2449 §5 (CRLF included); RFC 1939 §7.
MAX_CAPABILITY_LINE: Final = 512
MAX_UNIQUE_ID: Final = 70

_PAIR: Final = re.compile(
    rb"(?P<first>[0-9]{1,19})(?P<gap>[ \t]+)(?P<second>[0-9]{1,19})(?P<rest>.*)", re.DOTALL
)
_UID: Final = re.compile(rb"(?P<number>[0-9]{1,19})(?P<gap>[ \t]+)(?P<uid>.*)", re.DOTALL)
_NOT_IN_UID: Final = re.compile(rb"[^!-~]")
_TIMESTAMP: Final = re.compile(rb"<[!-;=?-~]*>")
# RFC 2449 §3: a tag of printable characters but ".", then parameters, each behind one space.
_CAPABILITY: Final = re.compile(rb"[!-\-/-~]+(?: [!-~]+)*")


@dataclass(frozen=True, slots=True)
class DropListing:
    """STAT: how many messages, and their octets in all; `rest` is what a server adds, which is discouraged.

    `faults` have positions in the text read.
    """

    count: int
    octets: int
    rest: bytes = b""
    faults: tuple[WireFault, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanListing:
    """LIST: a message's number and its exact size; `rest` and `faults` as in `DropListing`."""

    number: int
    octets: int
    rest: bytes = b""
    faults: tuple[WireFault, ...] = ()


@dataclass(frozen=True, slots=True)
class UidListing:
    """UIDL: a message's number and its unique-id; `faults` as in `DropListing`."""

    number: int
    unique_id: bytes
    faults: tuple[WireFault, ...] = ()


def read_drop_listing(text: bytes) -> DropListing:
    """Read the text of a positive response to STAT.

    Raises:
        RemoteProtocolError: It does not begin with two numbers.

    Source: RFC 1939 §5.
    """
    return DropListing(*_read_pair(text, "drop listing"))


def read_scan_listing(text: bytes) -> ScanListing:
    """Read a line of LIST, or the text of a positive response to LIST with an argument.

    Raises:
        RemoteProtocolError: It does not begin with two numbers.

    Source: RFC 1939 §5.
    """
    return ScanListing(*_read_pair(text, "scan listing"))


def _read_pair(text: bytes, what: str) -> tuple[int, int, bytes, tuple[WireFault, ...]]:
    found = _PAIR.fullmatch(text)
    if found is None:
        raise RemoteProtocolError(f"not a {what}: {text[:80]!r}")
    faults = _gap_faults(found, "RFC 1939 §5")
    if found["rest"] and not found["rest"].startswith(b" "):
        faults.append(WireFault(found.start("rest"), "RFC 1939 §5", "no space after the size"))
    return int(found["first"]), int(found["second"]), found["rest"], tuple(faults)


def _gap_faults(found: re.Match[bytes], rule: str) -> list[WireFault]:
    if found["gap"] == b" ":
        return []
    return [WireFault(found.start("gap"), rule, "no single space after the first number")]


def read_uid_listing(text: bytes) -> UidListing:
    """Read a line of UIDL, or the text of a positive response to UIDL with an argument.

    Raises:
        RemoteProtocolError: It does not begin with a number and a space.

    Source: RFC 1939 §7.
    """
    found = _UID.fullmatch(text)
    if found is None:
        raise RemoteProtocolError(f"not a unique-id listing: {text[:80]!r}")
    uid, at = found["uid"], found.start("uid")
    faults = _gap_faults(found, "RFC 1939 §7")
    if bad := _NOT_IN_UID.search(uid):
        faults.append(WireFault(at + bad.start(), "RFC 1939 §7", f"{bad[0]!r} in a unique-id"))
    if not 1 <= len(uid) <= MAX_UNIQUE_ID:
        faults.append(WireFault(at, "RFC 1939 §7", f"a unique-id of {len(uid)} octets"))
    return UidListing(int(found["number"]), uid, tuple(faults))


def read_capabilities(lines: Iterable[bytes]) -> dict[str, list[str]]:
    """What CAPA lists: tag in upper case -> its parameters as they came; a tag listed twice has both lines'.

    Source: RFC 2449 §5.
    """
    capabilities: dict[str, list[str]] = {}
    for line in lines:
        if words := line.decode("latin-1").split():
            capabilities.setdefault(words[0].upper(), []).extend(words[1:])
    return capabilities


def capability_faults(lines: Iterable[bytes]) -> list[WireFault]:
    """What breaks the grammar in the lines of CAPA, with positions in their own lines (RFC 2449 §3 and §5)."""
    faults = []
    for line in lines:
        if len(line) + 2 > MAX_CAPABILITY_LINE:
            detail = f"a capability line of {len(line) + 2} octets"
            faults.append(WireFault(MAX_CAPABILITY_LINE, "RFC 2449 §5", detail))
        if not _CAPABILITY.fullmatch(line):
            found = _CAPABILITY.match(line)
            position = found.end() if found else 0
            faults.append(WireFault(position, "RFC 2449 §3", f"not a capability: {line[:80]!r}"))
    return faults


def read_timestamp(greeting: Status) -> bytes | None:
    """The timestamp in a greeting, angle brackets included, None where there is none: no APOP (RFC 1939 §7)."""
    found = _TIMESTAMP.search(greeting.text)
    return found[0] if found else None


def apop_digest(timestamp: bytes, secret: bytes) -> bytes:
    """APOP's second argument: MD5 of timestamp and secret in lower-case hexadecimal (RFC 1939 §7)."""
    return md5(timestamp + secret, usedforsecurity=False).hexdigest().encode("ascii")
