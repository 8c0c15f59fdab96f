"""Passwords as databases keep them: ``{SCHEME}value``, as in Dovecot and OpenLDAP, or a bare crypt(3) string."""

from reference_server.accounts.schemes.errors import SchemeError
from reference_server.accounts.schemes.stored import SCHEMES, Stored, read_stored

__all__ = ["SCHEMES", "SchemeError", "Stored", "read_stored"]
