"""RFC 6409 §4.3: who may submit."""

from hypothesis import given

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.strategies.addresses import dot_strings
from suites import expect
from suites.covers import covers
from suites.mail import plain_message, transact
from suites.submission.sessions import foreign_domain


@covers("RFC6409-4.3-a", fault="submission.relay-without-login")
@given(sender=dot_strings, recipient=dot_strings)
def test_nobody_submits_to_a_foreign_domain_without_login(
    target: LiveTarget, sender: bytes, recipient: bytes
) -> None:
    if target.policy.relay is None:
        raise NotOffered("the target file does not say for whom the target relays (policy.relay)")
    if target.policy.relay not in {"none", "authenticated"}:
        raise NotOffered(f"the target declares that it relays for {target.policy.relay}")
    smtp = target.submission(login=False)
    there = b"<%s@%s>" % (recipient, foreign_domain(target))
    content = plain_message(target.unique(), to=there.decode().strip("<>"))
    last = transact(smtp, b"<%s@%s>" % (sender, target.domain.encode()), [there], content)[-1]
    expect.not_temporary(last, about="a message to a foreign domain without login")
    assert last.klass == 5, f"without login, a message to {there.decode()} was answered {last}"
