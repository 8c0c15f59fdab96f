"""The client side's TLS: what is trusted and shown, as the target file says; what came of it, for people."""

import os
import ssl

from harness.errors import UsageError
from harness.target import Target
from harness.tls import TlsContext
from harness.wire.tls import TlsFacts

__all__ = ["client_context", "described", "reason_of", "trusting_context"]


def client_context(target: Target) -> ssl.SSLContext:
    """A context that checks certificates, and shows one, as the target file says; TLS 1.2 or newer (RFC 8996 §4).

    Raises:
        OSError: The authority's file cannot be read; `ssl.SSLError` where it holds no certificate.
        UsageError: Our own certificate or its key cannot be used.
    """
    context = trusting_context(
        cafile=str(target.ca) if target.ca is not None else None,
        cadata=target.ca_pem,
        verify=target.verify_tls,
    )
    if target.client_certificate is not None:
        _show(context, target.client_certificate, target.client_key)
    return context


def trusting_context(
    *, cafile: str | None = None, cadata: str | None = None, verify: bool = True
) -> ssl.SSLContext:
    """A context that trusts this authority, or the system's where none is given; or, on purpose, anybody.

    Names are checked as RFC 9525 §6 asks (RFC 7817 §3 for mail): among the alternative names, never the subject's.
    """
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if cafile is None and cadata is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=cafile, cadata=cadata)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _show(context: ssl.SSLContext, certificate: os.PathLike[str], key: os.PathLike[str] | None) -> None:
    where = key or certificate
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as exc:
        problem = "holds no certificate and key in PEM form, or the key has a passphrase"
        if exc.reason == "KEY_VALUES_MISMATCH":
            problem = "the key belongs to another certificate"
        raise UsageError(f"client_certificate: {where}: {problem}") from exc
    except OSError as exc:
        raise UsageError(f"client_certificate: {where} cannot be read ({exc.strerror})") from exc


def reason_of(exc: OSError | ValueError) -> str:
    """Why a handshake or a connection in TLS failed, in a few words."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message.rstrip(".")
    if not isinstance(exc, ssl.SSLError) or not exc.reason:
        return str(exc)
    words, alert, meaning = exc.reason.partition("ALERT_")
    return (f"the peer says: {meaning}" if alert else words).replace("_", " ").lower()


def described(facts: TlsFacts) -> str:
    """``TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of mail.example.test until 2027-01-31, resumed``."""
    words = [facts.version, facts.cipher]
    if facts.peer is not None:
        names = ", ".join(facts.peer.names) or "nobody"
        words.append(f"certificate of {names} until {facts.peer.not_after:%Y-%m-%d}")
        if not facts.peer_verified:
            words.append("not checked")
    if facts.alpn:
        words.append(f"for {facts.alpn}")
    if facts.resumed:
        words.append("resumed")
    return ", ".join(words)
