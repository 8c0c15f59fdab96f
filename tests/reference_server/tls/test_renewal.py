"""A certificate is renewed while everything goes on."""

import pytest

from reference_server.tls import CertificateAuthority


@pytest.fixture
def authority():
    """Who signs the host's certificates."""
    return CertificateAuthority()


@pytest.fixture
def renewable(serve, issue, authority):
    """A host with its certificate in a file, and what writes the next one there."""

    def write(**how):
        return issue("localhost", file="host.pem", **{"authority": authority} | how)

    return serve(certificates=(write(),)), write


@pytest.fixture
def shown(trusting, authority, open_session):
    """The hash of the certificate that a new session of a protocol is shown."""

    def show(server, protocol) -> bytes:
        context = trusting(server)
        context.load_verify_locations(cadata=authority.ca_pem)
        with open_session(server, protocol, context) as session:
            assert session.is_alive()
            return session.transport.tls_facts.peer.sha256

    return show


def test_new_sessions_are_shown_the_new_one_and_open_ones_go_on(
    renewable, shown, trusting, authority, open_session, protocol
) -> None:
    server, write = renewable
    before = shown(server, protocol)
    context = trusting(server)
    context.load_verify_locations(cadata=authority.ca_pem)
    with open_session(server, protocol, context) as session:
        write()
        assert shown(server, protocol) == before  # until somebody says so

        assert server.renew() == {"mail.example.test": ""}

        assert shown(server, protocol) != before
        assert session.is_alive()


def break_it(path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\n")


def cut_it(path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def exchange_the_key(path) -> None:
    key = CertificateAuthority().issue("localhost").split(b"-----BEGIN CERTIFICATE", 1)[0]
    path.write_bytes(
        key + b"-----BEGIN CERTIFICATE" + path.read_bytes().split(b"-----BEGIN CERTIFICATE", 1)[1]
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (break_it, "holds no certificate"),
        (cut_it, "holds no certificate"),
        (exchange_the_key, "belongs to another certificate"),
    ],
)
def test_a_broken_one_leaves_the_old_one_and_is_told(renewable, shown, protocol, damage, said) -> None:
    server, write = renewable
    before = shown(server, protocol)
    damage(write().file)

    (problem,) = server.renew().values()

    assert said in problem
    assert "host.pem" in problem
    assert "\n" not in problem
    assert shown(server, protocol) == before


def test_one_that_has_expired_leaves_the_old_one(renewable, shown, protocol) -> None:
    server, write = renewable
    before = shown(server, protocol)
    write(days=-1)

    (problem,) = server.renew().values()

    assert "expired on" in problem
    assert shown(server, protocol) == before


def test_one_that_is_made_is_made_anew(serve, trusting, look) -> None:
    server = serve()
    before = look(server, trusting(server)).peer

    server.renew()

    after = look(server, trusting(server)).peer
    assert after.sha256 != before.sha256
    assert after.dns_names == before.dns_names
