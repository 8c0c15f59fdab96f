"""A host's TLS while it runs: which certificate for which client, and certificates that are renewed."""

import datetime as dt
import logging
import ssl
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from harness.target import Protocol
from harness.tls import TlsContext
from harness.tls.context import TlsObject
from reference_server.tls.authority import CertificateAuthority
from reference_server.tls.certificate import Certificate, load_certificate, read_pem
from reference_server.tls.errors import TlsSettingsError
from reference_server.tls.settings import CertificateSource, ClientCertificates, TlsSettings

__all__ = ["HostTls"]

_log = logging.getLogger(__name__)

_VERIFY: Final = {
    ClientCertificates.NONE: ssl.CERT_NONE,
    ClientCertificates.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificates.REQUIRED: ssl.CERT_REQUIRED,
}

_MADE: Final = (CertificateSource(),)


@dataclass(frozen=True)
class _Served:
    """The certificates of one moment, and the contexts made for them."""

    certificates: tuple[Certificate, ...]
    contexts: dict[tuple[Certificate, tuple[str, ...]], TlsContext] = field(default_factory=dict)

    def certificate_for(self, name: str | None) -> Certificate:
        """That of the name, the first where none is for it or the client asks for nobody."""
        asked = (name or "").lower().rstrip(".")
        return next((each for each in self.certificates if each.is_for(asked)), self.certificates[0])


