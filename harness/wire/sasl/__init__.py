"""SASL for every protocol here: the base64 line codec and the mechanisms, both roles."""

from harness.wire.sasl.codec import CANCEL, EMPTY_INITIAL, decode, decode_initial, encode, encode_initial
from harness.wire.sasl.mechanisms import (
    CLIENT_MECHANISMS,
    SERVER_MECHANISMS,
    Challenge,
    ClientMechanism,
    Credentials,
    LoginClient,
    LoginServer,
    PlainClient,
    PlainServer,
    SaslError,
    ServerMechanism,
)

__all__ = [
    "CANCEL",
    "CLIENT_MECHANISMS",
    "EMPTY_INITIAL",
    "SERVER_MECHANISMS",
    "Challenge",
    "ClientMechanism",
    "Credentials",
    "LoginClient",
    "LoginServer",
    "PlainClient",
    "PlainServer",
    "SaslError",
    "ServerMechanism",
    "decode",
    "decode_initial",
    "encode",
    "encode_initial",
]
