"""``[sasl]`` of a world file: its tables, and how they become `SaslSettings`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from harness.errors import WorldFileError
from harness.toml_files import password_of
from harness.wire.sasl import MECHANISMS
from reference_server.world.sasl import SaslSettings, TokenSettings

__all__ = ["SaslTable", "read_sasl"]

# RFC 7518: as many octets as the hash of HS256 has.
_LEAST_SECRET: Final = 32
# Ours: ten years, for a token that a test's fixture keeps.
_LONGEST_S: Final = 10 * 366 * 86400

_DEFAULTS: Final = TokenSettings()


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key that is not known is a mistake, never ignored."""


class TokensTable(_Table, frozen=True):
    secret: str | None = None
    secret_env: str | None = None
    issuer: str = _DEFAULTS.issuer
    audience: str = _DEFAULTS.audience
    scope: str = _DEFAULTS.scope
    lifetime_s: Annotated[float, msgspec.Meta(gt=0, le=_LONGEST_S)] = _DEFAULTS.lifetime_s


class SaslTable(_Table, frozen=True):
    mechanisms: tuple[str, ...] = MECHANISMS
    submission_in_the_clear: bool = False
    tokens: TokensTable = TokensTable()


def read_sasl(
    table: SaslTable, source: Path | str, refuse: Callable[[Path | str, str, str], WorldFileError]
) -> SaslSettings:
    """The settings.

    Raises:
        WorldFileError: Made by `refuse`: a mechanism is not known, or a secret is too short.
    """
    for index, name in enumerate(table.mechanisms):
        if name.upper() not in MECHANISMS:
            key = f"sasl.mechanisms[{index}]"
            raise refuse(source, key, f"{name!r} is none of {', '.join(MECHANISMS)}")
    return SaslSettings(
        mechanisms=tuple(name.upper() for name in table.mechanisms),
        submission_in_the_clear=table.submission_in_the_clear,
        tokens=_read_tokens(table.tokens, source, refuse),
    )


def _read_tokens(
    table: TokensTable, source: Path | str, refuse: Callable[[Path | str, str, str], WorldFileError]
) -> TokenSettings:
    key, secret = "sasl.tokens", ""
    if table.secret is not None or table.secret_env is not None:
        secret = password_of(table.secret, table.secret_env, key, source, refuse, "secret")
        if len(secret.encode()) < _LEAST_SECRET:
            raise refuse(source, f"{key}.secret", f"has less than {_LEAST_SECRET} octets (RFC 7518)")
    return TokenSettings(
        secret=secret,
        issuer=table.issuer,
        audience=table.audience,
        scope=table.scope,
        lifetime_s=table.lifetime_s,
    )
