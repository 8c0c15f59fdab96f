"""RFC 5321 §7.9: what the operator declares of spam, and what is none."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from suites.covers import covers
from suites.delivery.letters import arrived, letters, posted
from suites.filters.wrapped import GTUBE, SPAM_WRAPPINGS, declared, outcome, tagged
from suites.mail import fields_of
from suites.needs import needs, reader

# As SpamAssassin, rspamd and amavis write it.
_IS_SPAM: Final = re.compile(rb"x-spam(?:-flag|-status)?:\s*yes\b", re.IGNORECASE)


@covers("RFC5321-7.9-nk1", fault="filters.gtube-untouched")
@needs(reader())
@given(wrapping=st.sampled_from(sorted(SPAM_WRAPPINGS)))
def test_spam_is_dealt_with_as_declared(target: LiveTarget, wrapping: str) -> None:
    fate = declared(target.policy.spam, "spam")
    fields, body = SPAM_WRAPPINGS[wrapping](GTUBE)
    sent = letters(target, [body], fields=fields)[0]
    became = outcome(target, sent)
    told = f"spam is declared to be {fate}; the GTUBE test line ({wrapping}) {became}"
    assert (became.reply.klass == 5) == (fate == "refused"), told
    assert (became.received is not None) == (fate == "delivered-tagged"), told
    if became.received is not None:
        assert tagged(target, sent, became.received), f"{told} without a tag"


@covers("RFC5321-7.9-nk1", fault="filters.ham-tagged-as-spam")
@needs(reader())
def test_what_is_no_spam_is_not_called_spam(target: LiveTarget) -> None:
    declared(target.policy.spam, "spam")
    sent = letters(target, [b"The minutes of Tuesday's meeting are attached to the next letter.\r\n"])
    posted(target, sent)
    marks = [field for field in fields_of(arrived(target, sent)[0]) if _IS_SPAM.match(field)]
    assert not marks, f"a plain message arrived with {marks[0]!r}"
