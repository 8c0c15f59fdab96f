"""A connection as data."""

import ssl

from harness.tls.certificates import read_certificate
from harness.tls.context import TlsObject, TlsSocket
from harness.wire.tls import TLS_EXPORTER, TLS_SERVER_END_POINT, TlsFacts

__all__ = ["facts_of"]


def facts_of(connection: ssl.SSLObject | ssl.SSLSocket) -> TlsFacts:
    """What is known of a connection whose handshake is over; bindings and asked name where the context is ours."""
    cipher = connection.cipher()
    octets = connection.getpeercert(binary_form=True)
    ours = connection if isinstance(connection, TlsObject | TlsSocket) else None
    return TlsFacts(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        resumed=bool(connection.session_reused),
        alpn=connection.selected_alpn_protocol(),
        server_name=ours.asked_name if ours and ours.server_side else connection.server_hostname,
        peer=read_certificate(octets) if octets else None,
        peer_verified=octets is not None and connection.context.verify_mode is not ssl.CERT_NONE,
        bindings=_bindings(ours) if ours else {},
    )


def _bindings(connection: TlsObject | TlsSocket) -> dict[str, bytes]:
    found = {name: connection.get_channel_binding(name) for name in (TLS_EXPORTER, TLS_SERVER_END_POINT)}
    return {name: octets for name, octets in found.items() if octets}
