"""What a check may conclude from a reply.

A 4yz, a 421 and a refusal that names a policy (5.7.x) prove nothing about a rule: they are `Unclear`. What is left is
asserted.
"""

from typing import Final

from harness.errors import Unclear
from harness.wire.smtp.replies import Reply

__all__ = ["accepted", "no_policy", "not_temporary", "rejected"]

# RFC 3463 §3.8: security or policy status.
_POLICY_SUBJECT: Final = 7


def no_policy(reply: Reply, *, about: str = "") -> Reply:
    """The reply itself, unless it is temporary or a policy's: greylisting, rate limits, closed to us.

    Raises:
        Unclear: With the reply.
    """
    enhanced = reply.enhanced
    if reply.klass == 4 or (
        reply.klass == 5 and enhanced is not None and enhanced.subject == _POLICY_SUBJECT
    ):
        raise Unclear(f"{about or 'the target'} answered {reply}: policy or trouble, not judged")
    return reply


def not_temporary(reply: Reply, *, about: str = "") -> Reply:
    """The reply itself, unless it is a 4yz, which is `Unclear`; for AUTH, whose refusals are all 5.7.x."""
    if reply.klass == 4:
        raise Unclear(f"{about or 'the target'} answered {reply}: temporary, not judged")
    return reply


def accepted(reply: Reply, *codes: int, about: str = "") -> Reply:
    """Assert success, one of `codes` or any 2yz; policy is `Unclear`."""
    no_policy(reply, about=about)
    if codes:
        assert reply.code in codes, f"{about}: {' or '.join(map(str, codes))} expected, got {reply}"
    else:
        assert reply.klass == 2, f"{about}: 2yz expected, got {reply}"
    return reply


def rejected(reply: Reply, *codes: int, about: str = "") -> Reply:
    """Assert a permanent refusal, one of `codes` or any 5yz; a temporary one is `Unclear`."""
    if reply.code not in codes:
        not_temporary(reply, about=about)
    if codes:
        assert reply.code in codes, f"{about}: {' or '.join(map(str, codes))} expected, got {reply}"
    else:
        assert reply.klass == 5, f"{about}: 5yz expected, got {reply}"
    return reply
