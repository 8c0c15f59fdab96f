"""Each setting of a host's TLS, seen from a client."""

import socket
import ssl
import warnings

import pytest

from harness.target import Protocol
from reference_server.tls import CertificateSource, Version

THREE = ("mail.example.test", "pop.example.test", "lists.example.org")


@pytest.mark.parametrize("version", [Version.TLS_1_2, Version.TLS_1_3])
def test_one_version_is_spoken_alone(serve, trusting, look, version) -> None:
    server = serve(minimum=version, maximum=version)

    assert look(server, trusting(server)).version == version


def test_a_client_that_is_too_old_is_refused(serve, trusting, look) -> None:
    server = serve(minimum=Version.TLS_1_3)
    context = trusting(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        look(server, context)


def test_an_old_version_can_be_had_for_old_clients(serve, trusting, look) -> None:
    server = serve(minimum=Version.TLS_1_0, ciphers="ALL:@SECLEVEL=0")
    context = trusting(server)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    assert look(server, context).version == "TLSv1.1"


def test_the_suites_are_the_ones_that_are_set(serve, trusting, look) -> None:
    server = serve(maximum=Version.TLS_1_2, ciphers="ECDHE-ECDSA-CHACHA20-POLY1305")

    assert look(server, trusting(server)).cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize("protocol", [Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS])
def test_each_of_three_names_has_a_certificate_of_its_own(serve, trusting, look, name, protocol) -> None:
    server = serve(certificates=tuple(CertificateSource(names=(each,)) for each in THREE))

    facts = look(server, trusting(server), name, protocol)

    assert facts.peer is not None
    assert facts.peer.dns_names == (name,)


def test_by_starttls_the_name_counts_too(serve, trusting, open_session, protocol) -> None:
    server = serve(certificates=tuple(CertificateSource(names=(each,)) for each in (*THREE, "localhost")))

    with open_session(server, protocol, trusting(server)) as session:
        assert session.transport.tls_facts.peer.dns_names == ("localhost",)


def test_a_star_stands_for_one_label(serve, trusting, look) -> None:
    server = serve(
        certificates=(
            CertificateSource(names=("mail.example.test",)),
            CertificateSource(names=("*.example.org",)),
        )
    )
    context = trusting(server)

    assert look(server, context, "lists.example.org").peer.dns_names == ("*.example.org",)
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        look(server, context, "a.b.example.org")


@pytest.mark.parametrize("name", ["nobody.example.net", None])
def test_who_asks_for_no_name_of_ours_is_shown_the_first(serve, trusting, look, name) -> None:
    server = serve(certificates=tuple(CertificateSource(names=(each,)) for each in THREE))
    context = trusting(server)
    context.check_hostname = False

    assert look(server, context, name).peer.dns_names == (THREE[0],)


def test_a_client_goes_on_with_its_session(serve, trusting, look, version_of_session) -> None:
    version, resumed_by = version_of_session
    server = serve(maximum=version)
    context = trusting(server)

    assert resumed_by(server, context) is True


def test_no_client_goes_on_where_that_is_off(serve, trusting, version_of_session) -> None:
    version, resumed_by = version_of_session
    server = serve(maximum=version, resumption=False)

    assert resumed_by(server, trusting(server)) is False


@pytest.fixture(params=[Version.TLS_1_2, Version.TLS_1_3], ids=str)
def version_of_session(request):
    """A version, and whether a second connection of a client in it is a resumed one."""

    def resumed(server, context) -> bool:
        endpoint = server.target.endpoints[Protocol.IMAPS]
        session, found = None, []
        for _ in range(2):
            with (
                socket.create_connection((endpoint.host, endpoint.port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname="mail.example.test", session=session) as secure,
            ):
                assert secure.recv(1000)  # in TLS 1.3 the ticket comes with it
                session = secure.session
                found.append(secure.session_reused)
        assert found[0] is False
        return found[1]

    return request.param, resumed


@pytest.mark.parametrize(
    ("protocol", "offered", "agreed"),
    [
        (Protocol.IMAPS, ["imap"], "imap"),
        (Protocol.POP3S, ["h2", "pop3"], "pop3"),
        (Protocol.POP3S, ["imap"], None),
        (Protocol.SUBMISSIONS, ["smtp"], None),
        (Protocol.IMAPS, [], None),
    ],
)
def test_the_registered_names_are_agreed_on(serve, trusting, look, protocol, offered, agreed) -> None:
    server = serve()
    context = trusting(server)
    if offered:
        context.set_alpn_protocols(offered)

    assert look(server, context, protocol=protocol).alpn == agreed


def test_other_names_can_be_set(serve, trusting, look) -> None:
    server = serve(alpn={Protocol.SUBMISSIONS: ("x-mail",)})
    context = trusting(server)
    context.set_alpn_protocols(["x-mail", "imap"])

    assert look(server, context, protocol=Protocol.SUBMISSIONS).alpn == "x-mail"
    assert look(server, context, protocol=Protocol.IMAPS).alpn is None


def test_a_session_knows_the_name_and_the_bindings(serve, trusting, look, monkeypatch) -> None:
    """What EXTERNAL and SCRAM ask for is the same on both sides, in every protocol."""
    from reference_server.imap.session import ImapSession

    seen = []
    greet = ImapSession.greet
    monkeypatch.setattr(
        ImapSession, "greet", lambda session: seen.append(session.tls_facts) or greet(session)
    )
    server = serve()

    ours = look(server, trusting(server))

    assert seen[0].server_name == "mail.example.test"
    assert seen[0].bindings == ours.bindings
    assert len(ours.bindings) == 2
