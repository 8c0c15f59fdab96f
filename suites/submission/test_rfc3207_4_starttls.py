"""RFC 3207 §4 and §4.3: STARTTLS on the submission port."""

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers, proves
from suites.mail import forward_path
from suites.needs import endpoint, needs
from suites.submission.sessions import in_the_clear, mechanisms, needs_enhanced_codes


@covers("RFC3207-4-nk2", "RFC3207-4.3-nk1", fault="submission.starttls-answered-250")
@needs(endpoint(Protocol.SUBMISSION))
def test_starttls_on_the_submission_port_is_answered_220(target: LiveTarget) -> None:
    reply = in_the_clear(target).command(b"STARTTLS")
    expect.not_temporary(reply, about="STARTTLS")
    with proves("RFC3207-4-nk2"):
        assert reply.code == 220, f"STARTTLS was answered {reply}"


def refused_before_tls(target: LiveTarget) -> tuple[SmtpClient, Reply]:
    """MAIL in the clear, refused on a port that takes it, and logins, inside TLS only.

    Raises:
        NotOffered: TLS is not required first.
    """
    own = forward_path(target)
    if target.submission().mail(own).klass != 2:
        raise Unclear("MAIL is refused inside TLS after login too")
    smtp = target.smtp(Protocol.SUBMISSION)
    reply = expect.not_temporary(smtp.mail(own), about="MAIL in the clear")
    if reply.klass == 2 or mechanisms(smtp):
        raise NotOffered("the submission port does not require TLS")
    return smtp, reply


@covers("RFC3207-4-b", fault="submission.tls-due-550")
@needs(endpoint(Protocol.SUBMISSION))
def test_mail_is_answered_530_where_tls_must_come_first(target: LiveTarget) -> None:
    _smtp, reply = refused_before_tls(target)
    assert reply.code == 530, f"MAIL in the clear was answered {reply}"


@covers("RFC3207-4-c", fault="submission.tls-due-5.7.1")
@needs(endpoint(Protocol.SUBMISSION))
def test_mail_gets_5_7_0_where_tls_must_come_first(target: LiveTarget) -> None:
    smtp, reply = refused_before_tls(target)
    needs_enhanced_codes(smtp)
    if reply.code != 530:
        raise Unclear(f"MAIL in the clear was answered {reply}, not 530")
    assert str(reply.enhanced) == "5.7.0", f"MAIL in the clear was answered {reply}"
