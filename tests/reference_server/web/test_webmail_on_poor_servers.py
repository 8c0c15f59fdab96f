"""What a server does not offer is done another way: the same pages on one that offers nothing but IMAP4rev1."""

import re
from typing import Any

import pytest

from reference_server.web.mail import connection, listing
from reference_server.web.mail.connection import Connection

_NOTHING = frozenset({"IMAP4REV1", "AUTH=PLAIN", "STARTTLS"})


def _message(number: int, more: str = "") -> bytes:
    head = (
        f"From: P <p{number % 3}@example.org>\r\nSubject: s{9 - number}\r\nMessage-ID: <m{number}@x.test>\r\n"
    )
    date = f"Date: {number + 1} Mar 2026 10:00:00 +0000\r\n"
    return f"{head}{date}{more}\r\n{'x' * 100 * ((number * 4) % 9)}\r\n".encode()


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the client believes of the server; the server is asked for no more than that."""
    known = set(_NOTHING)

    async def capabilities(self: Connection) -> frozenset[str]:
        return frozenset(known)

    monkeypatch.setattr(Connection, "capabilities", capabilities)
    return known


def _subjects(page: str) -> list[str]:
    return re.findall(r'class="subject">([^<]*)<', page)


def _places(page: str) -> list[str]:
    return re.findall(r'name="at" value="([^"]+)"', page)


@pytest.mark.parametrize("extension", ["", "SORT"])
def test_pages_are_sorted_by_the_server_or_here(
    offered: set[str], alice: Any, mailboxes: list[Any], extension: str
) -> None:
    offered |= {extension}
    mailboxes[0].put([_message(number) for number in range(6)])
    if extension and b"SORT" not in mailboxes[0].imap.capability()[1][0]:
        pytest.skip("this server does not offer SORT")

    assert _subjects(alice.get("/mail?order=date").text) == ["s4", "s5", "s6", "s7", "s8", "s9"]
    assert _subjects(alice.get("/mail?order=subject").text) == ["s4", "s5", "s6", "s7", "s8", "s9"]
    assert _subjects(alice.get("/mail?order=size").text) == ["s7", "s5", "s8", "s6", "s4", "s9"]
    assert _subjects(alice.get("/mail?order=from").text) == ["s6", "s9", "s5", "s8", "s4", "s7"]


def test_what_is_sorted_here_is_bounded_and_said(
    offered: set[str], alice: Any, mailboxes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED_HERE", 4)
    mailboxes[0].put([_message(number) for number in range(6)])

    page = alice.get("/mail?order=date").text

    assert _subjects(page) == ["s4", "s5", "s6", "s7"]
    assert "Only the newest 4 of 6 messages are sorted." in page


def test_conversations_are_gathered_within_the_page(
    offered: set[str], alice: Any, mailboxes: list[Any]
) -> None:
    mailboxes[0].put([_message(0), _message(1), _message(2, "References: <m0@x.test>\r\n")])
    assert _subjects(alice.get("/mail?order=threads").text) == ["s9", "s7", "s8"]


def test_without_move_only_what_was_named_is_expunged(
    offered: set[str], alice: Any, mailboxes: list[Any]
) -> None:
    offered |= {"UIDPLUS"}
    mailboxes[0].put([_message(0), _message(1), _message(2)])
    mailboxes[0].imap.select("INBOX")
    mailboxes[0].imap.store("1", "+FLAGS", r"(\Deleted)")
    places = _places(alice.get("/mail").text)

    alice.post("/mail", at=places[0], action="delete")

    assert len(mailboxes[0].messages()) == 2
    assert len(mailboxes[0].messages("Trash")) == 1


def test_without_uidplus_nothing_is_expunged_and_that_is_said(
    offered: set[str], alice: Any, mailboxes: list[Any]
) -> None:
    mailboxes[0].put([_message(0), _message(1)])
    place = _places(alice.get("/mail").text)[0]

    alice.post("/mail", at=place, action="archive")

    assert "no UIDPLUS" in alice.get("/mail").text
    assert [rb"\Deleted" in flags for flags in mailboxes[0].flags()] == [False, True]
    assert len(mailboxes[0].messages("Archive")) == 1


def test_without_idle_the_server_is_asked_again(
    offered: set[str], alice: Any, mailboxes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "POLL_S", 0.05)
    with alice.client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        mailboxes[0].put([_message(0)])
        assert any(line == "data: 1 1" for line in lines)
