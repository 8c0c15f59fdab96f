"""RFC 3501 §6.4.5: FETCH."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.strategies import mime
from harness.strategies.messages import bodies, compose, header_fields
from harness.strategies.parts import Message, sections
from harness.target import Protocol
from harness.wire.imap.fetch import FetchData
from suites.covers import covers
from suites.imap.scratch import Scratch, Stored, message, scratch
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_TOKEN: Final = "fetch"

# FETCH items that set \Seen, and items that do not.
_SEEING: Final = (
    b"BODY[]",
    b"BODY[TEXT]",
    b"BODY[HEADER]",
    b"BODY[1]",
    b"BODY[]<0.10>",
    b"RFC822",
    b"RFC822.TEXT",
)
_PEEKING: Final = (
    b"BODY.PEEK[]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[HEADER.FIELDS (SUBJECT)]", b"BODY.PEEK[1]<0.4>", b"RFC822.HEADER",
    b"RFC822.SIZE", b"ENVELOPE", b"BODY", b"BODYSTRUCTURE", b"INTERNALDATE", b"UID", b"FLAGS",
)  # fmt: skip


def _must_be_whole(data: FetchData, content: bytes) -> None:
    """`Unclear` where the server has changed the message: that is another rule's matter (RFC 3501 §6.3.11)."""
    if data.body(b"") != content:
        raise Unclear("the message is not returned as it was appended")


@covers("RFC3501-6.4.5-c", fault="imap.nested-sections-are-their-parents")
@needs(_IMAP)
@given(sent=mime.messages(_TOKEN))
def test_sections_are_the_parts_of_the_message(target: LiveTarget, sent: Message) -> None:
    expected = {section.encode(): octets for section, octets in sections(sent).items()}
    with scratch(target, [Stored(sent.octets)]) as box:
        data = box.fetch(b"(%s)" % b" ".join(b"BODY.PEEK[%s]" % section for section in expected))[1]
        _must_be_whole(data, sent.octets)
        for section, octets in expected.items():
            got = data.body(section)
            assert (got or b"") == octets, f"BODY[{section.decode()}] is {got!r}, not {octets!r}"


