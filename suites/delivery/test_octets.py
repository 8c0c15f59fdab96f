"""RFC 6152 §3 and RFC 3030 §2, §3: octets above 127, chunks, binary."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.strategies.messages import eight_bit_bodies
from harness.target import Protocol
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, letters
from suites.mail import changes, forward_path, reverse_path
from suites.needs import endpoint, needs, reader, smtp_offers

_MIME = [b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8"]
_BINARY = st.binary(max_size=60).map(lambda octets: octets.replace(b"\0", b"\1"))
_PIECES = st.lists(
    st.sampled_from([b".\r\n", b"..\r\n", b"\r\n", b".x\r\n", b"x" * 70 + b"\r\n", b"\r\n.\r\n"]), max_size=6
).map(b"".join)


def labelled(target: LiveTarget, drawn: list[bytes], encoding: bytes) -> list[Letter]:
    """Messages of these bodies whose MIME header says how they are encoded."""
    return letters(target, drawn, fields=[*_MIME, b"Content-Transfer-Encoding: " + encoding])


def unchanged(target: LiveTarget, sent: list[Letter]) -> None:
    """Assert that each arrives as it was sent."""
    for each, received in zip(sent, arrived(target, sent), strict=True):
        assert not (change := changes(each.content, received)), change


def opened(target: LiveTarget, client: SmtpClient, *parameters: bytes) -> None:
    for reply in (client.mail(reverse_path(target), *parameters), client.rcpt(forward_path(target))):
        if reply.klass != 2:
            raise Unclear(f"a plain envelope was answered {reply}")


def chunked(client: SmtpClient, pieces: list[bytes]) -> None:
    """The message in these chunks, the last one marked; `Unclear` where one is refused."""
    for index, piece in enumerate(pieces):
        if (reply := client.bdat(piece, last=index == len(pieces) - 1)).klass != 2:
            raise Unclear(f"a chunk was answered {reply}")


@covers("RFC6152-3-c", "RFC6152-3-e", fault="delivery.eighth-bit-cleared")
@needs(endpoint(Protocol.SMTP), reader(), smtp_offers("8BITMIME"))
@given(drawn=st.lists(eight_bit_bodies, min_size=2, max_size=4))
def test_octets_above_127_keep_every_bit(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = labelled(target, drawn, b"8bit")
    client = target.smtp()
    for each in sent:
        opened(target, client, b"BODY=8BITMIME")
        if (reply := client.data(each.content)).klass != 2:
            raise Unclear(f"8-bit content was answered {reply}")
    unchanged(target, sent)


@covers("RFC3030-2-nk1", "RFC3030-2-nk3", fault="delivery.dots-taken-off-chunks")
@needs(endpoint(Protocol.SMTP), reader(), smtp_offers("CHUNKING"))
@given(
    bodies=st.lists(_PIECES, min_size=1, max_size=3),
    shares=st.sets(st.integers(1, 99), max_size=6),
    empty=st.booleans(),
)
def test_chunks_join_to_the_message(
    target: LiveTarget, bodies: list[bytes], shares: set[int], empty: bool
) -> None:
    sent = labelled(target, [b".first\r\n" + body for body in bodies], b"7bit")
    client = target.smtp()
    for each in sent:
        opened(target, client)
        places = [0, *sorted(len(each.content) * share // 100 for share in shares), len(each.content)]
        chunked(client, [each.content[a:b] for a, b in pairwise(places)] + [b""] * empty)
    unchanged(target, sent)


@covers("RFC3030-3-a", fault="delivery.binary-line-ends-mended", also=("delivery.eighth-bit-cleared",))
@needs(endpoint(Protocol.SMTP), reader(), smtp_offers("CHUNKING", "BINARYMIME"))
@given(drawn=st.lists(_BINARY, min_size=1, max_size=3))
def test_binary_content_keeps_every_octet(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = labelled(target, [b"a\nb\rc\xff" + body + b"\r\n" for body in drawn], b"binary")
    client = target.smtp()
    for each in sent:
        opened(target, client, b"BODY=BINARYMIME")
        chunked(client, [each.content])
    unchanged(target, sent)
