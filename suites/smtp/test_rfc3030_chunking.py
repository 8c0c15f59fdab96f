"""RFC 3030 §2 and §3: BDAT and BINARYMIME."""

from itertools import pairwise
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.wire.smtp.replies import Reply
from suites.covers import covers
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, needs, smtp_offers
from suites.smtp.steps import content, finish, judged

_commands: Final = st.lists(
    st.sampled_from([b"NOOP", b"RSET", b"QUIT", b"HELP", b"STARTTLS", b"."]), min_size=1, max_size=4
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
_garbage: Final = st.binary(min_size=1, max_size=30).map(
    lambda octets: b"\xff" + octets.replace(b"\r", b"\x80").replace(b"\n", b"\x81")
)


def _transaction(target: LiveTarget) -> SmtpClient:
    smtp = target.smtp()
    open_transaction(target, smtp)
    return smtp


def _bdat(octets: bytes, *, last: bool = False) -> bytes:
    return b"BDAT %d%s\r\n%s" % (len(octets), b" LAST" if last else b"", octets)


def _send(smtp: SmtpClient, octets: bytes) -> Reply:
    smtp.raw(octets)
    return smtp.read_reply()


def _pieces(octets: bytes, places: list[int]) -> list[bytes]:
    """Octets cut at places, taken modulo the length."""
    cuts = [0, *sorted({place % len(octets) for place in places}), len(octets)]
    return [octets[a:b] for a, b in pairwise(cuts) if a < b]


@covers("RFC3030-2-e", fault="smtp.chunk-gets-251")
@needs(smtp_offers("CHUNKING"), accounts(1))
@given(places=st.lists(st.integers(1, 10**4), min_size=1, max_size=4))
def test_each_chunk_is_answered_250(target: LiveTarget, places: list[int]) -> None:
    smtp = _transaction(target)
    chunks = _pieces(content(target), places)

    for number, chunk in enumerate(chunks, 1):
        reply = _send(smtp, _bdat(chunk, last=number == len(chunks)))
        if reply.klass != 2:
            raise Unclear(f"chunk {number} of {len(chunks)} was answered {reply}")
        assert reply.code == 250, f"chunk {number} of {len(chunks)} was answered {reply}"


@covers("RFC3030-2-nk1", fault="smtp.empty-last-chunk-refused")
@needs(smtp_offers("CHUNKING"), accounts(1))
@given(places=st.lists(st.integers(1, 10**4), max_size=3), at_crlf=st.booleans())
def test_chunks_join_to_the_message(target: LiveTarget, places: list[int], at_crlf: bool) -> None:
    smtp = _transaction(target)
    message = content(target)
    within_crlf = [message.index(b"\r\n") + 1] if at_crlf else []

    chunks = [_bdat(chunk) for chunk in _pieces(message, [*places, *within_crlf])]
    for chunk in chunks:
        if (reply := _send(smtp, chunk)).klass != 2:
            raise Unclear(f"a chunk was answered {reply}")
    reply = judged(_send(smtp, _bdat(b"", last=True)))

    assert reply.klass == 2, f"an empty last chunk behind {len(chunks)} others was answered {reply}"


@covers("RFC3030-2-nk3", fault="smtp.dot-ends-a-chunk")
@needs(smtp_offers("CHUNKING"), accounts(1))
@given(behind=_commands)
def test_a_dot_ends_no_chunk(target: LiveTarget, behind: bytes) -> None:
    smtp = _transaction(target)

    smtp.raw(_bdat(content(target, body=b"x\r\n.\r\n" + behind), last=True))
    smtp.read_reply()
    unasked = finish(smtp)

    assert not unasked, (
        f"a chunk with CRLF dot CRLF in it had {len(unasked) + 1} replies, {unasked[0]} the last"
    )


@covers("RFC3030-2-nk2", fault="smtp.rset-keeps-chunks")
@needs(smtp_offers("CHUNKING"), accounts(1))
def test_rset_discards_chunks(target: LiveTarget) -> None:
    smtp = _transaction(target)
    if (reply := _send(smtp, _bdat(content(target)))).klass != 2:
        raise Unclear(f"a chunk was answered {reply}")

    smtp.command(b"RSET")
    reply = _send(smtp, _bdat(b"x\r\n", last=True))

    assert reply.klass in (4, 5), f"BDAT LAST behind RSET was answered {reply}"


@covers("RFC3030-2-c", fault="smtp.bdat-after-last-gets-554")
@needs(smtp_offers("CHUNKING"), accounts(1))
@given(octets=st.binary(min_size=1, max_size=20), last=st.booleans())
def test_bdat_behind_the_last_gets_503(target: LiveTarget, octets: bytes, last: bool) -> None:
    smtp = _transaction(target)
    if (reply := _send(smtp, _bdat(content(target), last=True))).klass != 2:
        raise Unclear(f"the message was answered {reply}")

    reply = judged(_send(smtp, _bdat(octets, last=last)))

    assert reply.code == 503, f"BDAT behind BDAT LAST was answered {reply}"


@covers("RFC3030-2-f", fault="smtp.failed-chunk-is-run")
@needs(smtp_offers("CHUNKING"))
@given(octets=_commands)
def test_the_octets_of_a_failed_chunk_are_dropped(target: LiveTarget, octets: bytes) -> None:
    smtp = target.smtp()

    reply = _send(smtp, _bdat(octets))
    if reply.klass == 2:
        raise Unclear(f"BDAT without MAIL was answered {reply}")
    unasked = finish(smtp)

    assert not unasked, f"BDAT without MAIL was answered {reply}, and {unasked[0]} came on top"


@covers("RFC3030-2-h", fault="smtp.failed-last-chunk-gets-250")
@needs(smtp_offers("CHUNKING", "PIPELINING"))
@given(chunks=st.lists(_commands, min_size=1, max_size=3))
def test_chunks_behind_a_failed_one_fail_too(target: LiveTarget, chunks: list[bytes]) -> None:
    smtp = target.smtp()

    smtp.raw(b"".join(map(_bdat, chunks)) + _bdat(b"x\r\n", last=True))
    replies = [smtp.read_reply() for _ in range(len(chunks) + 1)]
    unasked = finish(smtp)

    codes = [reply.code for reply in replies]
    assert all(reply.klass in (4, 5) for reply in replies), f"chunks without MAIL were answered {codes}"
    assert not unasked, f"chunks without MAIL were answered {codes}, and {unasked[0]} came on top"


@covers("RFC3030-2-j", fault="smtp.data-after-bdat-gets-554")
@needs(smtp_offers("CHUNKING"), accounts(1))
def test_data_behind_bdat_gets_503(target: LiveTarget) -> None:
    smtp = _transaction(target)
    if (reply := _send(smtp, _bdat(content(target)))).klass != 2:
        raise Unclear(f"a chunk was answered {reply}")

    reply = judged(smtp.command(b"DATA"))

    assert reply.code == 503, f"DATA behind BDAT was answered {reply}"


@covers("RFC3030-2-m", fault="smtp.garbage-gets-250")
@needs(smtp_offers("CHUNKING"), accounts(1))
@given(garbage=_garbage)
def test_lines_of_any_octets_are_refused_in_order(target: LiveTarget, garbage: bytes) -> None:
    smtp = _transaction(target)
    if (reply := _send(smtp, _bdat(content(target)))).klass != 2:
        raise Unclear(f"a chunk was answered {reply}")

    # As if the chunk had been declared too short.
    reply = _send(smtp, garbage + b"\r\n")
    rset = smtp.command(b"RSET")

    assert reply.klass in (4, 5), f"{garbage!r} was answered {reply}"
    assert rset.klass in (2, 4), f"RSET behind {garbage!r} was answered {rset}"


@covers("RFC3030-3-b", fault="smtp.data-after-binarymime-gets-554")
@needs(smtp_offers("CHUNKING", "BINARYMIME"), accounts(1))
def test_data_behind_binarymime_gets_503(target: LiveTarget) -> None:
    smtp = target.smtp()
    for reply in (
        smtp.mail(reverse_path(target), b"BODY=BINARYMIME"),
        smtp.command(b"RCPT TO:" + forward_path(target)),
    ):
        if reply.klass != 2:
            raise Unclear(f"a transaction with BODY=BINARYMIME was refused: {reply}")

    reply = judged(smtp.command(b"DATA"))

    assert reply.code == 503, f"DATA behind BODY=BINARYMIME was answered {reply}"
