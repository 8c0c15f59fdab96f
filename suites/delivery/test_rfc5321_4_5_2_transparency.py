"""RFC 5321 §4.5.2: what goes in comes out."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.strategies.messages import MAX_LINE, bodies
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.delivery.letters import arrived, entrance, letter, letters, post, posted
from suites.mail import changes
from suites.needs import needs, reader

_dotted = st.lists(
    st.sampled_from([b".", b"..", b".x", b"..x", b"...", b". ", b".\t", b"x.", b"", b"." * MAX_LINE]),
    max_size=8,
).map(lambda lines: b"".join(line + CRLF for line in lines))
# RFC 5321 §4.5.2: all of US-ASCII; NUL, which IMAP cannot show, CR and LF are left out.
_ascii = st.lists(
    st.text("".join(map(chr, set(range(1, 128)) - {10, 13})), max_size=40).map(str.encode), max_size=4
).map(lambda lines: b"".join(line + CRLF for line in lines))


@covers("RFC5321-4.5.2-nk1", fault="delivery.dots-stay-doubled")
@needs(reader())
@given(drawn=st.lists(_dotted, min_size=2, max_size=4))
def test_a_leading_dot_comes_through_once(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = letters(target, [b".first\r\n" + body + b"..last\r\n" for body in drawn])
    posted(target, sent)
    for each, received in zip(sent, arrived(target, sent), strict=True):
        expected = [line for line in each.content.split(CRLF) if line.startswith(b".")]
        dotted = [line for line in received.split(CRLF) if line.startswith(b".")]
        assert dotted == expected, f"lines with a dot in front: {expected} went in, {dotted} came out"


@covers("RFC5321-4.5.2-nk2", fault="delivery.control-characters-dropped")
@needs(reader())
@given(drawn=st.lists(_ascii, min_size=2, max_size=4))
def test_every_ascii_character_comes_through(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = letters(target, [body + b"\x01\x08\x0b\x7f\r\n" for body in drawn])
    client = entrance(target)
    for each in sent:
        reply = post(target, client, each.content)
        assert reply.klass == 2, f"a message with control characters was answered {reply}"
    for each, received in zip(sent, arrived(target, sent), strict=True):
        assert not (change := changes(each.content, received)), change


@covers("RFC5321-4.5.2-nk2", fault="delivery.long-lines-cut", also=("delivery.dots-stay-doubled",))
@needs(reader())
@given(
    lengths=st.lists(st.sampled_from([1, 78, 79, 510, 511, 512, 513, 996, 997, 998]), min_size=1, max_size=4),
    drawn=st.lists(bodies, max_size=2),
)
def test_lines_up_to_1000_octets_come_through(
    target: LiveTarget, lengths: list[int], drawn: list[bytes]
) -> None:
    lined = b"".join(b"x" * length + CRLF for length in [*lengths, MAX_LINE])
    sent = letters(target, [lined, *(body + b"The end.\r\n" for body in drawn)])
    posted(target, sent)
    for each, received in zip(sent, arrived(target, sent), strict=True):
        assert not (change := changes(each.content, received)), change


@covers("RFC5321-2.1-b", fault="delivery.message-beyond-64k-cut")
@needs(reader())
def test_a_message_of_200_kilobytes_comes_through(target: LiveTarget) -> None:
    sent = letter(target, b"".join(b"%06d " % number + b"x" * 70 + CRLF for number in range(2600)))
    posted(target, [sent])
    assert not (change := changes(sent.content, arrived(target, [sent])[0])), change
