"""RFC 3501 §6.4.4: SEARCH."""

import base64
import datetime as dt
import quopri
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from harness.clients.imap import Literal
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_date
from harness.wire.imap.responses import ESearch, Search
from harness.wire.imap.results import found
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.scratch import Scratch, Stored, message, scratch, stock
from suites.imap.searched import (
    EVERYTHING,
    SENT,
    Key,
    dates,
    flag_keys,
    must_find,
    number_keys,
    plain_keys,
    searched,
    size_keys,
    trees,
    within,
)
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_relations = st.sampled_from([b"ON", b"BEFORE", b"SINCE"])


@covers("RFC3501-6.4.4-nk1", fault="imap.search-draft-means-flagged")
@needs(_IMAP)
@given(key=flag_keys)
def test_search_finds_messages_by_flag(target: LiveTarget, key: Key) -> None:
    must_find(searched(target), *key)


@covers("RFC3501-6.4.4-nk1", fault="imap.search-larger-or-equal")
@needs(_IMAP)
@given(key=size_keys)
def test_search_finds_messages_by_size(target: LiveTarget, key: Key) -> None:
    must_find(searched(target), *key)


@covers("RFC3501-6.4.4-nk1", fault="imap.search-ranges-one-way")
@needs(_IMAP)
@given(key=number_keys)
def test_search_finds_messages_by_number(target: LiveTarget, key: Key) -> None:
    must_find(searched(target), *key)


@covers("RFC3501-6.4.4-nk1", fault="imap.search-uid-takes-numbers")
@needs(_IMAP)
@given(chosen=st.lists(st.booleans(), min_size=3, max_size=3))
def test_search_finds_messages_by_uid(target: LiveTarget, chosen: list[bool]) -> None:
    # The first message is removed, so that no number is the UID.
    with scratch(
        target, [Stored(message(target).content, (r"\Deleted",)), *(message(target) for _ in chosen)]
    ) as box:
        box.ask(b"EXPUNGE")
        uids = box.uids()
        wanted = [uid for uid, choose in zip(uids, chosen, strict=False) if choose] or [uids[-1] + 7]
        for key in (b"UID %d" % wanted[0], b"UID " + b",".join(b"%d" % uid for uid in wanted)):
            result = box.ask(b"SEARCH", key)
            expected = [
                number
                for number, uid in enumerate(uids, 1)
                if uid in wanted[: 1 if b"," not in key else None]
            ]
            assert sorted(found(result)) == expected, (
                f"SEARCH {key!r} found {found(result)}; the UIDs are {uids}"
            )


@covers("RFC3501-6.4.4-nk1", fault="imap.search-internal-date-in-utc")
@needs(_IMAP)
@given(relation=_relations, day=dates)
def test_search_finds_messages_by_internal_date(target: LiveTarget, relation: bytes, day: dt.date) -> None:
    box = searched(target)
    told = {number: data.internaldate for number, data in box.fetch(b"(INTERNALDATE)").items()}
    days = {number: moment.date() for number, moment in told.items() if moment is not None}
    must_find(box, b"%s %s" % (relation, encode_date(day)), within(days, relation, day))


@covers("RFC3501-6.4.4-nk1", fault="imap.search-sent-date-in-utc")
@needs(_IMAP)
@given(relation=_relations, day=dates)
def test_search_finds_messages_by_date_field(target: LiveTarget, relation: bytes, day: dt.date) -> None:
    must_find(searched(target), b"SENT%s %s" % (relation, encode_date(day)), within(SENT, relation, day))


@covers("RFC3501-6.4.4-nk1", fault="imap.search-or-means-and", also=("imap.search-takes-the-last-key",))
@needs(_IMAP)
@given(key=trees)
@example(key=(b"OR NOT ALL NOT (ANSWERED NOT ALL)", EVERYTHING))
def test_search_combines_keys_by_not_or_and_parentheses(target: LiveTarget, key: Key) -> None:
    must_find(searched(target), *key)


@covers("RFC3501-6.4.4-nk1", fault="imap.search-takes-the-last-key")
@needs(_IMAP)
@given(keys=st.lists(plain_keys, min_size=2, max_size=3))
def test_search_finds_what_all_keys_match(target: LiveTarget, keys: list[Key]) -> None:
    both = frozenset.intersection(EVERYTHING, *(hits for _, hits in keys))
    must_find(searched(target), b" ".join(key for key, _ in keys), both)


