"""Deviations of TLS: old versions, certificates, what was said in the clear."""

import ssl

import trio

from harness.wire.tls import TlsFacts
from reference_server.carrier import StreamCarrier
from reference_server.faults import fault
from reference_server.tls import HostTls

# Versions

_OLD_SUITES = "ALL:@SECLEVEL=0"


@fault("security.tls-1.0-negotiated")
class Tls10Negotiated(HostTls):
    """TLS 1.0 is spoken with who offers no newer."""

    def minimum(self) -> ssl.TLSVersion:
        return ssl.TLSVersion.TLSv1

    def ciphers(self) -> str:
        return _OLD_SUITES


@fault("security.tls-1.1-negotiated")
class Tls11Negotiated(HostTls):
    """TLS 1.1 is spoken with who offers no newer."""

    def minimum(self) -> ssl.TLSVersion:
        return ssl.TLSVersion.TLSv1_1

    def ciphers(self) -> str:
        return _OLD_SUITES


@fault("security.old-tls-refused-for-its-ciphers")
class OldTlsRefusedForItsCiphers(HostTls):
    """Who offers an old version is told that no cipher fits."""

    def minimum(self) -> ssl.TLSVersion:
        return ssl.TLSVersion.TLSv1

    def ciphers(self) -> str:
        return "ECDHE+AESGCM:@SECLEVEL=0"


class _OldRecordsEndIt(trio.abc.Stream):
    """A stream that breaks where it begins with a record of version {03,00}."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._begun = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        octets = await self._stream.receive_some(max_bytes)
        if not self._begun and octets[1:3] == b"\x03\x00":
            raise trio.BrokenResourceError("a record of version {03,00}")
        self._begun = True
        return octets

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


@fault("security.record-version-refused")
class RecordVersionRefused(StreamCarrier):
    """POP3 and IMAP take no ClientHello in a record of version {03,00}."""

    async def start_tls(self, context: ssl.SSLContext) -> TlsFacts:
        self._stream = _OldRecordsEndIt(self._stream)
        return await super().start_tls(context)
