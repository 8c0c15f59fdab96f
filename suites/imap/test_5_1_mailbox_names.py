"""RFC 3501 §5.1: mailbox names, their separator and modified UTF-7; RFC 9051 §A.1 and §4.3."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.imap.encode import Literal, encode_astring, encode_quoted
from harness.wire.imap.mutf7 import encode_mailbox_name
from harness.wire.imap.results import SelectResult
from suites.covers import covers
from suites.imap.dialogue import create, listed, separator, token_only, tree
from suites.imap.scratch import carried_out, examine, name_for
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

# Letters that have one form under every normalisation; some take a surrogate pair in modified UTF-7.
_letters: Final = st.text(
    "abzABZ019&-_\N{GREEK SMALL LETTER LAMDA}\N{CYRILLIC CAPITAL LETTER ZHE}\N{CYRILLIC SMALL LETTER ZHE}"
    "\N{LATIN SMALL LETTER SHARP S}\N{HIRAGANA LETTER A}\N{CJK UNIFIED IDEOGRAPH-65E5}\N{GRINNING FACE}",
    min_size=1,
    max_size=8,
)


def _new(target: LiveTarget, name: bytes) -> bytes:
    """Create a mailbox; `Unclear` where this server does not want the name."""
    create(target.imap(), name)
    return name


@covers("RFC3501-5.1.3-c", fault="imap.lists-names-in-small-letters", also=("imap.lists-raw-utf8",))
@needs(_IMAP, accounts(1))
@given(letters=_letters)
def test_names_keep_their_form_and_case(target: LiveTarget, letters: str) -> None:
    name = _new(target, name_for(target, "name") + b"_" + encode_mailbox_name(letters))

    found = [each.name for each in listed(target.imap(), name)]

    assert found == [name], f"{name!r} was created, LIST has {found}"


@covers("RFC3501-5.1-b2", "RFC9051-A-b", fault="imap.lists-raw-utf8")
@needs(_IMAP, accounts(1))
@given(letters=_letters)
def test_names_are_listed_in_ascii(target: LiveTarget, letters: str) -> None:
    root = name_for(target, "name") + b"_"
    _new(target, root + encode_mailbox_name(letters))

    found = [each.name for each in listed(target.imap(), root + b"*")]

    assert all(name.isascii() for name in found), f"LIST has the names {found}"


@covers("RFC3501-5.1-b", fault="imap.creates-8bit-names")
@needs(_IMAP, accounts(1))
@given(letters=st.binary(min_size=1, max_size=4).map(lambda octets: bytes(octet | 0x80 for octet in octets)))
def test_names_beyond_ascii_are_not_created(target: LiveTarget, letters: bytes) -> None:
    name = name_for(target, "name") + b"_" + letters

    result = target.imap().command(b"CREATE", Literal(name))

    assert not result.ok, f"CREATE of {name!r} was answered {result.tagged}"


# RFC 3501 §5.1.3: no end, printable US-ASCII in base64, a shift right behind another, no base64, half a surrogate.
_broken: Final = st.sampled_from(
    [b"&", b"&AOk", b"&AGE-", b"&AOk-&AOk-", b"&AGEA6Q-", b"&A-", b"&AO!-", b"a&b", b"&2D0-", b"&AOk=-"]
)


@covers("RFC3501-5.1.3-d", fault="imap.creates-broken-utf7", also=("imap.creates-8bit-names",))
@needs(_IMAP, accounts(1))
@given(letters=_broken)
def test_names_in_broken_utf7_are_not_created(target: LiveTarget, letters: bytes) -> None:
    name = name_for(target, "name") + b"_" + letters

    result = target.imap().command(b"CREATE", encode_quoted(name))

    assert not result.ok, f"CREATE of {name.decode()} was answered {result.tagged}"


@covers("RFC3501-5.1.1-a", "RFC3501-7.2.2-b", fault="imap.dots-below-the-first-level")
@needs(_IMAP, accounts(1))
def test_all_levels_have_one_separator(target: LiveTarget) -> None:
    mark = separator(target)
    names = tree(target, "a", "a/b")
    imap = target.imap()
    create(imap, names["a/b"])

    found = {(each.name, each.delimiter) for each in listed(imap, names[""] + b"*")}

    assert found, f"LIST does not show {names['a/b'].decode()}, which was created"
    assert {delimiter for _, delimiter in found} == {mark}, (
        f"the separator is {mark.decode()!r}, LIST has {found}"
    )


@covers("RFC9051-A.1-nk1", "RFC9051-4.3.1-b", fault="imap.rev2-without-utf8")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
@given(letters=_letters)
def test_in_rev2_names_are_utf8_for_the_same_mailboxes(target: LiveTarget, letters: str) -> None:
    root = name_for(target, "name") + b"_"
    before = examine(target.imap(), _new(target, root + encode_mailbox_name(letters)))
    imap = target.imap()
    carried_out(imap, b"ENABLE IMAP4REV2")
    name = root + letters.encode()

    result = imap.command(b"EXAMINE", encode_quoted(name, utf8=True))

    assert result.ok, f"EXAMINE {name.decode()!r} in IMAP4rev2 was answered {result.tagged}"
    now = SelectResult.read(result).uidvalidity
    assert now == before.uidvalidity, f"UIDVALIDITY was {before.uidvalidity}, in IMAP4rev2 it is {now}"
    found = [each.name for each in listed(imap, root + b"*")]
    assert found == [name], f"LIST in IMAP4rev2 has {found}"


@covers("RFC3501-7.2.2-c", fault="imap.list-without-references")
@needs(_IMAP, accounts(1))
@given(path=st.sampled_from(["a", "a/b", "a/b/c"]))
def test_a_listed_name_can_be_a_reference(target: LiveTarget, path: str) -> None:
    names = tree(target, "a/b/c", path)
    imap = target.imap()
    create(imap, names["a/b/c"])
    shown = token_only(target, (each.name for each in listed(imap, names[""] + b"*")))
    if names[path] not in shown:
        raise Unclear(f"LIST does not show {names[path].decode()}")

    result = imap.command(b"LIST", encode_astring(names[path]), b"*")

    assert result.ok, f"LIST with the reference {names[path].decode()} was answered {result.tagged}"


@covers("RFC9051-5.1-b", fault="imap.rev2-creates-any-octets")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
@given(octets=st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\x80"]))
def test_in_rev2_names_that_are_no_utf8_are_not_created(target: LiveTarget, octets: bytes) -> None:
    imap = target.imap()
    carried_out(imap, b"ENABLE IMAP4REV2")
    name = name_for(target, "name") + b"_" + octets

    result = imap.command(b"CREATE", Literal(name))

    assert not result.ok, f"CREATE of {name!r} in IMAP4rev2 was answered {result.tagged}"
