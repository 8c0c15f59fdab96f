"""What is in a message arrives, octet for octet or converted as the RFCs say, whatever road it takes."""

import re
from base64 import b64decode
from email import message_from_bytes, policy
from quopri import decodestring

import pytest

TEXT = (
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)
BINARY = (
    "MIME-Version: 1.0",
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: binary",
)
GREETING = "Grüße aus 東京\r\n".encode()

BODIES = {
    "dots": b".\r\n..\r\n.x\r\n...\r\nx.\r\n\r\n.\r\n",
    "eight bits": bytes(range(0x80, 0x100)) + b"\r\n" + GREETING,
    "lines of 998 octets": b"y" * 998 + b"\r\n." + b"z" * 997 + b"\r\n",
    "white space": b"trailing  \t\r\n\t\r\n   \r\nx\r\n\r\n\r\n",
    "nothing": b"",
    "From lines": b"From me\r\n>From you\r\n",
    "control characters": b"\x01\x02\x07\x0b\x0c\x1b[0m\x7f\r\n",
    "five megabytes": b"".join(b".%07d %064d\r\n" % (i, i * i) for i in range(67_000)),
}


@pytest.mark.parametrize("kind", BODIES)
def test_content_arrives_octet_for_octet_both_ways(world, neighbour, post, letter, kind: str) -> None:
    out = letter("wqp@example.org", "alice@example.test", BODIES[kind], TEXT)
    back = letter("alice@example.test", "wqp@example.org", BODIES[kind], TEXT)

    world.send("wqp@example.org", "alice@example.test", out, mail=[b"BODY=8BITMIME"])
    neighbour.send("alice@example.test", "wqp@example.org", back, mail=[b"BODY=8BITMIME"])

    assert post.arrived(neighbour, "alice@example.test", out).endswith(out.content)
    assert post.arrived(world, "wqp@example.org", back).endswith(back.content)


def test_a_long_line_that_the_real_server_takes_from_us_is_not_cut_by_us(
    world, neighbour, post, letter
) -> None:
    """RFC 5321 §4.5.3.1.6 lets a host refuse it. Postfix folds what it passes on to its mailbox agent."""
    message = letter("wqp@example.org", "alice@example.test", b"y" * 10_000 + b"\r\n")

    world.send("wqp@example.org", "alice@example.test", message)

    copy = post.arrived(neighbour, "alice@example.test", message)
    assert b"y" * 10_000 + b"\r\n" in world.sent("mail.example.test")
    assert re.sub(rb"\r\n (?=y)", b"", copy).endswith(message.content)


def test_both_ways_are_encrypted(world, neighbour, post, letter) -> None:
    out = letter("wqp@example.org", "alice@example.test")
    back = letter("alice@example.test", "wqp@example.org")

    world.send("wqp@example.org", "alice@example.test", out)
    neighbour.send("alice@example.test", "wqp@example.org", back)

    # RFC 3848: the S is for STARTTLS.
    copy = post.arrived(neighbour, "alice@example.test", out)
    assert re.search(
        rb"Received: from .*mail1\.example\.org.*\r\n\s+by mail\.example\.test .*with ESMTPS",
        copy,
        re.IGNORECASE,
    )
    copy = post.arrived(world, "wqp@example.org", back)
    assert re.search(
        rb"Received: from mail\.example\.test .*\r\n by mail[12]\.example\.org with ESMTPS ",
        copy,
        re.IGNORECASE,
    )


# RFC 3030


def test_chunks_of_a_submission_here_arrive_whole(world, neighbour, post, letter) -> None:
    message = letter("wqp@example.org", "alice@example.test", GREETING, TEXT)
    half = len(message.content) // 2

    world.send(
        "wqp@example.org",
        "alice@example.test",
        message,
        mail=[b"BODY=8BITMIME"],
        chunks=[message.content[:half], message.content[half:]],
    )

    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)


@pytest.mark.parametrize("neighbour", ["postfix", "exim"], indirect=True)
def test_chunks_of_a_submission_there_arrive_whole(world, neighbour, post, letter) -> None:
    message = letter("alice@example.test", "wqp@example.org", GREETING, TEXT)
    half = len(message.content) // 2

    neighbour.send(
        "alice@example.test",
        "wqp@example.org",
        message,
        mail=[b"BODY=8BITMIME"],
        chunks=[message.content[:half], message.content[half:]],
    )

    assert post.arrived(world, "wqp@example.org", message).endswith(message.content)
    if neighbour.name == "exim":  # which sends by BDAT, too, and says so with a K
        assert re.search(r"=> wqp@example\.org .* K C=", neighbour.log.read_text(errors="replace"))


def test_binary_content_is_encoded_for_who_does_not_take_it(world, neighbour, post, letter) -> None:
    octets = bytes(range(256)) * 20
    message = letter("wqp@example.org", "alice@example.test", octets, BINARY)

    world.send(
        "wqp@example.org", "alice@example.test", message, mail=[b"BODY=BINARYMIME"], chunks=[message.content]
    )

    copy = post.arrived(neighbour, "alice@example.test", message)
    read = message_from_bytes(copy, policy=policy.SMTP)
    assert read["Content-Transfer-Encoding"] == "base64"
    assert b64decode(read.get_payload()) == octets


# RFC 6152


@pytest.mark.parametrize("neighbour", ["postfix", "exim"], indirect=True)
def test_eight_bits_are_encoded_for_who_does_not_take_them(world, neighbour, post, letter) -> None:
    message = letter("wqp@example.org", "alice@example.test", GREETING, TEXT)

    with post.plain():
        world.send("wqp@example.org", "alice@example.test", message, mail=[b"BODY=8BITMIME"])
        copy = post.arrived(neighbour, "alice@example.test", message)

    assert copy.isascii()
    read = message_from_bytes(copy, policy=policy.SMTP)
    assert read["Content-Transfer-Encoding"] == "quoted-printable"
    assert decodestring(read.get_payload()) == GREETING


# RFC 6531


@pytest.mark.parametrize("neighbour", ["exim"], indirect=True)
def test_a_utf8_address_of_ours_writes_to_who_takes_it(world, neighbour, post, letter) -> None:
    message = letter("grün@example.org", "alice@example.test", GREETING, TEXT, subject="Grüße")

    world.send("grün@example.org", "alice@example.test", message, mail=[b"BODY=8BITMIME", b"SMTPUTF8"])

    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)


@pytest.mark.parametrize("neighbour", ["postfix", "exim"], indirect=True)
def test_the_real_server_reaches_a_utf8_address_of_ours(world, neighbour, post, letter) -> None:
    message = letter("alice@example.test", "grün@example.org", GREETING, TEXT, subject="Grüße")

    neighbour.send("alice@example.test", "grün@example.org", message, mail=[b"BODY=8BITMIME", b"SMTPUTF8"])

    copy = post.arrived(world, "grün@example.org", message)
    assert copy.endswith(message.content)
    assert b"with UTF8SMTPS" in copy  # RFC 6531 §4.3
