"""What an IMAP user says and counts: against a server that says what it is told to."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

PLAIN = base64.b64encode(b"\0alice@example.test\0sesame-opens")
STARTTLS = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"


def imap(*names: str) -> dict[str, int]:
    return {f"imap.{name}": names.count(name) for name in names}


def test_a_session_is_counted_under_fixed_names(peer: Make, meet: Make) -> None:
    server = peer("imap", {"UID SEARCH": b"* SEARCH 11 12\r\nTAG OK done\r\n"})
    steps = [
        "select",
        ["uid_search", "b:ALL"],
        ["uid_fetch", "b:11", "b:(FLAGS)"],
        "noop",
        "expunge",
        "logout",
    ]

    saw = meet(server, steps)

    assert saw["samples"] == imap(
        "connect", "login", "select", "search", "fetch", "noop", "expunge", "logout"
    )
    assert saw["failed"] == {}
    assert saw["results"] == [[3, []], [11, 12], [], None, None, None, {"closed": True}]
    assert server.lines == [
        b"LOGIN alice@example.test sesame-opens", b"SELECT INBOX", b"UID SEARCH ALL", b"UID FETCH 11 (FLAGS)",
        b"NOOP", b"EXPUNGE", b"LOGOUT",
    ]  # fmt: skip


def test_capabilities_are_asked_for_where_nobody_told_them(peer: Make, meet: Make) -> None:
    server = peer("imap", {"GREETING": b"* OK ready\r\n", "LOGIN": b"TAG OK welcome\r\n"})

    saw = meet(server, [["uid_move", "b:1", "b:box"]])

    assert [line.split(b" ")[0] for line in server.lines] == [b"CAPABILITY", b"LOGIN", b"CAPABILITY", b"UID"]
    assert saw["samples"] == imap("connect", "capability", "capability", "login", "move")


def test_tls_starts_where_it_is_offered_and_what_came_before_it_is_nobodys_answer(
    peer: Make, meet: Make
) -> None:
    injected = b"TAG OK begin\r\nA2 OK [CAPABILITY IMAP4rev1 LOGINDISABLED] injected\r\n"
    server = peer("imap", {"GREETING": STARTTLS, "STARTTLS": injected})

    saw = meet(server, ["noop"])

    assert saw["failed"] == {}
    assert saw["samples"] == imap("connect", "starttls", "capability", "login", "noop")
    assert server.lines[:3] == [b"STARTTLS", b"CAPABILITY", b"LOGIN alice@example.test sesame-opens"]


@pytest.mark.parametrize(
    ("tls", "greeting", "first", "failed"),
    [
        ("off", STARTTLS, [b"LOGIN"], {}),
        ("required", STARTTLS, [b"STARTTLS", b"CAPABILITY", b"LOGIN"], {}),
        ("required", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", [], {"imap.starttls tls": 1}),
    ],
)
def test_the_settings_say_whether_there_is_tls(
    peer: Make, meet: Make, tls: str, greeting: bytes, first: list[bytes], failed: dict[str, int]
) -> None:
    server = peer("imap", {"GREETING": greeting})

    saw = meet(server, [], tls=tls)

    assert [line.split(b" ")[0] for line in server.lines] == first
    assert saw["failed"] == failed


def test_implicit_tls_is_part_of_the_connection(peer: Make, meet: Make) -> None:
    saw = meet(peer("imaps"), ["noop"], protocol="imaps")

    assert saw["samples"] == imap("connect", "login", "noop")


@pytest.mark.parametrize(
    ("capabilities", "lines"),
    [
        (b"LOGINDISABLED AUTH=PLAIN SASL-IR", [b"AUTHENTICATE PLAIN " + PLAIN]),
        (b"LOGINDISABLED AUTH=PLAIN", [b"AUTHENTICATE PLAIN", PLAIN]),
    ],
)
def test_where_login_is_disabled_sasl_plain_logs_in(
    peer: Make, meet: Make, capabilities: bytes, lines: list[bytes]
) -> None:
    one_step = lines[0].endswith(PLAIN)
    answers = {
        "GREETING": b"* OK [CAPABILITY IMAP4rev1 %b] ready\r\n" % capabilities,
        "AUTHENTICATE": b"TAG OK welcome\r\n" if one_step else b"+ \r\n",
        PLAIN.decode().upper(): b"A1 OK welcome\r\n",
    }
    server = peer("imap", answers)

    saw = meet(server, [])

    assert server.lines == lines
    assert saw["samples"] == imap("connect", "login")


@pytest.mark.parametrize(
    ("answer", "error_class", "closed"),
    [
        (b"TAG NO [OVERQUOTA] full\r\n", "NO [OVERQUOTA]", False),
        (b"TAG NO no\r\n", "NO", False),
        (b"TAG BAD what\r\n", "BAD", False),
        (b"TAG PERHAPS\r\n", "rubbish", False),
        ((b"* BYE [UNAVAILABLE] going down\r\n", "close"), "closed", True),
        ("close", "closed", True),
        ("reset", "reset", True),
        ("hang", "timeout", True),
    ],
)
def test_failures_have_their_class_and_their_evidence(
    peer: Make, meet: Make, answer: bytes | str, error_class: str, closed: bool
) -> None:
    saw = meet(peer("imap", {"NOOP": answer}), ["noop"], timeout_s=0.5)

    assert saw["failed"] == {f"imap.noop {error_class}": 1}
    assert saw["results"][-1] == {"closed": closed}
    [[operation, word, evidence]] = saw["failures"]
    assert (operation, word) == ("imap.noop", error_class)
    assert "C: A2 NOOP" in evidence
    assert "sesame" not in evidence


@pytest.mark.parametrize(
    ("greeting", "error_class"),
    [
        (b"* BYE [UNAVAILABLE] later\r\n", "BYE [UNAVAILABLE]"),
        (b"* BYE go\r\n", "BYE"),
        (b"220 smtp here\r\n", "rubbish"),
        ("close", "closed"),
    ],
)
def test_a_greeting_that_is_none_fails_the_connection(
    peer: Make, meet: Make, greeting: bytes | str, error_class: str
) -> None:
    saw = meet(peer("imap", {"GREETING": greeting}), [])

    assert saw["failed"] == {f"imap.connect {error_class}": 1}
    assert saw["samples"] == {}


def test_a_login_that_is_refused_shows_no_password(peer: Make, meet: Make) -> None:
    server = peer("imap", {"LOGIN": b"TAG NO [AUTHENTICATIONFAILED] sesame-opens is wrong\r\n"})

    saw = meet(server, [])

    [[operation, error_class, evidence]] = saw["failures"]
    assert (operation, error_class) == ("imap.login", "NO [AUTHENTICATIONFAILED]")
    assert "LOGIN alice@example.test ***" in evidence
    assert "sesame" not in evidence


def test_content_that_looks_like_a_completion_is_content(peer: Make, meet: Make) -> None:
    content = b"A2 OK done\r\n* 9 EXISTS\r\nA3 NO {3}\r\n"
    answer = b"* 1 FETCH (UID 11 BODY[] {%d}\r\n%b)\r\nTAG OK done\r\n" % (len(content), content)
    server = peer("imap", {"UID FETCH": answer})

    saw = meet(server, ["select", ["each_fetched", ["b:11"], "b:(UID BODY.PEEK[])"], ["learn_uids"], "noop"])

    assert saw["results"][1] == [[11, content.decode()]]
    assert saw["samples"] == imap("connect", "login", "select", "fetch", "fetch", "noop")


@pytest.mark.parametrize(
    ("capabilities", "content", "announced", "writes"),
    [
        (b"LITERAL+", "Subject: x\r\n\r\n" + "y" * 5000, b"{5014+}", 1),
        (b"LITERAL-", "Subject: x\r\n\r\n", b"{14+}", 1),
        (b"LITERAL-", "Subject: x\r\n\r\n" + "y" * 5000, b"{5014}", 2),
        (b"IDLE", "Subject: x\r\n\r\n", b"{14}", 2),
    ],
)
def test_append_waits_for_the_server_only_where_it_must(
    peer: Make, meet: Make, capabilities: bytes, content: str, announced: bytes, writes: int
) -> None:
    answers = {
        "LOGIN": b"TAG OK [CAPABILITY IMAP4rev1 %b] welcome\r\n" % capabilities,
        "APPEND": b"TAG OK [APPENDUID 7 15] done\r\n",
    }
    server = peer("imap", answers)

    saw = meet(server, [["append", "b:box", f"b:{content}", r"b:(\Seen)"]])

    assert saw["results"][0] == 15
    assert server.lines[-1] == rb"APPEND box (\Seen) %b" % announced + b"\r\n" + content.encode()
    assert len(server.writes) == 1 + writes
    assert saw["samples"] == imap("connect", "login", "append")


def test_a_literal_that_is_refused_is_not_sent(peer: Make, meet: Make) -> None:
    answers = {
        "LOGIN": b"TAG OK [CAPABILITY IMAP4rev1] welcome\r\n",
        "LITERAL": b"TAG NO [TRYCREATE] no such box\r\n",
        "APPEND": b"",
    }
    saw = meet(peer("imap", answers), [["append", "b:box", "b:Subject: x\r\n\r\n"], "noop"])

    assert saw["failed"] == {"imap.append NO [TRYCREATE]": 1}
    assert saw["results"][-1] == {"closed": False}


def test_idle_notices_what_comes_and_ends_itself(peer: Make, meet: Make) -> None:
    answers = {
        "IDLE": b"+ idling\r\n* OK still here\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 4 EXISTS\r\n",
        "DONE": b"A3 OK done\r\n",
    }
    server = peer("imap", answers)

    saw = meet(server, ["select", ["idle", 10.0], "logout"])

    assert saw["results"][1] is True
    assert [line.split(b" ")[0] for line in server.lines[1:]] == [b"SELECT", b"IDLE", b"DONE", b"LOGOUT"]
    assert saw["samples"] == imap("connect", "login", "select", "idle-start", "idle-end", "logout")


def test_idle_that_notices_nothing_leaves_the_session_as_it_was(peer: Make, meet: Make) -> None:
    server = peer("imap", {"IDLE": b"+ idling\r\n* 2 EXISTS\r\n", "DONE": b"A3 OK done\r\n"})

    saw = meet(server, ["select", ["idle", 0.3], "noop"])

    assert saw["results"][1:3] == [False, None]
    assert saw["failed"] == {}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b"TAG BAD what\r\n", "imap.idle-start BAD"),
        (b"+ idling\r\nTAG NO [UNAVAILABLE] enough\r\n", "imap.idle NO [UNAVAILABLE]"),
        ((b"+ idling\r\n", "close"), "imap.idle closed"),
    ],
)
def test_idle_fails_as_other_commands_do(
    peer: Make, meet: Make, answer: bytes | tuple[bytes, str], failed: str
) -> None:
    saw = meet(peer("imap", {"IDLE": answer}), ["select", ["idle", 5.0]])

    assert saw["failed"] == {failed: 1}


def test_without_uidplus_messages_that_somebody_else_deleted_stay(peer: Make, meet: Make) -> None:
    answers = {
        "LOGIN": b"TAG OK [CAPABILITY IMAP4rev1] welcome\r\n",
        "UID SEARCH": b"* SEARCH 3 11 12\r\nTAG OK done\r\n",
    }
    server = peer("imap", answers)

    meet(server, ["select", ["uid_move", "b:11:12", "b:box"]])

    assert server.lines[2:] == [
        b"UID COPY 11:12 box",
        rb"UID STORE 11:12 +FLAGS.SILENT (\Deleted)",
        b"UID SEARCH DELETED",
        rb"UID STORE 3 -FLAGS.SILENT (\Deleted)",
        b"EXPUNGE",
        rb"UID STORE 3 +FLAGS.SILENT (\Deleted)",
    ]


def test_a_batch_goes_out_in_one_write_and_a_refusal_in_it_is_told_at_its_end(peer: Make, meet: Make) -> None:
    said = [b"TAG OK done\r\n", b"TAG NO [NOPERM] no\r\n", b"TAG OK done\r\n"]
    server = peer("imap", {"NOOP": lambda _line: said.pop(0), "CHECK": b"TAG OK done\r\n"})
    noops = ["b:NOOP"] * 3

    saw = meet(server, [["batch", "imap.noop", noops], ["command", "imap.check", "b:CHECK"]])

    assert server.writes[1].count(b"NOOP") == 3
    assert saw["samples"] == imap("connect", "login", "noop", "noop", "check")
    assert saw["failed"] == {"imap.noop NO [NOPERM]": 1}


def test_uids_are_asked_for_once_and_follow_what_goes(peer: Make, meet: Make) -> None:
    answers = {
        "FETCH": b"* 1 FETCH (UID 11)\r\n* 2 FETCH (UID 12)\r\n* 3 FETCH (UID 13)\r\nTAG OK done\r\n",
        "NOOP": b"* 2 EXPUNGE\r\nTAG OK done\r\n",
    }
    server = peer("imap", answers)

    saw = meet(server, ["select", "learn_uids", "noop", "learn_uids"])

    assert saw["results"][3] == [11, 13]
    assert [line for line in server.lines if b"FETCH" in line] == [b"FETCH 1:* (UID)"]
