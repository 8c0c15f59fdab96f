"""Lives of one message between two companies: straight, by the backup, bounced, and one told by liars."""

from collections.abc import Sequence

import dns.message
import pytest

from harness.results.life import (
    Direction,
    Ending,
    Lane,
    LaneKind,
    Life,
    Moved,
    Stage,
    Standing,
    Step,
    numbered,
)

ERIC, WQP = "eric@pangxie.example", "wqp@windchaser.example"
PANGXIE = "mail.pangxie.example"
MAIL1, MAIL2 = "mail1.windchaser.example", "mail2.windchaser.example"

# What a peer would say to run in a reader's browser or terminal.
HOSTILE = b"</script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\xff\xfe\r\n"

LANES = (
    Lane(name=ERIC, short="eric", kind=LaneKind.AGENT, about="writes"),
    Lane(name=PANGXIE, short="mail", kind=LaneKind.HOST, about="submission of pangxie.example"),
    Lane(name="dns", short="DNS", kind=LaneKind.DNS, about="127.0.0.53"),
    Lane(name=MAIL1, short="mail1", kind=LaneKind.HOST, about="MX 10, mailboxes of windchaser.example"),
    Lane(name=MAIL2, short="mail2", kind=LaneKind.HOST, about="MX 20 of windchaser.example"),
    Lane(name=WQP, short="wqp", kind=LaneKind.AGENT, about="reads"),
)

MESSAGE = (
    b"Date: Tue, 24 Nov 2026 16:00:00 +0000\r\n"
    b"From: Eric <eric@pangxie.example>\r\n"
    b"To: wqp@windchaser.example\r\n"
    b"Subject: Dinner?\r\n"
    b"Message-ID: <1@pangxie.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b"Crabs at seven? \xe2\x80\x94 Eric\r\n"
)
RECEIVED = (
    b"Received: from [127.0.1.9] ([127.0.1.9]) by mail.pangxie.example with ESMTPSA id q1\r\n"
    b"\tfor <wqp@windchaser.example>; Tue, 24 Nov 2026 16:00:00 +0000\r\n"
)


def dialogue(
    start_us: int, step_us: int, *spoken: tuple[str, bytes], tls_from: int = 999
) -> tuple[Moved, ...]:
    """``("C", octets)``, ``("S", octets)`` or ``("-", note)``, so many microseconds apart."""
    directions = {"C": Direction.SENT, "S": Direction.RECEIVED, "-": Direction.NOTE}
    return tuple(
        Moved(
            at_us=start_us + index * step_us,
            direction=directions[who],
            octets=octets,
            tls=index >= tls_from,
        )
        for index, (who, octets) in enumerate(spoken)
    )


def step(
    stage: Stage,
    at_us: int,
    actor: str,
    title: str,
    said: str,
    *,
    moved: Sequence[Moved] = (),
    **more: object,
) -> Step:
    """A step that ends with its last octets; its number comes later."""
    lasted_us = moved[-1].at_us - at_us if moved else 0
    fields: dict[str, object] = {"lasted_us": lasted_us, "moved": tuple(moved), **more}
    return Step(number=0, stage=stage, at_us=at_us, actor=actor, title=title, said=said, **fields)


def lookup(at_us: int, asker: str, name: str, kind: str, *answers: str) -> Step:
    """A question and its answer, as they go over the wire."""
    question = dns.message.make_query(name, kind, id=4711)
    reply = dns.message.from_text(
        f"id 4711\nopcode QUERY\nrcode NOERROR\nflags QR AA RD\n;QUESTION\n{name} IN {kind}\n;ANSWER\n"
        + "\n".join(f"{name} 300 IN {kind} {answer}" for answer in answers)
    )
    return step(
        Stage.DNS, at_us, asker, f"{asker} asks for the {kind} of {name}", f"{kind} {name}?", peer="dns",
        answered=", ".join(answers),
        moved=[
            Moved(at_us=at_us, direction=Direction.SENT, octets=question.to_wire(), text=question.to_text()),
            Moved(at_us=at_us + 800, direction=Direction.RECEIVED, octets=reply.to_wire(), text=reply.to_text()),
        ],
    )  # fmt: skip


