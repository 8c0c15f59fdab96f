"""RFC 5321 §4.2: replies, their codes, their lines and their number."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import CheckOutcome, NotOffered, RemoteProtocolError, TransportError, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import MAX_REPLY_LINE, Reply
from suites.covers import covers, proves
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import converse, dialogues, finish, is_domain, judged

_unknown_verbs: Final = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=6).map(
    lambda word: b"X" + word.encode()
)


def _all_replies(target: LiveTarget, lines: Sequence[bytes]) -> Iterator[Reply]:
    """EHLO, HELP and what the lines are answered."""
    smtp = target.smtp(hello=False)
    yield smtp.greeting
    for _, reply in converse(target, smtp, [b"EHLO [127.0.0.1]", b"HELP", *lines]):
        yield reply


@covers("RFC5321-4.3.1-nk1", fault="smtp.greeting-without-name")
@needs(endpoint(Protocol.SMTP))
def test_the_greeting_begins_with_a_name(target: LiveTarget) -> None:
    greeting = target.smtp(hello=False).greeting

    word = greeting.lines[0].partition(b" ")[0]
    assert is_domain(word), f"the first word of the greeting {greeting} is no domain and no address literal"


@covers("RFC5321-3.1-d", fault="smtp.closes-after-554-greeting")
@needs(endpoint(Protocol.SMTP))
def test_after_a_554_greeting_the_server_waits_for_quit(target: LiveTarget) -> None:
    greeting = target.greeted(Protocol.SMTP)
    if greeting.greeting.code != 554:
        raise NotOffered(f"the greeting is {greeting.greeting}")

    assert not greeting.at_eof(target.quiet_s), "the connection was closed behind a greeting of 554"


@covers("RFC5321-3.1-d2", fault="smtp.greets-with-554-and-serves")
@needs(endpoint(Protocol.SMTP))
def test_after_a_554_greeting_commands_get_503(target: LiveTarget) -> None:
    client = target.greeted(Protocol.SMTP)
    if client.greeting.code != 554:
        raise NotOffered(f"the greeting is {client.greeting}")

    reply = client.command(b"NOOP")

    assert reply.code == 503, f"NOOP behind a greeting of 554 was answered {reply}"


@covers("RFC5321-4.2-a", fault="smtp.null-sender-answered-twice")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_each_command_has_one_reply(target: LiveTarget, lines: list[bytes]) -> None:
    smtp = target.smtp()

    said = converse(target, smtp, lines)
    unasked = [reply for reply in finish(smtp) if reply.code != 421]

    # Where one command has two replies the last reply is left over, whichever it was.
    sent = b", ".join(line for line, _ in said).decode()
    assert not unasked, f"{sent}: {len(said)} replies were due, and {unasked[0]} came on top"


@covers("RFC5321-4.2-i", "RFC5321-4.3.2-b", fault="smtp.help-gets-600")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_codes_are_three_digits_from_2_to_5(target: LiveTarget, lines: list[bytes]) -> None:
    for reply in _all_replies(target, lines):
        for line in reply.raw.splitlines():
            assert re.match(rb"[2-5][0-9]{2}([ -]|$)", line), f"a reply line is {line!r}"


@covers("RFC5321-4.2.1-c", fault="smtp.rset-gets-bare-code")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_a_reply_without_text_has_its_space(target: LiveTarget, lines: list[bytes]) -> None:
    for reply in _all_replies(target, [b"RSET", *lines]):
        for line in reply.raw.split(b"\r\n")[:-1]:
            assert len(line) > 3, f"a reply line is {line!r}"


@covers("RFC5321-4.2.1-d", fault="smtp.multiline-with-two-codes")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_all_lines_of_a_reply_have_one_code(target: LiveTarget, lines: list[bytes]) -> None:
    for reply in _all_replies(target, lines):
        codes = {line[:3] for line in reply.raw.splitlines()}
        assert len(codes) == 1, f"one reply is {reply.raw!r}"


@covers("RFC5321-4.2.1-nk1", fault="smtp.multiline-without-hyphens")
@needs(endpoint(Protocol.SMTP))
def test_multiline_replies_have_hyphens(target: LiveTarget) -> None:
    for line in (b"EHLO [127.0.0.1]", b"HELP", b"HELP MAIL"):
        smtp = target.smtp()
        try:
            reply = smtp.command(line)
            more = finish(smtp)
        except RemoteProtocolError as exc:
            raise Unclear(f"what {line.decode()} was answered could not be read: {exc}") from exc
        assert not more, f"{line.decode()} was answered {reply} and {more[0]}"


@covers("RFC5321-4.5.3.1-b", fault="smtp.help-line-too-long")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_reply_lines_have_512_octets_at_most(target: LiveTarget, lines: list[bytes]) -> None:
    for reply in _all_replies(target, lines):
        longest = max(len(line) + 2 for line in reply.raw.split(b"\r\n"))
        assert longest <= MAX_REPLY_LINE, f"a line of {longest} octets in the reply {reply.code}"


@covers("RFC6531-3.7.4.2-g", fault="smtp.replies-beyond-ascii")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=dialogues)
def test_replies_are_ascii(target: LiveTarget, lines: list[bytes]) -> None:
    for line, reply in converse(target, target.smtp(), [b"RSET", *lines]):
        # Replies to EHLO and to VRFY have rules of their own.
        if not line.startswith((b"EHLO", b"VRFY")):
            assert reply.raw.isascii(), f"{line.decode()} was answered {reply.raw!r}"


@covers("RFC5321-4.2.4-c", fault="smtp.unknown-verb-gets-504")
@needs(endpoint(Protocol.SMTP))
@given(verb=_unknown_verbs)
def test_an_unknown_verb_gets_500(target: LiveTarget, verb: bytes) -> None:
    reply = judged(target.smtp().command(verb))

    if reply.klass == 2:
        raise Unclear(f"{verb.decode()} was answered {reply}: a private command")
    assert reply.code == 500, f"{verb.decode()} was answered {reply}"


@covers("RFC5321-4.2.4-b", fault="smtp.turn-gets-504")
@needs(endpoint(Protocol.SMTP))
def test_a_verb_that_is_not_implemented_gets_502(target: LiveTarget) -> None:
    reply = judged(target.smtp().command(b"TURN"))

    if reply.klass == 2:
        raise NotOffered(f"TURN was answered {reply}")
    # 500 says that it was not even recognised.
    assert reply.code in (500, 502, 550), f"TURN was answered {reply}"


@covers("RFC7504-3-c", fault="smtp.unknown-user-gets-521")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_521_is_no_reply_to_a_recipient(target: LiveTarget) -> None:
    smtp = target.smtp()
    unknown = b"RCPT TO:<%s@%s>" % (target.unique("nobody").encode(), target.domain.encode())

    for line in (b"MAIL FROM:<%s>" % target.policy.sender.encode(), unknown, b"RCPT TO:<user@example.net>"):
        reply = smtp.command(line)
        assert reply.code != 521, f"{line.decode()} was answered {reply}"


@covers("RFC7504-3-nk1", fault="smtp.greets-with-521-and-serves")
@needs(endpoint(Protocol.SMTP))
def test_a_521_greeting_takes_no_mail(target: LiveTarget) -> None:
    client = target.greeted(Protocol.SMTP)
    if client.greeting.code != 521:
        raise NotOffered(f"the greeting is {client.greeting}")

    with proves("RFC7504-3-nk1"):
        try:
            replies = [client.command(line) for line in (b"EHLO [127.0.0.1]", b"MAIL FROM:<>")]
        except (TransportError, CheckOutcome):
            return  # closed, as it may be
        assert replies[-1].klass != 2, f"MAIL behind a greeting of 521 was answered {replies[-1]}"
