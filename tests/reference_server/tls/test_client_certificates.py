"""Clients that are asked for a certificate: shown, missing, and by somebody whom nobody knows."""

import pytest

from harness.errors import ConnectionLost
from reference_server.tls import CertificateAuthority, ClientCertificates


@pytest.fixture
def authority() -> CertificateAuthority:
    """Who signs clients' certificates, and nothing else here."""
    return CertificateAuthority()


@pytest.fixture
def client_ca(authority, tmp_path):
    path = tmp_path / "clients.pem"
    path.write_text(authority.ca_pem)
    return path


@pytest.fixture
def alice(authority, issue):
    """Alice's certificate, by who is trusted."""
    return issue("alice@example.test", authority=authority).file


@pytest.fixture
def stranger(issue):
    """A certificate with alice's name in it, by somebody else."""
    return issue("alice@example.test", file="stranger.pem").file


@pytest.fixture
def seen(monkeypatch):
    """The facts of every session of a server, in every protocol."""
    from reference_server.imap.session import ImapSession
    from reference_server.pop3.session import Pop3Session
    from reference_server.smtp.session import SmtpSession

    found = []
    for kind in (SmtpSession, Pop3Session, ImapSession):
        started = kind.tls_started

        def tls_started(session, started=started) -> None:
            found.append(session.tls_facts)
            started(session)

        monkeypatch.setattr(kind, "tls_started", tls_started)
    return found


@pytest.mark.parametrize("asked", [ClientCertificates.REQUIRED, ClientCertificates.OPTIONAL])
def test_a_good_one_is_known_to_the_session(
    serve, trusting, open_session, protocol, client_ca, alice, seen, asked
) -> None:
    server = serve(client_certificates=asked, client_ca=client_ca)

    with open_session(server, protocol, trusting(server, alice)) as session:
        assert session.is_alive()

    assert seen[0].peer.mailboxes == ("alice@example.test",)
    assert seen[0].peer_verified is True


def test_without_one_nobody_is_served_where_it_is_required(
    serve, trusting, open_session, protocol, client_ca, seen
) -> None:
    server = serve(client_certificates=ClientCertificates.REQUIRED, client_ca=client_ca)

    with (
        pytest.raises(ConnectionLost, match="certificate required"),
        open_session(server, protocol, trusting(server)) as session,
    ):
        session.is_alive()

    assert seen == []


def test_without_one_all_goes_on_where_it_is_optional(
    serve, trusting, open_session, protocol, client_ca, seen
) -> None:
    server = serve(client_certificates=ClientCertificates.OPTIONAL, client_ca=client_ca)

    with open_session(server, protocol, trusting(server)) as session:
        assert session.is_alive()

    assert seen[0].peer is None
    assert seen[0].peer_verified is False


@pytest.mark.parametrize("asked", [ClientCertificates.REQUIRED, ClientCertificates.OPTIONAL])
def test_one_by_an_unknown_authority_is_refused(
    serve, trusting, open_session, protocol, client_ca, stranger, seen, asked
) -> None:
    server = serve(client_certificates=asked, client_ca=client_ca)

    with (
        pytest.raises(ConnectionLost, match="unknown ca"),
        open_session(server, protocol, trusting(server, stranger)) as session,
    ):
        session.is_alive()

    assert seen == []


def test_where_nobody_asks_none_is_looked_at(serve, trusting, open_session, protocol, stranger, seen) -> None:
    server = serve()

    with open_session(server, protocol, trusting(server, stranger)) as session:
        assert session.is_alive()

    assert seen[0].peer is None


def test_a_resumed_session_still_has_the_certificate(serve, trusting, look, client_ca, alice) -> None:
    server = serve(client_certificates=ClientCertificates.REQUIRED, client_ca=client_ca)

    assert look(server, trusting(server, alice)).peer_verified is True
