"""What came to our exchangers, told apart: the message itself, a notification about it, something else."""

import pytest

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Policy, Target
from reference_server.sink import Received
from suites.mail import plain_message
from suites.relay.routes import Tried, bounced, declared_closed, relayed

TRACE = b"Received: from x by y; Tue, 24 Nov 2026 12:00:00 +0000\r\n"


def came(content: bytes, *, reverse_path: bytes = b"") -> Received:
    return Received("mx", "x", True, False, reverse_path, {}, (b"a@x.example",), ({},), False, content)


def tried(token: str) -> Tried:
    return Tried(b"<s@x.example>", b"<u@x.example>", token, None, True)


MESSAGE = plain_message("r-token-1", to="a@x.example")
NOTICE = TRACE + b"Subject: it failed\r\n\r\nThe message was:\r\n" + MESSAGE


def test_the_message_itself_was_relayed_whatever_stands_on_top() -> None:
    attempts = [tried("r-token-1"), tried("r-token-2")]

    for content in (MESSAGE, TRACE + MESSAGE):
        for reverse_path in (b"", b"s@x.example"):
            arrivals = [came(content, reverse_path=reverse_path)]
            assert relayed(attempts, arrivals) == attempts[:1]
            assert bounced(attempts, arrivals) == []


def test_a_notification_about_it_is_no_relaying() -> None:
    attempts = [tried("r-token-1"), tried("r-token-2")]

    assert relayed(attempts, [came(NOTICE)]) == []
    assert bounced(attempts, [came(NOTICE)]) == attempts[:1]


def test_something_else_says_nothing() -> None:
    attempts = [tried("r-token-1")]
    other = came(plain_message("r-token-10", to="a@x.example"))

    assert relayed(attempts, [other]) == []
    assert bounced(attempts, [other, came(b"Subject: x\r\n\r\nHello.\r\n")]) == []


@pytest.mark.parametrize("relay", ["open", "local-networks"])
def test_who_may_relay_by_declaration_is_not_judged(relay: str) -> None:
    policy = Policy(relay=relay)
    target = LiveTarget(Target("nobody", "example.test", {}, policy=policy))

    with pytest.raises(NotOffered, match=relay):
        declared_closed(target)


def test_who_declares_nothing_is_not_judged() -> None:
    with pytest.raises(NotOffered, match="does not say"):
        declared_closed(LiveTarget(Target("nobody", "example.test", {})))


def test_an_attempt_tells_its_envelope() -> None:
    assert str(tried("x")) == "MAIL FROM:<s@x.example> RCPT TO:<u@x.example>"
