"""RFC 2034 §4: enhanced status codes in replies."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hypothesis import given

from harness.clients.live import LiveTarget
from harness.wire.smtp.replies import Reply, enhanced_code
from suites.covers import covers
from suites.needs import accounts, needs, smtp_offers
from suites.smtp.steps import converse, dialogues

_FORM: Final = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)")
_LIKE_ONE: Final = re.compile(rb"[0-9]+\.[0-9]+\.[0-9]+")
# Replies that are worth a look in every dialogue.
_ALWAYS: Final = [
    b"NOOP",
    b"VRFY postmaster",
    b"XMAILPROOF",
    b"MAIL FROM:<a b@example.org>",
    b"RSET",
    b"HELP",
]


def _replies(target: LiveTarget, lines: Sequence[bytes], hello: bytes) -> Iterator[tuple[bytes, Reply]]:
    """The replies that owe a code, with what they answer; no other EHLO or HELO than `hello` is sent."""
    smtp = target.smtp(hello=False)
    others = [line for line in lines if not line.startswith((b"EHLO", b"HELO"))]
    for line, reply in converse(target, smtp, [hello, *_ALWAYS, *others]):
        # No code is due in a reply to EHLO or HELO, in a 3yz, and in a 421 that nobody asked for.
        if not line.startswith((b"EHLO", b"HELO")) and reply.klass != 3 and reply.code != 421:
            yield line, reply


_EHLO: Final = b"EHLO [127.0.0.1]"
_HELO: Final = b"HELO client.example.test"


@covers("RFC2034-4-a", "RFC2034-4-b", fault="smtp.vrfy-without-enhanced-code")
@needs(smtp_offers("ENHANCEDSTATUSCODES"), accounts(1))
@given(lines=dialogues)
def test_replies_have_an_enhanced_code(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in _replies(target, lines, _EHLO):
        assert _LIKE_ONE.match(reply.lines[0]), f"{line.decode()} was answered {reply}"


@covers("RFC2034-4-c", fault="smtp.enhanced-code-of-another-class")
@needs(smtp_offers("ENHANCEDSTATUSCODES"), accounts(1))
@given(lines=dialogues)
def test_the_enhanced_code_has_the_class_of_the_reply(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in _replies(target, lines, _EHLO):
        code = reply.enhanced
        assert code is None or code.klass == reply.klass, f"{line.decode()} was answered {reply}"


@covers("RFC2034-4-d", fault="smtp.enhanced-code-on-first-line-only")
@needs(smtp_offers("ENHANCEDSTATUSCODES"), accounts(1))
@given(lines=dialogues)
def test_all_lines_have_the_same_enhanced_code(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in _replies(target, lines, _EHLO):
        codes = {enhanced_code(text) for text in reply.lines}
        assert len(codes) == 1, f"{line.decode()} was answered {reply}"


@covers("RFC2034-4-e", fault="smtp.no-enhanced-codes-after-helo")
@needs(smtp_offers("ENHANCEDSTATUSCODES"), accounts(1))
@given(lines=dialogues)
def test_enhanced_codes_are_there_after_helo(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in _replies(target, lines, _HELO):
        due = not line.startswith(b"VRFY")  # judged after EHLO
        assert not due or _LIKE_ONE.match(reply.lines[0]), f"{line.decode()} after HELO was answered {reply}"


@covers("RFC2034-4-nk1", fault="smtp.enhanced-code-of-four-digits")
@needs(smtp_offers("ENHANCEDSTATUSCODES"), accounts(1))
@given(lines=dialogues)
def test_enhanced_codes_have_their_form(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in _replies(target, lines, _EHLO):
        text = reply.lines[0]
        assert _FORM.match(text) or not _LIKE_ONE.match(text), f"{line.decode()} was answered {reply}"
