"""What a SASL exchange can break."""

from harness.errors import RemoteProtocolError

__all__ = ["SaslError"]


class SaslError(RemoteProtocolError):
    """A response that the mechanism cannot read; the message holds no part of it."""
