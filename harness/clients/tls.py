"""The client side's TLS: what is trusted and shown, as the target file says."""

import ssl
import tempfile
from pathlib import Path

from harness.errors import UsageError
from harness.target import Target
from harness.tls import TlsContext

__all__ = ["client_context", "trusting_context"]


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
    elif target.client_pem is not None:
        # ssl takes files only.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(target.client_pem.encode("ascii"))
            file.flush()
            _show(context, file.name, None)
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


def _show(context: ssl.SSLContext, certificate: Path | str, key: Path | None) -> None:
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
