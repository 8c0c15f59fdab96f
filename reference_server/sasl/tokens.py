"""The world's issuer of access tokens, for OAUTHBEARER and XOAUTH2."""

import datetime as dt
import secrets
from typing import Final

import jwt

from reference_server.clock import Clock
from reference_server.world.sasl import TokenSettings

__all__ = ["TokenIssuer"]

_ALGORITHM: Final = "HS256"
_CLAIMS: Final = ("iss", "sub", "aud", "iat", "exp")


class TokenIssuer:
    """Issues JSON Web Tokens and reads its own; time is the world's."""

    def __init__(self, settings: TokenSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._secret = settings.secret or secrets.token_urlsafe(32)

    def issue(self, user: str, *, lifetime_s: float | None = None, audience: str = "") -> str:
        """A token of a user, by name or address.

        Args:
            lifetime_s: Default: the world's; a token with a negative one has expired.
            audience: Default: the world's.
        """
        now = self._clock.now()
        lives_s = self.settings.lifetime_s if lifetime_s is None else lifetime_s
        return jwt.encode(
            {
                "iss": self.settings.issuer,
                "sub": user,
                "aud": audience or self.settings.audience,
                "iat": now,
                "exp": now + dt.timedelta(seconds=lives_s),
            },
            self._secret,
            _ALGORITHM,
        )

    def user(self, token: str) -> str | None:
        """Whose token it is; None where it is not ours, not for us, or not good any more."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=self.settings.audience,
                issuer=self.settings.issuer,
                # The time is the world's, and held against it below.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        subject, expires = claims["sub"], claims["exp"]
        if not isinstance(subject, str) or not isinstance(expires, int | float):
            return None
        return subject if self._clock.now().timestamp() < expires else None
