"""Reading is patient, reporting is strict: what each broken rule is noted as, and what is read all the same."""

import pytest

from harness.errors import LocalProtocolError
from harness.wire.imap.bodystructure import Multipart, Part
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import (
    Condition,
    Continuation,
    Exists,
    Fetch,
    Flags,
    ListData,
    NamespaceData,
    Other,
    Response,
    Search,
    StatusData,
    Tagged,
    Unknown,
)
from harness.wire.imap.states import Answer


def read(octets: bytes, *, utf8: bool = False) -> Response:
    (response,) = ResponseReader(utf8=utf8).feed(octets + b"\r\n")
    return response


@pytest.mark.parametrize(
    ("octets", "position", "detail"),
    [
        (b"A1 OK", 5, "a space and a text expected"),
        (b"A1  OK done", 2, "one space expected"),
        (b"A+1 OK done", 0, "not a tag"),
        (b"* OK [UIDNEXT 4", 15, "']' expected"),
        (b"* OK [READ-ONLY now] x", 15, "']' expected"),
        (b"* OK [UIDNEXT 0] x", 14, "a number from 1 to"),
        (b"* OK [UIDNEXT 04] x", 14, "a leading zero"),
        (b"* OK a\0b", 6, r"b'\x00' in a text"),
        (b"* OK a\rb", 6, r"b'\r' in a text"),
        (b"* OK gr\xfc\xdfe", 5, "8-bit octets in a text"),
        (b"*  OK x", 1, "one space expected"),
        (b"* 0 EXPUNGE", 2, "a number from 1 to"),
        (b"* 4294967296 EXISTS", 2, "not 4294967296"),
        (b"* 3 EXISTS now", 10, "more than the response has"),
        (b"* SEARCH 1 2 ", 12, "a space at the end"),
        (b"* SEARCH 1  2", 10, "one space expected"),
        (b"* CAPABILITY IMAP4rev1 ", 22, "a space at the end"),
        (b'* LIST (\\Marked \\marked) "/" a', 7, "comes twice"),
        (b'* LIST (\\Marked \\Noselect) "/" a', 7, "excludes the others"),
        (b'* LIST () "//" a', 10, "one character"),
        (b"* LIST () NIL a\xfcb", 14, "not an astring"),
        (b'* LIST () NIL "a\xfcb"', 15, "8-bit octets"),
        (b'* LIST () NIL "a\\b"', 16, "a backslash"),
        (b"* LIST () NIL {3}\r\na\0b", 20, "NUL in a literal"),
        (b"* LIST () NIL {3+}\r\nabc", 14, "non-synchronizing"),
        (b"* LIST () NIL ~{3}\r\nabc", 14, "literal8"),
        (b"* FLAGS (\\Seen  a)", 14, "one space expected"),
        (b"* FLAGS (\\Seen )", 14, "a space before the end"),
        (b"* FLAGS (a%)", 9, "not a flag"),
        (b"* STATUS a (MESSAGES 1) ", 23, "a space at the end"),
        (b"* 1 FETCH (FLAGS(\\Seen))", 16, "a space expected"),
        (b"* 1 FETCH ()", 11, "an empty list"),
        (b"* 1 FETCH (UID 0)", 15, "a number from 1 to"),
        (b"* 1 FETCH (MODSEQ 5)", 18, "'(' expected"),
        (b'* 1 FETCH (INTERNALDATE "1-Jan-2024 00:00:00 +0000")', 24, "one character"),
        (b'* 1 FETCH (INTERNALDATE "31-Feb-2024 00:00:00 +0000")', 24, "no such time"),
        (b"* 1 FETCH (BODY[] abc)", 18, "a string expected"),
        (b'* 1 FETCH (BINARY[HEADER] "a")', 18, "a part's number"),
        (b"* VANISHED 1:*", 11, "* in a set"),
        (b"* 1 FETCH (BODY[] ~{1}\r\n\0)", 18, "literal8"),
        (b"+", 1, "a space and a text expected"),
        (b"hello", 0, "not a response"),
        (b"", 0, "not a response"),
        (b"* ", 2, "not the name of a response"),
        (b"* (x)", 2, "not the name of a response"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_noted_where_it_stands(octets: bytes, position: int, detail: str) -> None:
    response = read(octets)
    assert detail in response.faults[0].detail
    assert response.faults[0].position == position
    assert response.faults[0].rule.startswith("RFC ")


def test_a_status_is_read_whatever_its_code() -> None:
    response = read(b"A1 NO [UIDNEXT abc] sorry")
    assert isinstance(response, Tagged)
    assert (response.status, response.text) == (Answer.NO, b"sorry")
    assert response.code is not None
    assert (response.code.name, response.code.argument, response.code.value) == ("UIDNEXT", b"abc", None)


def test_a_code_that_does_not_end_is_text() -> None:
    response = read(b"* NO [oops")
    assert isinstance(response, Condition)
    assert (response.code, response.text) == (None, b"[oops")


def test_braces_at_the_end_of_a_text_announce_nothing() -> None:
    for octets in (b"* OK see {3}", b"A1 NO {12}", b"+ go {1}", b"garbage {5}"):
        assert read(octets).raw == octets + b"\r\n"


def test_braces_in_an_open_quote_announce_nothing() -> None:
    response = read(b'* LIST () "/" "a {3}')
    assert isinstance(response, Other)
    assert response.faults


def test_case_does_not_count() -> None:
    assert isinstance(read(b"* 3 exists"), Exists)
    assert isinstance(read(b'* list () nil "a"'), ListData)
    response = read(b"a1 ok [read-only] Done")
    assert isinstance(response, Tagged)
    assert response.code is not None
    assert response.code.name == "READ-ONLY"


def test_an_item_that_cannot_be_read_keeps_its_value_and_its_neighbours() -> None:
    response = read(b'* 7 FETCH (UID 5 ENVELOPE ("a" "b") FLAGS (\\Seen))')
    assert isinstance(response, Fetch)
    assert response.faults
    assert response.data.items["ENVELOPE"] == (b"a", b"b")
    assert (response.data.envelope, response.data.uid, response.data.flags) == (None, 5, ("\\Seen",))


def test_items_before_one_that_ends_in_the_middle_are_kept() -> None:
    response = read(b'* 7 FETCH (UID 5 X-A ("a"')
    assert isinstance(response, Fetch)
    assert response.data.uid == 5
    assert len(response.faults) == len(set(response.faults)) == 1


def test_unknown_items_codes_and_responses_are_kept() -> None:
    response = read(b'* 7 FETCH (X-A (1 (NIL "b")) EMAILID (M1))')
    assert isinstance(response, Fetch)
    assert response.data.items == {"X-A": (b"1", (None, b"b")), "EMAILID": (b"M1",)}
    assert response.faults == ()
    other = read(b"* 3 XCOUNT {5}\r\na b c rest")
    assert isinstance(other, Other)
    assert (other.name, other.number, other.arguments) == ("XCOUNT", 3, b"{5}\r\na b c rest")
    condition = read(b"* OK [MAILBOXID (F1)] ready")
    assert isinstance(condition, Condition)
    assert condition.code is not None
    assert (condition.code.name, condition.code.argument) == ("MAILBOXID", b"(F1)")
    assert other.faults == condition.faults == ()


def test_status_keeps_what_is_no_number() -> None:
    response = read(b"* STATUS a (MESSAGES 3 MAILBOXID (F1) UIDNEXT x)")
    assert isinstance(response, StatusData)
    assert response.items == {"MESSAGES": 3}
    assert response.extended == {"MAILBOXID": (b"F1",), "UIDNEXT": b"x"}
    assert len(response.faults) == 1


def test_search_has_modseq() -> None:
    response = read(b"* SEARCH 2 5 (MODSEQ 917162500)")
    assert isinstance(response, Search)
    assert (response.numbers, response.modseq) == ((2, 5), 917162500)


def test_sections_are_found_however_they_are_written() -> None:
    response = read(
        b'* 1 FETCH (BODY[1.header.fields ("to" Subject)]<5> {2}\r\nab BINARY.SIZE[1] 7 BODY[TEXT] NIL)'
    )
    assert isinstance(response, Fetch)
    assert response.faults == ()
    assert response.data.body(b"1.HEADER.FIELDS (TO SUBJECT)", 5) == b"ab"
    assert response.data.body(b"1.HEADER.FIELDS (TO SUBJECT)") is None
    assert response.data.binary_size(b"1") == 7
    assert response.data.body(b"TEXT") is None
    assert "BODY[TEXT]" in response.data
    with pytest.raises(LocalProtocolError, match="not a section"):
        response.data.body(b"1..2")


def test_a_body_has_no_extension_data() -> None:
    one = b'("APPLICATION" "PDF" NIL NIL NIL "BASE64" 10 NIL)'
    for name, faults in ((b"BODY", 1), (b"BODYSTRUCTURE", 0)):
        response = read(b"* 1 FETCH (%s %s)" % (name, one))
        assert isinstance(response, Fetch)
        assert len(response.faults) == faults
        assert isinstance(response.data.bodystructure, Part)
        assert response.data.bodystructure.media_type == "application/pdf"


def test_a_space_between_parts_is_noted() -> None:
    part = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)'
    response = read(b'* 1 FETCH (BODYSTRUCTURE (%s %s "MIXED"))' % (part, part))
    assert isinstance(response, Fetch)
    assert isinstance(response.data.bodystructure, Multipart)
    assert len(response.data.bodystructure.parts) == 2
    assert [fault.detail for fault in response.faults] == ["a space between body parts"]


def test_a_message_part_without_its_envelope_is_noted() -> None:
    response = read(b'* 1 FETCH (BODYSTRUCTURE ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 1))')
    assert isinstance(response, Fetch)
    assert isinstance(response.data.bodystructure, Part)
    assert [fault.detail for fault in response.faults] == ["a message part without envelope, body and lines"]


def test_utf8_is_no_fault_once_it_is_enabled() -> None:
    octets = '* LIST () "/" "Entwürfe"'.encode()
    reader = ResponseReader()
    before, _, after, broken = reader.feed(
        octets + b"\r\n* ENABLED IMAP4rev2\r\n" + octets + b'\r\n* LIST () "/" "a\xff"\r\n'
    )
    assert [len(response.faults) for response in (before, after, broken)] == [1, 0, 1]
    assert "not UTF-8" in broken.faults[0].detail


def test_namespaces_without_a_list_are_noted() -> None:
    response = read(b"* NAMESPACE () NIL NIL")
    assert isinstance(response, NamespaceData)
    assert [fault.detail for fault in response.faults] == ["an empty list"]


def test_the_space_of_a_continuation_may_be_missing() -> None:
    assert isinstance(read(b"+"), Continuation)
    assert isinstance(read(b"+go"), Unknown)


def test_flags_may_be_none() -> None:
    response = read(b"* FLAGS ()")
    assert isinstance(response, Flags)
    assert (response.flags, response.faults) == ((), ())
