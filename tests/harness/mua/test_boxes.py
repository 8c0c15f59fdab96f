"""Mailboxes of every kind hold the same messages and answer the same questions."""

import mailbox
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clients.tls import client_context
from harness.errors import RunFailed
from harness.mua.box import Box, Mark
from harness.mua.envelope import Envelope
from harness.mua.file_box import open_spool
from harness.mua.imap_box import ImapBox, open_imap
from harness.mua.pop3_box import Pop3Box, open_pop3
from harness.mua.session import Manner
from harness.mua.submit import submit
from harness.mua.terms import AuthMode, Declined, Terms, TlsMode
from harness.target import Account, Endpoint, Protocol, Target
from harness.wire.smtp.address import Mailbox
from reference_server import Server

HEADER = b"Date: Tue, 24 Nov 2026 16:00:0%d +0000\r\nFrom: Bob =?utf-8?Q?R=C3=B6e?= <bob@example.test>\r\n"
CONTENTS = [
    HEADER % 0 + b"Subject: first\r\n\r\nFrom me to you\r\n>From you\r\n.\r\n",
    HEADER % 1 + b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\nsecond\r\n",
    HEADER % 2 + b"Subject: third\r\nContent-Type: text/html\r\n\r\n<p>third\r\n",
]
TO_ALICE = Envelope(Mailbox(b"bob", b"example.test"), (Mailbox(b"alice", b"example.test"),))

Opened = Callable[[], Box]


def terms_of(target: Target) -> Terms:
    return Terms(context=client_context(target), account=target.accounts[0], server_name=target.server_name)


def send(target: Target, content: bytes) -> None:
    (outcome,) = submit(target.endpoints[Protocol.LMTP], TO_ALICE, content, terms_of(target), Manner())
    assert outcome.reply is not None
    assert outcome.reply.code == 250


