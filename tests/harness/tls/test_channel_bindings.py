"""The channel bindings of a connection: the same at both ends, another for each, and as OpenSSL has them."""

import hashlib
import re
import ssl
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import which
from socket import create_server
from threading import Thread

import pytest
import trustme

from harness.tls import TlsContext, facts_of
from harness.tls.exporter import export

OPENSSL = which("openssl")
Shake = Callable[..., tuple[ssl.SSLObject, ssl.SSLObject]]


def test_both_ends_have_the_same(
    client_context: TlsContext, server_context: TlsContext, shake_hands: Shake
) -> None:
    client, server = shake_hands(client_context, server_context)

    assert facts_of(client).bindings == facts_of(server).bindings
    assert list(facts_of(client).bindings) == ["tls-exporter", "tls-server-end-point"]


def test_every_connection_has_an_exporter_of_its_own(
    client_context: TlsContext, server_context: TlsContext, shake_hands: Shake
) -> None:
    found = {
        facts_of(shake_hands(client_context, server_context)[0]).bindings["tls-exporter"] for _ in range(3)
    }

    assert len(found) == 3
    assert {len(octets) for octets in found} == {32}


def test_the_server_end_point_is_the_hash_of_the_certificate(
    client_context: TlsContext, server_context: TlsContext, shake_hands: Shake
) -> None:
    client, _ = shake_hands(client_context, server_context)

    certificate = client.getpeercert(binary_form=True)

    assert certificate is not None
    assert facts_of(client).bindings["tls-server-end-point"] == hashlib.sha256(certificate).digest()


def test_tls_1_2_has_no_exporter_here(
    client_context: TlsContext, server_context: TlsContext, shake_hands: Shake
) -> None:
    client_context.maximum_version = ssl.TLSVersion.TLSv1_2

    client, server = shake_hands(client_context, server_context)

    assert list(facts_of(client).bindings) == list(facts_of(server).bindings) == ["tls-server-end-point"]
    assert client.get_channel_binding("tls-unique") == server.get_channel_binding("tls-unique")


@pytest.mark.parametrize("octets", [32, 48])
def test_the_binding_depends_on_the_secret(octets: int) -> None:
    assert export(bytes(octets)) != export(bytes(octets - 1) + b"\1")


@pytest.mark.skipif(OPENSSL is None, reason="OpenSSL's own command is not installed")
@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
def test_openssl_exports_the_same(server_context: TlsContext, suite: str) -> None:
    """A second implementation: RFC 9266 §2's label and length, by ``openssl s_client -keymatexport``."""
    found: list[bytes | None] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with server_context.wrap_socket(connection, server_side=True) as secure:
            found.append(secure.get_channel_binding("tls-exporter"))
            secure.recv(1)

    with closing(create_server(("127.0.0.1", 0))) as listener:
        thread = Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        said = subprocess.run(
            [str(OPENSSL), "s_client", "-connect", f"127.0.0.1:{port}", "-ciphersuites", suite,
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
            input=b"Q\n", capture_output=True, timeout=30, check=True,
        ).stdout  # fmt: skip
        thread.join(30)

    exported = re.search(rb"Keying material: ([0-9A-F]{64})", said)
    assert exported is not None, said
    assert found == [bytes.fromhex(exported[1].decode())]


def test_who_asks_for_the_secrets_has_them(
    server_context: TlsContext,
    authority: trustme.CA,
    shake_hands: Shake,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)

    client, _ = shake_hands(context, server_context)

    assert "tls-exporter" in facts_of(client).bindings
    written = (tmp_path / "keys").read_text()
    assert {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "EXPORTER_SECRET"} <= {
        line.split()[0] for line in written.splitlines()
    }


def test_no_secret_stays_in_a_file_with_a_name(server_context: TlsContext) -> None:
    log = Path(str(server_context.keylog_filename))

    assert log.is_relative_to("/proc/self/fd") or not log.exists()
    assert server_context.key_log.take() == []
