"""What the console shows of a world that runs, and what can be done to it there."""

import base64
import smtplib
import socket
from email import policy
from email.message import EmailMessage

import httpx
import pytest

from harness.target import Protocol, SocketAddress
from reference_server.console import mailboxes
from reference_server.console.pages import mail
from reference_server.envelope import Envelope, Recipient
from reference_server.relay.model import NextHop, Transport
from reference_server.server import Server


def test_a_session_is_shown_with_its_octets_and_without_its_secrets(console) -> None:
    with smtplib.SMTP(*console.place(Protocol.SUBMISSION)) as smtp:
        smtp.starttls()
        smtp.ehlo("client.example.org")
        smtp.docmd("AUTH PLAIN " + base64.b64encode(b"\0alice\0secret").decode())
    page = console.wait_for("/sessions/1", ", closed ")
    assert "ehlo client.example.org" in page
    assert "AUTH PLAIN &lt;secret&gt;" in page
    assert base64.b64encode(b"\0alice\0secret").decode() not in page
    assert "TLS started: TLSv1.3" in page
    assert "submission" in console.get("/sessions?q=client.example.org")
    assert "No session has this" in console.get("/sessions?q=nobody-said-this")


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.LMTP, Protocol.POP3, Protocol.IMAP])
def test_sessions_of_every_protocol_say_who_came(console, protocol: Protocol) -> None:
    with socket.create_connection(console.place(protocol), timeout=10) as client:
        assert client.recv(1000)
        page = console.wait_for("/sessions/1", "goes on")
    assert "<dd>127.0.0.1</dd>" in page
    assert protocol in page
    console.wait_for("/sessions/1", ", closed ")


def test_octets_of_clients_are_escaped(console) -> None:
    with socket.create_connection(console.place(Protocol.SMTP), timeout=10) as client:
        client.recv(1000)
        client.sendall(b"EHLO <script>alert(1)</script>\x1b[31m\xff\r\n")
        client.recv(1000)
        page = console.wait_for("/sessions/1", "alert(1)")
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\xff" in page


def test_mail_is_listed_found_shown_and_cleared(console, deliver) -> None:
    message = EmailMessage(policy.SMTP)
    message["Subject"], message["From"] = "Crabs & <b>ginger</b>", "eric@example.org"
    message.set_content("In plain words")
    message.add_alternative(
        "<p>In HTML<script>bad()</script><img src='https://example.org/x.png'></p>", subtype="html"
    )
    message.add_attachment(b"notes", "application", "pdf", filename="a/b.pdf")
    deliver(message.as_bytes())
    page = console.get("/")
    assert "Crabs &amp; &lt;b&gt;ginger&lt;/b&gt;" in page
    assert "Crabs" in console.get("/?q=GINGER+words")
    assert "Nothing was found." in console.get("/?q=lobster")

    place = "mail.example.test/1/1"
    assert "sandbox=" in console.get(f"/message?at={place}")
    assert "In plain words" in console.get(f"/message?at={place}&as=text")
    assert "Content-Disposition: attachment" in console.get(f"/message?at={place}&as=source")
    frame = console.client.get(f"/frame?at={place}&text=2")
    assert "In HTML" in frame.text
    assert "bad()" not in frame.text
    assert "https://example.org" not in frame.text
    assert "sandbox" in frame.headers["content-security-policy"]
    part = console.client.get(f"/part?at={place}&number=3")
    assert part.content == b"notes"
    assert part.headers["content-disposition"].startswith("attachment;")
    assert b"Crabs" in console.client.get(f"/save?at={place}").content

    assert "1 deleted." in console.post("/mail", action="clear").text
    assert console.client.get(f"/message?at={place}").status_code == 404


