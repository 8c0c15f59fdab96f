"""A context whose connections know their channel bindings and, on a server, the name that the client asked for."""

import selectors
import ssl
import threading
import time
from typing import Final

from harness.tls.certificates import read_certificate
from harness.tls.exporter import KeyLog, export
from harness.wire.tls import TLS_EXPORTER, TLS_SERVER_END_POINT

__all__ = ["TlsContext", "TlsObject", "TlsSocket"]

# Whose secret is in a key log is told by who is at it: one handshake at a time takes a step.
_STEP: Final = threading.Lock()


class TlsContext(ssl.SSLContext):
    """As `ssl.SSLContext`; `get_channel_binding` of its connections knows tls-exporter and tls-server-end-point too.

    Attributes:
        end_point: On a server, the tls-server-end-point of its own certificate (RFC 5929 §4.1).
    """

    end_point: bytes | None = None

    # ssl.SSLContext is made in __new__, and takes its arguments there.
    def __init__(self, protocol: int) -> None:  # noqa: ARG002
        super().__init__()
        self.sslobject_class = TlsObject
        self.sslsocket_class = TlsSocket
        self.key_log = KeyLog()
        self.keylog_filename = str(self.key_log.path)
        self.key_log.hide()
        self.key_log.take()


class TlsObject(ssl.SSLObject):
    """A connection whose octets somebody else carries: asyncio, trio, a greenlet.

    Attributes:
        asked_name: On a server: whom the client asked for, None where it did not say.
    """

    asked_name: str | None = None
    exporter_secret: bytes | None = None
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """A step. A server that fails asks to be called once more, so that its alert is sent (RFC 8446 §6.2).

        asyncio and trio send what there is when more is wanted, and nothing when an error comes.
        """
        if self._failure is not None:
            raise self._failure
        with _STEP:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as exc:
                if not self.server_side:
                    raise
                self._failure = exc
                raise ssl.SSLWantReadError("the alert goes first") from exc
            finally:
                _keep_exporter(self)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        return _own_binding(self, cb_type) if cb_type in _OURS else super().get_channel_binding(cb_type)


class TlsSocket(ssl.SSLSocket):
    """A connection on a blocking socket.

    Attributes:
        asked_name: As a `TlsObject` has it.
    """

    asked_name: str | None = None
    exporter_secret: bytes | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: ARG002 (ssl.SSLSocket has it so)
        """Step by step, so that nobody waits for a peer while others may take a step."""
        timeout_s = self.gettimeout()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.settimeout(0)
        try:
            while (event := self._step()) is not None:
                self._wait_for(event, deadline)
        finally:
            self.settimeout(timeout_s)

    def _step(self) -> int | None:
        """What has to be waited for, None when the handshake is over."""
        with _STEP:
            try:
                super().do_handshake()
            except ssl.SSLWantReadError:
                return selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                return selectors.EVENT_WRITE
            finally:
                _keep_exporter(self)
        return None

    def _wait_for(self, event: int, deadline: float | None) -> None:
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        with selectors.DefaultSelector() as selector:
            selector.register(self, event)
            if not selector.select(left_s):
                raise TimeoutError("the handshake took too long")

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        return _own_binding(self, cb_type) if cb_type in _OURS else super().get_channel_binding(cb_type)


_OURS: Final = frozenset({TLS_EXPORTER, TLS_SERVER_END_POINT})


def _keep_exporter(connection: TlsObject | TlsSocket) -> None:
    """The secret that a step of the handshake brought, where it did."""
    if isinstance(connection.context, TlsContext):
        for secret in connection.context.key_log.take():
            connection.exporter_secret = secret


def _own_binding(connection: TlsObject | TlsSocket, name: str) -> bytes | None:
    if name == TLS_EXPORTER:
        return export(connection.exporter_secret) if connection.exporter_secret else None
    if connection.server_side:
        return connection.context.end_point if isinstance(connection.context, TlsContext) else None
    certificate = connection.getpeercert(binary_form=True)
    return read_certificate(certificate).end_point if certificate else None
