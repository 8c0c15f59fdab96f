"""Cuts of an octet stream, ESMTP parameters and sequences of commands."""

from itertools import pairwise
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = [
    "any_case",
    "command_lines",
    "command_sequences",
    "cuts",
    "keywords",
    "parameters",
    "unknown_parameters",
    "xtexts",
]

_ALNUM: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ESMTP_VALUE: Final = _ALNUM + "".join(chr(o) for o in range(33, 127) if chr(o) not in "=" + _ALNUM)


def cuts(octets: bytes) -> SearchStrategy[list[bytes]]:
    """Ways to cut `octets` into pieces, none empty; one piece is the simplest."""
    if len(octets) < 2:
        return st.just([octets] if octets else [])
    places = st.sets(st.integers(1, len(octets) - 1), max_size=8)
    return places.map(lambda chosen: [octets[a:b] for a, b in pairwise([0, *sorted(chosen), len(octets)])])


def any_case(word: bytes) -> SearchStrategy[bytes]:
    """A word in every mixture of upper and lower case; as it is, at the simplest."""
    letters = [(chr(octet), chr(octet).swapcase()) for octet in word]
    return st.tuples(*map(st.sampled_from, letters)).map(lambda chosen: "".join(chosen).encode())


keywords: Final = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,8}", fullmatch=True).map(str.encode)
_values: Final = st.text(_ESMTP_VALUE, min_size=1, max_size=12).map(str.encode)

# RFC 3461 §4
xtexts: Final = st.lists(
    st.sampled_from(_ESMTP_VALUE.replace("+", "")) | st.integers(0, 255).map(lambda octet: f"+{octet:02X}"),
    min_size=1,
    max_size=12,
).map(lambda parts: "".join(parts).encode())

# Parameters that no extension defines: a server that follows RFC 5321 §4.1.1.11 answers 555.
unknown_parameters: Final = st.tuples(keywords, st.none() | _values).map(
    lambda parts: b"XMP" + parts[0] + (b"" if parts[1] is None else b"=" + parts[1])
)

# Parameters of MAIL that are well-formed by their extension's own grammar.
parameters: Final = st.one_of(
    st.integers(0, 10**20 - 1).map(lambda octets: b"SIZE=%d" % octets),
    st.sampled_from([b"BODY=7BIT", b"BODY=8BITMIME", b"RET=FULL", b"RET=HDRS", b"SMTPUTF8", b"AUTH=<>"]),
    xtexts.map(lambda text: b"ENVID=" + text),
)

# Lines that are well-formed, in or out of sequence; DATA may open content.
_ARGUMENT_FREE: Final = [b"NOOP", b"RSET", b"HELP", b"DATA"]
command_lines: Final = st.one_of(
    st.sampled_from(_ARGUMENT_FREE),
    st.just(b"EHLO [192.0.2.1]"),
    st.just(b"HELO client.example.test"),
    st.just(b"VRFY nobody"),
    st.just(b"MAIL FROM:<>"),
    st.just(b"MAIL FROM:<sender@example.org>"),
)


def command_sequences(recipients: SearchStrategy[bytes], *, max_size: int = 8) -> SearchStrategy[list[bytes]]:
    """Command lines in any order; `recipients` are paths with their brackets, for RCPT. No QUIT, no BDAT."""
    rcpt = recipients.map(lambda path: b"RCPT TO:" + path)
    return st.lists(command_lines | rcpt, min_size=1, max_size=max_size)
