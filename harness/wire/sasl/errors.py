"""What a SASL exchange can break."""

from harness.errors import RemoteProtocolError

__all__ = ["SaslDenied", "SaslError", "ServerUnproven"]


class SaslError(RemoteProtocolError):
    """A challenge or response that the mechanism cannot read; the message holds no part of it."""


class SaslDenied(SaslError):
    """A response that can be read and is not believed: wrong password, wrong proof, another channel."""


class ServerUnproven(SaslError):
    """The server says yes and has not shown that it knows the password, or showed that it does not."""
