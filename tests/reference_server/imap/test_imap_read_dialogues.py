"""FETCH and SEARCH."""

import pytest

MESSAGE = b"\r\n".join(
    [
        b'From: "A. User" <a@example.org>, (Bee) b@example.org',
        b"To: friends: c@example.test, d@example.test;",
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        b"Date: Mon, 02 Nov 2026 23:30:00 -0800",
        b"Message-ID: <1@example.org>",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="b"',
        b"",
        b"preamble",
        b"--b",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        b"caf=C3=A9",
        b"",
        b"--b",
        b"Content-Type: message/rfc822",
        b"Content-Disposition: attachment; filename=m.eml",
        b"",
        b"Subject: inner",
        b"",
        b"inner body",
        b"--b",
        b"Content-Type: application/octet-stream",
        b"Content-Transfer-Encoding: base64",
        b"Content-Language: en, de",
        b"",
        b"AAEC",
        b"--b--",
        b"epilogue",
        b"",
    ]
)


@pytest.fixture
def reader(alice):
    alice.append(MESSAGE, before=b'"03-Nov-2026 08:30:00 +0100" ')
    alice.append(b"Subject: plain\r\n\r\nline one\r\nline two\r\n", before=b"(\\Seen \\Flagged Work) ")
    alice.ok(b"SELECT INBOX")
    return alice


def value(dialogue, item: bytes, number: int = 1) -> bytes:
    """What FETCH gives for one item that is asked for alone."""
    (line,) = dialogue.ok(b"FETCH %d (%s)" % (number, item))
    prefix = b"* %d FETCH (" % number
    assert line.startswith(prefix)
    return line.removeprefix(prefix).removesuffix(b")")


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%s" % (len(octets), octets)


def test_envelope(reader) -> None:
    from_ = b'(("A. User" NIL "a" "example.org")("Bee" NIL "b" "example.org"))'
    to = b'((NIL NIL "friends" NIL)(NIL NIL "c" "example.test")(NIL NIL "d" "example.test")(NIL NIL NIL NIL))'
    assert value(reader, b"ENVELOPE") == (
        b'ENVELOPE ("Mon, 02 Nov 2026 23:30:00 -0800" "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" '
        + b" ".join([from_, from_, from_, to])
        + b' NIL NIL NIL "<1@example.org>")'
    )


def test_bodystructure_and_body(reader) -> None:
    text = b'"text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 11 1'
    inner = b'"text" "plain" ("charset" "us-ascii") NIL NIL "7BIT" 10 0'
    envelope = b'(NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)'
    message = b'"message" "rfc822" NIL NIL NIL "7BIT" 28 %s (%s) 2'
    data = b'"application" "octet-stream" NIL NIL NIL "base64" 4'
    assert value(reader, b"BODY") == b'BODY ((%s)(%s)(%s) "mixed")' % (
        text,
        message % (envelope, inner),
        data,
    )
    extended = message % (envelope, inner + b" NIL NIL NIL NIL")
    assert value(reader, b"BODYSTRUCTURE") == (
        b"BODYSTRUCTURE ((%s NIL NIL NIL NIL)" % text
        + b'(%s NIL ("attachment" ("filename" "m.eml")) NIL NIL)' % extended
        + b'(%s NIL NIL ("en" "de") NIL) "mixed" ("boundary" "b") NIL NIL NIL)' % data
    )


@pytest.mark.parametrize(
    ("section", "octets"),
    [
        (b"", MESSAGE),
        (b"HEADER", MESSAGE[: MESSAGE.index(b"preamble")]),
        (b"TEXT", MESSAGE[MESSAGE.index(b"preamble") :]),
        (b"1", b"caf=C3=A9\r\n"),
        (
            b"1.MIME",
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        ),
        (b"2", b"Subject: inner\r\n\r\ninner body"),
        (b"2.HEADER", b"Subject: inner\r\n\r\n"),
        (b"2.TEXT", b"inner body"),
        (b"2.1", b"inner body"),
        (b"2.HEADER.FIELDS (From)", b"\r\n"),
        (b"3", b"AAEC"),
        (
            b"HEADER.FIELDS (subject MESSAGE-ID)",
            b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.org>\r\n\r\n",
        ),
        (b"2.HEADER.FIELDS.NOT (From)", b"Subject: inner\r\n\r\n"),
    ],
)  # fmt: skip
def test_sections(reader, section, octets) -> None:
    shown = value(reader, b"BODY.PEEK[%s]" % section)
    assert shown in (b"BODY[%s] %s" % (section, literal(octets)), b'BODY[%s] "%s"' % (section, octets))


