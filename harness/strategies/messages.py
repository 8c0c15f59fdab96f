"""RFC 5322 messages as octets: CRLF, lines of at most 998 octets, bodies that try a server's transparency.

Examples shrink to an empty body. Every message begins with ``From: Mailproof`` and carries a token, so that it is
found again and told from what delivery puts on top.
"""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.wire.lines import CRLF

__all__ = [
    "MAX_LINE",
    "TOKEN_FIELD",
    "bodies",
    "body_lines",
    "compose",
    "eight_bit_bodies",
    "eight_bit_lines",
    "eight_bit_messages",
    "header_fields",
    "text_messages",
]

# RFC 5322 §2.1.1: octets of a line, CRLF excluded.
MAX_LINE: Final = 998

TOKEN_FIELD: Final = b"X-Mailproof-Token"

_PRINTABLE: Final = "".join(map(chr, range(32, 127)))
# RFC 5322 §3.5: a body's text is any of 1 to 127 but CR and LF.
_RARE: Final = "".join(map(chr, [1, 7, 8, 11, 12, 26, 27, 127]))

# Lines at which a server stumbles that reads content as commands, as its store's format, or not to the octet.
_TRAPS: Final = (
    b".", b"..", b"...", b".x", b". ", b" .", b"From me to you", b">From me", b" ", b"\t", b"x ", b"x\t", b"\tx",
    b"QUIT", b"RSET", b"250 OK", b"+OK", b"-ERR", b")", b"* BYE", b"a1 OK", b"--", b"-- ", b"--=_x", b"=20", b"=",
    b"begin 644 x", b"Subject: not a header", b"\\", b'"', b"{5}", b"{5+}", b"\x1a",
)  # fmt: skip


def _octets(text: SearchStrategy[str]) -> SearchStrategy[bytes]:
    return text.map(str.encode)


def _joined(lines: SearchStrategy[list[bytes]]) -> SearchStrategy[bytes]:
    return lines.map(lambda listed: b"".join(line + CRLF for line in listed))


_long_lines: Final = st.tuples(st.sampled_from([b"x", b".", b" "]), st.sampled_from([998, 997, 512, 79])).map(
    lambda drawn: drawn[0].ljust(drawn[1], b"x")
)

# Lines of a body without their CRLF, 7-bit.
body_lines: Final = st.one_of(
    st.just(b""),
    st.sampled_from(_TRAPS),
    _octets(st.text(_PRINTABLE + "\t", max_size=20)),
    _octets(st.text(_PRINTABLE[1:] + _RARE, min_size=1, max_size=6)),
    _long_lines,
)
# Bodies, 7-bit; the last line is ended, and there may be none.
bodies: Final = _joined(st.lists(body_lines, max_size=8))

# Lines with an octet above 127 at least: UTF-8, or anything.
eight_bit_lines: Final = st.one_of(
    _octets(st.text("äöéñжя例\u00a0\u2028", min_size=1, max_size=12)),
    st.binary(min_size=1, max_size=12).map(lambda octets: bytes(octet | 0x80 for octet in octets)),
    st.sampled_from([b".\xc3\xa9", b"\xff\xfe", b"\xa0", b"\x85", b"\xc3\xa9 ", 499 * b"\xc3\xa9"]),
)
# Bodies with an octet above 127 at least, ended as `bodies`.
eight_bit_bodies: Final = st.tuples(
    st.lists(body_lines | eight_bit_lines, max_size=4),
    eight_bit_lines,
    st.lists(body_lines | eight_bit_lines, max_size=4),
).map(lambda drawn: b"".join(line + CRLF for line in (*drawn[0], drawn[1], *drawn[2])))

# Header fields, each without its last CRLF: folded or not, empty or not, with names no server knows.
_words: Final = _octets(st.text(_PRINTABLE[1:], min_size=1, max_size=12))
_values: Final = st.lists(_words, max_size=4).map(b" ".join)
_folded: Final = st.tuples(_words, st.sampled_from([b"\r\n ", b"\r\n\t", b" \r\n  "]), _words).map(b"".join)
_names: Final = st.sampled_from(
    [b"X-A", b"x-b", b"X-Long-Name-7", b"X-Keywords", b"Comments", b"X_y!#$%&'*+~"]
)
header_fields: Final = st.lists(
    st.tuples(_names, st.sampled_from([b": ", b":", b":\t"]), _values | _folded).map(b"".join), max_size=4
)


def compose(
    token: str,
    body: bytes,
    *,
    to: str = "alice@example.test",
    fields: Sequence[bytes] = (),
    subject: bytes = b"m",
) -> bytes:
    """A message (RFC 5322 §3.6) of this body, whose lines are ended.

    Args:
        token: Printable ASCII without spaces; it is in the token's field and in the Message-ID.
        to: The address in the To field.
        fields: Further header fields, each without its last CRLF, put below the others.
    """
    mark = token.encode()
    lines = [
        b"From: Mailproof <mailproof@example.org>",
        b"To: <%s>" % to.encode(),
        b"Subject: " + subject,
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000",
        b"Message-ID: <%s@example.org>" % mark,
        b"%s: %s" % (TOKEN_FIELD, mark),
        *fields,
    ]
    return b"".join(line + CRLF for line in lines) + CRLF + body


def text_messages(token: str, *, to: str = "alice@example.test") -> SearchStrategy[bytes]:
    """Messages of ASCII text; arguments as `compose`."""
    return st.builds(lambda body, fields: compose(token, body, to=to, fields=fields), bodies, header_fields)


def eight_bit_messages(token: str, *, to: str = "alice@example.test") -> SearchStrategy[bytes]:
    """Messages with an 8-bit body, for 8BITMIME (RFC 6152 §3); arguments as `compose`."""
    fields = (
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
    )
    return eight_bit_bodies.map(lambda body: compose(token, body, to=to, fields=fields))
