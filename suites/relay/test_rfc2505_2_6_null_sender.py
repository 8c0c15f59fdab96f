"""RFC 2505 §2.6.1: notifications come from the null reverse-path, so it is not refused."""

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import forward_path
from suites.needs import accounts, endpoint, needs


@covers("RFC2505-2.6.1-a", fault="relay.null-sender-refused")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_the_null_reverse_path_is_accepted(target: LiveTarget) -> None:
    client = target.smtp()
    replies = [client.command(b"MAIL FROM:<>")]
    if replies[0].klass == 2:
        replies.append(client.rcpt(forward_path(target)))
    last = replies[-1]
    if last.klass == 4:
        raise Unclear(f"a message from <> was answered {last}")
    assert last.klass == 2, f"{'RCPT after ' * (len(replies) - 1)}MAIL FROM:<> was answered {last}"
