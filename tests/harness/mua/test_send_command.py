"""`mailproof send` against the reference server: what it takes arrives, what it refuses is told."""

import email
import email.policy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from harness.errors import UsageError
from harness.target import Protocol
from reference_server import Server

Run = Callable[..., Result]
Received = Callable[[str], list[bytes]]


def test_a_message_arrives_as_it_was_meant(
    run: Run, target_file: Path, received: Received, tmp_path: Path
) -> None:
    (tmp_path / "plan für morgen.txt").write_bytes(b"\x00\xff plan\n")
    done = run(
        "send", target_file, "--from", "Bob Röe <bob@example.test>", "--to", "Alice <alice@example.test>",
        "--cc", "carol@example.test", "-s", "Grüße 你好", "--body", "Hallo\nWelt ☕",
        "--attach", tmp_path / "plan für morgen.txt", "--header", "X-Note: a note",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    (content,) = received("alice")
    assert received("carol") == [content]
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["Subject"] == "Grüße 你好"
    assert message["From"] == "Bob Röe <bob@example.test>"
    assert message["X-Note"] == "a note"
    text = message.get_body()
    assert text is not None
    assert text.get_content().split() == ["Hallo", "Welt", "☕"]
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == (
        "plan für morgen.txt",
        b"\x00\xff plan\n",
    )


def test_blind_copies_are_delivered_and_not_named(run: Run, target_file: Path, received: Received) -> None:
    done = run(
        "send", target_file, "--to", "alice@example.test", "--bcc", "carol@example.test", "--body", "x"
    )

    assert done.exit_code == 0, done.output
    assert received("carol") == received("alice")
    assert b"carol" not in received("alice")[0]


def test_each_recipient_has_an_outcome(run: Run, target_file: Path, received: Received) -> None:
    done = run(
        "send", target_file, "--to", "nobody@example.test, alice@example.test", "--body", "x", "--json"
    )

    assert done.exit_code == 1
    assert len(received("alice")) == 1
    told = json.loads(done.stdout)
    assert [
        (each["recipient"], each["fate"], each["stage"], each["code"]) for each in told["recipients"]
    ] == [
        ("nobody@example.test", "refused", "RCPT", 550),
        ("alice@example.test", "accepted", "content", 250),
    ]
    assert told["octets"] > 100
    assert told["message_id"].startswith("<")


def test_a_refusal_is_shown_with_the_reply(run: Run, target_file: Path) -> None:
    done = run("send", target_file, "--to", "nobody@example.test", "--body", "x")

    assert done.exit_code == 1
    assert "✖ nobody@example.test  refused at RCPT  550 5.1.1" in done.output


@pytest.mark.parametrize("flags", [[], ["--pipeline"], ["--chunking"], ["--pipeline", "--chunking"]])
@pytest.mark.parametrize("via", ["smtp", "submission", "submissions", "lmtp"])
def test_every_way_leads_to_the_same_octets(
    run: Run, target_file: Path, received: Received, tmp_path: Path, flags: list[str], via: str
) -> None:
    raw = b"Date: Tue, 24 Nov 2026 16:00:00 +0000\r\nFrom: alice@example.test\r\nMessage-ID: <1@example.test>\r\n"
    raw += b"Subject: dots\r\n\r\n.\r\n..x\r\nFrom me\r\n" + b"y" * 900 + b"\r\n"
    (tmp_path / "raw.eml").write_bytes(raw)
    done = run(
        "send", target_file, "--via", via, "--from", "alice@example.test", "--to", "alice@example.test",
        "--to", "nobody@example.test", "--to", "carol@example.test", "--raw", tmp_path / "raw.eml", *flags,
    )  # fmt: skip

    assert done.exit_code == 1, done.output
    assert done.output.count("✔") == 2
    assert [received("alice"), received("carol")] == [[raw], [raw]]


@pytest.mark.parametrize("auth", ["plain", "login"])
def test_the_dialogue_is_shown_without_its_secrets(run: Run, target_file: Path, auth: str) -> None:
    done = run(
        "send", target_file, "--to", "alice@example.test", "--body", "x", "--show-wire", "--auth", auth,
        "--helo", "me.example.org", "--via", "submission",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert " -> EHLO me.example.org\n" in done.output
    assert " -> STARTTLS\n<-  220" in done.output
    assert " ~> MAIL FROM:<alice@example.test> SIZE=" in done.output
    assert f" ~> AUTH {auth.upper()}" in done.output
    assert "<secret>" in done.output
    for hidden in ("secret\n", "c2VjcmV0", "AGFsaWNl"):
        assert hidden not in done.output.replace("<secret>\n", "")


def test_parameters_go_to_the_server_as_they_are(run: Run, target_file: Path) -> None:
    done = run(
        "send", target_file, "--to", "alice@example.test", "--body", "x", "--show-wire", "--sender", "<>",
        "--notify", "success,delay", "--ret", "hdrs", "--envid", "a+b", "--mail-param", "size=7",
        "--rcpt-param", "X-Z",
    )  # fmt: skip

    assert " ~> MAIL FROM:<> size=7 RET=HDRS ENVID=a+2Bb\n" in done.output
    assert (
        "RCPT TO:<alice@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice@example.test X-Z\n"
        in done.output
    )
    assert done.exit_code == 1, "the server knows no X-Z"


def test_an_address_beyond_ascii_asks_for_smtputf8(run: Run, target_file: Path) -> None:
    done = run(
        "send", target_file, "--via", "smtp", "--to", "用户@example.test", "--body", "x", "--show-wire"
    )

    assert " SMTPUTF8\n" in done.output
    assert r"RCPT TO:<\xe7\x94\xa8\xe6\x88\xb7@example.test>" in done.output


def test_endpoints_given_as_flags_need_no_domain(run: Run, server: Server, received: Received) -> None:
    where = server.target.endpoints[Protocol.SMTP].address
    done = run("send", "--smtp", where, "--no-verify-tls", "--to", "alice@example.test", "--body", "x")

    assert done.exit_code == 0, done.output
    assert len(received("alice")) == 1


def test_nobody_there_is_3(run: Run) -> None:
    done = run("send", "--smtp", "127.0.0.1:1", "--to", "a@example.test", "--body", "x")

    assert done.exit_code == 3
    assert "? a@example.test  unreachable at connect" in done.output
    assert "connection refused" in done.output


def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(run: Run, server: Server) -> None:
    where = server.target.endpoints[Protocol.SMTP].address
    done = run("send", "--smtp", where, "--tls", "require", "--to", "alice@example.test", "--body", "x")

    assert done.exit_code == 3
    assert "TLS handshake failed" in done.output


def test_the_body_may_come_from_standard_input(run: Run, target_file: Path, received: Received) -> None:
    done = run(
        "send", target_file, "--to", "alice@example.test", "--body-file", "-", typed="Viele Grüße\n".encode()
    )

    assert done.exit_code == 0, done.output
    assert received("alice")[0].endswith(b"\r\n\r\nViele Gr=C3=BC=C3=9Fe\r\n")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--body", "x"], "--to"),
        (["--to", "alice@example.test"], "--body"),
        (["--to", "alice", "--body", "x"], "alice"),
        (["--to", "a@example.test", "--body", "x", "--body-file", "y"], "not both"),
        (["--to", "a@example.test", "--body-file", "nowhere"], "nowhere"),
        (["--to", "a@example.test", "--body", "x", "--raw", "y"], "--raw"),
        (["--to", "a@example.test", "--body", "x", "--attach", "nowhere"], "nowhere"),
        (["--to", "a@example.test", "--body", "x", "--header", "no colon"], "colon"),
        (["--to", "a@example.test", "--body", "x", "--helo", "a\r\nRSET"], "--helo"),
        (["--to", "a@example.test", "--body", "x", "--mail-param", "a\nb"], "--mail-param"),
        (["--to", "a@example.test", "--body", "x", "--via", "imap"], "--via imap"),
        (["--to", "a@example.test", "--body", "x", "--account", "9"], "--account 9"),
        (["--to", "a@example.test", "--body", "x", "--mx", "--dns", "a b"], "--dns"),
        (["--to", "a@example.test", "--body", "x", "--mx", "--dns", "ns.example.test"], "IP address"),
    ],
)
def test_a_flag_that_cannot_be_is_told(run: Run, target_file: Path, flags: list[str], says: str) -> None:
    done = run("send", target_file, *flags)

    assert isinstance(done.exception, UsageError), done.output
    assert says in str(done.exception)
