"""What a POP3 user says and counts: against a server that says what it is told to."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

PLAIN = base64.b64encode(b"\0alice@example.test\0sesame-opens")
BARE = b"+OK\r\nUSER\r\nUIDL\r\n.\r\n"


def pop3(*names: str) -> dict[str, int]:
    return {f"pop3.{name}": names.count(name) for name in names}


def test_a_session_is_counted_under_fixed_names(peer: Make, meet: Make) -> None:
    server = peer("pop3")

    saw = meet(server, ["stat", "list_", "uidl", ["retr", 1], ["dele", 1], "quit"])

    assert saw["samples"] == pop3("connect", "capa", "auth", "stat", "list", "uidl", "retr", "dele", "quit")
    assert saw["failed"] == {}
    listing = {"1": 100, "2": 200}
    content = "Subject: 1\r\n\r\n.dot\r\n"
    assert saw["results"] == [
        [2, 300], listing, [[1, "a"], [2, "b"]], content, None, None, {"closed": True},
    ]  # fmt: skip
    assert server.lines[1:3] == [b"USER alice@example.test", b"PASS sesame-opens"]


@pytest.mark.parametrize(("capabilities", "in_one_write"), [(None, 2), (BARE, 1)])
def test_commands_go_out_in_one_write_where_that_is_offered(
    peer: Make, meet: Make, capabilities: bytes | None, in_one_write: int
) -> None:
    server = peer("pop3", {} if capabilities is None else {"CAPA": capabilities})

    meet(server, [["each_retr", [1, 2]], "look", ["dele", 1, 2]])

    lines = [write.count(b"\r\n") for write in server.writes[1:]]
    # USER and PASS, and two commands for each step.
    assert lines == [in_one_write] * (8 // in_one_write)


def test_what_is_refused_in_a_batch_leaves_the_session_in_step(peer: Make, meet: Make) -> None:
    server = peer("pop3", {"RETR 2": b"-ERR [SYS/TEMP] not now\r\n"})

    saw = meet(server, [["dele", 1, 2], ["each_retr", [1, 2, 3]], ["retr", 3]])

    assert saw["failed"] == {"pop3.retr -ERR [SYS/TEMP]": 1}
    assert saw["results"][2] == "Subject: 3\r\n\r\n.dot\r\n"


@pytest.mark.parametrize("tls", ["auto", "required"])
def test_tls_starts_where_it_is_offered_and_what_came_before_it_is_nobodys_answer(
    peer: Make, meet: Make, tls: str
) -> None:
    said = [b"+OK\r\nSTLS\r\n.\r\n", BARE]
    server = peer("pop3", {"CAPA": lambda _line: said.pop(0), "STLS": b"+OK begin\r\n-ERR injected\r\n"})

    saw = meet(server, ["noop"], tls=tls)

    assert saw["failed"] == {}
    assert saw["samples"] == pop3("connect", "capa", "capa", "stls", "auth", "noop")


def test_tls_that_is_required_and_not_offered_fails_before_anything_is_told(peer: Make, meet: Make) -> None:
    server = peer("pop3", {"CAPA": b"-ERR what\r\n"})

    saw = meet(server, [], tls="required")

    assert saw["failed"] == {"pop3.stls tls": 1}
    assert server.lines == [b"CAPA"]


def test_where_user_is_not_offered_sasl_plain_logs_in(peer: Make, meet: Make) -> None:
    server = peer("pop3s", {"CAPA": b"+OK\r\nSASL PLAIN\r\n.\r\n"})

    saw = meet(server, [], protocol="pop3s")

    assert server.lines == [b"CAPA", b"AUTH PLAIN " + PLAIN]
    assert saw["samples"] == pop3("connect", "capa", "auth")


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ({"GREETING": b"-ERR [SYS/TEMP] busy\r\n"}, "pop3.connect -ERR [SYS/TEMP]"),
        ({"GREETING": b"* OK imap here\r\n"}, "pop3.connect rubbish"),
        ({"PASS": b"-ERR [IN-USE] locked\r\n"}, "pop3.auth -ERR [IN-USE]"),
        ({"PASS": b"-ERR sesame-opens is wrong\r\n"}, "pop3.auth -ERR"),
        ({"CAPA": BARE, "USER": b"-ERR [AUTH] nobody\r\n"}, "pop3.auth -ERR [AUTH]"),
        ({"STAT": "close"}, "pop3.stat closed"),
        ({"STAT": "reset"}, "pop3.stat reset"),
        ({"STAT": "hang"}, "pop3.stat timeout"),
        ({"STAT": b"+OK two messages\r\n"}, "pop3.stat rubbish"),
        ({"STAT": b"what?\r\n"}, "pop3.stat rubbish"),
    ],
)
def test_failures_have_their_class(peer: Make, meet: Make, answers: dict[str, Any], failed: str) -> None:
    saw = meet(peer("pop3", answers), ["stat"], timeout_s=0.5)

    assert saw["failed"] == {failed: 1}
    [[_operation, _class, evidence]] = saw["failures"]
    assert "S: " in evidence
    assert "sesame" not in evidence
