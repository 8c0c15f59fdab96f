"""OAUTHBEARER (RFC 7628) and XOAUTH2: a token in place of a password."""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.sasl import scram
from harness.wire.sasl.errors import SaslDenied, SaslError
from harness.wire.sasl.fields import text
from harness.wire.sasl.steps import Challenge, CheckToken, Step, Success

__all__ = ["OAuthBearerClient", "OAuthBearerServer", "XOAuth2Client", "XOAuth2Server"]

_SEPARATOR: Final = "\x01"
# Ours: a token of OpenID Connect has 1 to 3 kB.
_MAX_MESSAGE: Final = 12 * 1024
# RFC 7628 §3.1, kvpair; RFC 6750, b64token, which XOAUTH2 has too.
_PAIR: Final = re.compile(r"([A-Za-z]+)=([\x21-\x7e \t\r\n]*)")
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(slots=True)
class OAuthBearerClient:
    """Args:
        user: Whom the token is for; the server may do without.
        host: Where the client has connected to, as it names it; `port` as well.

    Attributes:
        refusal: What the server said of a token that it does not take, JSON (RFC 7628 §3.2.2).
    """

    user: str
    token: str = field(repr=False)
    host: str = ""
    port: int = 0
    refusal: str = field(default="", init=False)
    name: str = field(default="OAUTHBEARER", init=False)
    server_proven: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        _check_token(self.token)

    def initial(self) -> bytes:
        header = f"n,{'a=' + scram.escape(self.user) if self.user else ''},"
        pairs = {"host": self.host, "port": str(self.port or ""), "auth": f"Bearer {self.token}"}
        return _message(header, {key: value for key, value in pairs.items() if value})

    def respond(self, challenge: bytes) -> bytes:
        """To an empty challenge the message; to the server's refusal the octet that ends it (RFC 7628 §3.2.3)."""
        if not challenge:
            return self.initial()
        self.refusal = _refusal(self.refusal, challenge)
        return _SEPARATOR.encode()


@dataclass(slots=True)
class XOAuth2Client:
    """As Google and Microsoft have it; no RFC does."""

    user: str
    token: str = field(repr=False)
    refusal: str = field(default="", init=False)
    name: str = field(default="XOAUTH2", init=False)
    server_proven: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        _check_token(self.token)
        if _SEPARATOR in self.user:
            raise LocalProtocolError("XOAUTH2 cannot carry this user's name")

    def initial(self) -> bytes:
        return f"user={self.user}\x01auth=Bearer {self.token}\x01\x01".encode()

    def respond(self, challenge: bytes) -> bytes:
        if not challenge:
            return self.initial()
        self.refusal = _refusal(self.refusal, challenge)
        return b""


@dataclass(slots=True)
class OAuthBearerServer:
    """A refused token is told in JSON, and the exchange fails at the response to that.

    Args:
        scope: What a token has to be good for; told to who has none.
    """

    scope: str = ""
    name: str = field(default="OAUTHBEARER", init=False)
    client_first: bool = field(default=True, init=False)
    _refused: bool = field(default=False, init=False)

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        if self._refused:
            raise SaslDenied("the token is not good")
        user, token = self.read(text(response, _MAX_MESSAGE))
        return CheckToken(token, user, self._checked) if token else self._checked(None)

    def read(self, message: str) -> tuple[str, str]:
        """User, empty where none is named, and token (RFC 7628 §3.1), empty where the client asks what is needed."""
        header, _, rest = message.partition(_SEPARATOR)
        flag, *others = header.split(",")
        if flag not in ("n", "y") or len(others) != 2 or others[1]:
            raise SaslError("no GS2 header without channel binding (RFC 7628 §3.1)")
        named = others[0]
        if named and not named.startswith("a="):
            raise SaslError("an authorization identity without a= (RFC 5802 §7)")
        return scram.unescape(named[2:]), _token(_pairs(rest))

    def _checked(self, known: str | None) -> Step:
        if known is not None:
            return Success(known)
        self._refused = True
        return Challenge(self.refusal())

    def refusal(self) -> bytes:
        """RFC 7628 §3.2.2."""
        told = {"status": "invalid_token"} | ({"scope": self.scope} if self.scope else {})
        return json.dumps(told, separators=(",", ":")).encode()


@dataclass(slots=True)
class XOAuth2Server(OAuthBearerServer):
    """As Google and Microsoft have it: ``user=`` in place of the GS2 header, an empty response to a refusal."""

    name: str = field(default="XOAUTH2", init=False)

    def read(self, message: str) -> tuple[str, str]:
        pairs = _pairs(message)
        if not pairs.get("user"):
            raise SaslError("XOAUTH2 names a user")
        return pairs["user"], _token(pairs)

    def refusal(self) -> bytes:
        told = {"status": "401", "schemes": "bearer", "scope": self.scope}
        return json.dumps(told, separators=(",", ":")).encode()


def _check_token(token: str) -> None:
    if not _BEARER.fullmatch(f"Bearer {token}"):
        raise LocalProtocolError("this is no token that a client can send (RFC 6750)")


def _message(header: str, pairs: dict[str, str]) -> bytes:
    parts = [header, *(f"{key}={value}" for key, value in pairs.items()), "", ""]
    return _SEPARATOR.join(parts).encode()


def _pairs(message: str) -> dict[str, str]:
    """``key=value^A`` for each, and a ^A at the end (RFC 7628 §3.1)."""
    if not message.endswith(_SEPARATOR * 2):
        raise SaslError("the message has no end (RFC 7628 §3.1)")
    pairs: dict[str, str] = {}
    for word in message[:-2].split(_SEPARATOR):
        key, equals, value = word.partition("=")
        if not equals or not key.isalpha() or key in pairs:
            raise SaslError("what stands between separators is no pair of key and value (RFC 7628 §3.1)")
        pairs[key] = value
    return pairs


def _token(pairs: dict[str, str]) -> str:
    if pairs.get("auth") == "":
        return ""  # RFC 7628 §4.3
    found = _BEARER.fullmatch(pairs.get("auth", ""))
    if found is None:
        raise SaslError("no bearer token (RFC 6750)")
    return found[1]


def _refusal(before: str, challenge: bytes) -> str:
    if before:
        raise LocalProtocolError("a refused token is refused once")
    return challenge.decode("utf-8", "replace")[:1024]