@covers("RFC3501-6.4.4-b", fault="imap.search-without-a-match-is-silent")
@needs(_IMAP)
@given(
    key=st.sampled_from([b"NOT ALL", b"SMALLER 1", b"NOT 1:*", b"BEFORE 1-Jan-1990", b"LARGER 4294967294"])
)
def test_search_without_a_match_sends_an_untagged_search(target: LiveTarget, key: bytes) -> None:
    result = searched(target).ask(b"SEARCH", key)
    # ESEARCH is the answer of a server that is IMAP4rev2 alone.
    assert [*result.of(Search), *result.of(ESearch)], f"SEARCH {key!r} was answered {result.raw!r}"
    assert not found(result), f"SEARCH {key!r} found {found(result)}"


# Strings

_FIELDS: Final = {
    b"SUBJECT": b"Subject: Quarterly Zebrafish report",
    b"CC": b"Cc: Walter Ingelborg <walter@example.org>",
    b"HEADER X-Mailproof-Word": b"X-Mailproof-Word: Lampshade",
}
_BODY: Final = b"Dear reader, the Orangery opens tomorrow.\r\n"
# Key -> the words that it can find, each of them nowhere else in the message.
_WORDS: Final = {
    b"SUBJECT": (b"Quarterly", b"Zebrafish"),
    b"CC": (b"Walter", b"Ingelborg"),
    b"HEADER X-Mailproof-Word": (b"Lampshade",),
    b"BODY": (b"Orangery", b"reader"),
    b"TEXT": (b"Orangery", b"Zebrafish", b"Lampshade"),
}
_searches = st.sampled_from([(key, word) for key, words in _WORDS.items() for word in words])


def _texts(target: LiveTarget) -> Scratch:
    """Message 1 has the words, message 2 has none of them."""

    def contents() -> list[Stored]:
        plain = message(target, _BODY, [_FIELDS[b"CC"], _FIELDS[b"HEADER X-Mailproof-Word"]]).content
        head, _, rest = plain.partition(b"Subject: ")
        return [Stored(head + _FIELDS[b"SUBJECT"] + b"\r\n" + rest.partition(b"\r\n")[2]), message(target)]

    return stock(target, "texts", contents)


@covers("RFC3501-6.4.4-nk2", fault="imap.search-minds-case")
@needs(_IMAP)
@given(search=_searches, swap=st.integers(0, 255), cut=st.integers(3, 12))
def test_search_finds_words_in_any_case(
    target: LiveTarget, search: tuple[bytes, bytes], swap: int, cut: int
) -> None:
    key, word = search
    letters = [chr(octet).swapcase() if swap >> at & 1 else chr(octet) for at, octet in enumerate(word[:cut])]
    must_find(_texts(target), b'%s "%s"' % (key, "".join(letters).encode()), frozenset({1}))


@covers("RFC3501-6.4.4-nk2", fault="imap.search-body-sees-the-header")
@needs(_IMAP)
@given(search=_searches.filter(lambda search: search[0] not in {b"TEXT", b"BODY"}))
def test_search_looks_where_the_key_says(target: LiveTarget, search: tuple[bytes, bytes]) -> None:
    key, word = search
    box = _texts(target)
    for elsewhere in {b"SUBJECT", b"CC", b"FROM", b"BODY"} - {key}:
        must_find(box, b'%s "%s"' % (elsewhere, word), frozenset())


@covers("RFC3501-6.4.4-nk1", fault="imap.search-empty-string-matches-nothing")
@needs(_IMAP)
@given(name=st.sampled_from([b"X-Mailproof-Word", b"x-mailproof-word", b"CC"]))
def test_search_finds_a_field_whatever_it_holds(target: LiveTarget, name: bytes) -> None:
    must_find(_texts(target), b'HEADER %s ""' % name, frozenset({1}))


@covers("RFC3501-6.4.4-f", fault="imap.search-refuses-us-ascii")
@needs(_IMAP)
@given(charset=st.sampled_from([b"US-ASCII", b"us-ascii", b'"US-ASCII"']), search=_searches)
def test_search_in_us_ascii_works(target: LiveTarget, charset: bytes, search: tuple[bytes, bytes]) -> None:
    result = _texts(target).imap.command(b'SEARCH CHARSET %s %s "%s"' % (charset, *search))
    assert result.ok, f"SEARCH CHARSET {charset.decode()} was answered {result.tagged}"


