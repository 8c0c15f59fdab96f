"""What a probe says of every endpoint's TLS."""

from dataclasses import replace

from typer.testing import CliRunner

from harness.cli.app import app
from harness.clients.live import LiveTarget
from harness.target import Protocol
from reference_server import ONE_SERVER, Server
from reference_server.tls import CertificateSource, TlsSettings


def test_every_endpoint_tells_its_version_and_certificate() -> None:
    with Server() as server:
        abilities = LiveTarget(server.target).abilities

    assert set(abilities.tls) == set(map(str, Protocol))
    assert {facts.version for facts in abilities.tls.values()} == {"TLSv1.3"}
    assert all(facts.peer and "mail.example.test" in facts.peer.dns_names for facts in abilities.tls.values())


def test_a_bad_certificate_is_a_problem_and_the_rest_is_told_all_the_same() -> None:
    world = replace(ONE_SERVER, tls=TlsSettings(certificates=(CertificateSource(days=-1),)))
    with Server(world) as server:
        abilities = LiveTarget(server.target).abilities

    assert abilities.tls == {}
    assert "certificate has expired" in abilities.problems["imap TLS"]
    assert "certificate has expired" in abilities.problems["pop3s TLS"]
    assert "IDLE" in abilities.names("imap logged in")


def test_the_command_prints_a_line_for_each() -> None:
    done = CliRunner().invoke(app, ["probe"])

    assert done.exit_code == 0, done.output
    assert "imaps: TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of mail.example.test" in done.output
