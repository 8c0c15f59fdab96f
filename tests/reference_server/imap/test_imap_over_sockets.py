"""Second implementations on a running server: imaplib and IMAPClient; TLS, IDLE across threads, the end."""

import imaplib
import socket
import ssl
import threading

import pytest
from imapclient import IMAPClient

from harness.target import Protocol

MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def address(server):
    endpoint = server.target.endpoints[Protocol.IMAP]
    return endpoint.host, endpoint.port


@pytest.fixture
def trust(server) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.target.ca_pem)


def test_imaplib_logs_in_appends_fetches_and_leaves(address) -> None:
    with imaplib.IMAP4(*address, timeout=10) as client:
        client.login("alice", "secret")
        assert client.create("imaplib")[0] == "OK"
        assert client.append("imaplib", r"(\Flagged)", None, MESSAGE)[0] == "OK"
        assert client.select("imaplib") == ("OK", [b"1"])
        status, data = client.fetch("1", "(FLAGS BODY.PEEK[])")
        assert status == "OK"
        assert data[0][1] == MESSAGE
        assert client.search(None, "SUBJECT", "hello") == ("OK", [b"1"])
        assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.uid("SEARCH", "ALL") == ("OK", [b""])


def test_imaplib_authenticates_by_plain(address) -> None:
    with imaplib.IMAP4(*address, timeout=10) as client:
        assert client.authenticate("PLAIN", lambda _: b"\0bob\0secret")[0] == "OK"
        status, (text,) = client.status("nosuch", "(MESSAGES)")
        assert status == "NO"
        assert text.startswith(b"[NONEXISTENT]")


def test_imaplib_uses_starttls_and_implicit_tls(server, address, trust) -> None:
    with imaplib.IMAP4(*address, timeout=10) as client:
        client.starttls(trust)
        assert "STARTTLS" not in client.capabilities
        client.login("alice", "secret")
    endpoint = server.target.endpoints[Protocol.IMAPS]
    with imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=trust, timeout=10) as client:
        client.login("alice", "secret")


def test_imapclient_reads_structure_envelope_and_folders(address) -> None:
    with IMAPClient(*address, ssl=False, timeout=10) as client:
        client.login("alice", "secret")
        client.create_folder("Entwürfe/2026")
        client.subscribe_folder("Entwürfe/2026")
        folders = {name: flags for flags, _, name in client.list_folders()}
        assert folders["Entwürfe"] == (b"\\HasChildren",)
        client.append("Entwürfe/2026", MESSAGE, flags=["\\Draft"])
        client.select_folder("Entwürfe/2026")
        (uid,) = client.search(["SUBJECT", "hello"])
        data = client.fetch(
            [uid], ["ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "INTERNALDATE", "FLAGS", "BODY[]"]
        )[uid]
        assert data[b"ENVELOPE"].subject == b"hello"
        assert str(data[b"ENVELOPE"].from_[0]) == "a@example.org"
        assert data[b"BODYSTRUCTURE"][0:2] == (b"text", b"plain")
        assert data[b"RFC822.SIZE"] == len(MESSAGE)
        assert data[b"BODY[]"] == MESSAGE
        assert b"\\Draft" in data[b"FLAGS"]
        client.create_folder("Archiv")
        client.move([uid], "Archiv")
        assert client.search() == []
        assert client.folder_status("Archiv")[b"MESSAGES"] == 1
        client.logout()


def test_idle_hears_of_another_session(address) -> None:
    with (
        IMAPClient(*address, ssl=False, timeout=10) as idler,
        IMAPClient(*address, ssl=False, timeout=10) as other,
    ):
        for client in (idler, other):
            client.login("carol", "secret")
        idler.select_folder("INBOX")
        idler.idle()
        other.append("INBOX", MESSAGE)
        heard = idler.idle_check(timeout=10)
        assert (1, b"EXISTS") in heard
        idler.idle_done()


def test_idle_hears_of_a_delivery_from_another_thread(server, address) -> None:
    with IMAPClient(*address, ssl=False, timeout=10) as idler:
        idler.login("bob", "secret")
        idler.select_folder("INBOX")
        idler.idle()
        mailbox = server.store.mailbox("bob", "INBOX")
        delivery = threading.Thread(target=server.store.append, args=(mailbox.id, MESSAGE))
        delivery.start()
        assert (1, b"EXISTS") in idler.idle_check(timeout=10)
        delivery.join(10)
        idler.idle_done()


def test_plaintext_behind_starttls_is_not_run(address, trust) -> None:
    with socket.create_connection(address, timeout=10) as plain:
        reader = plain.makefile("rb")
        reader.readline()
        plain.sendall(b"a STARTTLS\r\nb LOGOUT\r\n")
        assert reader.readline().startswith(b"a OK")
        with trust.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"c NOOP\r\n")
            assert secure.recv(1000).startswith(b"c OK")


def test_a_client_that_goes_away_disturbs_nobody(address) -> None:
    for _ in range(3):
        with socket.create_connection(address, timeout=10) as plain:
            plain.recv(1000)
            plain.sendall(b"a LOGIN alice secret\r\nb SELECT INBOX\r\nc FETCH 1:* (BODY[]")
    with imaplib.IMAP4(*address, timeout=10) as client:
        assert client.login("alice", "secret")[0] == "OK"
