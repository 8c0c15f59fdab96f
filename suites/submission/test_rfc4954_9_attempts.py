"""RFC 4954 §9: how many attempts there are."""

from harness.clients.live import LiveTarget
from harness.errors import ConnectionLost
from suites.covers import covers
from suites.submission.sessions import before_login, login_failure


@covers("RFC4954-9-c", fault="submission.one-attempt")
def test_a_session_outlives_two_failed_attempts(target: LiveTarget) -> None:
    smtp = before_login(target)
    nobody = target.unique("nobody")
    for attempt in (1, 2, 3):
        try:
            reply = login_failure(smtp, nobody, "wrong")
        except ConnectionLost as exc:
            raise AssertionError(f"closed at attempt {attempt} to log in") from exc
        assert reply.code != 421, f"attempt {attempt} to log in was answered {reply}"
