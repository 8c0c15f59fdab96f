"""What a sending user says, counts, and tells the ledger: against a server that says what it is told to."""

from collections.abc import Callable
from typing import Any

import pytest

from loadtests.ledger import token

Make = Callable[..., Any]

ALL_WELL = ("connect", "ehlo", "mail", "rcpt", "data", "message", "quit", "session")


def named(prefix: str, *operations: str) -> dict[str, int]:
    return {f"{prefix}.{operation}": 1 for operation in operations}


def sent(stuffed: bytes) -> bytes:
    """The message that these octets before CRLF.CRLF stand for."""
    return stuffed.replace(b"\r\n..", b"\r\n.") + b"\r\n"


def test_a_message_is_sent_in_one_write_and_counted_under_every_name(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer()

    saw = meet(peer)

    assert saw["samples"] == named("smtp", *ALL_WELL)
    assert saw["failures"] == {}
    assert saw["sessions"] == [1, 1, 0]
    assert saw["states"] == ["ACCEPTED"]
    assert len(peer.contents) == 1
    envelope = peer.writes[1].split(b"\r\n")
    assert [line.split(b" ")[0] for line in envelope] == [b"MAIL", b"RCPT", b"DATA", b""]
    assert saw["octets"] == {"smtp.message": len(sent(peer.contents[0]))}


def test_without_pipelining_each_command_waits_for_its_reply(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(EHLO=b"250 peer.example.test\r\n")

    saw = meet(peer, traffic={"messages": [2, 2]})

    assert saw["samples"]["smtp.message"] == 2
    assert saw["states"] == ["ACCEPTED"] * 2
    assert all(write.count(b"\r\n") == 1 for write in peer.writes if write[:4] in {b"MAIL", b"RCPT", b"DATA"})
    assert not [line for line in peer.lines if b"SIZE=" in line]


def test_the_next_envelope_goes_out_with_the_content_before_it(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer()

    saw = meet(peer, traffic={"messages": [3, 3]})

    assert saw["samples"]["smtp.message"] == saw["samples"]["smtp.data"] == 3
    assert saw["states"] == ["ACCEPTED"] * 3
    assert sum(b"\r\n.\r\nMAIL FROM:" in write for write in peer.writes) == 2


def test_a_large_message_arrives_octet_for_octet(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer()

    saw = meet(peer, octets=3_000_000, traffic={"messages": [2, 2]})

    assert saw["states"] == ["ACCEPTED"] * 2
    assert saw["octets"]["smtp.message"] == sum(len(sent(content)) for content in peer.contents) > 5_999_000
    assert all(token.read(sent(content)).whole for content in peer.contents)


def test_a_slow_server_reply_cut_in_pieces_is_one_reply(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(END=b"250-first\r\n250-second\r\n250 third\r\n", GREETING=b"220-a\r\n220 b\r\n")

    saw = meet(peer)

    assert saw["samples"] == named("smtp", *ALL_WELL)


@pytest.mark.parametrize(
    ("answers", "failed", "state"),
    [
        ({"GREETING": b"421 too busy\r\n"}, "smtp.connect 421", None),
        ({"GREETING": b"554 not here\r\n"}, "smtp.connect 554", None),
        ({"GREETING": "close"}, "smtp.connect closed", None),
        ({"GREETING": b"SSH-2.0-x\r\n"}, "smtp.connect rubbish", None),
        ({"EHLO": "reset"}, "smtp.ehlo reset", None),
        ({"EHLO": b"421 bye\r\n"}, "smtp.ehlo 421", None),
        ({"MAIL": b"450 later\r\n"}, "smtp.mail 450", "REFUSED"),
        ({"MAIL": b"421 bye\r\n"}, "smtp.mail 421", "REFUSED"),
        ({"RCPT": b"452 full\r\n"}, "smtp.rcpt 452", "REFUSED"),
        ({"RCPT": b"550 who\r\n"}, "smtp.rcpt 550", "REFUSED"),
        ({"RCPT": b"421 bye\r\n"}, "smtp.rcpt 421", "REFUSED"),
        ({"RCPT": "close"}, "smtp.rcpt closed", "REFUSED"),
        ({"DATA": b"451 no\r\n"}, "smtp.data 451", "REFUSED"),
        ({"DATA": "close"}, "smtp.data closed", "REFUSED"),
        ({"END": b"452 full\r\n"}, "smtp.message 452", "REFUSED"),
        ({"END": b"421 bye\r\n"}, "smtp.message 421", "REFUSED"),
        ({"END": "close"}, "smtp.message closed", "UNSURE"),
        ({"END": "reset"}, "smtp.message reset", "UNSURE"),
        ({"END": b"no reply at all\r\n"}, "smtp.message rubbish", "UNSURE"),
        ({"QUIT": "close"}, "smtp.quit closed", "ACCEPTED"),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_each_error_has_its_class_and_its_place(
    smtp_peer: Make, meet: Make, answers: dict[str, Any], failed: str, state: str | None, pipelining: bool
) -> None:
    saw = meet(smtp_peer(**answers), traffic={"pipelining": pipelining})

    assert saw["failures"] == {failed: 1}
    assert saw["sessions"] == [1, 0, 1]
    assert saw["states"] == ([] if state is None else [state])
    operation, _, error_class = failed.partition(" ")
    assert saw["table"][operation] == [1, 1]
    assert saw["table_errors"] == {failed: 1}
    assert list(saw["evidence"]) == [error_class]


@pytest.mark.parametrize(
    ("answers", "failed", "state"),
    [
        ({"EHLO": "hang"}, "smtp.ehlo timeout", None),
        ({"END": "hang"}, "smtp.message timeout", "UNSURE"),
        ({"RCPT": "hang"}, "smtp.rcpt timeout", "REFUSED"),
    ],
)
def test_no_answer_in_time_is_a_timeout(
    smtp_peer: Make, meet: Make, answers: dict[str, Any], failed: str, state: str | None
) -> None:
    saw = meet(smtp_peer(**answers), timeout_s=0.3)

    assert saw["failures"] == {failed: 1}
    assert saw["states"] == ([] if state is None else [state])


def test_nobody_listens(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer()
    peer.close()

    saw = meet(peer)

    assert saw["failures"] == {"smtp.connect refused": 1}


def test_one_refused_recipient_of_three_leaves_the_message_to_the_others(smtp_peer: Make, meet: Make) -> None:
    answers = iter([b"250 yes\r\n", b"452 full\r\n", b"250 yes\r\n"])
    peer = smtp_peer(RCPT=lambda _line: next(answers))

    saw = meet(peer, traffic={"recipients": [3, 3]})

    assert saw["failures"] == {"smtp.rcpt 452": 1}
    assert saw["samples"]["smtp.rcpt"] == 2
    assert saw["samples"]["smtp.message"] == 1
    assert saw["states"] == ["ACCEPTED", "REFUSED", "ACCEPTED"]
    assert saw["sessions"] == [1, 0, 1]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("data", [b"554 no valid recipients\r\n", b"354 go on\r\n"])
def test_a_refused_unknown_user_is_no_error(
    smtp_peer: Make, meet: Make, data: bytes, pipelining: bool
) -> None:
    peer = smtp_peer(RCPT=b"550 unknown\r\n", DATA=data, END=b"554 no recipients\r\n")

    saw = meet(peer, traffic={"unknown": 1.0, "messages": [2, 2], "pipelining": pipelining})

    assert saw["failures"] == {}
    assert saw["samples"]["smtp.rcpt-unknown"] == 2
    assert "smtp.message" not in saw["samples"]
    assert saw["samples"]["smtp.rset"] == 1
    assert saw["states"] == ["REFUSED"] * 2
    assert saw["sessions"] == [1, 1, 0]
    assert not [content for content in peer.contents if content]


def test_an_unknown_user_who_is_accepted_is_counted_and_owed_nothing(smtp_peer: Make, meet: Make) -> None:
    saw = meet(smtp_peer(), traffic={"unknown": 1.0})

    assert saw["samples"]["smtp.rcpt-unknown-taken"] == 1
    assert saw["samples"]["smtp.message"] == 1
    assert saw["failures"] == {}


def test_lmtp_answers_for_each_recipient(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(END=b"250 one\r\n452 full\r\n250 three\r\n")

    saw = meet(peer, kind="LmtpUser", traffic={"recipients": [3, 3]})

    assert saw["states"] == ["ACCEPTED", "REFUSED", "ACCEPTED"]
    assert saw["failures"] == {"lmtp.message 452": 1}
    assert peer.lines[0].startswith(b"LHLO ")


def test_lmtp_replies_that_do_not_come_leave_those_recipients_unsure(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(END=lambda _line: b"250 one\r\n421 bye\r\n")

    saw = meet(peer, kind="LmtpUser", traffic={"recipients": [3, 3]})

    assert saw["states"] == ["ACCEPTED", "REFUSED", "UNSURE"]


def test_what_is_refused_in_an_overlapped_session_ends_it_and_owes_nothing_more(
    smtp_peer: Make, meet: Make
) -> None:
    replies = iter([b"250 queued\r\n", b"452 full\r\n"])
    peer = smtp_peer(END=lambda _line: next(replies))

    saw = meet(peer, traffic={"messages": [5, 5]})

    assert saw["failures"] == {"smtp.message 452": 1}
    assert saw["states"] == ["ACCEPTED", "REFUSED", "REFUSED"]


def test_a_full_mailbox_does_not_hurt_the_next_session(smtp_peer: Make, meet: Make) -> None:
    replies = iter([b"452 full\r\n", b"250 queued\r\n"])

    saw = meet(smtp_peer(END=lambda _line: next(replies)), sessions=2)

    assert saw["sessions"] == [2, 1, 1]
    assert saw["states"] == ["REFUSED", "ACCEPTED"]
