"""RFC 5321 §4.1.1.4: DATA, where it ends, and what its end leaves."""

from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import ConnectionLost
from harness.strategies.messages import body_lines
from harness.target import Protocol
from harness.wire.smtp.data import encode_data
from suites.covers import covers, proves
from suites.mail import forward_path, open_transaction
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import ask, content, finish, judged, open_data, take_content

_END: Final = b"\r\n.\r\n"

# What is not the end of data for having a CR too many, or for lacking an LF.
_STRAY_CRS: Final = (b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n")

# Line ends that are none, and what may stand beside a dot: twice one of these is near CRLF dot CRLF.
_ENDS: Final = (b"\r\n", b"\r", b"\r\r\n", b"\r\nx")
_near_ends: Final = st.tuples(st.sampled_from(_ENDS), st.sampled_from(_ENDS)).map(b".".join)
_words: Final = st.lists(st.sampled_from([b"\r\n", b"\r", b".", b"\0", b"x"]), max_size=7).map(b"".join)

_not_dots: Final = body_lines.filter(lambda line: not line.startswith(b"."))


def _runs_on(target: LiveTarget, word: bytes) -> None:
    """Assert that data goes on over `word`: what follows it is no command and gets no reply.

    A refusal keeps the rule, and so does a closed connection.
    """
    smtp = target.smtp()
    open_transaction(target, smtp)
    open_data(target, smtp)
    commands = b"NOOP\r\nNOOP\r\n"
    try:
        smtp.raw(encode_data(content(target))[: -len(b".\r\n")] + b"x" + word + commands + b"x" + _END)
        smtp.read_reply()
        replies = 1 + len(finish(smtp))
    except ConnectionLost:
        return
    assert replies == 1, f"a message with {word!r} in it had {replies} replies: the data ended there"


@covers("RFC5321-4.1.1.4-e", fault="smtp.lf-dot-lf-ends-data")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(before=_not_dots, after=_not_dots)
def test_lf_dot_lf_does_not_end_the_data(target: LiveTarget, before: bytes, after: bytes) -> None:
    _runs_on(target, b"\r\n" + before + b"\n.\n" + after + b"\r\n")


@covers("RFC5321-4.1.1.4-d", fault="smtp.lf-ends-a-line-of-data")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(word=st.sampled_from([b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\n"]), before=_not_dots)
def test_lf_does_not_end_a_line_of_data(target: LiveTarget, word: bytes, before: bytes) -> None:
    _runs_on(target, b"\r\n" + before + word)


@covers("RFC5321-2.3.8-a", fault="smtp.cr-ends-a-line-of-data")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(word=st.sampled_from(_STRAY_CRS))
def test_cr_does_not_end_a_line_of_data(target: LiveTarget, word: bytes) -> None:
    _runs_on(target, word)


@covers("RFC5321-2.3.8-a", fault="smtp.cr-ends-a-line-of-data")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(word=_near_ends | _words)
def test_nothing_near_crlf_dot_crlf_ends_the_data(target: LiveTarget, word: bytes) -> None:
    # With a NUL beside the dot it is another check's; with CRLF at both sides of the dot it is the end.
    assume(_END not in (b"x" + word + b"N").replace(b"\0", b""))

    _runs_on(target, word)


@covers("RFC5321-2.3.8-a", fault="smtp.nul-in-data-is-dropped")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(word=st.sampled_from([b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n\0.\0\r\n"]))
def test_a_nul_beside_the_dot_does_not_end_the_data(target: LiveTarget, word: bytes) -> None:
    _runs_on(target, word)


@covers("RFC5321-2.3.8-a", fault="smtp.lf-ends-a-command")
@needs(endpoint(Protocol.SMTP))
@given(ends=st.lists(st.sampled_from([b"\n", b"\r", b"\n\r", b"\r\r"]), min_size=1, max_size=3))
def test_only_crlf_ends_a_command(target: LiveTarget, ends: list[bytes]) -> None:
    smtp = target.smtp()
    line = b"".join(b"NOOP x" + end for end in ends) + b"NOOP x\r\n"

    try:
        smtp.raw(line)
        smtp.read_reply()
        replies = 1 + len(finish(smtp))
    except ConnectionLost:
        return

    assert replies == 1, f"{line!r} is one line and had {replies} replies"


@covers("RFC5321-4.1.1.4-f", "RFC3030-2-a", fault="smtp.end-of-data-gets-354")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=st.lists(body_lines, max_size=4))
def test_a_message_that_is_taken_is_answered_250(target: LiveTarget, lines: list[bytes]) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)

    reply = judged(
        take_content(target, smtp, content(target, body=b"".join(line + b"\r\n" for line in lines)))
    )

    with proves("RFC3030-2-a"):
        ask("CHUNKING" in smtp.extensions, "CHUNKING is not offered")
        assert reply.klass in (2, 5), f"the end of data was answered {reply}"
    assert reply.klass in (2, 5), f"the end of data was answered {reply}"


@covers("RFC5321-4.1.1.4-nk1", fault="smtp.end-of-data-keeps-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_the_end_of_data_empties_the_transaction(target: LiveTarget) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)
    judged(take_content(target, smtp, content(target)))

    reply = smtp.command(b"RCPT TO:" + forward_path(target))

    assert reply.klass in (4, 5), f"RCPT behind the end of data was answered {reply}"


@covers("RFC5321-4.1.1.4-g", fault="smtp.mail-loop-gets-354")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(hops=st.integers(101, 200))
def test_a_message_that_fails_has_a_failure_reply(target: LiveTarget, hops: int) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)
    received = b"Received: from a.example.org by b.example.org with SMTP; Tue, 24 Nov 2026 12:00:00 +0000"

    reply = take_content(target, smtp, content(target, headers=[received] * hops))

    # Acceptance keeps the rule: then nothing failed.
    assert reply.klass in (2, 4, 5), f"a message with {hops} Received fields was answered {reply}"