@covers("RFC3501-6.4.5-d", fault="imap.takes-mime-without-a-part")
@needs(_IMAP)
@given(item=st.sampled_from([b"BODY[MIME]", b"BODY.PEEK[MIME]", b"(FLAGS BODY.PEEK[MIME])"]))
def test_mime_without_a_part_number_is_refused(target: LiveTarget, item: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        result = box.imap.command(b"FETCH 1", item)
        assert not result.ok, f"FETCH 1 {item.decode()} was answered {result.tagged}"


@covers("RFC3501-6.4.5-nk1", fault="imap.fetch-leaves-unseen")
@needs(_IMAP)
@given(item=st.sampled_from(_SEEING))
def test_fetching_a_body_sets_seen(target: LiveTarget, item: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        box.ask(b"FETCH 1", item)
        flags = box.flags()[0]
        assert r"\seen" in flags, f"the flags after FETCH 1 {item.decode()} are {sorted(flags)}"


@covers("RFC3501-6.4.5-nk1", fault="imap.peek-sets-seen")
@needs(_IMAP)
@given(item=st.sampled_from(_PEEKING))
def test_peeking_does_not_set_seen(target: LiveTarget, item: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        box.ask(b"FETCH 1", item)
        flags = box.flags()[0]
        assert r"\seen" not in flags, f"the flags after FETCH 1 {item.decode()} are {sorted(flags)}"


@covers("RFC3501-6.4.5-e", fault="imap.seen-untold", also=("imap.fetch-leaves-unseen",))
@needs(_IMAP)
@given(item=st.sampled_from(_SEEING))
def test_a_fetch_that_sets_seen_tells_the_flags(target: LiveTarget, item: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        flags = box.fetch(item, b"1")[1].flags or ()
        assert r"\Seen" in flags, f"FETCH 1 {item.decode()} tells the flags {flags}"


_names: Final = st.sampled_from(
    [b"X-A", b"x-b", b"X-Keywords", b"Comments", b"SUBJECT", b"From", b"X-None", b"date"]
)


def _split(header: bytes) -> list[bytes]:
    """The fields of a header, each with its CRLFs, and the blank line."""
    fields: list[bytes] = []
    for line in header.splitlines(keepends=True):
        if fields and line[:1] in b" \t" and line != b"\r\n":
            fields[-1] += line
        else:
            fields.append(line)
    return fields


@covers("RFC3501-6.4.5-nk2", fault="imap.header-fields-by-exact-case")
@needs(_IMAP)
@given(
    fields=header_fields, names=st.lists(_names, min_size=1, max_size=3, unique=True), negated=st.booleans()
)
def test_header_fields_are_chosen_by_name(
    target: LiveTarget, fields: list[bytes], names: list[bytes], negated: bool
) -> None:
    content = compose(target.unique(), b"x\r\n", fields=fields)
    header = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    lower = {name.lower() for name in names}
    expected = b"".join(
        field
        for field in _split(header)
        if field == b"\r\n" or (field.partition(b":")[0].strip().lower() in lower) is not negated
    )
    section = b"HEADER.FIELDS%s (%s)" % (b".NOT" * negated, b" ".join(names))
    with scratch(target, [Stored(content)]) as box:
        data = box.fetch(b"(BODY.PEEK[] BODY.PEEK[%s])" % section)[1]
        _must_be_whole(data, content)
        got = data.body(section)
        assert got == expected, f"BODY[{section.decode()}] of {header!r} is {got!r}"


@covers("RFC3501-6.4.5-nk3", fault="imap.partial-from-one")
@needs(_IMAP)
@given(body=bodies, origin=st.integers(0, 400), count=st.sampled_from([1, 2, 7, 100, 2000, 4294967295]))
def test_a_partial_fetch_returns_the_octets_asked_for(
    target: LiveTarget, body: bytes, origin: int, count: int
) -> None:
    content = compose(target.unique(), body)
    with scratch(target, [Stored(content)]) as box:
        data = box.fetch(b"(BODY.PEEK[] BODY.PEEK[]<%d.%d>)" % (origin, count))[1]
        _must_be_whole(data, content)
        got = data.body(b"", origin)
        expected = content[origin : origin + count]
        assert (got or b"") == expected, f"BODY[]<{origin}.{count}> is {got!r}, not {expected!r}"


def _size_and_octets(target: LiveTarget, body: bytes, fields: list[bytes]) -> tuple[int | None, int]:
    with scratch(target, [Stored(compose(target.unique(), body, fields=fields))]) as box:
        data = box.fetch(b"(RFC822.SIZE BODY.PEEK[])")[1]
    return data.size, len(data.body() or b"")


@covers("RFC3501-6.4.5-nk4", fault="imap.size-counts-line-ends-once")
@needs(_IMAP)
@given(body=bodies, fields=header_fields)
def test_the_size_is_that_of_the_whole_body(target: LiveTarget, body: bytes, fields: list[bytes]) -> None:
    size, octets = _size_and_octets(target, body, fields)
    assert size == octets, f"RFC822.SIZE is {size}, BODY[] has {octets} octets"


@covers("RFC9051-2.3.4-a", fault="imap.size-counts-line-ends-once")
@needs(imap_offers("IMAP4rev2"))
@given(body=bodies, fields=header_fields)
def test_imap4rev2_size_is_that_of_the_whole_body(
    target: LiveTarget, body: bytes, fields: list[bytes]
) -> None:
    size, octets = _size_and_octets(target, body, fields)
    assert size == octets, f"RFC822.SIZE is {size}, BODY[] has {octets} octets"


_MACROS: Final = {
    b"FAST": {"FLAGS", "INTERNALDATE", "RFC822.SIZE"},
    b"ALL": {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"},
    b"FULL": {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"},
}


@covers("RFC3501-6.4.5-nk5", fault="imap.full-lacks-the-body")
@needs(_IMAP)
@given(macro=st.sampled_from([*_MACROS, b"full", b"Fast"]))
def test_macros_stand_for_their_items(target: LiveTarget, macro: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        items = set(box.fetch(macro)[1].items)
        missing = _MACROS[macro.upper()] - items
        assert not missing, f"FETCH 1 {macro.decode()} lacks {', '.join(sorted(missing))}"


@covers("RFC3501-6.4.5-nk6", fault="imap.rfc822-text-is-all")
@needs(_IMAP)
@given(body=bodies, fields=header_fields)
def test_the_rfc822_items_are_the_sections_of_the_message(
    target: LiveTarget, body: bytes, fields: list[bytes]
) -> None:
    with scratch(target, [Stored(compose(target.unique(), body, fields=fields))]) as box:
        items = b"(RFC822 RFC822.HEADER RFC822.TEXT BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])"
        data = box.fetch(items)[1]
        for old, section in (("RFC822", b""), ("RFC822.HEADER", b"HEADER"), ("RFC822.TEXT", b"TEXT")):
            got, new = data.items.get(old), data.body(section)
            assert got == new, f"{old} is {got!r}, BODY[{section.decode()}] is {new!r}"


_STATIC: Final = b"(UID INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)"


def _static(box: Scratch) -> list[dict[str, object]]:
    return [
        {name: value for name, value in data.items.items() if name not in {"FLAGS", "MODSEQ"}}
        for _, data in sorted(box.fetch(_STATIC).items())
    ]


@covers("RFC3501-6.4.5-a", fault="imap.flags-change-the-internal-date")
@needs(_IMAP)
@given(flags=st.sampled_from([rb"(\Seen)", rb"(\Answered \Flagged)", rb"(\Draft)"]), again=st.booleans())
def test_what_is_static_never_changes(target: LiveTarget, flags: bytes, again: bool) -> None:
    with scratch(target, [message(target), message(target)]) as box:
        before = _static(box)
        box.ask(b"STORE 1 +FLAGS", flags)
        after = _static(box.another() if again else box)
        assert after == before, f"{before} became {after} after STORE 1 +FLAGS {flags.decode()}"


@covers("RFC3501-7.4.2-c", fault="imap.origin-unasked")
@needs(_IMAP)
@given(
    section=st.sampled_from([b"", b"TEXT", b"HEADER.FIELDS (DATE)", b"1"]),
    partial=st.sampled_from([b"", b"<0.5>", b"<3.5>"]),
)
def test_an_origin_comes_with_a_partial_only(target: LiveTarget, section: bytes, partial: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        names = [
            name for name in box.fetch(b"(BODY.PEEK[%s]%s)" % (section, partial))[1].items if "[" in name
        ]
        if not names:
            raise Unclear("no body section came")
        stray = [name for name in names if name.endswith(">") and not partial]
        assert not stray, f"BODY[{section.decode()}] was asked for whole and came as {stray[0]}"
