"""Other people's clients at our server: swaks, curl, msmtp, mbsync and Python's own."""

import imaplib
import poplib
import shutil
import smtplib
import ssl
import subprocess
from pathlib import Path

import pytest

from harness.target import Protocol

BOUND_S = 60.0
ALICE = "alice@example.test"
MESSAGE = "From: <alice@example.test>\nTo: <bob@example.test>\nSubject: hello\n\nHello.\n"
IN_CURL = ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"]


def program(name: str) -> str:
    """The path of a program; skips where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*words: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=BOUND_S, check=False, cwd=cwd
    )


def token(ours) -> str:
    return ours.server.issuer.issue(ALICE)


# curl


def url(ours, protocol: Protocol) -> str:
    scheme = {Protocol.SUBMISSIONS: "smtps", Protocol.POP3S: "pop3s", Protocol.IMAPS: "imaps"}[protocol]
    return f"{scheme}://localhost:{ours.endpoint(protocol).port}"


@pytest.mark.parametrize("protocol", [Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS])
@pytest.mark.parametrize("name", IN_CURL)
def test_curl_logs_in(our_server, tmp_path: Path, protocol: Protocol, name: str) -> None:
    assert curl_says(our_server, tmp_path, protocol, name, "secret") == 0


@pytest.mark.parametrize("protocol", [Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS])
@pytest.mark.parametrize("name", [name for name in IN_CURL if name != "EXTERNAL"])
def test_curl_is_told_that_it_is_wrong(our_server, tmp_path: Path, protocol: Protocol, name: str) -> None:
    # curl(1): 67 is a login that was denied.
    assert curl_says(our_server, tmp_path, protocol, name, "wrong") == 67


def curl_says(ours, directory: Path, protocol: Protocol, name: str, password: str) -> int:
    """curl's exit code."""
    words = [program("curl"), "--silent", "--show-error", "--cacert", str(ours.ca), "--sasl-ir"]
    words += ["--login-options", f"AUTH={name}", url(ours, protocol)]
    if protocol is Protocol.SUBMISSIONS:
        letter = directory / "letter"
        letter.write_bytes(MESSAGE.replace("\n", "\r\n").encode())
        words += ["--mail-from", ALICE, "--mail-rcpt", "bob@example.test", "--upload-file", str(letter)]
    if name == "EXTERNAL":
        words += ["--cert", str(ours.certificate), "--user", f"{ALICE}:"]
    elif name in {"OAUTHBEARER", "XOAUTH2"}:
        words += ["--user", ALICE, "--oauth2-bearer", token(ours) if password == "secret" else "bm8.dG9r.ZW4"]
    else:
        words += ["--user", f"{ALICE}:{password}"]
    done = run(*words)
    assert done.returncode in {0, 67}, done.stderr
    return done.returncode


# swaks


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("tls", ["--tls", "--tls-on-connect"])
def test_swaks_submits(our_server, name: str, tls: str) -> None:
    protocol = Protocol.SUBMISSION if tls == "--tls" else Protocol.SUBMISSIONS
    words = [program("swaks"), "--server", f"localhost:{our_server.endpoint(protocol).port}", tls]
    words += ["--auth", name, "--auth-user", ALICE, "--from", ALICE, "--to", "bob@example.test"]
    done = run(*words, "--auth-password", "secret")
    assert done.returncode == 0, done.stdout
    # swaks(1): 28 is an AUTH that did not succeed.
    assert run(*words, "--auth-password", "wrong").returncode == 28


# msmtp


@pytest.mark.parametrize(
    "name",
    ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "external", "oauthbearer", "xoauth2"],
)
def test_msmtp_submits(our_server, tmp_path: Path, name: str) -> None:
    if name not in run(program("msmtp"), "--version").stdout.split():
        pytest.skip(f"this msmtp does not know {name}")
    secret = token(our_server) if name in {"oauthbearer", "xoauth2"} else "secret"
    for password, let_in in ((secret, True), ("wrong", name == "external")):
        settings = tmp_path / f"msmtprc-{let_in}"
        settings.touch(mode=0o600)
        lines = [
            "account default",
            "host localhost",
            f"port {our_server.endpoint(Protocol.SUBMISSIONS).port}",
            "tls on",
            "tls_starttls off",
            f"tls_trust_file {our_server.ca}",
            f"from {ALICE}",
            f"auth {name}",
            f"user {ALICE}",
            f"password {password}",
        ]
        if name == "external":
            lines += [f"tls_cert_file {our_server.certificate}", f"tls_key_file {our_server.certificate}"]
        settings.write_text("\n".join(lines) + "\n")
        done = run("msmtp", "--file", str(settings), "bob@example.test", stdin=MESSAGE)
        assert (done.returncode == 0) is let_in, done.stderr


