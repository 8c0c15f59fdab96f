"""No password is shown, however the octets come; all else is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.console.masking import Masking

_PASSWORD = b"cr4b-and-ginger"
_ENCODED = base64.b64encode(b"\0alice\0" + _PASSWORD)

_LOGINS = [
    [(b"AUTH PLAIN " + _ENCODED + b"\r\n", b"235 Welcome\r\n")],
    [(b"auth plain\r\n", b"334 \r\n"), (_ENCODED + b"\r\n", b"535 No\r\n")],
    [(b"AUTH LOGIN\nYWxpY2U=\n" + base64.b64encode(_PASSWORD) + b"\n", b"500 What?\r\n")],
    [(b"USER alice\r\nPASS " + _PASSWORD + b" \r\n", b"+OK\r\n+OK 2 messages\r\n")],
    [(b"a1 LOGIN alice " + _PASSWORD + b"\r\n", b"a1 OK in\r\n")],
    [
        (b"a1 login {5}\r\n", b"+ Ready\r\n"),
        (b"alice {15}\r\n", b"+ Ready\r\n"),
        (_PASSWORD + b"\r\n", b"a1 OK in\r\n"),
    ],
    [(b"a1 LOGIN {5+}\r\nalice {15+}\r\n" + _PASSWORD + b"\r\n", b"a1 OK in\r\n")],
    [(b"a1 AUTHENTICATE PLAIN\r\n", b"+ \r\n"), (_ENCODED + b"\r\n", b"a1 NO\r\n")],
]


@given(st.sampled_from(_LOGINS), st.data())
def test_a_password_is_never_shown(login: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    masking = Masking()
    shown = b""
    for said, answered in login:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=4)))
        for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
            shown += masking.received(said[start:end])
        masking.answered(answered, waiting=False)
    shown += masking.received(b"x NOOP\r\n") + masking.rest()
    for secret in (_PASSWORD, _ENCODED, base64.b64encode(_PASSWORD)):
        assert secret not in shown
        assert secret[:10] not in shown
    assert shown.endswith(b"x NOOP\r\n")
    assert b"<secret>" in shown


@pytest.mark.parametrize(
    "octets", [b"EHLO example.org\r\nNOOP\r\n", b"a1 SELECT INBOX\r\n", b"QUIT\r\n", b"\r\n", b"x\ny\r\n"]
)
def test_what_is_no_secret_is_shown_as_it_came(octets: bytes) -> None:
    masking = Masking()
    assert masking.received(octets) + masking.rest() == octets


def test_while_the_answer_is_not_all_there_everything_is_a_secret() -> None:
    masking = Masking()
    masking.received(b"NOOP\r\nAUTH PLAIN\r\n")
    masking.answered(b"250 OK\r\n", waiting=True)
    assert masking.received(_ENCODED + b"\r\n") == b"<secret>\r\n"


def test_a_login_behind_the_end_of_a_message_is_masked_too() -> None:
    masking = Masking()
    shown = masking.content(b"Hello\r\n.\r\nAUTH PLAIN " + _ENCODED + b"\r\nAUTH LOGIN\r\n")
    assert shown == b"Hello\r\n.\r\nAUTH PLAIN <secret>\r\nAUTH LOGIN\r\n"
    masking.answered(b"250 Taken\r\n535 No\r\n334 VXNlcm5hbWU6\r\n", waiting=False)
    assert masking.received(_ENCODED + b"\r\n") == b"<secret>\r\n"
