"""What an IMAP server may say, as octets beside what they mean; mailbox names, flags and sets."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.wire.imap.bodystructure import BodyStructure, Disposition, Extension, Multipart, Part
from harness.wire.imap.codes import AppendUid, Code, CodeValue, CopyUid
from harness.wire.imap.encode import encode_astring, encode_flags, encode_list, encode_literal, encode_quoted
from harness.wire.imap.envelope import Address, Envelope
from harness.wire.imap.fetch import FetchData, FetchValue
from harness.wire.imap.responses import (
    Capability,
    Condition,
    Continuation,
    ESearch,
    Exists,
    Expunge,
    Fetch,
    Flags,
    ListData,
    Recent,
    Response,
    Search,
    StatusData,
    Tagged,
    Vanished,
)
from harness.wire.imap.sequence import MAX_NUMBER, SequenceSet
from harness.wire.imap.states import Answer
from harness.wire.imap.tokens import MAX_NUMBER64, Value

__all__ = [
    "Said",
    "atoms",
    "fetches",
    "flags",
    "list_entries",
    "mailbox_names",
    "number_sets",
    "responses",
    "searches",
    "statuses",
    "strings",
]

T = TypeVar("T")

# Octets, and what they mean.
Said = tuple[bytes, T]

atoms: Final = st.text("abcXYZ019!#$&'+,-./:;<=>?@^_`|~", min_size=1, max_size=8).filter(
    lambda text: text.upper() != "NIL"
)
flags: Final = st.lists(
    st.sampled_from([r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft"]) | atoms,
    max_size=4,
    unique_by=str.lower,
).map(tuple)
numbers: Final = st.integers(1, 99) | st.integers(1, MAX_NUMBER)
number_sets: Final = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4).map(
    lambda ranges: SequenceSet(tuple(ranges))
)
_counts: Final = st.integers(0, 99) | st.integers(0, MAX_NUMBER)
_modseqs: Final = st.integers(1, MAX_NUMBER64)

# Mailbox names as people see them: one level, no separators, no wildcards.
mailbox_names: Final = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters='%*/.\\"'),
    min_size=1,
    max_size=12,
)

# RFC 3501 §9: a literal has any octet but NUL, a quoted string 7-bit text.
_texts: Final = st.text(
    st.characters(codec="ascii", exclude_characters="\0\r\n"), min_size=1, max_size=12
).map(str.encode)


def _said(values: SearchStrategy[T], write: Callable[[T], bytes]) -> SearchStrategy[Said[T]]:
    return values.map(lambda value: (write(value), value))


strings: Final = _said(_texts, encode_quoted) | _said(
    st.binary(max_size=12).map(lambda octets: octets.replace(b"\0", b"")), encode_literal
)
_nstrings: Final[SearchStrategy[Said[bytes | None]]] = st.one_of(st.just((b"NIL", None)), strings)
_astrings: Final = strings | _said(atoms.map(str.encode), encode_astring)


@st.composite
def _lists(draw: DrawFn, items: SearchStrategy[Said[T]], gap: bytes = b" ") -> Said[tuple[T, ...]]:
    """``(item item …)``, one item at least."""
    said = draw(st.lists(items, min_size=1, max_size=3))
    return b"(" + gap.join(octets for octets, _ in said) + b")", tuple(value for _, value in said)


@st.composite
def _addresses(draw: DrawFn) -> Said[Address]:
    said = [draw(_nstrings) for _ in range(4)]
    return encode_list(octets for octets, _ in said), Address(*(value for _, value in said))


_People = tuple[Address, ...] | None
_people: Final[SearchStrategy[Said[_People]]] = st.one_of(st.just((b"NIL", None)), _lists(_addresses(), b""))


@st.composite
def envelopes(draw: DrawFn) -> Said[Envelope]:
    """ENVELOPE (RFC 3501 §7.4.2)."""
    date, subject, in_reply_to, message_id = (draw(_nstrings) for _ in range(4))
    people = [draw(_people) for _ in range(6)]
    from_, sender, reply_to, to, cc, bcc = (value for _, value in people)
    envelope = Envelope(
        date[1], subject[1], from_, sender, reply_to, to, cc, bcc, in_reply_to[1], message_id[1]
    )
    octets = [date[0], subject[0], *(octets for octets, _ in people), in_reply_to[0], message_id[0]]
    return encode_list(octets), envelope


_Parameters = tuple[tuple[bytes, bytes], ...]


@st.composite
def _parameters(draw: DrawFn) -> Said[_Parameters]:
    pairs = draw(st.lists(st.tuples(strings, strings), max_size=2))
    if not pairs:
        return b"NIL", ()
    octets = [half[0] for pair in pairs for half in pair]
    return encode_list(octets), tuple((name[1], value[1]) for name, value in pairs)


@st.composite
def _dispositions(draw: DrawFn) -> Said[Disposition | None]:
    if draw(st.booleans()):
        return b"NIL", None
    kind, parameters = draw(strings), draw(_parameters())
    return encode_list([kind[0], parameters[0]]), Disposition(kind[1], parameters[1])


_languages: Final[SearchStrategy[Said[tuple[bytes, ...]]]] = st.one_of(
    st.just((b"NIL", ())), strings.map(lambda said: (said[0], (said[1],))), _lists(strings)
)


@st.composite
def _extensions(draw: DrawFn, multipart: bool) -> Said[Extension]:
    """As many members as the server likes, in order, each with a space before it."""
    sent = draw(st.integers(0, 4))
    md5 = draw(_nstrings) if sent > 0 and not multipart else (b"", None)
    parameters = draw(_parameters()) if sent > 0 and multipart else (b"", ())
    disposition = draw(_dispositions()) if sent > 1 else (b"", None)
    language = draw(_languages) if sent > 2 else (b"", ())
    location = draw(_nstrings) if sent > 3 else (b"", None)
    members = [md5[0] or parameters[0], disposition[0], language[0], location[0]][:sent]
    extension = Extension(md5[1], parameters[1], disposition[1], language[1], location[1], sent=sent)
    return b"".join(b" " + octets for octets in members), extension


_NO_EXTENSION: Final = (b"", Extension())


@st.composite
def body_structures(draw: DrawFn, extended: bool = True, depth: int = 2) -> Said[BodyStructure]:
    """BODYSTRUCTURE, or BODY where not `extended` (RFC 3501 §7.4.2)."""
    kinds = ["text", "other", "message", "multipart"][: 4 if depth else 2]
    kind = draw(st.sampled_from(kinds))
    if kind == "multipart":
        parts = draw(st.lists(body_structures(extended, depth - 1), min_size=1, max_size=2))
        subtype = draw(strings)
        extension = draw(_extensions(True)) if extended else _NO_EXTENSION
        octets = b"".join(part for part, _ in parts) + b" " + subtype[0] + extension[0]
        return b"(" + octets + b")", Multipart(tuple(part for _, part in parts), subtype[1], extension[1])
    return draw(_parts(kind, extended, depth))


_MEDIA: Final = {"text": b"TEXT", "message": b"message", "other": b"APPLICATION"}


@st.composite
def _parts(draw: DrawFn, kind: str, extended: bool, depth: int) -> Said[BodyStructure]:
    media = _MEDIA[kind]
    subtype = (b'"RFC822"', b"RFC822") if kind == "message" else draw(strings)
    parameters, identifier, description = draw(_parameters()), draw(_nstrings), draw(_nstrings)
    encoding, size = draw(strings), draw(_counts)
    words = [
        encode_quoted(media),
        subtype[0],
        parameters[0],
        identifier[0],
        description[0],
        encoding[0],
        b"%d" % size,
    ]
    lines, envelope, body = None, None, None
    if kind == "message":
        envelope_said, body_said = draw(envelopes()), draw(body_structures(extended, depth - 1))
        words += [envelope_said[0], body_said[0]]
        envelope, body = envelope_said[1], body_said[1]
    if kind != "other":
        lines = draw(_counts)
        words.append(b"%d" % lines)
    extension = draw(_extensions(False)) if extended else _NO_EXTENSION
    part = Part(
        media, subtype[1], parameters[1], identifier[1], description[1], encoding[1], size, lines, envelope, body,
        extension[1],
    )  # fmt: skip
    return b"(" + b" ".join(words) + extension[0] + b")", part


def _named(name: str, said: SearchStrategy[Said[T]]) -> SearchStrategy[tuple[str, Said[FetchValue]]]:
    return said.map(lambda pair: (name, pair))  # type: ignore[arg-type, return-value]  # T is one of FetchValue


_sections: Final = st.sampled_from(
    [
        "BODY[]",
        "BODY[HEADER]",
        "BODY[1.2.MIME]",
        "BODY[TEXT]<0>",
        "BODY[HEADER.FIELDS (SUBJECT X-A)]",
        "RFC822",
    ]
)
_simple_items: Final[SearchStrategy[tuple[str, Said[FetchValue]]]] = st.one_of(
    _named("FLAGS", _said(flags, encode_flags)),
    _named("UID", _said(numbers, lambda number: b"%d" % number)),
    _named("RFC822.SIZE", _said(_counts, lambda number: b"%d" % number)),
    _named("ENVELOPE", envelopes()),
    st.tuples(_sections, _nstrings),
)
_items: Final[SearchStrategy[tuple[str, Said[FetchValue]]]] = st.one_of(
    _simple_items,
    _named("MODSEQ", _said(_modseqs, lambda number: b"(%d)" % number)),
    _named("BODYSTRUCTURE", body_structures()),
    _named("BODY", body_structures(False)),
    _named("BINARY[1]", _said(st.binary(max_size=12), lambda octets: b"~{%d}\r\n%s" % (len(octets), octets))),
)


@st.composite
def fetches(draw: DrawFn, simple: bool = False) -> Said[Response]:
    """FETCH; where `simple`, without structures, literal8 and MODSEQ."""
    number = draw(numbers)
    items = dict(
        draw(
            st.lists(
                _simple_items if simple else _items, min_size=1, max_size=4, unique_by=lambda item: item[0]
            )
        )
    )
    octets = encode_list(b"%s %s" % (name.encode(), said[0]) for name, said in items.items())
    return b"* %d FETCH %s" % (number, octets), Fetch(
        number, FetchData({n: said[1] for n, said in items.items()})
    )


@st.composite
def list_entries(draw: DrawFn) -> Said[Response]:
    subscribed = draw(st.booleans())
    attributes = draw(
        st.lists(st.sampled_from([r"\Noinferiors", r"\Marked", r"\HasChildren"]), unique=True).map(tuple)
    )
    delimiter = draw(st.sampled_from([(b"NIL", None), (b'"/"', b"/"), (b'"\\\\"', b"\\")]))
    name = draw(_astrings)
    words = [b"LSUB" if subscribed else b"LIST", encode_flags(attributes), delimiter[0], name[0]]
    return b"* " + b" ".join(words), ListData(attributes, delimiter[1], name[1], {}, subscribed)


@st.composite
def statuses(draw: DrawFn) -> Said[Response]:
    name = draw(_astrings)
    names = st.sampled_from(
        ["MESSAGES", "RECENT", "UNSEEN", "UIDNEXT", "UIDVALIDITY", "SIZE", "HIGHESTMODSEQ"]
    )
    items = draw(st.dictionaries(names, numbers, max_size=4))
    octets = encode_list(b"%s %d" % (item.encode(), number) for item, number in items.items())
    return b"* STATUS %s %s" % (name[0], octets), StatusData(name[1], items)


@st.composite
def searches(draw: DrawFn) -> Said[Response]:
    found = tuple(draw(st.lists(numbers, max_size=5)))
    modseq = draw(st.none() | _modseqs) if found else None
    tail = b"" if modseq is None else b" (MODSEQ %d)" % modseq
    return b"* SEARCH" + b"".join(b" %d" % number for number in found) + tail, Search(found, modseq)


@st.composite
def _esearches(draw: DrawFn) -> Said[Response]:
    tag, uid = draw(st.none() | _astrings), draw(st.booleans())
    octets = b"* ESEARCH" + (b"" if tag is None else b" (TAG %s)" % tag[0]) + b" UID" * uid
    told = draw(st.dictionaries(st.sampled_from(["MIN", "MAX", "COUNT"]), numbers))
    octets += b"".join(b" %s %d" % (name.encode(), number) for name, number in told.items())
    items: dict[str, int | SequenceSet | Value] = {**told}
    if draw(st.booleans()):
        found = draw(number_sets)
        items["ALL"] = found
        octets += b" ALL " + found.encode()
    return octets, ESearch(None if tag is None else tag[1], uid, items)


def _code(name: str, argument: bytes = b"", value: CodeValue = None) -> Said[Code | None]:
    return b"[%s] " % b" ".join([name.encode(), *([argument] if argument else [])]), Code(
        name, argument, value
    )


_codes: Final[SearchStrategy[Said[Code | None]]] = st.one_of(
    st.just((b"", None)),
    st.sampled_from(["ALERT", "READ-ONLY", "TRYCREATE", "CLOSED", "NONEXISTENT", "XPRIVATE"]).map(_code),
    numbers.map(lambda number: _code("UIDNEXT", b"%d" % number, number)),
    _modseqs.map(lambda number: _code("HIGHESTMODSEQ", b"%d" % number, number)),
    flags.map(lambda listed: _code("PERMANENTFLAGS", encode_flags(listed), listed)),
    st.tuples(numbers, number_sets).map(
        lambda uids: _code("APPENDUID", b"%d %s" % (uids[0], uids[1].encode()), AppendUid(*uids))
    ),
    st.tuples(numbers, number_sets, number_sets).map(
        lambda uids: _code(
            "COPYUID", b"%d %s %s" % (uids[0], uids[1].encode(), uids[2].encode()), CopyUid(*uids)
        )
    ),
)
_people_texts: Final = _texts.filter(lambda text: not text.startswith(b"["))


@st.composite
def _conditions(draw: DrawFn) -> Said[Response]:
    tag = draw(st.none() | atoms.map(lambda atom: atom.replace("+", "x").encode()))
    answers = [Answer.OK, Answer.NO, Answer.BAD] + ([Answer.PREAUTH, Answer.BYE] if tag is None else [])
    status, code, text = draw(st.sampled_from(answers)), draw(_codes), draw(_people_texts)
    octets = status.encode() + b" " + code[0] + text
    if tag is None:
        return b"* " + octets, Condition(status, code[1], text)
    return tag + b" " + octets, Tagged(tag, status, code[1], text)


_words: Final[SearchStrategy[Sequence[str]]] = st.lists(atoms, min_size=1, max_size=4)

# Responses that keep the grammar, without their last CRLF, beside what they mean.
responses: Final[SearchStrategy[Said[Response]]] = st.one_of(
    _conditions(),
    fetches(),
    list_entries(),
    statuses(),
    searches(),
    _esearches(),
    _people_texts.map(lambda text: (b"+ " + text, Continuation(None, text))),
    _counts.map(lambda number: (b"* %d EXISTS" % number, Exists(number))),
    _counts.map(lambda number: (b"* %d recent" % number, Recent(number))),
    numbers.map(lambda number: (b"* %d Expunge" % number, Expunge(number))),
    flags.map(lambda listed: (b"* FLAGS " + encode_flags(listed), Flags(listed))),
    number_sets.map(lambda uids: (b"* VANISHED (EARLIER) " + uids.encode(), Vanished(True, uids))),
    _words.map(lambda words: (b"* CAPABILITY " + " ".join(words).encode(), Capability(tuple(words)))),
)
