"""The commands of RFC 3501, RFC 9051 and the extensions, what is wrong with wrong ones, and laws."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.imap.command_fetch import Fetch, Item, Section
from harness.wire.imap.command_list import List, Status
from harness.wire.imap.command_search import (
    All,
    And,
    Changed,
    Dated,
    Flagged,
    Header,
    Key,
    Not,
    Numbers,
    Or,
    Saved,
    Search,
    Sized,
    Text,
    Uids,
)
from harness.wire.imap.commands import (
    Append,
    Arguments,
    Authenticate,
    Command,
    CommandError,
    Copy,
    Create,
    Enable,
    Id,
    Login,
    Mailbox,
    NoArguments,
    Qresync,
    Rename,
    Select,
    Store,
    UidExpunge,
    parse_command,
    read_tag,
)
from harness.wire.imap.encode import (
    encode_astring,
    encode_date,
    encode_date_time,
    encode_literal,
    encode_string,
)
from harness.wire.imap.sequence import SequenceSet


def numbers(text: bytes) -> SequenceSet:
    return SequenceSet.parse(text)


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        # RFC 3501 §6
        (b"CAPABILITY", "CAPABILITY", NoArguments()),
        (b"AUTHENTICATE GSSAPI", "AUTHENTICATE", Authenticate("GSSAPI")),
        (b"LOGIN SMITH SESAME", "LOGIN", Login(b"SMITH", b"SESAME")),
        (b"LOGIN {4}\r\nSMIT {2+}\r\nx ", "LOGIN", Login(b"SMIT", b"x ")),
        (b'LOGIN "a\\"b" "c\\\\d"', "LOGIN", Login(b'a"b', b"c\\d")),
        (b"SELECT INBOX", "SELECT", Select(b"INBOX")),
        (b"EXAMINE blurdybloop", "EXAMINE", Select(b"blurdybloop")),
        (b"CREATE owatagusiam/", "CREATE", Create(b"owatagusiam/")),
        (b"DELETE blurdybloop", "DELETE", Mailbox(b"blurdybloop")),
        (b"RENAME INBOX old-mail", "RENAME", Rename(b"INBOX", b"old-mail")),
        (b"SUBSCRIBE #news.comp.mail.mime", "SUBSCRIBE", Mailbox(b"#news.comp.mail.mime")),
        (b'LIST "" ""', "LIST", List(b"", (b"",))),
        (b"LIST #news. a%]*", "LIST", List(b"#news.", (b"a%]*",))),
        (b'LSUB "#news." "comp.mail.*"', "LSUB", List(b"#news.", (b"comp.mail.*",))),
        (b"STATUS x (UIDNEXT messages)", "STATUS", Status(b"x", ("UIDNEXT", "MESSAGES"))),
        (
            b'APPEND saved-messages (\\Seen) " 7-Feb-1994 21:52:25 -0800" {2}\r\nab',
            "APPEND",
            Append(
                b"saved-messages",
                b"ab",
                ("\\Seen",),
                dt.datetime(1994, 2, 7, 21, 52, 25, tzinfo=dt.timezone(-dt.timedelta(hours=8))),
            ),
        ),
        (b"STORE 2:4 +FLAGS (\\Deleted)", "STORE", Store(numbers(b"2:4"), "add", ("\\Deleted",))),
        (
            b"STORE 1 -flags.silent \\SEEN x",
            "STORE",
            Store(numbers(b"1"), "remove", ("\\Seen", "x"), silent=True),
        ),
        (b"STORE 1 FLAGS ()", "STORE", Store(numbers(b"1"), "replace", ())),
        (b"COPY 2:4 MEETING", "COPY", Copy(numbers(b"2:4"), b"MEETING")),
        (
            b"FETCH 2:4 ALL",
            "FETCH",
            Fetch(numbers(b"2:4"), tuple(map(Item, ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE")))),
        ),
        (
            b"FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            "FETCH",
            Fetch(
                numbers(b"2:4"),
                (Item("FLAGS"), Item("BODY[]", Section((), "HEADER.FIELDS", (b"DATE", b"FROM")))),
            ),
        ),
        (
            b"FETCH 1 body.peek[4.2.2.1.mime]<0.2048>",
            "FETCH",
            Fetch(numbers(b"1"), (Item("BODY[]", Section((4, 2, 2, 1), "MIME"), (0, 2048), peek=True),)),
        ),
        (
            b"FETCH 1 (BODY BODYSTRUCTURE BODY[])",
            "FETCH",
            Fetch(numbers(b"1"), (Item("BODY"), Item("BODYSTRUCTURE"), Item("BODY[]", Section()))),
        ),
        # Extensions
        (b"ENABLE CONDSTORE x-GOOD", "ENABLE", Enable(("CONDSTORE", "X-GOOD"))),
        (b'ID ("name" "x" "y" NIL)', "ID", Id(((b"name", b"x"), (b"y", None)))),
        (b"ID NIL", "ID", Id(None)),
        (
            b"AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=",
            "AUTHENTICATE",
            Authenticate("PLAIN", b"dGVzdAB0ZXN0AHRlc3Q="),
        ),
        (b"AUTHENTICATE external =", "AUTHENTICATE", Authenticate("EXTERNAL", b"=")),
        (b"CREATE x (USE (\\Drafts \\Sent))", "CREATE", Create(b"x", ("\\Drafts", "\\Sent"))),
        (
            b'LIST (SUBSCRIBED recursivematch) "" ("a" b%) RETURN (CHILDREN STATUS (MESSAGES))',
            "LIST",
            List(
                b"",
                (b"a", b"b%"),
                frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}),
                frozenset({"CHILDREN", "STATUS"}),
                ("MESSAGES",),
                extended=True,
            ),
        ),
        (b'LIST () "" "" RETURN ()', "LIST", List(b"", (b"",), extended=True)),
        (b"SELECT x (CONDSTORE)", "SELECT", Select(b"x", condstore=True)),
        (
            b"SELECT x (QRESYNC (67890007 20050715194045000))",
            "SELECT",
            Select(b"x", qresync=Qresync(67890007, 20050715194045000)),
        ),
        (
            b"SELECT x (QRESYNC (67890007 90060115194045000 41:211,214:541 (1,3 2,5)))",
            "SELECT",
            Select(
                b"x",
                qresync=Qresync(
                    67890007,
                    90060115194045000,
                    numbers(b"41:211,214:541"),
                    (numbers(b"1,3"), numbers(b"2,5")),
                ),
            ),
        ),
        (
            b"STORE 6,4,8 (UNCHANGEDSINCE 12) +FLAGS (\\Deleted)",
            "STORE",
            Store(numbers(b"6,4,8"), "add", ("\\Deleted",), unchanged_since=12),
        ),
        (b"FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)", "FETCH", Fetch(numbers(b"1:*"), (Item("FLAGS"),), 12345)),
        (
            b"FETCH $ BINARY.PEEK[1]<0.5>",
            "FETCH",
            Fetch(None, (Item("BINARY[]", Section((1,)), (0, 5), peek=True),)),
        ),
        (
            b"FETCH 1 BINARY.SIZE[1.2]",
            "FETCH",
            Fetch(numbers(b"1"), (Item("BINARY.SIZE[]", Section((1, 2)), peek=True),)),
        ),
        (b"APPEND x ~{3}\r\na\0b", "APPEND", Append(b"x", b"a\0b", binary=True)),
        (b"MOVE 42:69 foo", "MOVE", Copy(numbers(b"42:69"), b"foo")),
    ],
)
def test_commands_of_the_rfcs(line: bytes, verb: str, arguments: Arguments) -> None:
    assert parse_command(b"A001 " + line) == Command(b"A001", verb, arguments)


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        (b"uid fetch 4827313:4828442 FLAGS", "FETCH", Fetch(numbers(b"4827313:4828442"), (Item("FLAGS"),))),
        (b"UID EXPUNGE 3000:3002", "EXPUNGE", UidExpunge(numbers(b"3000:3002"))),
        (b"UID COPY $ x", "COPY", Copy(None, b"x")),
        (
            b"UID FETCH 1 FLAGS (CHANGEDSINCE 7 VANISHED)",
            "FETCH",
            Fetch(numbers(b"1"), (Item("FLAGS"),), 7, vanished=True),
        ),
    ],
)
def test_uid_commands(line: bytes, verb: str, arguments: Arguments) -> None:
    command = parse_command(b"a " + line)
    assert command == Command(b"a", verb, arguments, uid=True)
    assert command.name == f"UID {verb}"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (b"ALL", Search(All())),
        (
            b'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',
            Search(
                And(
                    (
                        Flagged("\\Flagged"),
                        Dated("since", dt.date(1994, 2, 1), sent=False),
                        Not(Header("From", b"Smith")),
                    )
                )
            ),
        ),
        (b'TEXT "string not in mailbox"', Search(Text(b"string not in mailbox", header_too=True))),
        (
            b"CHARSET UTF-8 TEXT {6}\r\n\xd0\xbf\xd1\x80\xd0\xb8",
            Search(Text("при".encode(), header_too=True), "UTF-8"),
        ),
        (
            b"OR (UNSEEN LARGER 5) UID 1:*",
            Search(Or(And((Not(Flagged("\\Seen")), Sized(larger=True, octets=5))), Uids(numbers(b"1:*")))),
        ),
        (b"2,4:7 KEYWORD $Junk", Search(And((Numbers(numbers(b"2,4:7")), Flagged("$Junk"))))),
        (
            b'HEADER X-Foo "" SENTON "01-Jan-2000"',
            Search(And((Header("X-Foo", b""), Dated("on", dt.date(2000, 1, 1), sent=True)))),
        ),
        (b"RETURN (MIN COUNT) $", Search(Saved(), None, frozenset({"MIN", "COUNT"}))),
        (b"RETURN () CHARSET us-ascii ALL", Search(All(), "US-ASCII", frozenset())),
        (b'MODSEQ "/flags/\\\\draft" all 620162338', Search(Changed(620162338))),
        (b"MODSEQ 0", Search(Changed(0))),
    ],
)
def test_search_criteria(criteria: bytes, expected: Search) -> None:
    assert parse_command(b"a SEARCH " + criteria).arguments == expected


@pytest.mark.parametrize(
    ("line", "position"),
    [
        (b"", 0),
        (b"+ NOOP", 0),
        (b"a", 1),
        (b"a ", 2),
        (b"a  NOOP", 2),
        (b"a NOOP ", 6),
        (b"a ZORK", 2),
        (b"a UID NOOP", 2),
        (b"a UID", 5),
        (b"a LOGIN x", 9),
        (b"a LOGIN x y z", 11),
        (b'a LOGIN "x y', 8),
        (b'a LOGIN "x\\y" z', 8),
        (b'a LOGIN "\xc3\xa9" z', 8),
        (b"a LOGIN \xc3\xa9 z", 8),
        (b"a LOGIN {2}\r\na\0 z", 14),
        (b"a LOGIN ~{1}\r\na z", 9),
        (b"a FETCH 0 FLAGS", 8),
        (b"a FETCH 4294967296 FLAGS", 8),
        (b"a FETCH 1, FLAGS", 8),
        (b"a FETCH 1 (FLAGS", 16),
        (b"a FETCH 1 ()", 11),
        (b"a FETCH 1 (ALL)", 11),
        (b"a FETCH 1 BODY[HEADER.FIELDS ()]", 30),
        (b"a FETCH 1 BODY[1.]", 17),
        (b"a FETCH 1 BODY[0]", 15),
        (b"a FETCH 1 BODY[MIME]", 19),
        (b"a FETCH 1 BODY[]<0>", 18),
        (b"a FETCH 1 BODY[]<0.0>", 19),
        (b"a FETCH 1 BINARY[HEADER]", 17),
        (b"a FETCH 1 FLAGS (ZORK)", 17),
        (b"a STORE 1 FLAGS \\Recent", 16),
        (b"a STORE 1 FLAG \\Seen", 10),
        (b"a SEARCH SINCE 30-Feb-1994", 15),
        (b"a SEARCH ON 1-Foo-1994", 12),
        (b"a SEARCH ZORK", 9),
        (b"a SEARCH RETURN (ZORK) ALL", 17),
        (b"a STATUS x ()", 12),
        (b'a LIST (RECURSIVEMATCH) "" *', 7),
        (b"a SELECT x (ZORK)", 12),
        (b"a ID", 4),
        (b"a ENABLE", 8),
        (b'a APPEND x "01-Jan-2000 00:00:00 +0060" {1}\r\nx', 11),
        (b'a APPEND x "01-Jan-2000 24:00:00 +0000" {1}\r\nx', 11),
    ],
)
def test_what_is_wrong_is_told_with_its_place(line: bytes, position: int) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(line)
    assert caught.value.position == position
    assert caught.value.rule.startswith("RFC ")
    assert caught.value.tag == (read_tag(line) or b"")


def test_utf8_stands_in_quoted_strings_where_it_is_allowed() -> None:
    line = 'a SELECT "Entwürfe"'.encode()
    assert parse_command(line, utf8=True).arguments == Select("Entwürfe".encode())
    with pytest.raises(CommandError) as caught:
        parse_command(b'a SELECT "Entw\xfc"', utf8=True)
    assert caught.value.position == 14


def test_criteria_may_nest_but_not_without_end() -> None:
    assert parse_command(b"a SEARCH " + b"NOT " * 40 + b"ALL")
    with pytest.raises(CommandError, match="deeper"):
        parse_command(b"a SEARCH " + b"NOT " * 100_000 + b"ALL")


def test_secrets_are_not_shown() -> None:
    for line in (b"a LOGIN alice secret", b"a AUTHENTICATE PLAIN secret", b"a APPEND x {6}\r\nsecret"):
        assert "secret" not in repr(parse_command(line))


# Laws

strings = st.binary(max_size=20).map(lambda octets: octets.replace(b"\0", b""))
sets = st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=5).map(SequenceSet.of)
dates = st.dates(dt.date(1900, 1, 1))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones).map(lambda moment: moment.replace(microsecond=0))


def written(key: Key) -> bytes:
    """A criterion as a client writes it."""
    match key:
        case Not(inner):
            return b"NOT " + written(inner)
        case Or(left, right):
            return b"OR " + written(left) + b" " + written(right)
        case And(inner_keys):
            return b"(" + b" ".join(map(written, inner_keys)) + b")"
        case Flagged(flag):
            return b"KEYWORD " + flag.encode()
        case Header(name, text):
            return b"HEADER %s %s" % (encode_astring(name.encode()), encode_astring(text))
        case Dated(relation, date, sent):
            return b"SENT" * sent + relation.upper().encode() + b" " + encode_date(date)
        case Numbers(chosen):
            return chosen.encode()
        case Uids(chosen):
            return b"UID " + chosen.encode()
        case _:
            return b"ALL"


leaves = st.one_of(
    st.just(All()),
    st.builds(Flagged, st.sampled_from(["$Junk", "work"])),
    st.builds(Header, st.sampled_from(["X-A", "Subject"]), strings),
    st.builds(Dated, st.sampled_from(["before", "on", "since"]), dates, st.booleans()),
    st.builds(Numbers, sets),
    st.builds(Uids, sets),
)
criteria = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Or, inner, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda keys: And(tuple(keys))),
    ),
    max_leaves=6,
)


@given(criteria)
def test_criteria_come_back_as_they_were_written(key: Key) -> None:
    top = written(key).removeprefix(b"(").removesuffix(b")") if isinstance(key, And) else written(key)
    assert parse_command(b"a SEARCH " + top).arguments == Search(key)


@given(strings, strings)
def test_strings_come_back_in_every_form(user: bytes, password: bytes) -> None:
    for write in (encode_astring, encode_string, encode_literal):
        line = b"a LOGIN %s %s" % (write(user), write(password))
        assert parse_command(line).arguments == Login(user, password)


@given(moments, strings)
def test_append_comes_back(moment: dt.datetime, content: bytes) -> None:
    line = b"a APPEND x %s %s" % (encode_date_time(moment), encode_literal(content))
    assert parse_command(line).arguments == Append(b"x", content, (), moment)


VOCABULARY = b"""
a FETCH UID SEARCH LIST STORE APPEND SELECT INBOX 1:* $ ( ) FLAGS BODY[ ] HEADER.FIELDS <0.1> "x" " \\Seen NOT OR ALL
RETURN CHARSET UTF-8 1-Feb-1994 NIL % * QRESYNC CONDSTORE 4294967296
"""
words = st.sampled_from([*VOCABULARY.split(), b" ", b"\r\n", b"\0", b"\xff", b"{3}\r\nabc", b"{9}\r\n"])


@given(st.one_of(st.binary(max_size=60), st.lists(words, max_size=14).map(b" ".join)), st.booleans())
def test_any_octets_are_read_or_refused_with_a_place_in_them(octets: bytes, utf8: bool) -> None:
    try:
        command = parse_command(octets, utf8=utf8)
    except CommandError as exc:
        assert 0 <= exc.position <= len(octets)  # noqa: PT017 (a refusal is one of the two right outcomes)
    else:
        assert octets.startswith(command.tag + b" ")