@covers("RFC9051-6.4.4-o", fault="imap.search-refuses-utf-8", also=("imap.search-refuses-us-ascii",))
@needs(imap_offers("IMAP4rev2"))
@given(charset=st.sampled_from([b"UTF-8", b"utf-8", b"US-ASCII"]), search=_searches)
def test_search_in_utf_8_works(target: LiveTarget, charset: bytes, search: tuple[bytes, bytes]) -> None:
    result = _texts(target).imap.command(b'SEARCH CHARSET %s %s "%s"' % (charset, *search))
    assert result.ok, f"SEARCH CHARSET {charset.decode()} was answered {result.tagged}"


# No registered charset begins so.
_no_charsets = st.from_regex(r"X-MAILPROOF-[A-Z0-9]{1,8}", fullmatch=True).map(str.encode)


def _must_refuse_charset(target: LiveTarget, charset: bytes) -> None:
    result = _texts(target).imap.command(b"SEARCH CHARSET %s TEXT x" % charset)
    assert result.status is Answer.NO, f"SEARCH CHARSET {charset.decode()} was answered {result.tagged}"


@covers("RFC3501-6.4.4-g", fault="imap.unknown-charset-is-bad")
@needs(_IMAP)
@given(charset=_no_charsets)
def test_search_in_an_unknown_charset_gets_no(target: LiveTarget, charset: bytes) -> None:
    _must_refuse_charset(target, charset)


@covers("RFC9051-6.4.4-r", fault="imap.unknown-charset-is-bad")
@needs(imap_offers("IMAP4rev2"))
@given(charset=_no_charsets)
def test_imap4rev2_search_in_an_unknown_charset_gets_no(target: LiveTarget, charset: bytes) -> None:
    _must_refuse_charset(target, charset)


@covers("RFC3501-6.4.4-h", fault="imap.unknown-charset-without-code")
@needs(_IMAP)
def test_an_unknown_charset_is_refused_with_badcharset(target: LiveTarget) -> None:
    result = _texts(target).imap.command(b"SEARCH CHARSET X-MAILPROOF-1 TEXT x")
    if result.status is not Answer.NO:
        raise Unclear(f"an unknown charset was answered {result.tagged}")
    assert "BADCHARSET" in result.codes(), f"it was answered {result.tagged}"


# Encoded text

_ENCODED: Final = tuple(
    (word, charset, encoding)
    for charset, words in {
        "utf-8": ("Grüße", "Привет", "žluťoučký", "naïve"),
        "iso-8859-1": ("Straße", "Señor", "façade", "Ærø"),
    }.items()
    for word, encoding in zip(words, ("Q", "B", "Q", "B"), strict=True)
)


def _encoded_content(target: LiveTarget, word: str, charset: str, encoding: str, *, in_header: bool) -> bytes:
    octets = word.encode(charset)
    if in_header:
        text = base64.b64encode(octets) if encoding == "B" else b"".join(b"=%02X" % octet for octet in octets)
        encoded = b"X-Mailproof-Word: =?%s?%s?%s?=" % (charset.encode(), encoding.encode(), text)
        return message(target, headers=[encoded]).content
    body = base64.b64encode(octets) if encoding == "B" else quopri.encodestring(octets)
    fields = [
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=" + charset.encode(),
        b"Content-Transfer-Encoding: " + (b"base64" if encoding == "B" else b"quoted-printable"),
    ]
    return message(target, body + b"\r\n", fields).content


@covers("RFC3501-6.4.4-e", fault="imap.search-encoded-text")
@needs(_IMAP)
@given(index=st.integers(0, len(_ENCODED) - 1), in_header=st.booleans())
def test_search_decodes_before_it_compares(target: LiveTarget, index: int, in_header: bool) -> None:
    def contents() -> list[Stored]:
        return [Stored(_encoded_content(target, *each, in_header=in_header)) for each in _ENCODED]

    box = stock(target, "encoded-header" if in_header else "encoded-body", contents)
    word, charset, encoding = _ENCODED[index]
    key = b"HEADER X-Mailproof-Word" if in_header else b"TEXT"
    result = box.imap.command(b"SEARCH CHARSET UTF-8", key, Literal(word.encode()))
    if result.status is Answer.NO:
        raise NotOffered(f"SEARCH CHARSET UTF-8 was answered {result.tagged}")
    assert found(result) == [index + 1], (
        f"SEARCH {key.decode()} {word!r} found {found(result)}; message {index + 1} has it in {charset}, {encoding}"
    )
