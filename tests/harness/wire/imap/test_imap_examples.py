"""What servers say in RFC 3501 §6 to §8 and RFC 9051 §6 to §8: read without a fault, and as it is meant there.

The examples stand one a line in `examples`, wrapped lines put together, hosts replaced by those of RFC 2606.
"""

from pathlib import Path
from typing import Final

import pytest

from harness.wire.imap.bodystructure import Part
from harness.wire.imap.codes import AppendUid, CopyUid
from harness.wire.imap.envelope import Address
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import (
    Capability,
    Condition,
    Continuation,
    Enabled,
    ESearch,
    Exists,
    Expunge,
    Fetch,
    Flags,
    ListData,
    Namespace,
    NamespaceData,
    Other,
    Recent,
    Response,
    Search,
    StatusData,
    Tagged,
)
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.states import Answer

EXAMPLES: Final = sorted(
    {
        line
        for path in (Path(__file__).parent / "examples").glob("*.txt")
        for line in path.read_text("ascii").splitlines()
    }
)

# Where the RFCs' own examples break their own grammar: what is noted, and where.
SLIPS: Final = {
    "* OK [CAPABILITY IMAP4rev2 STARTTLS AUTH=GSSAPI]": (48, "a space expected"),
    "* OK [UIDVALIDITY 1]": (20, "a space expected"),
    "* OK [UIDNEXT 1]": (16, "a space expected"),
    "* OK [COPYUID 432432 42:69 1202:1229]": (37, "a space expected"),
    "e NO [CONTACTADMIN]": (19, "a space expected"),
    "* OK [UIDVALIDITY 9877410381] UIDs valid": (18, "from 1 to 4294967295 expected, not 9877410381"),
    '* LIST () "."  "INBOX"': (13, "one space expected"),
    '* LIST (\\Subscribed) "."  "INBOX"': (24, "one space expected"),
    '* NAMESPACE (("INBOX." ".")) NIL  NIL': (32, "one space expected"),
    "B283 NO [BADCHARSET UTF-8] KOI8-R is not supported": (20, "'(' expected"),
}

UNTAGGED: Final = {
    **dict.fromkeys(("OK", "NO", "BAD", "BYE", "PREAUTH"), Condition),
    "CAPABILITY": Capability,
    "ENABLED": Enabled,
    "ESEARCH": ESearch,
    "FLAGS": Flags,
    "LIST": ListData,
    "LSUB": ListData,
    "NAMESPACE": NamespaceData,
    "SEARCH": Search,
    "STATUS": StatusData,
    "XPIG-LATIN": Other,
}
NUMBERED: Final = {"EXISTS": Exists, "EXPUNGE": Expunge, "FETCH": Fetch, "RECENT": Recent}


def read(line: str) -> Response:
    (response,) = ResponseReader().feed(line.encode() + b"\r\n")
    return response


def kind(line: str) -> type[Response]:
    match line.split():
        case ["*", number, name, *_] if number.isdigit():
            return NUMBERED[name]
        case ["*", name, *_]:
            return UNTAGGED[name]
        case ["+", *_]:
            return Continuation
        case _:
            return Tagged


def test_there_are_as_many_as_were_collected() -> None:
    assert len(EXAMPLES) > 400


@pytest.mark.parametrize("line", EXAMPLES)
def test_each_is_read_as_what_it_is(line: str) -> None:
    response = read(line)
    assert type(response) is kind(line)
    assert response.raw == line.encode() + b"\r\n"
    if line in SLIPS:
        position, detail = SLIPS[line]
        (fault,) = response.faults
        assert fault.position == position
        assert detail in fault.detail
    else:
        assert response.faults == ()


@pytest.mark.parametrize("line", [line for line in EXAMPLES if kind(line) is Tagged])
def test_completions_have_tag_status_code_and_text(line: str) -> None:
    response = read(line)
    assert isinstance(response, Tagged)
    tag, status, rest = line.split(" ", 2)
    assert (response.tag, response.status) == (tag.encode(), status)
    name, _, argument = rest[1 : rest.index("]")].partition(" ") if rest.startswith("[") else ("", "", "")
    assert (response.code.name if response.code else "") == name
    assert (response.code.argument if response.code else b"") == argument.encode()
    assert response.text == rest[rest.index("]") + 2 if name else 0 :].encode()


