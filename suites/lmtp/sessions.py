"""LMTP transactions whose replies are counted."""

from collections.abc import Sequence

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.wire.smtp.replies import Reply
from suites.mail import forward_path, reverse_path

__all__ = ["UNKNOWN", "begin", "replies_before_quit"]

# In a list of recipients: nobody of this name is here.
UNKNOWN = -1


def begin(target: LiveTarget, smtp: SmtpClient, recipients: Sequence[int]) -> list[bytes]:
    """MAIL, and a RCPT for each account by its index, `UNKNOWN` for nobody's.

    Returns:
        The paths that were accepted, in order.

    Raises:
        Unclear: MAIL was refused.
    """
    reply = smtp.mail(reverse_path(target))
    if reply.klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    nobody = b"<%s@%s>" % (target.unique("nobody").encode(), target.domain.encode())
    paths = [nobody if index == UNKNOWN else forward_path(target, index) for index in recipients]
    return [path for path in paths if smtp.rcpt(path).klass == 2]


def replies_before_quit(smtp: SmtpClient) -> list[Reply]:
    """Send QUIT behind content that is on its way, and return the replies that come before its own.

    No wait is needed to see that there is one reply too many or too few (RFC 2920 §3.1).
    """
    smtp.raw(b"QUIT\r\n")
    replies = []
    while (reply := smtp.read_reply()).code != 221:
        replies.append(reply)
    return replies
