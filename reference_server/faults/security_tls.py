"""Deviations of TLS: old versions, certificates, what was said in the clear."""

import ssl
from collections.abc import Sequence
from dataclasses import replace

import trio

from harness.wire.tls import TlsFacts
from reference_server.carrier import StreamCarrier
from reference_server.faults import fault
from reference_server.imap.session import ImapSession
from reference_server.pop3.session import Pop3Session
from reference_server.smtp import SmtpSession
from reference_server.tls import CertificateAuthority, CertificateSource, HostTls, TlsSettings

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


# Certificates


@fault("security.certificate-for-another-host")
class CertificateForAnotherHost(HostTls):
    """The certificate has another host's name, and ours in its subject."""

    def __init__(self, settings: TlsSettings, names: Sequence[str], authority: CertificateAuthority) -> None:
        super().__init__(settings, ("elsewhere.example.org",), authority)


@fault("security.certificate-expired")
class CertificateExpired(HostTls):
    """The certificate has expired."""

    def __init__(self, settings: TlsSettings, names: Sequence[str], authority: CertificateAuthority) -> None:
        expired = replace(settings, certificates=(CertificateSource(days=0),))
        super().__init__(expired, names, authority)


# The beginning of a line, sent in the clear


@fault("security.smtp-half-line-survives-starttls")
class SmtpHalfLineSurvivesStarttls(SmtpSession):
    """Of what came in the clear behind STARTTLS, a line without end goes on inside TLS."""

    def discard_plaintext(self) -> None:
        while self._lines.next_line() is not None:
            pass


@fault("security.pop3-half-line-survives-stls")
class Pop3HalfLineSurvivesStls(Pop3Session):
    """Of what came in the clear behind STLS, a line without end goes on inside TLS."""

    def discard_plaintext(self) -> None:
        while self._lines.next_line() is not None:
            pass


@fault("security.imap-half-line-survives-starttls")
class ImapHalfLineSurvivesStarttls(ImapSession):
    """Of what came in the clear behind STARTTLS, a line without end goes on inside TLS."""

    def discard_plaintext(self) -> None:
        while self._reader.next_line() is not None:
            pass


# What the trace tells


@fault("submission.received-without-tls-clause")
class ReceivedWithoutTlsClause(SmtpSession):
    """The trace says nothing of the cipher suite."""

    def cipher(self) -> str:
        return ""


@fault("submission.tls-clause-by-openssl")
class TlsClauseByOpenssl(SmtpSession):
    """The trace has a name of its own for the cipher suite."""

    def cipher(self) -> str:
        return "AES256" if self.tls_facts else ""
