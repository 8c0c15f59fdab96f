"""SCRAM's keys as databases keep them: Dovecot's form and that of RFC 5803, which PostgreSQL has too."""

import re
from base64 import b64decode
from typing import Final

from reference_server.accounts.directory import ScramSecrets
from reference_server.accounts.schemes.digests import checked_rounds
from reference_server.accounts.schemes.errors import SchemeError

__all__ = ["RFC_5803", "read_keys"]

_DOVECOT: Final = re.compile(
    r"(?P<iterations>[1-9]\d{0,9}),(?P<salt>[^,]+),(?P<stored>[^,]+),(?P<server>[^,]+)"
)
_STANDARD: Final = re.compile(
    r"(?P<iterations>[1-9]\d{0,9}):(?P<salt>[^:$]+)\$(?P<stored>[^:$]+):(?P<server>[^:$]+)"
)
# RFC 5803: the scheme is no prefix in braces but the first field.
RFC_5803: Final = re.compile(r"(?P<scheme>SCRAM-SHA-(?:1|256))\$(?P<value>.+)", re.DOTALL)


def read_keys(value: str, octets: int) -> ScramSecrets:
    """The keys of a value without its scheme, each of so many octets.

    Raises:
        SchemeError: It is of neither form.
    """
    found = _DOVECOT.fullmatch(value) or _STANDARD.fullmatch(value)
    if not found:
        raise SchemeError("neither iterations,salt,stored,server nor iterations:salt$stored:server")
    try:
        salt, stored, server = (
            b64decode(found[name], validate=True) for name in ("salt", "stored", "server")
        )
    except ValueError as exc:
        raise SchemeError("salt or keys are not base64") from exc
    if not salt or len(stored) != octets or len(server) != octets:
        raise SchemeError(f"keys of {len(stored)} and {len(server)} octets, and the mechanism has {octets}")
    return ScramSecrets(salt, checked_rounds(int(found["iterations"])), stored, server)