@pytest.mark.parametrize("section", [b"4", b"1.1", b"1.HEADER", b"2.2", b"3.TEXT"])
def test_a_part_that_is_not_there_is_nil(reader, section) -> None:
    assert value(reader, b"BODY.PEEK[%s]" % section) == b"BODY[%s] NIL" % section


def test_a_message_without_parts_has_part_one(reader) -> None:
    assert value(reader, b"BODY.PEEK[1]", 2) == b"BODY[1] " + literal(b"line one\r\nline two\r\n")
    assert value(reader, b"BODY.PEEK[2]", 2) == b"BODY[2] NIL"


@pytest.mark.parametrize(
    ("partial", "shown"),
    [
        (b"<0.4>", b'<0> "line"'),
        (b"<5.3>", b'<5> "one"'),
        (b"<18.99>", literal(b"\r\n")),
        (b"<99.1>", b'<99> ""'),
    ],
)
def test_partial_requests(reader, partial, shown) -> None:
    if not shown.startswith(b"<"):
        shown = b"<18> " + shown
    assert value(reader, b"BODY.PEEK[TEXT]" + partial, 2) == b"BODY[TEXT]" + shown


def test_rfc822_items_and_macros(reader) -> None:
    size = len(b"Subject: plain\r\n\r\nline one\r\nline two\r\n")
    assert value(reader, b"RFC822.SIZE", 2) == b"RFC822.SIZE %d" % size
    assert value(reader, b"RFC822.HEADER", 2) == b"RFC822.HEADER " + literal(b"Subject: plain\r\n\r\n")
    assert value(reader, b"RFC822.TEXT", 2) == b"RFC822.TEXT " + literal(b"line one\r\nline two\r\n")
    (fast,) = reader.ok(b"FETCH 2 FAST")
    assert fast.startswith(b"* 2 FETCH (FLAGS (Work \\Flagged \\Recent \\Seen) INTERNALDATE ")
    (full,) = reader.ok(b"FETCH 2 FULL")
    assert b" ENVELOPE (" in full
    assert b' BODY ("text" "plain"' in full


@pytest.mark.parametrize(
    ("item", "seen"),
    [(b"BODY[]", True), (b"RFC822", True), (b"RFC822.TEXT", True), (b"BINARY[1]", True), (b"BODY[HEADER]", True),
     (b"BODY.PEEK[]", False), (b"RFC822.HEADER", False), (b"ENVELOPE", False), (b"BINARY.PEEK[1]", False),
     (b"BINARY.SIZE[1]", False), (b"BODYSTRUCTURE", False)],
)  # fmt: skip
def test_what_sets_seen_and_shows_it(reader, item, seen) -> None:
    (line,) = reader.ok(b"FETCH 1 " + item)
    assert (b"FLAGS (\\Recent \\Seen)" in line) == seen
    assert value(reader, b"FLAGS") == b"FLAGS (\\Recent%s)" % (b" \\Seen" if seen else b"")


def test_binary_undoes_the_transfer_encoding(reader) -> None:
    assert value(reader, b"BINARY.PEEK[1]") == b"BINARY[1] " + literal("café\r\n".encode())
    assert value(reader, b"BINARY.PEEK[3]") == b"BINARY[3] ~{3}\r\n\0\1\2"
    assert value(reader, b"BINARY.PEEK[3]<1.1>") == b'BINARY[3]<1> "\1"'
    assert value(reader, b"BINARY.SIZE[3]") == b"BINARY.SIZE[3] 3"


def test_an_unknown_transfer_encoding_is_said(alice) -> None:
    alice.append(b"Content-Transfer-Encoding: x-what\r\n\r\nbody")
    alice.ok(b"SELECT INBOX")
    assert alice.completion(b"FETCH 1 BINARY[1]").startswith(b"NO [UNKNOWN-CTE]")