def test_that_not_all_was_searched_is_said(console, deliver, monkeypatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_SEARCHED", 1)
    monkeypatch.setattr(mail, "MAX_SEARCHED", 1)
    for subject in (b"one", b"two"):
        deliver(b"Subject: " + subject + b"\r\n\r\n")
    page = console.get("/?q=one")
    assert "Nothing was found." in page
    assert "Only the latest 1 of each host were searched." in page


def test_a_chosen_message_is_deleted_and_the_others_stay(console, deliver) -> None:
    for subject in (b"one", b"two"):
        deliver(b"Subject: " + subject + b"\r\n\r\n")
    page = console.post("/mail", action="delete", at=["mail.example.test/1/1", "no/such", "x/1/1"]).text
    assert ">two<" in page
    assert ">one<" not in page


@pytest.mark.parametrize(
    "kind", ["plain text", "HTML with a picture and an attachment", "the EICAR test file as an attachment"]
)
def test_a_test_message_goes_in_by_the_front_door(console, kind: str) -> None:
    answer = console.post(
        "/send",
        sender="x@example.org",
        recipient="bob@example.test",
        subject="Grüße",
        text="a\r\n.b\r\n",
        kind=kind,
    )
    assert "took it: 250" in answer.text
    assert "Grüße" in answer.text
    assert "x@example.org" in console.get("/sessions/1")


def test_a_test_message_that_is_refused_says_why(console) -> None:
    fields = {"sender": "x@example.org", "subject": "x", "text": "x", "kind": "plain text"}
    assert "Nobody here takes mail" in console.post("/send", recipient="nobody@example.org", **fields).text
    console.post("/hosts", host="mail.example.test", reach="down")
    assert "did not take it" in console.post("/send", recipient="bob@example.test", **fields).text


def test_a_host_goes_down_and_up_by_a_click(console) -> None:
    assert "mail.example.test is down." in console.post("/hosts", host="mail.example.test", reach="down").text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(console.place(Protocol.SMTP), timeout=10)
    console.post("/hosts", host="mail.example.test", reach="up")
    socket.create_connection(console.place(Protocol.SMTP), timeout=10).close()
    assert console.post("/hosts", host="elsewhere.example", reach="up").status_code == 404


def test_a_fault_that_is_switched_on_holds_for_sessions_from_now_on(console) -> None:
    def answers_to_rset() -> int:
        with smtplib.SMTP(*console.place(Protocol.SMTP)) as smtp:
            smtp.ehlo()
            smtp.mail("x@example.org")
            smtp.rset()
            return smtp.rcpt("alice@example.test")[0]

    name = "smtp.rset-keeps-transaction"
    assert answers_to_rset() == 503
    assert f"{name} is on" in console.post("/faults", name=name, to="on").text
    assert answers_to_rset() == 250
    assert "mail" in console.get("/sessions/2")
    console.post("/faults", all="off")
    assert answers_to_rset() == 503
    assert console.post("/faults", name="no.such", to="on").status_code == 404


def test_questions_to_the_dns_and_what_the_hosts_did_are_shown(console) -> None:
    with smtplib.SMTP(*console.place(Protocol.SUBMISSION)) as smtp:
        smtp.starttls()
        smtp.login("alice@example.test", "secret")
        smtp.sendmail("alice@example.test", ["x@nowhere.example"], b"Subject: x\r\n\r\n")
    console.wait_for("/", "Undelivered mail")
    page = console.get("/dns")
    assert "MX nowhere.example.: NXDOMAIN" in page
    assert ";QUESTION" in page
    assert "nowhere.example has no route" in console.get("/activity?kind=route")


def test_the_queue_and_the_quarantine_are_looked_after(console) -> None:
    context = console.server.hosts["mail.example.test"].context
    envelope = Envelope(b"x@example.org", (Recipient(b"alice@example.test"),))
    with context.store.transaction():
        held = context.queue.add(
            envelope,
            b"Subject: held\r\n\r\n",
            {b"alice@example.test": NextHop(Transport.QUARANTINE, "virus")},
        )
        context.queue.quarantine(held, "Eicar <b>")
    page = console.get("/queue")
    assert held in page[page.index("Quarantine") :]
    assert "Eicar &lt;b&gt;" in page
    assert "Subject: held" in console.get(f"/queue/{held}")
    assert "Choose messages first." in console.post("/queue", action="release").text
    assert "1 of the queue: released." in console.post("/queue", action="release", id=held).text
    console.wait_for("/", "held")
    console.wait_for("/queue", "Nothing is here.")
    assert console.client.get(f"/queue/{held}").status_code == 404
    assert "no such id" in console.post("/queue", action="remove", id=held).text


def test_forms_of_elsewhere_do_nothing(console) -> None:
    assert console.client.post("/mail", data={"action": "clear"}).status_code == 403
    forged = {"sec-fetch-site": "cross-site"}
    assert console.client.post("/mail", data={"action": "clear"}, headers=forged).status_code == 403
    assert httpx.get(console.url, headers={"host": "evil.example"}).status_code == 421


def test_every_answer_is_guarded_and_asks_nothing_of_others(console) -> None:
    for path in ("/", "/sessions", "/lint", "/hosts", "/queue", "/dns", "/activity", "/faults", "/send"):
        answer = console.client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "https://" not in answer.text, path
        assert "<script>" not in answer.text, path


def test_what_changes_is_told_at_once(console, deliver) -> None:
    with console.client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 2000"
        deliver(b"Subject: news\r\n\r\n")
        topics: set[str] = set()
        for line in lines:
            topics |= set(line.removeprefix("data: ").split()) if line.startswith("data: ") else set()
            if {"mail", "sessions", "session-1"} <= topics:
                break


def test_a_console_that_ends_leaves_a_world_that_is_not_watched() -> None:
    with Server() as server:
        with server.open_console(SocketAddress("127.0.0.1", 0)) as url:
            assert server.journal.watched
        assert not server.journal.watched
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        with smtplib.SMTP("127.0.0.1", server.target.endpoints[Protocol.SMTP].port) as smtp:
            assert smtp.noop()[0] == 250