SAYS: Final = {
    "* 22 EXPUNGE": Expunge(22),
    "* 3 RECENT": Recent(3),
    "* 172 EXISTS": Exists(172),
    "* CAPABILITY IMAP4rev1 STARTTLS AUTH=GSSAPI XPIG-LATIN": Capability(
        ("IMAP4rev1", "STARTTLS", "AUTH=GSSAPI", "XPIG-LATIN")
    ),
    "* ENABLED CONDSTORE QRESYNC": Enabled(("CONDSTORE", "QRESYNC")),
    "* FLAGS (\\Deleted \\Seen \\Flagged)": Flags(("\\Deleted", "\\Seen", "\\Flagged")),
    "* SEARCH 2 84 882": Search((2, 84, 882)),
    "* SEARCH": Search(()),
    '* ESEARCH (TAG "A284")': ESearch(b"A284", False, {}),
    '* ESEARCH (TAG "A285") UID MIN 7 MAX 3800': ESearch(b"A285", True, {"MIN": 7, "MAX": 3800}),
    "* ESEARCH COUNT 18 ALL 1:17,21": ESearch(
        None, False, {"COUNT": 18, "ALL": SequenceSet(((1, 17), (21, 21)))}
    ),
    "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)": StatusData(
        b"blurdybloop", {"MESSAGES": 231, "UIDNEXT": 44292}
    ),
    '* LIST (\\Noselect) "/" ""': ListData(("\\Noselect",), b"/", b""),
    '* LIST () "/" "NewMailbox" ("OLDNAME" ("OldMailbox"))': ListData(
        (), b"/", b"NewMailbox", {"OLDNAME": (b"OldMailbox",)}
    ),
    '* LIST () "." "foo" (CHILDINFO ("SUBSCRIBED"))': ListData(
        (), b".", b"foo", {"CHILDINFO": (b"SUBSCRIBED",)}
    ),
    '* LIST (\\Marked) ":" Tables (tablecloth (("edge" "lacy") ("color" "red")) Sample "text")': ListData(
        ("\\Marked",),
        b":",
        b"Tables",
        {"TABLECLOTH": ((b"edge", b"lacy"), (b"color", b"red")), "SAMPLE": b"text"},
    ),
    '* LSUB () "." #news.comp.mail.mime': ListData((), b".", b"#news.comp.mail.mime", {}, subscribed=True),
    '* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) NIL NIL': NamespaceData(
        (Namespace(b"", b"/"), Namespace(b"#mh/", b"/", ((b"X-PARAM", (b"FLAG1", b"FLAG2")),))), (), ()
    ),
    "* XPIG-LATIN ow-nay eaking-spay ig-pay atin-lay": Other(
        "XPIG-LATIN", None, b"ow-nay eaking-spay ig-pay atin-lay"
    ),
    "+ Ready for literal data": Continuation(None, b"Ready for literal data"),
    "* PREAUTH IMAP4rev1 server logged in as Smith": Condition(
        Answer.PREAUTH, None, b"IMAP4rev1 server logged in as Smith"
    ),
}


@pytest.mark.parametrize(("line", "meant"), SAYS.items())
def test_what_they_mean(line: str, meant: Response) -> None:
    assert line in EXAMPLES
    response = read(line)
    assert type(response) is type(meant)
    for name in meant.__dataclass_fields__.keys() - {"raw", "faults"}:
        assert getattr(response, name) == getattr(meant, name), name


def test_codes_are_read() -> None:
    for line, value in {
        "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited": ("\\Deleted", "\\Seen", "\\*"),
        "* OK [PERMANENTFLAGS ()] No permanent flags permitted": (),
        "* OK [UNSEEN 12] Message 12 is first unseen": 12,
        "* OK [UIDNEXT 4392] Predicted next UID": 4392,
        "* OK [UIDVALIDITY 3857529045] UIDs valid": 3857529045,
        "A003 OK [APPENDUID 38505 3955] APPEND completed": AppendUid(38505, SequenceSet.of([3955])),
        "A142 OK [READ-WRITE] SELECT completed": None,
    }.items():
        assert line in EXAMPLES
        response = read(line)
        assert isinstance(response, Condition | Tagged)
        assert response.code is not None
        assert response.code.value == value
        assert (response.code.number, response.code.words) == (
            value if isinstance(value, int) else None,
            value if isinstance(value, tuple) else (),
        )


def test_copyuid_pairs_what_became_of_what() -> None:
    response = read("A004 OK [COPYUID 38505 304,319:320 3956:3958] Done")
    assert isinstance(response, Tagged)
    assert response.code is not None
    assert isinstance(response.code.value, CopyUid)
    assert response.code.value.uidvalidity == 38505
    assert response.code.value.pairs() == [(304, 3956), (319, 3957), (320, 3958)]


def test_oldname_and_childinfo_are_told() -> None:
    renamed = read('* LIST () "/" "NewMailbox" ("OLDNAME" ("OldMailbox"))')
    parent = read('* LIST (\\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))')
    assert isinstance(renamed, ListData)
    assert isinstance(parent, ListData)
    assert (renamed.oldname, renamed.childinfo) == (b"OldMailbox", ())
    assert (parent.oldname, parent.childinfo) == (None, ("SUBSCRIBED",))
    assert parent.has("\\subscribed")
    assert not parent.has("\\Noselect")


def test_fetch_with_envelope_and_body() -> None:
    (line,) = [line for line in EXAMPLES if "IMAP4rev1 WG mtg" in line]
    response = read(line)
    assert isinstance(response, Fetch)
    assert (response.number, response.data.flags, response.data.size) == (12, ("\\Seen",), 4286)
    assert response.data.internaldate is not None
    assert response.data.internaldate.isoformat() == "1996-07-17T02:44:25-07:00"
    envelope = response.data.envelope
    assert envelope is not None
    assert envelope.date == b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"
    assert envelope.subject == b"IMAP4rev1 WG mtg summary and minutes"
    sender = (Address(b"Terry Gray", None, b"gray", b"example.org"),)
    assert (envelope.from_, envelope.sender, envelope.reply_to) == (sender, sender, sender)
    assert envelope.cc is not None
    assert [address.addr_spec for address in envelope.cc] == [b"minutes@example.net", b"KLENSIN@example.com"]
    assert (envelope.bcc, envelope.in_reply_to, envelope.message_id) == (
        None,
        None,
        b"<B27397-0100000@example.org>",
    )
    assert response.data.bodystructure == Part(
        b"TEXT", b"PLAIN", ((b"CHARSET", b"US-ASCII"),), None, None, b"7BIT", 3028, 92
    )
