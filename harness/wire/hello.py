"""The first step of TLS by hand: a ClientHello of any version, also of those that no library offers any more.

Nothing is kept secret by it: it asks what a server would agree to, and goes no further.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["PROTOCOL_VERSION", "Alert", "ServerHello", "TlsVersion", "client_hello", "read_answer"]


class TlsVersion(IntEnum):
    """As on the wire (RFC 8446 §4.2.1)."""

    SSL_3_0 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304

    def __str__(self) -> str:
        return self.name.replace("_", " ", 1).replace("_", ".")


# RFC 8446 §5.1, §4.
_ALERT: Final = 21
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2
# RFC 8446 §6.
PROTOCOL_VERSION: Final = 70
_ALERT_NAMES: Final = {
    0: "close_notify", 10: "unexpected_message", 22: "record_overflow", 40: "handshake_failure",
    47: "illegal_parameter", 50: "decode_error", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 109: "missing_extension", 112: "unrecognized_name",
    120: "no_application_protocol",
}  # fmt: skip
# RFC 8446 §5.1: octets of a record's content.
_MAX_RECORD: Final = 2**14

# What servers of two decades have in common with us: TLS 1.3, GCM and ChaCha20 of TLS 1.2, CBC, 3DES, RC4; and the
# signal of RFC 5746, without which some refuse everybody.
_SUITES: Final = (
    0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009C, 0x009D, 0x009E, 0x009F,
    0xC009, 0xC00A, 0xC013, 0xC014, 0x0033, 0x0039, 0x002F, 0x0035, 0xC008, 0xC012, 0x000A, 0x0005, 0x00FF,
)  # fmt: skip
_GROUPS: Final = (0x001D, 0x0017, 0x0018, 0x0019)
_SIGNATURES: Final = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The server goes on, in this version; a HelloRetryRequest (RFC 8446 §4.1.4) is one too."""

    version: int


@dataclass(frozen=True, slots=True)
class Alert:
    """The server ends it."""

    description: int

    def __str__(self) -> str:
        return f"alert {_ALERT_NAMES.get(self.description, self.description)}"


def client_hello(
    *versions: TlsVersion,
    random: bytes,
    server_name: str | None = None,
    record_version: TlsVersion = TlsVersion.TLS_1_0,
) -> bytes:
    """One record with a ClientHello (RFC 8446 §4.1.2).

    Args:
        versions: What is offered. One that is older than TLS 1.3 is offered as those who knew no newer one did:
            in ``client_version`` alone.
        random: 32 octets.
        server_name: Whom to ask for (RFC 6066); a host name, not an address.
        record_version: What the record around it says (RFC 8996 §4: servers take any).

    Raises:
        ValueError: No version is given, or `random` has another length.
    """
    if not versions or len(random) != 32:
        raise ValueError("a ClientHello needs a version and 32 octets of random")
    extensions = [
        _extension(10, _vector(2, b"".join(_two(group) for group in _GROUPS))),
        _extension(11, _vector(1, b"\0")),
        _extension(23, b""),
    ]
    if server_name:
        extensions.insert(0, _extension(0, _vector(2, b"\0" + _vector(2, server_name.encode("ascii")))))
    if max(versions) >= TlsVersion.TLS_1_2:
        extensions.append(_extension(13, _vector(2, b"".join(_two(each) for each in _SIGNATURES))))
    if max(versions) >= TlsVersion.TLS_1_3:
        extensions.append(_extension(43, _vector(1, b"".join(_two(version) for version in versions))))
        # No share yet: the server names the group that it wants (RFC 8446 §4.2.8).
        extensions.append(_extension(51, _vector(2, b"")))
    body = (
        _two(min(max(versions), TlsVersion.TLS_1_2))
        + random
        + _vector(1, b"")
        + _vector(2, b"".join(_two(suite) for suite in _SUITES))
        + _vector(1, b"\0")
        + _vector(2, b"".join(extensions))
    )
    return bytes([_HANDSHAKE]) + _two(record_version) + _vector(2, bytes([_CLIENT_HELLO]) + _vector(3, body))


def read_answer(octets: bytes) -> ServerHello | Alert | None:
    """What a server answers to a ClientHello, from the beginning of what it sends; None until that is here.

    Raises:
        RemoteProtocolError: It is neither a ServerHello nor an alert.
    """
    if len(octets) < 5:
        return None
    kind, length = octets[0], int.from_bytes(octets[3:5], "big")
    if kind not in (_ALERT, _HANDSHAKE) or octets[1] != 3 or not 2 <= length <= _MAX_RECORD + 256:
        raise RemoteProtocolError(f"{octets[:40]!r} came in answer to a ClientHello, which is no TLS")
    content = octets[5 : 5 + length]
    if kind == _ALERT:
        return Alert(content[1]) if len(content) > 1 else None
    if len(content) < 6:
        return None
    if content[0] != _SERVER_HELLO:
        raise RemoteProtocolError(f"a handshake message of type {content[0]} came in answer to a ClientHello")
    return ServerHello(int.from_bytes(content[4:6], "big"))


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _vector(width: int, octets: bytes) -> bytes:
    return len(octets).to_bytes(width, "big") + octets


def _extension(kind: int, octets: bytes) -> bytes:
    return _two(kind) + _vector(2, octets)