def submission(at_us: int) -> list[Step]:
    """Composed, and given to the sender's own host."""
    return [
        step(
            Stage.COMPOSE, 0, ERIC, "eric writes the message", f"{len(MESSAGE)} octets",
            moved=dialogue(0, 1, ("C", MESSAGE)), facts=("From: eric@pangxie.example", "To: wqp@windchaser.example"),
        ),
        step(
            Stage.SUBMISSION, at_us, ERIC, f"eric's user agent submits the message to {PANGXIE}",
            "EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA", peer=PANGXIE, answered="250 2.0.0 q1 is on disk",
            facts=("TLSv1.3, certificate checked", "logged in as eric@pangxie.example"),
            moved=dialogue(
                at_us, 900,
                ("-", b"connected to submission://127.0.1.1:20587"),
                ("S", b"220 mail.pangxie.example ESMTP\r\n"),
                ("C", b"EHLO [127.0.1.9]\r\n"),
                ("S", b"250-mail.pangxie.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"),
                ("C", b"STARTTLS\r\n"),
                ("S", b"220 2.0.0 Go ahead\r\n"),
                ("-", b"TLS started: TLSv1.3"),
                ("C", b"EHLO [127.0.1.9]\r\n"),
                ("S", b"250-mail.pangxie.example\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"),
                ("C", b"AUTH PLAIN <secret>\r\n"),
                ("S", b"235 2.7.0 Welcome\r\n"),
                ("C", b"MAIL FROM:<eric@pangxie.example> BODY=8BITMIME\r\n"),
                ("S", b"250 2.1.0 Ok\r\n"),
                ("C", b"RCPT TO:<wqp@windchaser.example>\r\n"),
                ("S", b"250 2.1.5 Ok\r\n"),
                ("C", b"DATA\r\n"),
                ("S", b"354 Go ahead\r\n"),
                ("C", MESSAGE + b".\r\n"),
                ("S", b"250 2.0.0 q1 is on disk\r\n"),
                ("C", b"QUIT\r\n"),
                ("S", b"221 2.0.0 Bye\r\n"),
                tls_from=6,
            ),
        ),
        step(
            Stage.FILTER, at_us + 13_000, PANGXIE, f"{PANGXIE} has no filters", "no filters",
        ),
        step(
            Stage.QUEUE, at_us + 16_500, PANGXIE, f"{PANGXIE} queues the message for windchaser.example",
            "queued as q1", facts=("next hop: windchaser.example by smtp",),
        ),
    ]  # fmt: skip


