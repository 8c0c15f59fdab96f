"""RFC 6409 §7: extensions of SMTP on the submission port."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from suites.covers import covers


@covers("RFC6409-7-c", fault="submission.no-enhanced-codes")
def test_submission_offers_enhanced_status_codes(target: LiveTarget) -> None:
    offered = target.submission(login=False).extensions
    assert "ENHANCEDSTATUSCODES" in offered, f"EHLO lists {', '.join(offered)}"


@covers("RFC6409-7-d", fault="submission.no-pipelining")
def test_submission_offers_pipelining(target: LiveTarget) -> None:
    offered = target.submission(login=False).extensions
    assert "PIPELINING" in offered, f"EHLO lists {', '.join(offered)}"


@covers("RFC6409-7-e", fault="submission.no-auth")
def test_every_submission_port_offers_auth(target: LiveTarget) -> None:
    ports = {Protocol.SUBMISSION, Protocol.SUBMISSIONS} & set(target.declared.endpoints)
    if not ports:
        raise NotOffered("the target file has no endpoint for submission")
    for protocol in sorted(ports):
        smtp = target.smtp(protocol)
        offered = set(smtp.extensions)
        if "STARTTLS" in offered:
            target.start_tls(smtp)
            offered |= set(smtp.extensions)
        assert "AUTH" in offered, f"EHLO on {protocol} lists {', '.join(sorted(offered))}"
