"""An account whose mail goes elsewhere is no proof against the server."""

from dataclasses import replace

import pytest

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Account, Limits
from reference_server import ONE_SERVER, Server
from reference_server.world import User
from suites.delivery.test_rfc5321_recipients import (
    test_every_accepted_recipient_gets_the_message as every_accepted_recipient,
)


def test_mail_that_is_sent_on_is_not_missed() -> None:
    away = User("dora", "secret", "dora@example.test", forward=("dora@example.org",))
    with Server(replace(ONE_SERVER, users=(*ONE_SERVER.users, away))) as server:
        accounts = (*server.target.accounts, Account("dora@example.test", "secret", "dora@example.test"))
        live = LiveTarget(replace(server.target, accounts=accounts, limits=Limits(2.0, 0.2, 0.3)))
        try:
            with pytest.raises(Unclear, match=r"dora@example\.test does not arrive there at all"):
                every_accepted_recipient.hypothesis.inner_test(live, nobodies=[], again=False)
        finally:
            live.close()