class HostTls:
    """What a host's servers take their contexts from.

    Args:
        names: The host's own, for a certificate that is made.

    Raises:
        TlsSettingsError: A setting, or a file that it names, cannot be used.
    """

    def __init__(self, settings: TlsSettings, names: Sequence[str], authority: CertificateAuthority) -> None:
        self._settings = settings
        self._names = names
        self._authority = authority
        self._served = _Served(self._load())
        self._fronts = {protocol: _Front(self._maker(protocol)) for protocol in Protocol}
        for protocol in Protocol:
            self._context(self._served, self._served.certificates[0], self.alpn(protocol))

    @classmethod
    def made_for(cls, *names: str) -> Self:
        """With a certificate that is made for these names, and everything else as by default."""
        return cls(TlsSettings(), names, CertificateAuthority())

    @property
    def ca_pem(self) -> str:
        """The authority behind what is made."""
        return self._authority.ca_pem

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """What is shown just now."""
        return self._served.certificates

    def of(self, protocol: Protocol) -> ssl.SSLContext:
        """A server's context for connections in memory; each handshake has the certificates of its moment."""
        return self._fronts[protocol]

    def client_pem(self, name: str) -> str | None:
        """Key and certificate of a client that is taken here; None where none is asked for, or others sign them.

        Args:
            name: The client's, a mail address or a host name.
        """
        settings = self._settings
        if settings.client_certificates is ClientCertificates.NONE or settings.client_ca is not None:
            return None
        return self._authority.issue(name).decode("ascii")

    def renew(self) -> None:
        """Read the files again, and have anew what is made; handshakes from now on show it.

        Sessions that run go on, and so do those that are resumed: they show no certificate (RFC 8446 §2.2).

        Raises:
            TlsSettingsError: One of them cannot be used, or has expired; what was served before is, as before.
        """
        renewed = _Served(self._load())
        for problem in self._out_of_time(renewed):
            raise problem
        self._served = renewed

    def close(self) -> None:
        """Let go of the contexts, which hold files and, by their callbacks, each other; no handshake comes after."""
        for context in self._served.contexts.values():
            context.sni_callback = None
        self._served.contexts.clear()
        self._fronts.clear()

    def warn(self) -> None:
        """Say in the log which certificates of files no client takes just now."""
        for problem in self._out_of_time(self._served):
            _log.warning("%s", problem)

    # What a fault may do otherwise

    def minimum(self) -> ssl.TLSVersion:
        """The oldest version that is spoken."""
        return _version(self._settings.minimum)

    def maximum(self) -> ssl.TLSVersion:
        return _version(self._settings.maximum)

    def ciphers(self) -> str:
        """Suites as OpenSSL lists them, ``""`` for its default."""
        return self._settings.ciphers

    def alpn(self, protocol: Protocol) -> tuple[str, ...]:
        return self._settings.alpn.get(protocol, ())

    def chosen(self, served: "_Served", name: str | None) -> Certificate:
        """The certificate for a client that asks for this name (RFC 6066)."""
        return served.certificate_for(name)

    def verify_mode(self) -> ssl.VerifyMode:
        """Whether clients are asked for a certificate."""
        return _VERIFY[self._settings.client_certificates]

    # Making

    @property
    def _sources(self) -> tuple[CertificateSource, ...]:
        return self._settings.certificates or _MADE

    def _load(self) -> tuple[Certificate, ...]:
        return tuple(
            load_certificate(source, f"certificates[{index}]", self._names, self._authority)
            for index, source in enumerate(self._sources)
        )

    def _out_of_time(self, served: _Served) -> Iterator[TlsSettingsError]:
        for index, (source, each) in enumerate(zip(self._sources, served.certificates, strict=True)):
            if source.file is not None and (problem := _out_of_time(each)):
                yield TlsSettingsError(f"certificates[{index}].file", f"{source.file}: {problem}")

    def _maker(self, protocol: Protocol) -> Callable[[], ssl.SSLContext]:
        def current() -> ssl.SSLContext:
            served = self._served
            return self._context(served, served.certificates[0], self.alpn(protocol))

        return current

    def _context(self, served: _Served, certificate: Certificate, alpn: tuple[str, ...]) -> TlsContext:
        """The context with this certificate; a new one each time where sessions must not be resumed.

        Tickets can be left out, but not the memory of TLS 1.2: that is the context's, and goes with it.
        """
        if not self._settings.resumption:
            return self._make(served, certificate, alpn)
        if (certificate, alpn) not in served.contexts:
            served.contexts[certificate, alpn] = self._make(served, certificate, alpn)
        return served.contexts[certificate, alpn]

    def _make(self, served: _Served, certificate: Certificate, alpn: tuple[str, ...]) -> TlsContext:
        context = TlsContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure(context)
        context.end_point = certificate.facts.end_point
        self._limit(context)
        self._trust(context)
        if alpn:
            context.set_alpn_protocols(alpn)
        if not self._settings.resumption:
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET

        def by_name(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            if isinstance(connection, TlsObject):
                connection.asked_name = name
            chosen = self.chosen(served, name)
            if chosen is not certificate:
                connection.context = self._context(served, chosen, alpn)

        context.sni_callback = by_name
        return context

    def _limit(self, context: TlsContext) -> None:
        """Versions and suites."""
        if self.minimum() > self.maximum():
            raise TlsSettingsError(
                "minimum", f"{self._settings.minimum} is newer than maximum, {self._settings.maximum}"
            )
        with warnings.catch_warnings():
            # That a version is deprecated is known to whoever sets it.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = self.minimum()
            context.maximum_version = self.maximum()
        if ciphers := self.ciphers():
            try:
                context.set_ciphers(ciphers)
            except ssl.SSLError as exc:
                raise TlsSettingsError(
                    "ciphers",
                    f"{ciphers!r} is no list of suites (openssl ciphers -v shows some)",
                ) from exc

    def _trust(self, context: TlsContext) -> None:
        """Whose certificates clients may show."""
        if self.verify_mode() is ssl.CERT_NONE:
            return
        context.verify_mode = self.verify_mode()
        path = self._settings.client_ca
        pem = self._authority.ca_pem if path is None else read_pem(path, "client_ca").decode("latin-1")
        try:
            context.load_verify_locations(cadata=pem)
        except ssl.SSLError as exc:
            raise TlsSettingsError("client_ca", f"{path} holds no certificate in PEM form") from exc


class _Front(ssl.SSLContext):
    """A context that has connections made by the one of the moment; asyncio and trio ask for nothing else."""

    def __new__(cls, _current: Callable[[], ssl.SSLContext]) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, current: Callable[[], ssl.SSLContext]) -> None:
        super().__init__()
        self._current = current

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return self._current().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]


def _out_of_time(certificate: Certificate) -> str:
    """Why no client takes it just now; ``""`` where there is no such reason."""
    now = dt.datetime.now(dt.UTC)
    facts = certificate.facts
    if now > facts.not_after:
        return f"the certificate expired on {facts.not_after:%Y-%m-%d}"
    if now < facts.not_before:
        return f"the certificate is not valid before {facts.not_before:%Y-%m-%d}"
    return ""
