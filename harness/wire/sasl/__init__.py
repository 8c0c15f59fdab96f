"""SASL for every protocol here: the base64 line codec and the mechanisms, both roles; one module each."""

from harness.wire.sasl.client import ClientMechanism, Identity
from harness.wire.sasl.codec import CANCEL, EMPTY_INITIAL, decode, decode_initial, encode, encode_initial
from harness.wire.sasl.cram_md5 import CramMd5Client, CramMd5Server
from harness.wire.sasl.errors import SaslDenied, SaslError, ServerUnproven
from harness.wire.sasl.external import ExternalClient, ExternalServer
from harness.wire.sasl.login import LoginClient, LoginServer
from harness.wire.sasl.oauth import OAuthBearerClient, OAuthBearerServer, XOAuth2Client, XOAuth2Server
from harness.wire.sasl.offers import (
    CLIENT_MECHANISMS,
    MECHANISMS,
    NEEDS_TLS,
    SHOWS_SECRET,
    choose,
    client_mechanism,
    usable,
)
from harness.wire.sasl.plain import PlainClient, PlainServer
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.scram import Binding
from harness.wire.sasl.scram_client import ScramClient
from harness.wire.sasl.scram_server import ScramServer
from harness.wire.sasl.steps import (
    Challenge,
    CheckToken,
    FindUser,
    GivePassword,
    GiveScramKeys,
    Question,
    ScramKeys,
    ServerMechanism,
    Step,
    Success,
    VerifyPassword,
)

__all__ = [
    "CANCEL",
    "CLIENT_MECHANISMS",
    "EMPTY_INITIAL",
    "MECHANISMS",
    "NEEDS_TLS",
    "SHOWS_SECRET",
    "Binding",
    "Challenge",
    "CheckToken",
    "ClientMechanism",
    "CramMd5Client",
    "CramMd5Server",
    "ExternalClient",
    "ExternalServer",
    "FindUser",
    "GivePassword",
    "GiveScramKeys",
    "Identity",
    "LoginClient",
    "LoginServer",
    "OAuthBearerClient",
    "OAuthBearerServer",
    "PlainClient",
    "PlainServer",
    "Question",
    "SaslDenied",
    "SaslError",
    "ScramClient",
    "ScramKeys",
    "ScramServer",
    "ServerMechanism",
    "ServerUnproven",
    "Step",
    "Success",
    "VerifyPassword",
    "XOAuth2Client",
    "XOAuth2Server",
    "choose",
    "client_mechanism",
    "decode",
    "decode_initial",
    "encode",
    "encode_initial",
    "saslprep",
    "usable",
]
