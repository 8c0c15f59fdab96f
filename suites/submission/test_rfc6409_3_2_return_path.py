"""RFC 6409 §3.2 and §6.1: which reverse-paths a user may give."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from suites import expect
from suites.covers import covers, proves
from suites.mail import forward_path


@covers("RFC6409-3.2-c", "RFC6409-6.1-a", fault="submission.null-reverse-path-refused")
def test_the_null_reverse_path_is_taken_and_anothers_may_be_refused(target: LiveTarget) -> None:
    smtp = target.submission()
    own = forward_path(target)
    usual = [smtp.mail(own), smtp.rcpt(own), smtp.rset()]
    if any(reply.klass != 2 for reply in usual):
        raise Unclear(f"a user's own reverse-path was answered {usual[0]}, then {usual[1]}")
    with proves("RFC6409-3.2-c"):
        for reply in (smtp.command(b"MAIL FROM:<>"), smtp.command(b"RCPT TO:" + own)):
            expect.not_temporary(reply)
            assert reply.klass == 2, f"MAIL FROM:<> and RCPT TO the user itself: answered {reply}"
    smtp.command(b"RSET")
    with proves("RFC6409-6.1-a"):
        another = smtp.command(b"MAIL FROM:" + forward_path(target, 1))
        if another.klass != 5:
            raise NotOffered("another account's reverse-path is taken")
