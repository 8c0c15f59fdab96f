"""A password goes over TLS where the target lists LOGINDISABLED (RFC 3501 §6.2.3)."""

from dataclasses import replace

from harness.clients.live import LiveTarget
from reference_server import serve
from reference_server.world import ONE_SERVER


def test_imap_logs_in_inside_tls_where_login_is_disabled_without() -> None:
    with serve(world=replace(ONE_SERVER, plaintext_login=False)) as declared:
        live = LiveTarget(declared)

        imap = live.imap()

        assert imap.transport.tls
        assert imap.command(b"NOOP").ok
        live.close()


def test_imap_logs_in_without_tls_where_that_is_allowed() -> None:
    with serve() as declared:
        live = LiveTarget(declared)

        assert not live.imap().transport.tls
        live.close()
