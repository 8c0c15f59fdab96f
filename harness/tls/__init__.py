"""TLS by Python's ssl, with what it lacks: channel bindings, and certificates as data. For both roles."""

from harness.tls.certificates import read_certificate
from harness.tls.context import TlsContext
from harness.tls.facts import facts_of

__all__ = ["TlsContext", "facts_of", "read_certificate"]