def relayed(at_us: int, client: str, server: str, queue_id: str) -> Step:
    """One host gives the message to another."""
    return step(
        Stage.SMTP, at_us, client, f"{client} hands the message to {server}", "EHLO, STARTTLS, MAIL, RCPT, DATA",
        peer=server, answered=f"250 2.0.0 {queue_id} is on disk",
        moved=dialogue(
            at_us, 700,
            ("S", b"220 " + server.encode() + b" ESMTP\r\n"),
            ("C", b"EHLO " + client.encode() + b"\r\n"),
            ("S", b"250-" + server.encode() + b"\r\n250-STARTTLS\r\n250 8BITMIME\r\n"),
            ("C", b"STARTTLS\r\n"),
            ("S", b"220 2.0.0 Go ahead\r\n"),
            ("C", b"EHLO " + client.encode() + b"\r\n"),
            ("S", b"250-" + server.encode() + b"\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
            ("C", b"MAIL FROM:<eric@pangxie.example> BODY=8BITMIME\r\nRCPT TO:<wqp@windchaser.example>\r\nDATA\r\n"),
            ("S", b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go ahead\r\n"),
            ("C", RECEIVED + MESSAGE + b".\r\n"),
            ("S", b"250 2.0.0 " + queue_id.encode() + b" is on disk\r\n"),
            tls_from=5,
        ),
    )  # fmt: skip


def delivered(at_us: int) -> list[Step]:
    """From the accepted message to the reader."""
    return [
        step(
            Stage.MDA, at_us, MAIL1, f"{MAIL1} finds the mailbox of {WQP}", "wqp, by its address; no rules",
            facts=("no alias", "no Sieve script: keep", "folder INBOX"),
        ),
        step(
            Stage.MAILBOX, at_us + 300, MAIL1, "The message is in INBOX of wqp", "INBOX, UID 1",
            moved=dialogue(at_us + 300, 1, ("C", b"Return-Path: <eric@pangxie.example>\r\n" + RECEIVED + MESSAGE)),
        ),
        step(
            Stage.POP3, at_us + 9_000, WQP, "wqp reads it over POP3", "STLS, USER, PASS, UIDL, RETR 1", peer=MAIL1,
            answered="1 message, 588 octets",
            moved=dialogue(
                at_us + 9_000, 400,
                ("S", b"+OK POP3 ready\r\n"),
                ("C", b"USER wqp@windchaser.example\r\n"),
                ("S", b"+OK\r\n"),
                ("C", b"PASS <secret>\r\n"),
                ("S", b"+OK 1 message\r\n"),
                ("C", b"RETR 1\r\n"),
                ("S", b"+OK 588 octets\r\n" + RECEIVED + MESSAGE + b".\r\n"),
                ("C", b"QUIT\r\n"),
                ("S", b"+OK Bye\r\n"),
            ),
        ),
        step(
            Stage.IMAP, at_us + 19_000, WQP, "wqp reads it over IMAP", "LOGIN, SELECT INBOX, UID FETCH 1", peer=MAIL1,
            answered="OK, UID 1, \\Recent",
            moved=dialogue(
                at_us + 19_000, 400,
                ("S", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
                ("C", b"a1 LOGIN wqp@windchaser.example <secret>\r\n"),
                ("S", b"a1 OK Welcome\r\n"),
                ("C", b"a2 SELECT INBOX\r\n"),
                ("S", b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] valid\r\na2 OK [READ-WRITE] done\r\n"),
                ("C", b"a3 UID FETCH 1 (FLAGS BODY.PEEK[])\r\n"),
                ("S", b"* 1 FETCH (UID 1 FLAGS () BODY[] {588}\r\n" + RECEIVED + MESSAGE + b")\r\na3 OK done\r\n"),
            ),
        ),
    ]  # fmt: skip


def choice(at_us: int, host: str, *hosts: str) -> Step:
    """Which exchangers, in which order."""
    return step(
        Stage.ROUTE, at_us, host, f"{host} orders the mail exchangers of windchaser.example",
        "first mail1, then mail2",
        facts=hosts,
    )  # fmt: skip


def life(steps: Sequence[Step], ending: Ending, says: str, **more: object) -> Life:
    return Life(
        mailproof_version="0.1.0",
        world="two companies",
        started="2026-11-24T16:00:00+00:00",
        sender=ERIC,
        recipient=WQP,
        subject="Dinner?",
        ending=ending,
        says=says,
        lanes=LANES,
        steps=numbered(steps),
        **more,
    )


MX = ("10 mail1.windchaser.example.", "20 mail2.windchaser.example.")
ORDER = (f"10 {MAIL1} (127.0.2.1): tried first", f"20 {MAIL2} (127.0.2.2): when the first cannot be reached")


def straight() -> Life:
    """mail1 is up."""
    return life(
        [
            *submission(3_000),
            lookup(21_000, PANGXIE, "windchaser.example.", "MX", *MX),
            lookup(22_500, PANGXIE, f"{MAIL1}.", "A", "127.0.2.1"),
            choice(24_000, PANGXIE, *ORDER),
            relayed(25_000, PANGXIE, MAIL1, "q7"),
            *delivered(32_500),
        ],
        Ending.DELIVERED,
        "Delivered: in the mailbox 33 ms after it was written, read over POP3 and IMAP.",
        arrived_us=32_800,
    )


def detour() -> Life:
    """mail1 is down; mail2 takes it, and hands it over half an hour later."""
    late = 1_800_060_000
    return life(
        [
            step(Stage.NETWORK, 0, MAIL1, f"{MAIL1} is down", "down", standing=Standing.FAILED),
            *submission(3_000),
            lookup(21_000, PANGXIE, "windchaser.example.", "MX", *MX),
            choice(24_000, PANGXIE, *ORDER),
            step(
                Stage.SMTP, 25_000, PANGXIE, f"{PANGXIE} cannot reach {MAIL1}", "connect", peer=MAIL1,
                answered="connection refused", standing=Standing.FAILED,
                moved=dialogue(25_000, 500, ("-", b"127.0.2.1 port 20025: connection refused")),
            ),
            relayed(26_000, PANGXIE, MAIL2, "q9"),
            step(Stage.QUEUE, 34_000, MAIL2, f"{MAIL2} queues the message for windchaser.example", "queued as q9",
                 facts=("it is a backup of windchaser.example: mail1 has the mailboxes",)),
            lookup(35_000, MAIL2, "windchaser.example.", "MX", *MX),
            choice(36_000, MAIL2, ORDER[0], f"20 {MAIL2}: itself, left out (RFC 5321 §5.1)"),
            step(
                Stage.SMTP, 37_000, MAIL2, f"{MAIL2} cannot reach {MAIL1}", "connect", peer=MAIL1,
                answered="connection refused", standing=Standing.FAILED,
                moved=dialogue(37_000, 500, ("-", b"127.0.2.1 port 20025: connection refused")),
            ),
            step(Stage.QUEUE, 38_500, MAIL2, f"{MAIL2} puts the message off", "deferred: 4.4.1 connection refused",
                 standing=Standing.WAITING, facts=("next try at 16:30:00 UTC",)),
            step(Stage.NETWORK, 52_000, MAIL1, f"{MAIL1} comes back", "up"),
            step(Stage.QUEUE, late, MAIL2, f"{MAIL2} tries again", "second attempt"),
            relayed(late + 1_000, MAIL2, MAIL1, "q12"),
            *delivered(late + 9_000),
        ],
        Ending.DELIVERED,
        "Delivered: by way of mail2, in the mailbox 30 min after it was written, read over POP3 and IMAP.",
        down=(MAIL1,),
        arrived_us=late + 9_300,
    )  # fmt: skip


def told_by_liars() -> Life:
    """A straight life in which everything that comes from outside is mark-up and control octets."""
    evil = HOSTILE.decode("latin-1")
    found = straight()
    bad = step(
        Stage.SMTP, 26_000, PANGXIE, evil, evil, peer=MAIL1, answered=evil, standing=Standing.FAILED,
        facts=(evil, "\u202egnp.exe"),
        moved=(
            *dialogue(26_000, 10, ("S", HOSTILE), ("C", HOSTILE * 900), ("-", HOSTILE)),
            Moved(at_us=26_100, direction=Direction.RECEIVED, octets=HOSTILE, text=evil),
        ),
    )  # fmt: skip
    return Life(
        mailproof_version=evil,
        world=evil,
        started=evil,
        sender=evil,
        recipient=evil,
        subject=evil,
        ending=Ending.BOUNCED,
        says=evil,
        lanes=(*LANES, Lane(name=evil, short=evil, kind=LaneKind.HOST, about=evil)),
        steps=numbered([*found.steps, bad]),
        down=(evil,),
        slow=(evil,),
    )


@pytest.fixture(scope="session")
def straight_life() -> Life:
    return straight()


@pytest.fixture(scope="session")
def detour_life() -> Life:
    return detour()


@pytest.fixture(scope="session")
def hostile_life() -> Life:
    return told_by_liars()
