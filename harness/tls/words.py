"""What is said of TLS to people: one line, short."""

import ssl

from harness.wire.tls import TlsFacts

__all__ = ["described", "reason_of"]


def reason_of(exc: BaseException) -> str:
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
