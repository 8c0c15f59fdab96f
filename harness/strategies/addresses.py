"""Mailboxes and paths, good and bad, as octets on the wire. Examples are small and shrink to ``<a@example.test>``."""

from typing import Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = [
    "BROKEN",
    "BadPath",
    "address_literals",
    "atoms",
    "bad_paths",
    "bad_paths_by",
    "domains",
    "dot_strings",
    "general_literals",
    "ipv4_literals",
    "ipv6_literals",
    "local_parts",
    "longest_local_parts",
    "mailboxes",
    "paths",
    "paths_with_routes",
    "quoted_strings",
    "utf8_mailboxes",
]

# RFC 5321 §4.1.2, by way of RFC 5322 §3.2.3; letters first, so that examples shrink to them.
ATEXT: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
_LETTERS: Final = ATEXT[:26]
_QTEXT: Final = "".join(chr(octet) for octet in range(32, 127) if chr(octet) not in '"\\')
_DCONTENT: Final = "".join(chr(octet) for octet in range(33, 127) if chr(octet) not in "[\\]")

# Octets, RFC 5321 §4.5.3.1.1. Domains here stay far below their 255.
MAX_LOCAL_PART: Final = 64


def _octets(text: SearchStrategy[str]) -> SearchStrategy[bytes]:
    return text.map(lambda words: words.encode("utf-8"))


# Local parts

atoms: Final = _octets(st.lists(st.sampled_from(ATEXT), min_size=1, max_size=12).map("".join))
dot_strings: Final = atoms | st.lists(atoms, min_size=2, max_size=4).map(b".".join)

_qtext: Final = st.sampled_from(_QTEXT)
_quoted_pair: Final = st.sampled_from(_QTEXT + '"\\').map(lambda octet: "\\" + octet)
quoted_strings: Final = _octets(
    st.lists(_qtext | _quoted_pair, min_size=1, max_size=16).map(lambda q: '"' + "".join(q) + '"')
)

local_parts: Final = dot_strings | quoted_strings
# Exactly the 64 octets that must be taken.
longest_local_parts: Final = _octets(st.text(ATEXT, min_size=MAX_LOCAL_PART, max_size=MAX_LOCAL_PART))

# Domains, all below names that RFC 2606 sets aside

# No two hyphens in a row: a server may read such a label as an internationalised one.
_labels: Final = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,8}", fullmatch=True).map(str.encode)
_apexes: Final = st.sampled_from([b"example.test", b"example.org"])
domains: Final = _apexes | st.tuples(st.lists(_labels, min_size=1, max_size=3), _apexes).map(
    lambda parts: b".".join((*parts[0], parts[1]))
)

ipv4_literals: Final = st.integers(0, 255).map(lambda host: b"[192.0.2.%d]" % host)
_groups: Final = st.integers(0, 0xFFFF).map(lambda group: b"%x" % group)
ipv6_literals: Final = st.one_of(
    st.lists(_groups, min_size=1, max_size=4).map(
        lambda groups: b"[IPv6:2001:db8::" + b":".join(groups) + b"]"
    ),
    st.lists(_groups, min_size=6, max_size=6).map(
        lambda groups: b"[IPv6:2001:db8:" + b":".join(groups) + b"]"
    ),
    st.integers(0, 255).map(lambda host: b"[IPv6:2001:db8::192.0.2.%d]" % host),
)
# RFC 5321 §4.1.3 asks for a registered tag, and IPv6 is the only one: well-formed, but a server may refuse it.
general_literals: Final = st.tuples(
    st.from_regex(r"x-[a-z0-9-]{0,6}[a-z0-9]", fullmatch=True).map(str.encode),
    _octets(st.text(_DCONTENT, min_size=1, max_size=12)),
).map(lambda literal: b"[%s:%s]" % literal)
address_literals: Final = ipv4_literals | ipv6_literals

# Mailboxes and paths

mailboxes: Final = st.tuples(local_parts, domains | address_literals).map(b"@".join)
paths: Final = mailboxes.map(lambda mailbox: b"<" + mailbox + b">")
paths_with_routes: Final = st.tuples(st.lists(domains, min_size=1, max_size=3), mailboxes).map(
    lambda parts: b"<" + b",".join(b"@" + hop for hop in parts[0]) + b":" + parts[1] + b">"
)
# RFC 6531 §3.3; letters that every normalisation leaves alone.
utf8_mailboxes: Final = st.tuples(_octets(st.text("åäöéñжяあ例", min_size=1, max_size=8)), domains).map(
    b"@".join
)


class BadPath(NamedTuple):
    """A path that breaks exactly one rule of RFC 5321 §4.1.2 or §4.1.3."""

    broken: str
    octets: bytes


_plain: Final = (
    st.text(_LETTERS, min_size=1, max_size=8).filter(lambda word: word != "postmaster").map(str.encode)
)

# What is broken -> the path, with L for a plain local part and D for a plain domain.
_BAD: Final = {
    "no brackets": b"L@D",
    "no opening bracket": b"L@D>",
    "no closing bracket": b"<L@D",
    "a space after the bracket": b"< L@D>",
    "a space before the bracket": b"<L@D >",
    "no local part": b"<@D>",
    "no at sign and no domain": b"<L>",
    "an at sign and no domain": b"<L@>",
    "two at signs": b"<L@L@D>",
    "a dot in front of the local part": b"<.L@D>",
    "a dot behind the local part": b"<L.@D>",
    "two dots in the local part": b"<L..L@D>",
    "a space in the local part": b"<L L@D>",
    "a parenthesis in the local part": b"<L(L@D>",
    "a comma in the local part": b"<L,L@D>",
    "a backslash outside quotes": b"<L\\L@D>",
    "a quoted string that is not closed": b'<"L@D>',
    "a quote within an atom": b'<L"L@D>',
    "text behind a quoted string": b'<"L"L@D>',
    "a control character in a quoted string": b'<"L\x07L"@D>',
    "a control character in the local part": b"<L\x07L@D>",
    "a hyphen in front of a label": b"<L@-D>",
    "a hyphen behind a label": b"<L@L-.D>",
    "an empty label": b"<L@L..D>",
    "a dot in front of the domain": b"<L@.D>",
    "a dot behind the domain": b"<L@D.>",
    "an underscore in the domain": b"<L@L_L.D>",
    "a space in the domain": b"<L@L L.D>",
    "an octet of an IPv4 literal above 255": b"<L@[192.0.2.256]>",
    "an IPv4 literal of three octets": b"<L@[192.0.2]>",
    "an address literal that is not closed": b"<L@[192.0.2.1>",
    "an empty address literal": b"<L@[]>",
    "an IPv6 literal with two gaps": b"<L@[IPv6:2001::db8::1]>",
    "an IPv6 literal of seven groups": b"<L@[IPv6:2001:db8:0:0:0:0:1]>",
    "a source route without its colon": b"<@D,L@D>",
    "a source route that ends in a comma": b"<@D,:L@D>",
    "UTF-8 without SMTPUTF8": b"<L\xc3\xa9@D>",
}

# What a bad path can break, in words; each has its `bad_paths_by`.
BROKEN: Final = tuple(_BAD)


def bad_paths_by(broken: str) -> SearchStrategy[BadPath]:
    """Paths that break this one of `BROKEN`."""

    def build(local: bytes, domain: bytes) -> BadPath:
        filled = {ord("L"): local, ord("D"): domain}
        return BadPath(broken, b"".join(filled.get(octet, bytes([octet])) for octet in _BAD[broken]))

    return st.builds(build, _plain, _apexes)


bad_paths: Final = st.sampled_from(BROKEN).flatmap(bad_paths_by)