@pytest.fixture(params=["imap", "imaps", "pop3", "pop3s", "mbox", "maildir"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens a mailbox of three messages, again and again."""
    kind = request.param
    if kind in {"mbox", "maildir"}:
        box = mailbox.mbox(tmp_path / "box") if kind == "mbox" else mailbox.Maildir(tmp_path / "box")
        for number, content in enumerate(CONTENTS):
            octets = content.replace(b"\r\n", b"\n")
            quoted = octets.replace(b"\n>From ", b"\n>>From ").replace(b"\nFrom me", b"\n>From me")
            key = box.add(
                b"From bob@example.test Tue Nov 24 16:00:00 2026\n" + quoted if kind == "mbox" else octets
            )
            if kind == "maildir":
                # Names of one second sort by chance: these are in order.
                (path,) = (p for p in (tmp_path / "box" / "new").iterdir() if p.name == key)
                path.rename(path.with_name(f"{number}.example"))
        box.close()
        yield lambda: open_spool(tmp_path / "box", None)
        return
    with Server() as server:
        for content in CONTENTS:
            send(server.target, content)
        endpoint, terms = server.target.endpoints[Protocol(kind)], terms_of(server.target)
        if kind.startswith("imap"):
            yield lambda: ImapBox(open_imap(endpoint, terms))
        else:
            yield lambda: Pop3Box(open_pop3(endpoint, terms), str(endpoint))


def test_a_listing_says_who_and_what(opened: Opened) -> None:
    with opened() as box:
        entries = box.entries([1, 2, 3])

    assert box.count == 3
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.subject for entry in entries] == ["first", "Grüße", "third"]
    assert {entry.sender for entry in entries} == {"Bob Röe <bob@example.test>"}
    assert [entry.date and entry.date.timestamp() % 10 for entry in entries] == [0, 1, 2]
    assert all(
        abs(entry.octets - len(content)) < 400 for entry, content in zip(entries, CONTENTS, strict=True)
    )


def test_a_message_comes_octet_for_octet(opened: Opened) -> None:
    with opened() as box:
        for number, content in enumerate(CONTENTS, 1):
            assert box.content(number).endswith(content)


def test_a_search_finds_what_is_said(opened: Opened) -> None:
    with opened() as box:
        assert box.search("second", [1, 2, 3]) == [2]
        assert box.search("third", [1, 2]) == []


def test_what_is_deleted_is_gone_and_nothing_else(opened: Opened) -> None:
    with opened() as box:
        assert "1 deleted" in box.finish(deleted={2}, read=())
    with opened() as box:
        assert [entry.subject for entry in box.entries([1, 2])] == ["first", "third"]
        assert box.count == 2


def test_leaving_changes_nothing(opened: Opened) -> None:
    with opened() as box:
        box.content(1)
        assert box.finish(deleted=(), read=()) == ""
    with opened() as box:
        assert box.count == 3
        assert box.unread() == [1, 2, 3]


def test_what_was_read_is_marked_where_the_mailbox_can(opened: Opened) -> None:
    with opened() as box:
        can = box.mark_read(2)
        box.finish(deleted=(), read={2})
    with opened() as box:
        marks = [Mark.UNREAD in entry.marks for entry in box.entries([1, 2, 3])]
        content = box.content(2)

    if isinstance(box, Pop3Box):
        assert not can
        assert marks == [False, False, False]
    else:
        assert marks == [True, False, True]
    assert content.replace(b"Status: RO\r\n", b"").endswith(CONTENTS[1])


def test_a_number_that_is_not_there_is_told(opened: Opened) -> None:
    with opened() as box, pytest.raises(RunFailed, match="no message 4"):
        box.check(4)


def test_imap_sees_new_messages_behind_the_others_and_numbers_stay(server: Server) -> None:
    target = server.target
    send(target, CONTENTS[0])
    send(target, CONTENTS[1])
    endpoint, terms = target.endpoints[Protocol.IMAP], terms_of(target)
    with ImapBox(open_imap(endpoint, terms)) as box, ImapBox(open_imap(endpoint, terms)) as other:
        other.finish(deleted={1}, read=())
        send(target, CONTENTS[2])

        assert box.refresh() == 1
        assert [(entry.number, entry.subject) for entry in box.entries([1, 2, 3])] == [
            (2, "Grüße"),
            (3, "third"),
        ]
        with pytest.raises(RunFailed, match="message 1 is gone"):
            box.content(1)


def test_imap_expunges_nothing_that_others_marked(server: Server) -> None:
    target = server.target
    for content in CONTENTS:
        send(target, content)
    endpoint, terms = target.endpoints[Protocol.IMAP], terms_of(target)
    client = open_imap(endpoint, terms)
    with ImapBox(client) as box:
        client.uid_store(b"1", b"+FLAGS", rb"(\Deleted)")
        box.finish(deleted={2}, read=())
    with ImapBox(open_imap(endpoint, terms)) as box:
        assert [entry.subject for entry in box.entries([1, 2])] == ["first", "third"]
        assert Mark.DELETED in box.entries([1])[0].marks


@pytest.mark.parametrize(
    ("marked", "ending", "told"),
    [(b"7", b"* 1 EXPUNGE\r\nA5 OK\r\n", "1 deleted"), (b"7 8", b"", "1 marked as deleted; others")],
)
def test_imap_without_uidplus_expunges_only_what_is_its_own(
    scripted: Callable[..., Endpoint], terms: Terms, marked: bytes, ending: bytes, told: str
) -> None:
    expunge = [b"A5 EXPUNGE\r\n", ending] if ending else []
    endpoint = scripted(
        b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", b'A1 SELECT INBOX\r\n', b"* 2 EXISTS\r\nA1 OK\r\n",
        b"A2 UID SEARCH ALL\r\n", b"* SEARCH 7 8\r\nA2 OK\r\n",
        b"A3 UID STORE 7 +FLAGS.SILENT (\\Deleted)\r\n", b"A3 OK\r\n",
        b"A4 UID SEARCH DELETED\r\n", b"* SEARCH " + marked + b"\r\nA4 OK\r\n", *expunge,
        protocol=Protocol.IMAP,
    )  # fmt: skip

    with ImapBox(open_imap(endpoint, terms)) as box:
        assert box.finish(deleted={1}, read=()).startswith(told)


def test_imap_watches_and_tells_of_each_arrival(server: Server) -> None:
    target = server.target
    endpoint, terms = target.endpoints[Protocol.IMAP], terms_of(target)
    with ImapBox(open_imap(endpoint, terms)) as box:
        watched = box.watch()
        send(target, CONTENTS[0])
        assert next(watched) == 1
        send(target, CONTENTS[1])
        assert next(watched) == 2
        assert list(box.watch(seconds=0.1)) == []


def test_a_mailbox_beyond_ascii_is_opened_by_its_name(server: Server) -> None:
    endpoint, terms = server.target.endpoints[Protocol.IMAP], terms_of(server.target)
    client = open_imap(endpoint, terms)
    client.create(b"Entw&APw-rfe")
    client.append(b"Entw&APw-rfe", CONTENTS[0])

    with ImapBox(client, "Entwürfe") as box:
        assert box.count == 1
    with open_imap(endpoint, terms) as client, pytest.raises(RunFailed, match="Nowhere cannot be opened"):
        ImapBox(client, "Nowhere")


@pytest.mark.parametrize("protocol", [Protocol.IMAP, Protocol.POP3])
@pytest.mark.parametrize("auth", list(AuthMode))
@pytest.mark.parametrize("tls", [TlsMode.AUTO, TlsMode.NONE, TlsMode.STARTTLS])
def test_one_logs_in_as_asked(server: Server, protocol: Protocol, auth: AuthMode, tls: TlsMode) -> None:
    endpoint = server.target.endpoints[protocol]
    terms = replace(terms_of(server.target), auth=auth, tls=tls)
    open_client = open_imap if protocol is Protocol.IMAP else open_pop3
    if auth is AuthMode.NONE:
        with pytest.raises(Declined, match="--user"):
            open_client(endpoint, terms)
        return
    with open_client(endpoint, terms) as client:
        assert client.transport.tls is (tls is not TlsMode.NONE)


@pytest.mark.parametrize("protocol", [Protocol.IMAP, Protocol.POP3])
def test_a_wrong_password_is_told_with_the_servers_answer(server: Server, protocol: Protocol) -> None:
    account = Account("alice@example.test", "wrong", "alice@example.test")
    terms = replace(terms_of(server.target), account=account)
    open_client = open_imap if protocol is Protocol.IMAP else open_pop3

    with pytest.raises(Declined, match=r"login of alice@example\.test was answered .*AUTH"):
        open_client(server.target.endpoints[protocol], terms)
