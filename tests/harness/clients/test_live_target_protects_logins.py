"""A password goes over TLS where the target lists LOGINDISABLED (RFC 3501 §6.2.3)."""

from dataclasses import replace

import pytest

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from reference_server import serve
from reference_server.world import ONE_SERVER
from reference_server.world.sasl import SaslSettings


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


@pytest.mark.parametrize("name", ["SCRAM-SHA-256-PLUS", "CRAM-MD5", "OAUTHBEARER"])
def test_submission_logs_in_where_plain_is_not_offered(name: str) -> None:
    with serve(world=replace(ONE_SERVER, sasl=SaslSettings(mechanisms=(name,)))) as declared:
        live = LiveTarget(declared)

        assert live.submission().noop().klass == 2
        live.close()


def test_an_account_that_has_nothing_for_what_is_offered_is_said() -> None:
    with serve(world=replace(ONE_SERVER, sasl=SaslSettings(mechanisms=("OAUTHBEARER",)))) as declared:
        accounts = tuple(replace(account, token="") for account in declared.accounts)
        live = LiveTarget(replace(declared, accounts=accounts))

        with pytest.raises(NotOffered, match="AUTH offers OAUTHBEARER"):
            live.submission()
        live.close()
