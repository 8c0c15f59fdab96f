"""The tls-exporter channel binding (RFC 9266), which Python's ssl does not give.

Its documented key log does give what the binding is derived from, the exporter secret of TLS 1.3. The log is a file
without a name that only this process has, emptied at every look.
"""

import os
import tempfile
import weakref
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

__all__ = ["KeyLog", "export"]

# RFC 9266 §2: label, empty context, length.
_LABEL: Final = b"EXPORTER-Channel-Binding"
_OCTETS: Final = 32

_MARK: Final = b"EXPORTER_SECRET "
_DEVICES: Final = Path("/proc/self/fd")


def export(secret: bytes) -> bytes:
    """The channel binding of the connection with this exporter secret.

    Source: RFC 8446 §7.5 (exporters), §7.1 (derivation); RFC 9266 §2.
    """
    # The suite's hash, by its length: TLS 1.3 has suites with these two only (RFC 8446 §B.4).
    algorithm: hashes.HashAlgorithm = hashes.SHA384() if len(secret) == 48 else hashes.SHA256()
    nothing = _digest(algorithm)
    derived = _expand_label(algorithm, secret, _LABEL, nothing, algorithm.digest_size)
    return _expand_label(algorithm, derived, b"exporter", nothing, _OCTETS)


def _digest(algorithm: hashes.HashAlgorithm) -> bytes:
    return hashes.Hash(algorithm).finalize()


def _expand_label(
    algorithm: hashes.HashAlgorithm, secret: bytes, label: bytes, context: bytes, octets: int
) -> bytes:
    whole = b"tls13 " + label
    info = octets.to_bytes(2) + bytes([len(whole)]) + whole + bytes([len(context)]) + context
    return HKDFExpand(algorithm, octets, info).derive(secret)


class KeyLog:
    """Where one context's secrets are written to, and from there to where the environment's SSLKEYLOGFILE says.

    Attributes:
        path: For `ssl.SSLContext.keylog_filename`, until `hide`.
    """

    def __init__(self) -> None:
        # As `ssl.create_default_context` has it, for those who watch the network: it is all in the clear then.
        self._copy = os.environ.get("SSLKEYLOGFILE")
        if hasattr(os, "memfd_create") and _DEVICES.is_dir():
            self._fd = os.memfd_create("mailproof-tls", os.MFD_CLOEXEC)
            self.path = _DEVICES / str(self._fd)
            self._named = False
        else:
            self._fd, name = tempfile.mkstemp(prefix="mailproof-tls-")
            self.path = Path(name)
            self._named = True
        weakref.finalize(self, os.close, self._fd)

    def hide(self) -> None:
        """Take its name away, once ssl has it open."""
        if self._named:
            self.path.unlink()

    def take(self) -> list[bytes]:
        """The exporter secrets written since the last look; the log is empty then."""
        octets = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        os.ftruncate(self._fd, 0)
        if self._copy:
            with Path(self._copy).open("ab") as file:
                file.write(octets)
        lines = [line for line in octets.splitlines() if line.startswith(_MARK)]
        return [bytes.fromhex(line.split()[2].decode("ascii")) for line in lines]
