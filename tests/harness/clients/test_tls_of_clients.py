"""What clients trust, show and say of their TLS."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clients.live import LiveTarget
from harness.clients.tls import client_context
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, TargetFileError, TlsFailed, UsageError
from harness.target import Protocol, Target
from reference_server import ONE_SERVER, Server
from reference_server.tls import CertificateAuthority, CertificateSource, ClientCertificates, TlsSettings

REQUIRED = TlsSettings(client_certificates=ClientCertificates.REQUIRED)


def connected(target: Target, **options: object) -> Transport:
    return Transport.connect(
        target.endpoints[Protocol.IMAPS],
        timeout_s=10,
        transcript=Transcript("t"),
        tls_context=client_context(target),
        **options,  # type: ignore[arg-type]  # as the test has them
    )


def said(transport: Transport) -> str:
    return str(transport.transcript)


@pytest.fixture
def client_certificate(tmp_path: Path) -> Callable[..., Path]:
    """A file with a certificate and its key, by this authority."""

    def write(authority: CertificateAuthority, name: str = "client.pem") -> Path:
        path = tmp_path / name
        path.write_bytes(authority.issue("alice@example.test"))
        return path

    return write


def test_the_transcript_says_version_suite_names_and_expiry() -> None:
    with Server() as server, connected(server.target) as transport:
        assert transport.tls_facts is not None
        assert transport.tls_facts.peer is not None
        expiry = f"{transport.tls_facts.peer.not_after:%Y-%m-%d}"

        assert "TLS started: TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of mail.example.test" in said(
            transport
        )
        assert f"127.0.0.1 until {expiry}" in said(transport)
        assert "not checked" not in said(transport)


def test_the_transcript_says_that_nothing_was_checked() -> None:
    with Server() as server, connected(replace(server.target, verify_tls=False)) as transport:
        assert "not checked" in said(transport)


def test_a_resumed_session_is_told() -> None:
    with Server() as server:
        context = client_context(server.target)
        session = None
        for expected in (False, True):
            transport = Transport.connect(
                server.target.endpoints[Protocol.IMAP], timeout_s=10, transcript=Transcript("t")
            )
            with transport:
                transport.receive(10)
                transport.send(b"a STARTTLS\r\n")
                transport.receive(10)
                transport.start_tls(context, "mail.example.test", session)
                transport.send(b"b NOOP\r\n")
                transport.receive(10)
                session = transport.tls_session
            assert transport.tls_facts is not None
            assert transport.tls_facts.resumed is expected
            assert ("resumed" in said(transport)) is expected


@pytest.mark.parametrize(
    ("certificate", "problem"),
    [
        (CertificateSource(days=-1), "certificate has expired"),
        (CertificateSource(names=("other.example.test",)), "IP address mismatch"),
    ],
)
def test_a_bad_certificate_is_one_line(certificate: CertificateSource, problem: str) -> None:
    world = replace(ONE_SERVER, tls=TlsSettings(certificates=(certificate,)))
    with Server(world) as server, pytest.raises(TlsFailed) as refused:
        connected(server.target)

    assert problem in str(refused.value)
    assert str(refused.value).startswith("imaps://127.0.0.1:")
    assert "_ssl.c" not in str(refused.value)


def test_an_unknown_authority_is_one_line() -> None:
    with Server() as server, pytest.raises(TlsFailed, match=r"unable to get local issuer certificate$"):
        connected(replace(server.target, ca_pem=CertificateAuthority().ca_pem))


def test_what_is_no_tls_is_one_line() -> None:
    with Server() as server:
        plain = server.target.endpoints[Protocol.IMAP]
        with pytest.raises(TlsFailed, match=r"TLS handshake failed: wrong version number$"):
            connected(replace(server.target, endpoints={Protocol.IMAPS: plain}))


def test_our_certificate_is_shown(client_certificate: Callable[..., Path]) -> None:
    with Server(replace(ONE_SERVER, tls=REQUIRED)) as server:
        mine = client_certificate(server.authority)

        live = LiveTarget(replace(server.target, client_certificate=mine))

        assert live.imap(tls=True).capabilities
        live.close()


def test_the_server_has_one_for_who_tries_it() -> None:
    with Server(replace(ONE_SERVER, tls=REQUIRED)) as server:
        live = LiveTarget(server.target)

        assert live.imap(tls=True).capabilities
        live.close()


def test_who_shows_none_is_told_what_the_server_says() -> None:
    with (
        Server(replace(ONE_SERVER, tls=REQUIRED)) as server,
        connected(replace(server.target, client_pem=None)) as transport,
    ):
        with pytest.raises(ConnectionLost, match=r"the peer says: certificate required$"):
            transport.receive(10)

        assert "certificate required" in said(transport)


def test_a_key_that_does_not_fit_is_one_line(client_certificate: Callable[..., Path]) -> None:
    one, other = (client_certificate(CertificateAuthority(), name) for name in ("one.pem", "other.pem"))
    target = Target("t", "example.test", {}, client_certificate=one, client_key=other)

    with pytest.raises(UsageError, match=r"client_certificate: .*other\.pem: the key belongs to another"):
        client_context(target)


def test_what_is_no_certificate_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.write_text("nothing")

    with pytest.raises(UsageError, match=r"client\.pem: holds no certificate and key"):
        client_context(Target("t", "example.test", {}, client_certificate=path))


def test_the_target_file_names_certificate_and_key(
    tmp_path: Path, client_certificate: Callable[..., Path]
) -> None:
    client_certificate(CertificateAuthority())
    path = tmp_path / "target.toml"
    path.write_text(
        'domain = "example.test"\nclient_certificate = "client.pem"\nclient_key = "client.pem"\n'
        '[endpoints]\nimaps = "127.0.0.1:993"\n'
    )

    target = Target.load(path)

    assert target.client_certificate == tmp_path / "client.pem"
    path.write_text(target.to_toml())
    assert Target.load(path) == target


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ('client_certificate = "none.pem"', "client_certificate: .*none.pem is not a file"),
        ('client_key = "none.pem"', "client_key: goes with client_certificate"),
    ],
)
def test_files_that_are_not_there_are_one_line(tmp_path: Path, settings: str, problem: str) -> None:
    path = tmp_path / "target.toml"
    path.write_text(f'domain = "example.test"\n{settings}\n[endpoints]\nimaps = "127.0.0.1:993"\n')

    with pytest.raises(TargetFileError, match=problem):
        Target.load(path)


def test_the_subject_is_no_name_of_a_host() -> None:
    """RFC 9525 §6.3: only alternative names count."""
    assert isinstance(client_context(Target("t", "example.test", {})), ssl.SSLContext)
    assert client_context(Target("t", "example.test", {})).hostname_checks_common_name is False