# mbsync


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_mbsync_fetches(our_server, tmp_path: Path, name: str) -> None:
    program("mbsync")
    inbox = our_server.server.store.mailbox("alice", "INBOX")
    our_server.server.store.append(inbox.id, b"Subject: fetched\r\n\r\nHello.\r\n")
    for password, let_in in (("secret", True), ("wrong", False)):
        settings, maildir = tmp_path / f"mbsyncrc-{let_in}", tmp_path / f"mail-{let_in}"
        maildir.mkdir()
        settings.write_text(
            f"""\
IMAPAccount ours
Host localhost
Port {our_server.endpoint(Protocol.IMAPS).port}
User {ALICE}
Pass {password}
SSLType IMAPS
CertificateFile {our_server.ca}
AuthMechs {name}

IMAPStore far
Account ours

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
"""
        )
        done = run("mbsync", "--config", str(settings), "--all")
        if "selected SASL mechanism(s) not available" in done.stderr.lower():
            pytest.skip(f"this mbsync, or its SASL library, does not know {name}")
        assert (done.returncode == 0) is let_in, done.stderr
        found = [path.read_bytes() for path in maildir.glob("INBOX/*/*") if path.is_file()]
        assert any(b"Subject: fetched" in octets for octets in found) is let_in


# Python


def trust(ours) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ours.ca))


@pytest.mark.parametrize("name", ["cram_md5", "plain", "login"])
def test_smtplib_logs_in_by_each_of_its_mechanisms(our_server, name: str) -> None:
    port = our_server.endpoint(Protocol.SUBMISSIONS).port
    with smtplib.SMTP_SSL("localhost", port, context=trust(our_server), timeout=BOUND_S) as client:
        client.ehlo()
        client.user, client.password = ALICE, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth(name.upper().replace("_", "-"), getattr(client, f"auth_{name}"))
        client.password = "secret"
        code, _ = client.auth(name.upper().replace("_", "-"), getattr(client, f"auth_{name}"))
        assert code == 235


def test_smtplib_chooses_by_our_list(our_server) -> None:
    port = our_server.endpoint(Protocol.SUBMISSIONS).port
    with smtplib.SMTP_SSL("localhost", port, context=trust(our_server), timeout=BOUND_S) as client:
        assert client.login(ALICE, "secret")[0] == 235


def test_imaplib_logs_in(our_server) -> None:
    port = our_server.endpoint(Protocol.IMAPS).port
    for log_in in (
        lambda client: client.login(ALICE, "secret"),
        lambda client: client.login_cram_md5(ALICE, "secret"),
        lambda client: client.authenticate("PLAIN", lambda _: b"\0alice\0secret"),
    ):
        with imaplib.IMAP4_SSL("localhost", port, ssl_context=trust(our_server), timeout=BOUND_S) as client:
            assert log_in(client)[0] == "OK"
    with (
        imaplib.IMAP4_SSL("localhost", port, ssl_context=trust(our_server), timeout=BOUND_S) as client,
        pytest.raises(imaplib.IMAP4.error),
    ):
        client.login_cram_md5(ALICE, "wrong")


def test_poplib_logs_in(our_server) -> None:
    port = our_server.endpoint(Protocol.POP3S).port
    client = poplib.POP3_SSL("localhost", port, context=trust(our_server), timeout=BOUND_S)
    client.user(ALICE)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        client.pass_("wrong")
    client.user(ALICE)
    assert client.pass_("secret").startswith(b"+OK")
    assert "SASL" in client.capa()
    client.quit()