def test_nul_never_leaves(alice) -> None:
    store = alice.session.context.store
    mailbox = store.mailbox("alice", "INBOX")
    store.append(mailbox.id, b"Subject: a\0b\r\n\r\nc\0d")
    alice.ok(b"SELECT INBOX")
    (line,) = alice.ok(b"FETCH 1 (ENVELOPE BODY[])")
    assert b"\0" not in line


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (b"ALL", b" 1 2"),
        (b"SEEN", b" 2"),
        (b"UNSEEN", b" 1"),
        (b"KEYWORD work", b" 2"),
        (b"UNKEYWORD Work", b" 1"),
        (b"RECENT", b" 1 2"),
        (b"NEW", b" 1"),
        (b"OLD", b""),
        (b"SUBJECT gr\xc3\xbc\xc3\x9fe", b" 1"),
        (b"FROM A@EXAMPLE", b" 1"),
        (b"TO friends", b" 1"),
        (b'HEADER Message-ID ""', b" 1"),
        (b"BODY CAF\xc3\x89", b" 1"),
        (b'BODY "line two"', b" 2"),
        (b"BODY plain", b" 1"),
        (b"TEXT plain", b" 1 2"),
        (b"TEXT inner", b" 1"),
        (b"LARGER 100", b" 1"),
        (b"SMALLER 100", b" 2"),
        (b"ON 3-Nov-2026", b" 1"),
        (b"BEFORE 3-Nov-2026", b""),
        (b'SENTON "2-Nov-2026"', b" 1"),
        (b"SENTSINCE 1-Nov-2026", b" 1"),
        (b"1", b" 1"),
        (b"*", b" 2"),
        (b"7", b""),
        (b"UID 2:*", b" 2"),
        (b"NOT 1", b" 2"),
        (b"OR SEEN UNSEEN", b" 1 2"),
        (b"(SEEN FLAGGED) UNANSWERED", b" 2"),
        (b"NOT (SEEN FLAGGED)", b" 1"),
        (b"CHARSET US-ASCII ALL", b" 1 2"),
        (b"charset utf-8 all", b" 1 2"),
    ],
)
def test_search_keys(reader, criteria, found) -> None:
    command = b"SEARCH "
    for word in criteria.split(b" "):
        command += (word if word.isascii() else b"{%d+}\r\n%s" % (len(word), word)) + b" "
    assert reader.ok(command.removesuffix(b" ")) == [b"* SEARCH" + found]


def test_an_unknown_charset_is_no(reader) -> None:
    assert reader.completion(b"SEARCH CHARSET X-NONE ALL").startswith(b"NO [BADCHARSET (US-ASCII UTF-8)]")


@pytest.mark.parametrize(
    "criteria", [b"ZORK", b"", b"SUBJECT", b"SINCE 30-Feb-2026", b"OR SEEN", b"(" * 60 + b"ALL" + b")" * 60]
)
def test_wrong_criteria_are_bad(reader, criteria) -> None:
    assert reader.completion(b"SEARCH " + criteria).startswith(b"BAD")


@pytest.mark.parametrize(
    ("returning", "result"),
    [
        (b"()", b" ALL 1:2"),
        (b"(ALL)", b" ALL 1:2"),
        (b"(MIN MAX COUNT)", b" MIN 1 MAX 2 COUNT 2"),
        (b"(count)", b" COUNT 2"),
    ],
)
def test_esearch(reader, returning, result) -> None:
    assert reader.raw(b"t SEARCH RETURN %s ALL\r\n" % returning).startswith(
        b'* ESEARCH (TAG "t")%s\r\n' % result
    )


def test_an_empty_esearch_is_an_answer_all_the_same(reader) -> None:
    assert reader.raw(b"t UID SEARCH RETURN (MIN MAX ALL COUNT) DRAFT\r\n").startswith(
        b'* ESEARCH (TAG "t") UID COUNT 0\r\n'
    )


def test_search_in_rev2_answers_by_esearch(login) -> None:
    dialogue = login(enable=b"IMAP4rev2")
    dialogue.append(b"x")
    dialogue.ok(b"SELECT INBOX")
    assert dialogue.raw(b"t SEARCH ALL\r\n").startswith(b'* ESEARCH (TAG "t") ALL 1\r\n')


def test_search_saves(reader) -> None:
    assert reader.ok(b"SEARCH RETURN (SAVE) SEEN") == []
    assert reader.ok(b"FETCH $ UID") == [b"* 2 FETCH (UID 2)"]
    assert reader.ok(b"SEARCH $") == [b"* SEARCH 2"]
    reader.ok(b"SEARCH RETURN (SAVE MIN) ALL")
    assert reader.ok(b"UID SEARCH UID $") == [b"* SEARCH 1"]
    assert reader.completion(b"SEARCH RETURN (SAVE) CHARSET X-NONE ALL").startswith(b"NO")
    assert reader.ok(b"SEARCH $") == [b"* SEARCH"]


def test_search_modseq(reader) -> None:
    assert reader.ok(b"SEARCH MODSEQ 3") == [b"* OK [HIGHESTMODSEQ 3] Highest", b"* SEARCH 2 (MODSEQ 3)"]
    assert reader.ok(b'SEARCH MODSEQ "/flags/\\\\draft" all 2') == [b"* SEARCH 1 2 (MODSEQ 3)"]
    assert reader.ok(b"SEARCH MODSEQ 99") == [b"* SEARCH"]
    assert reader.raw(b"t SEARCH RETURN (MIN) MODSEQ 1\r\n").startswith(
        b'* ESEARCH (TAG "t") MIN 1 MODSEQ 2\r\n'
    )
