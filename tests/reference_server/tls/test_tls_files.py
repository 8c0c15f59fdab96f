"""What is wrong with a file or a setting is one line that says which, and what would be right."""

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from harness.errors import WorldFileError
from reference_server import ONE_SERVER, Server
from reference_server.tls import CertificateAuthority
from reference_server.world.load import load_world

WORLD = """
[[hosts]]
name = "mail.example.test"
address = "127.0.1.1"

[[domains]]
name = "example.test"
mailboxes = "mail.example.test"
aliases = { postmaster = "alice" }

[[users]]
address = "alice@example.test"
password = "secret"

[hosts.tls]
"""


@pytest.fixture
def files(tmp_path):
    """A world file's directory, with a certificate, its key, and another's."""
    whole, other = (CertificateAuthority().issue("mail.example.test") for _ in range(2))
    key, mark, certificate = whole.partition(b"-----BEGIN CERTIFICATE")
    (tmp_path / "cert.pem").write_bytes(mark + certificate)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "other.pem").write_bytes(other.partition(b"-----BEGIN CERTIFICATE")[0])
    (tmp_path / "locked.pem").write_bytes(
        load_pem_private_key(key, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    (tmp_path / "rubbish.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return tmp_path


def world_with(files, settings):
    path = files / "world.toml"
    path.write_text(WORLD + settings)
    return load_world(path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('certificates = [{ file = "none.pem" }]', "certificates[0].file: "),
        ('certificates = [{ file = "cert.pem" }]', "certificates[0].key: "),
        ('certificates = [{ file = "key.pem", key = "key.pem" }]', "holds no certificate"),
        ('certificates = [{ file = "cert.pem", key = "none.pem" }]', "certificates[0].key: "),
        ('certificates = [{ file = "cert.pem", key = "cert.pem" }]', "holds no private key"),
        ('certificates = [{ file = "cert.pem", key = "other.pem" }]', "belongs to another certificate"),
        ('certificates = [{ file = "cert.pem", key = "locked.pem" }]', "has a passphrase"),
        ('certificates = [{ file = "rubbish.pem", key = "key.pem" }]', "holds no certificate"),
        ('certificates = [{ key = "key.pem" }]', "goes with file"),
        ('certificates = [{ file = "cert.pem", key = "key.pem", days = 3 }]', "certificates[0].days: "),
        ('client_certificates = "required"\nclient_ca = "none.pem"', "client_ca: "),
        ('client_certificates = "required"\nclient_ca = "key.pem"', "client_ca: "),
        ('client_certificates = "always"', "is none of none, optional, required"),
        ('minimum = "TLSv1.3"\nmaximum = "TLSv1.2"', "is newer than maximum"),
        ('ciphers = "ROT13"', "is no list of suites"),
        ('minimun = "TLSv1.3"', "no such key; known here: minimum"),
    ],
)
def test_a_mistake_is_one_line(files, settings, said) -> None:
    with pytest.raises(WorldFileError) as refused:
        world_with(files, settings)

    line = str(refused.value)
    assert line.startswith(f"{files / 'world.toml'}: hosts[mail.example.test].tls.")
    assert said in line
    assert "\n" not in line


def test_files_beside_the_world_file_are_found(files, trusting, look) -> None:
    world = world_with(files, 'certificates = [{ file = "cert.pem", key = "key.pem" }]')

    with Server(world) as server:
        context = trusting(server)
        context.load_verify_locations(cafile=files / "cert.pem")
        context.verify_flags |= 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: the certificate itself is trusted
        assert look(server, context).peer.dns_names == ("mail.example.test",)


def test_an_expired_certificate_is_served_and_said(files, caplog) -> None:
    (files / "old.pem").write_bytes(CertificateAuthority().issue("mail.example.test", days=-3))

    Server(world_with(files, 'certificates = [{ file = "old.pem" }]')).stop()

    (said,) = caplog.messages
    assert "old.pem: the certificate expired on" in said


def test_a_host_says_what_it_has_otherwise(files) -> None:
    path = files / "world.toml"
    path.write_text(
        '[tls]\nminimum = "TLSv1.3"\nresumption = false\n' + WORLD + 'ciphers = "HIGH"\nresumption = true\n'
    )

    world = load_world(path)

    assert (world.hosts[0].tls.minimum, world.hosts[0].tls.resumption) == ("TLSv1.3", True)
    assert (world.tls.ciphers, world.tls.resumption) == ("", False)
    assert ONE_SERVER.hosts[0].tls is None
