"""How a world's clients may log in, as data."""

from dataclasses import dataclass, field

from harness.wire.sasl.offers import MECHANISMS

__all__ = ["SaslSettings", "TokenSettings"]


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The world's issuer of OAuth 2.0 access tokens, which are JSON Web Tokens (RFC 7519).

    Attributes:
        secret: What tokens are signed with (HS256), 32 octets at least (RFC 7518); ``""`` for one that is made
            when the world begins, so that only this server can issue tokens.
        issuer: Who issues them (claim ``iss``).
        audience: Whom they are for (claim ``aud``); a token for somebody else is refused.
        scope: What is told to a client whose token is not good (RFC 7628 §3.2.2).
        lifetime_s: How long a token is good.
    """

    secret: str = field(default="", repr=False)
    issuer: str = "mailproof"
    audience: str = "mail"
    scope: str = "mail"
    lifetime_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class SaslSettings:
    """What is offered to log in with.

    Attributes:
        mechanisms: Of these, what the accounts and the connection make possible.
        submission_in_the_clear: Whether submission takes a password before TLS; POP3 and IMAP do as
            `World.plaintext_login` says.
        tokens: Who issues them.
    """

    mechanisms: tuple[str, ...] = MECHANISMS
    submission_in_the_clear: bool = False
    tokens: TokenSettings = field(default_factory=TokenSettings)
