"""TLS, logins, and what may be shown of them."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

WITH_TLS = b"250-peer.example.test\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"
SECRET = "sesame-opens"


def test_submission_starts_tls_logs_in_and_sends(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(EHLO=WITH_TLS)

    saw = meet(peer, kind="SubmissionUser")

    assert saw["failures"] == {}
    assert saw["samples"]["submission.starttls"] == saw["samples"]["submission.auth"] == 1
    assert saw["samples"]["submission.ehlo"] == 2
    assert saw["states"] == ["ACCEPTED"]
    verbs = [line.split(b" ")[0] for line in peer.lines]
    assert verbs == [b"EHLO", b"STARTTLS", b"EHLO", b"AUTH", b"MAIL", b"RCPT", b"DATA", b"QUIT"]
    user = base64.b64decode(peer.lines[3].split(b" ")[2]).split(b"\0")[1]
    assert b"MAIL FROM:<%b>" % user in peer.lines[4]


def test_tls_that_is_implicit_begins_with_the_connection(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(implicit=True, EHLO=WITH_TLS)

    saw = meet(peer, kind="SubmissionUser", protocol="submissions", traffic={"messages": [3, 3]})

    assert saw["failures"] == {}
    assert saw["states"] == ["ACCEPTED"] * 3
    assert "submission.starttls" not in saw["samples"]


def test_a_large_message_goes_through_tls(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(EHLO=WITH_TLS)

    saw = meet(peer, kind="SubmissionUser", octets=2_000_000)

    assert saw["failures"] == {}
    assert len(peer.contents[0]) > 1_999_000
    assert saw["states"] == ["ACCEPTED"]


def test_where_only_login_is_offered_login_is_used(smtp_peer: Make, meet: Make) -> None:
    asks = iter([b"334 UGFzc3dvcmQ6\r\n", b"235 welcome\r\n"])
    peer = smtp_peer(
        EHLO=b"250-peer\r\n250 AUTH LOGIN\r\n",
        AUTH=b"334 VXNlcm5hbWU6\r\n",
        AUTH_MORE=lambda _line: next(asks),
    )

    saw = meet(peer, kind="SubmissionUser")

    assert saw["failures"] == {}
    assert saw["samples"]["submission.auth"] == 1


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_for_another_name_is_a_tls_error(smtp_peer: Make, meet: Make, implicit: bool) -> None:
    peer = smtp_peer(name="other.example.test", implicit=implicit, EHLO=WITH_TLS)
    protocol = "submissions" if implicit else "submission"

    saw = meet(peer, kind="SubmissionUser", protocol=protocol)

    operation = "connect" if implicit else "starttls"
    assert saw["failures"] == {f"submission.{operation} tls": 1}
    [evidence] = saw["evidence"]["tls"]
    assert "127.0.0.1" in evidence
    assert "certificate" in evidence


def test_tls_that_is_required_and_not_offered_is_a_tls_error(smtp_peer: Make, meet: Make) -> None:
    saw = meet(smtp_peer(), traffic={"tls": "required"})

    assert saw["failures"] == {"smtp.starttls tls": 1}


def test_what_came_in_the_clear_behind_starttls_is_no_reply(smtp_peer: Make, meet: Make) -> None:
    peer = smtp_peer(EHLO=WITH_TLS, STARTTLS=b"220 go ahead\r\n250 injected\r\n")

    saw = meet(peer, traffic={"tls": "required"})

    assert saw["failures"] == {}
    assert saw["states"] == ["ACCEPTED"]


@pytest.mark.parametrize("offered", [b"AUTH PLAIN", b"AUTH LOGIN"])
def test_no_secret_is_ever_shown_even_if_the_server_says_it(
    smtp_peer: Make, meet: Make, offered: bytes
) -> None:
    def blab(line: bytes) -> bytes:
        said = line.removeprefix(b"AUTH PLAIN ")
        return b"535 you said %b, which is %b\r\n" % (said, base64.b64decode(said).replace(b"\0", b" "))

    plain = offered == b"AUTH PLAIN"
    peer = smtp_peer(
        EHLO=b"250-peer\r\n250 %b\r\n" % offered,
        AUTH=blab if plain else b"334 VXNlcm5hbWU6\r\n",
        AUTH_MORE=lambda line: blab(line) if b"@" not in base64.b64decode(line) else b"334 UGFzc3dvcmQ6\r\n",
    )

    saw = meet(peer, kind="SubmissionUser")

    assert saw["failures"] == {"submission.auth 535": 1}
    assert list(saw["evidence"]) == ["535"]
    shown = json.dumps(saw)
    for user in ("alice", "bob", "carol"):
        whole = base64.b64encode(f"\0{user}@example.test\0{SECRET}".encode()).decode()
        assert whole not in shown
    assert SECRET not in shown
    assert base64.b64encode(SECRET.encode()).decode() not in shown
