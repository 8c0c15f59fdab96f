"""RFC 5321 §4.5.2 and §2.1: clean mail comes out of the filters as it went in."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.strategies.messages import header_fields
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.delivery.letters import arrived, letters, posted
from suites.filters.wrapped import VIRUS_WRAPPINGS
from suites.mail import changes, fields_of
from suites.needs import needs, reader

# Harmless, and long enough that a scanner has something to look at.
_CLEAN: Final = b"Nothing is to be found here. " * 8


@covers("RFC5321-4.5.2-nk2", fault="filters.changes-clean-mail")
@needs(reader())
@given(wrapping=st.sampled_from(sorted(VIRUS_WRAPPINGS)), blanks=st.sampled_from([b" ", b"\t", b"   "]))
def test_clean_mail_comes_out_of_the_filters_unchanged(
    target: LiveTarget, wrapping: str, blanks: bytes
) -> None:
    fields, body = VIRUS_WRAPPINGS[wrapping](_CLEAN)
    sent = letters(target, [body + b"After it all." + blanks + CRLF], fields=fields)
    posted(target, sent)
    received = arrived(target, sent)[0].partition(b"\r\n\r\n")[2]
    change = changes(b"\r\n\r\n" + sent[0].content.partition(b"\r\n\r\n")[2], b"\r\n\r\n" + received)
    assert not change, change


@covers("RFC5321-4.5.2-nk2", fault="filters.header-of-clean-mail-rewritten")
@needs(reader())
@given(drawn=header_fields)
def test_the_header_of_clean_mail_is_not_rewritten(target: LiveTarget, drawn: list[bytes]) -> None:
    fields = [b"X-Folded: one\r\n\ttwo  three", *drawn]
    sent = letters(target, [b"Hello.\r\n"], fields=fields)
    posted(target, sent)
    kept = fields_of(arrived(target, sent)[0])
    changed = [field for field in fields_of(sent[0].content) if field not in kept]
    assert not changed, f"the field {changed[0]!r} is changed or gone"


@covers("RFC5321-2.1-b", fault="filters.body-of-clean-mail-cut")
@needs(reader())
def test_a_large_clean_message_comes_out_of_the_filters_whole(target: LiveTarget) -> None:
    lines = b"".join(b"%06d " % number + b"x" * 70 + CRLF for number in range(2600))
    sent = letters(target, [lines])
    posted(target, sent)
    received = arrived(target, sent)[0]
    assert received.endswith(lines[-78:]), (
        f"of {len(lines)} octets the mailbox has not the end: {received[-40:]!r}"
    )
