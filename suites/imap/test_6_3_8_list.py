"""RFC 3501 §6.3.8 and §7.2.2: LIST, its wildcards and its attributes."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from suites.covers import covers
from suites.imap.dialogue import create, listed, plant, separator, tree
from suites.imap.scratch import carried_out
from suites.needs import accounts, endpoint, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

_paths: Final = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3).map("/".join)
_trees: Final = st.sets(_paths, min_size=1, max_size=3)
# "/" stands for the separator of the target.
_patterns: Final = st.sampled_from(["%", "/%", "/a%"]) | st.lists(
    st.sampled_from(["*", "%", "a", "b", "/"]), max_size=5
).map("".join)


def _matches(pattern: bytes, mark: bytes) -> "re.Pattern[bytes]":
    """What a LIST pattern matches."""
    pieces = {b"*": b".*", b"%": b"[^%s]*" % re.escape(mark)}
    parts = (pieces.get(part, re.escape(part)) for part in re.split(rb"([*%])", pattern))
    return re.compile(b"".join(parts), re.DOTALL)


@covers("RFC3501-6.3.8-c", "RFC9051-6.3.9-c", fault="imap.percent-crosses-levels")
@needs(_IMAP, accounts(1))
@given(paths=_trees, pattern=_patterns)
def test_list_returns_only_names_that_match(target: LiveTarget, paths: set[str], pattern: str) -> None:
    mark = separator(target)
    root = plant(target, paths)[""]
    asked = root + pattern.encode().replace(b"/", mark)

    found = {each.name for each in listed(target.imap(), asked)}

    stray = {name for name in found if not _matches(asked, mark).fullmatch(name)}
    assert not stray, f"LIST {asked.decode()} returned {stray}"


@covers("RFC3501-6.3.8-nk3", fault="imap.list-loses-the-deepest")
@needs(_IMAP, accounts(1))
@given(paths=_trees)
def test_list_returns_every_mailbox(target: LiveTarget, paths: set[str]) -> None:
    names = plant(target, paths)

    found = {each.name for each in listed(target.imap(), b"*")}

    missing = {name for path, name in names.items() if path} - found
    assert not missing, f"{missing} were created, LIST * does not return them"


@covers("RFC3501-6.3.8-nk1", fault="imap.empty-pattern-lists-nothing")
@needs(_IMAP, accounts(1))
def test_list_with_an_empty_pattern_returns_the_separator(target: LiveTarget) -> None:
    found = listed(target.imap(), b"")

    told = [str(each) for each in found]
    assert len(found) == 1, f'LIST "" "" returned {told}'
    assert found[0].has("\\Noselect"), f'LIST "" "" returned {told}'


# RFC 3501 §6.3.8 speaks of INBOX in upper case; whether a pattern in lower case matches it is not said.
_inbox_patterns: Final = st.sampled_from([b"*", b"%", b"INB%", b"I*X", b"INBOX"])


@covers("RFC3501-6.3.8-nk2", fault="imap.list-without-inbox")
@needs(_IMAP, accounts(1))
@given(pattern=_inbox_patterns)
def test_list_includes_inbox(target: LiveTarget, pattern: bytes) -> None:
    found = [each.name for each in listed(target.imap(), pattern)]

    inboxes = [name for name in found if name.upper() == b"INBOX"]
    assert len(inboxes) == 1, f"LIST {pattern.decode()} returned {inboxes or found}"


@covers("RFC3501-7.2.2-d", "RFC9051-7.3.1-k", fault="imap.hides-noselect")
@needs(_IMAP, accounts(1))
@given(paths=_trees, gone=st.booleans())
def test_names_without_noselect_can_be_selected(target: LiveTarget, paths: set[str], gone: bool) -> None:
    names = plant(target, paths)
    imap = target.imap()
    if gone:
        imap.command(b"DELETE", encode_astring(names[""]))

    for each in listed(imap, names[""] + b"*"):
        if not (each.has("\\Noselect") or each.has("\\NonExistent")):
            result = imap.command(b"SELECT", encode_astring(each.name))
            assert result.ok, f"{each} was listed, SELECT was answered {result.tagged}"


@covers("RFC3501-7.2.2-a", "RFC9051-7.3.1-e", fault="imap.noselect-and-marked")
@needs(_IMAP, accounts(1))
def test_noselect_names_are_not_marked(target: LiveTarget) -> None:
    names = tree(target, "a/b")
    imap = target.imap()
    create(imap, names["a/b"])
    imap.command(b"DELETE", encode_astring(names[""]))

    for each in listed(imap, b"*"):
        marked = each.has("\\Marked") or each.has("\\Unmarked")
        assert not (marked and each.has("\\Noselect")), f"LIST returned {each}"


@covers("RFC5258-3-l", "RFC5258-3.5-a", fault="imap.childinfo-unasked")
@needs(_IMAP, accounts(1))
@given(paths=_trees, pattern=st.sampled_from([b"*", b"%"]))
def test_a_plain_list_has_no_extended_data(target: LiveTarget, paths: set[str], pattern: bytes) -> None:
    names = plant(target, paths)
    imap = target.imap()
    deepest = encode_astring(names[max(names, key=len)])
    carried_out(imap, b"SUBSCRIBE", deepest)

    found = listed(imap, names[""] + pattern)
    imap.command(b"UNSUBSCRIBE", deepest)

    extended = [str(each) for each in found if each.extended]
    assert not extended, f"a plain LIST returned {extended}"
