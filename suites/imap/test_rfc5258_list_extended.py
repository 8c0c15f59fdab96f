"""RFC 5258: LIST with options; RFC 9051 §6.3.9; RFC 6154: special use."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring, encode_quoted
from harness.wire.imap.responses import ListData, StatusData
from harness.wire.imap.states import Answer
from suites.covers import covers, proves
from suites.imap.dialogue import code_name, create, listed, plant
from suites.imap.scratch import carried_out, name_for
from suites.needs import Need, accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _offers(name: str) -> Need:
    """The extension, or IMAP4rev2, which it is a part of."""

    def need(target: LiveTarget) -> None:
        if "IMAP4REV2" not in target.abilities.names("imap", "imap logged in"):
            imap_offers(name)(target)

    return need


_EXTENDED: Final = _offers("LIST-EXTENDED")

_subsets: Final = st.sets(st.sampled_from("abc"))
_options: Final = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-", max_size=8).map(lambda word: b"XMP" + word.encode())


def _names(target: LiveTarget) -> dict[str, bytes]:
    """Three new mailboxes that one pattern, the root's name and ``*``, matches."""
    root = name_for(target, "ext")
    names = {letter: root + b"-" + letter.encode() for letter in "abc"}
    create(target.imap(), *names.values())
    return {"": root, **names}


def _ask(imap: ImapClient, *pieces: bytes) -> list[ListData]:
    return carried_out(imap, *pieces).of(ListData)


def _subscribe(imap: ImapClient, names: dict[str, bytes], letters: set[str]) -> set[bytes]:
    chosen = {names[letter] for letter in letters}
    for name in sorted(chosen):
        carried_out(imap, b"SUBSCRIBE", encode_astring(name))
    return chosen


def _unsubscribe(imap: ImapClient, chosen: set[bytes]) -> None:
    for name in sorted(chosen):
        imap.command(b"UNSUBSCRIBE", encode_astring(name))


@covers("RFC5258-3-h", "RFC9051-6.3.9-p", fault="imap.list-forgives-options")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(option=_options, selecting=st.booleans())
def test_unknown_options_of_list_get_bad(target: LiveTarget, option: bytes, selecting: bool) -> None:
    command = b'LIST (%s) "" INBOX' % option if selecting else b'LIST "" INBOX RETURN (%s)' % option

    result = target.imap().command(command)

    assert result.status is Answer.BAD, f"{command.decode()} was answered {result.tagged}"


@covers("RFC5258-3.1-f", "RFC9051-6.3.9.1-e", fault="imap.recursivematch-alone")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(options=st.sampled_from([b"RECURSIVEMATCH", b"RECURSIVEMATCH REMOTE", b"recursivematch"]))
def test_recursivematch_alone_gets_bad(target: LiveTarget, options: bytes) -> None:
    result = target.imap().command(b'LIST (%s) "" *' % options)

    assert result.status is Answer.BAD, f"LIST ({options.decode()}) was answered {result.tagged}"


@covers("RFC5258-3-a", fault="imap.list-twice")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(patterns=st.lists(st.sampled_from([b"*", b"-%", b"-a", b"-*"]), min_size=2, max_size=3))
def test_a_name_that_several_patterns_match_is_listed_once(target: LiveTarget, patterns: list[bytes]) -> None:
    names = _names(target)
    asked = b" ".join(encode_quoted(names[""] + pattern) for pattern in patterns)

    found = [each.name for each in _ask(target.imap(), b'LIST ""', b"(" + asked + b")")]

    assert len(found) == len(set(found)), f"LIST ({asked.decode()}) returned {found}"


@covers("RFC5258-3-i", "RFC9051-6.3.9-q", fault="imap.option-given-twice")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(option=st.sampled_from([b"SUBSCRIBED", b"CHILDREN"]))
def test_an_option_given_twice_counts_once(target: LiveTarget, option: bytes) -> None:
    imap = target.imap()

    once, twice = (
        imap.command(b'LIST "" INBOX RETURN (%s)' % b" ".join([option] * times)) for times in (1, 2)
    )

    assert twice.ok, f"LIST RETURN ({option.decode()} {option.decode()}) was answered {twice.tagged}"
    shown = [[str(each) for each in result.of(ListData)] for result in (once, twice)]
    assert shown[0] == shown[1], f"{option.decode()} once: {shown[0]}, twice: {shown[1]}"


@covers("RFC5258-3.1-a", "RFC9051-6.3.9.1-a", fault="imap.subscribed-lists-all")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(letters=_subsets)
def test_list_subscribed_lists_what_is_subscribed(target: LiveTarget, letters: set[str]) -> None:
    names = _names(target)
    imap = target.imap()
    subscribed = _subscribe(imap, names, letters)

    found = {each.name for each in _ask(imap, b'LIST (SUBSCRIBED) ""', encode_quoted(names[""] + b"*"))}
    _unsubscribe(imap, subscribed)

    assert found == subscribed, f"subscribed are {subscribed}, LIST (SUBSCRIBED) lists {found}"


@covers("RFC5258-3.1-c", "RFC5258-3.2-a", fault="imap.subscribed-unmarked")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(letters=_subsets, selecting=st.booleans())
def test_subscribed_names_are_marked(target: LiveTarget, letters: set[str], selecting: bool) -> None:
    names = _names(target)
    imap = target.imap()
    subscribed = _subscribe(imap, names, letters)
    pattern = encode_quoted(names[""] + b"*")
    command = (
        b'LIST (SUBSCRIBED) "" ' + pattern if selecting else b'LIST "" ' + pattern + b" RETURN (SUBSCRIBED)"
    )

    marked = {each.name for each in _ask(imap, command) if each.has("\\Subscribed")}
    _unsubscribe(imap, subscribed)

    with proves("RFC5258-3.1-c" if selecting else "RFC5258-3.2-a"):
        assert marked == subscribed, f"subscribed are {subscribed}, {command.decode()} marked {marked}"


@covers("RFC5258-3-o", fault="imap.nonexistent-unmarked")
@needs(_IMAP, accounts(1), _EXTENDED)
def test_a_subscribed_name_without_mailbox_is_nonexistent(target: LiveTarget) -> None:
    name = name_for(target, "gone")
    imap = target.imap()
    create(imap, name)
    carried_out(imap, b"SUBSCRIBE", encode_astring(name))
    carried_out(imap, b"DELETE", encode_astring(name))

    found = _ask(imap, b'LIST (SUBSCRIBED) ""', encode_quoted(name))
    _unsubscribe(imap, {name})

    told = [str(each) for each in found]
    if not found:
        raise Unclear("a deleted mailbox is not listed as subscribed")
    marks = [each.has("\\NonExistent") for each in found]
    assert marks == [True], f"deleted and subscribed, LIST returned {told}"


@covers("RFC5258-3-f", "RFC9051-6.3.9-l", fault="imap.return-subscribed-adds-names")
@needs(_IMAP, accounts(1), _EXTENDED)
def test_return_options_add_no_names(target: LiveTarget) -> None:
    name = name_for(target, "gone")
    imap = target.imap()
    create(imap, name)
    carried_out(imap, b"SUBSCRIBE", encode_astring(name))
    carried_out(imap, b"DELETE", encode_astring(name))
    pattern = encode_quoted(name)

    plain = {each.name for each in listed(imap, name)}
    found = {each.name for each in _ask(imap, b'LIST ""', pattern, b"RETURN (SUBSCRIBED CHILDREN)")}
    _unsubscribe(imap, {name})

    assert found <= plain, f"RETURN (SUBSCRIBED CHILDREN) added {found - plain}"


@covers("RFC5258-3.2-c", "RFC5258-4-b", "RFC5258-4-d", "RFC9051-6.3.9.5-d", fault="imap.children-of-all")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(paths=st.sets(st.sampled_from(["a", "a/b", "a/b/c", "d"]), min_size=1))
def test_return_children_marks_names_with_and_without_children(target: LiveTarget, paths: set[str]) -> None:
    names = plant(target, paths)
    imap = target.imap()

    found = _ask(imap, b'LIST ""', encode_quoted(names[""] + b"*"), b"RETURN (CHILDREN)")

    known = {each.name for each in found}
    for each in found:
        if each.has("\\NonExistent") or each.has("\\NoInferiors"):
            continue
        parent = any(
            name.startswith(each.name + (each.delimiter or b"")) and name != each.name for name in known
        )
        right, wrong = (
            ("\\HasChildren", "\\HasNoChildren") if parent else ("\\HasNoChildren", "\\HasChildren")
        )
        assert (each.has(right), each.has(wrong)) == (True, False), f"{each} is one of {sorted(known)}"


@covers("RFC9051-6.3.9.2-c", fault="imap.list-status-without-status")
@needs(_IMAP, accounts(1), _offers("LIST-STATUS"))
@given(letters=st.sets(st.sampled_from("abc"), min_size=1))
def test_list_return_status_sends_a_status_after_each_list(target: LiveTarget, letters: set[str]) -> None:
    names = _names(target)
    asked = b" ".join(encode_quoted(names[letter]) for letter in sorted(letters))

    result = carried_out(target.imap(), b'LIST "" (%s) RETURN (STATUS (MESSAGES UIDNEXT))' % asked)

    shown: list[bytes] = []
    for response in result.responses:
        if isinstance(response, ListData):
            shown.append(response.name)
        elif isinstance(response, StatusData):
            assert response.name in shown, f"STATUS of {response.name!r} came before its LIST"
            shown.remove(response.name)
    assert not shown, f"LIST RETURN (STATUS ...) sent no STATUS for {shown}"


def _uses(entries: list[ListData]) -> dict[bytes, set[str]]:
    """Name -> the special uses that it shows."""
    known = {"\\all", "\\archive", "\\drafts", "\\flagged", "\\junk", "\\sent", "\\trash"}
    uses = {each.name: {attribute.lower() for attribute in each.attributes} & known for each in entries}
    return {name: found for name, found in uses.items() if found}


@covers("RFC6154-2-c", "RFC6154-2-d", fault="imap.special-use-lists-all")
@needs(_IMAP, accounts(1), imap_offers("SPECIAL-USE"), _EXTENDED)
def test_both_ways_of_asking_for_special_use_agree(target: LiveTarget) -> None:
    imap = target.imap()
    name = name_for(target, "use")
    if "CREATE-SPECIAL-USE" in imap.capabilities:
        imap.command(b"CREATE", encode_astring(name), b"(USE (\\Drafts))")

    selected = _ask(imap, b'LIST (SPECIAL-USE) "" *')
    returned = _ask(imap, b'LIST "" * RETURN (SPECIAL-USE)')

    if not (selected or _uses(returned)):
        raise NotOffered("no mailbox has a special use")
    with proves("RFC6154-2-c"):
        names = {each.name for each in selected}
        assert names <= set(_uses(returned)), (
            f"LIST (SPECIAL-USE) lists {names}, of them {_uses(returned)} have one"
        )
    with proves("RFC6154-2-d"):
        missing = set(_uses(selected)) - set(_uses(returned))
        assert not missing, f"LIST RETURN (SPECIAL-USE) shows no use of {missing}"


@covers("RFC5258-3-e", fault="imap.any-selection-option-will-do", also=("imap.special-use-lists-all",))
@needs(_IMAP, accounts(1), imap_offers("SPECIAL-USE"), _EXTENDED)
def test_names_satisfy_all_selection_options(target: LiveTarget) -> None:
    names = _names(target)
    imap = target.imap()
    subscribed = _subscribe(imap, names, {"a"})

    found = {
        each.name for each in _ask(imap, b'LIST (SUBSCRIBED SPECIAL-USE) ""', encode_quoted(names[""] + b"*"))
    }
    _unsubscribe(imap, subscribed)

    assert not found, f"none of {found} has a special use, LIST (SUBSCRIBED SPECIAL-USE) lists it"


@covers("RFC6154-2-b", fault="imap.special-use-unlisted")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_special_use_is_listed_where_it_works(target: LiveTarget) -> None:
    imap = target.imap()

    result = imap.command(b'LIST "" * RETURN (SPECIAL-USE)')

    if not result.ok:
        raise NotOffered(f"LIST RETURN (SPECIAL-USE) was answered {result.tagged}")
    offered = target.abilities.names("imap", "imap logged in")
    assert "SPECIAL-USE" in offered, "LIST RETURN (SPECIAL-USE) works, SPECIAL-USE is not listed"


@covers("RFC5258-3-b", "RFC5258-3-c", fault="imap.empty-pattern-asks-always")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(command=st.sampled_from([b'LIST () "" ("")', b'LIST (SUBSCRIBED) "" ""', b'LIST "" ("" INBOX)']))
def test_an_empty_pattern_of_an_extended_list_matches_nothing(target: LiveTarget, command: bytes) -> None:
    found = [each.name for each in _ask(target.imap(), command)]

    stray = [name for name in found if name.upper() != b"INBOX"]
    assert not stray, f"{command.decode()} returned {stray}"


@covers("RFC5258-3.5-b", fault="imap.list-subscribed-as-lsub")
@needs(_IMAP, accounts(1), _EXTENDED)
@given(path=st.sampled_from(["a", "a/b"]))
def test_list_subscribed_shows_no_parents_as_noselect(target: LiveTarget, path: str) -> None:
    names = plant(target, [path])
    if path not in names:
        raise Unclear(f"CREATE did not make {path}")
    imap = target.imap()
    carried_out(imap, b"SUBSCRIBE", encode_astring(names[path]))

    found = _ask(imap, b'LIST (SUBSCRIBED) ""', encode_quoted(names[""] + b"%"))
    _unsubscribe(imap, {names[path]})

    parents = [str(each) for each in found if each.has("\\Noselect")]
    assert not parents, f"{names[path].decode()} is subscribed, LIST (SUBSCRIBED) % returned {parents}"


@covers("RFC6154-3-e", "RFC6154-3-f", fault="imap.any-use-is-taken")
@needs(_IMAP, accounts(1), imap_offers("CREATE-SPECIAL-USE"))
@given(use=st.sampled_from([b"\\XMailproof", b"\\Mpuse"]))
def test_a_special_use_that_cannot_be_had_is_refused(target: LiveTarget, use: bytes) -> None:
    name = name_for(target, "use")
    imap = target.imap()

    result = imap.command(b"CREATE", encode_astring(name), b"(USE (" + use + b"))")

    shown = _ask(imap, b'LIST ""', encode_quoted(name), b"RETURN (SPECIAL-USE)")
    if result.ok and any(each.has(use.decode()) for each in shown):
        raise NotOffered(f"any special use can be had: {shown[0]}")
    told = f"CREATE with the use {use.decode()} was answered {result.tagged}"
    with proves("RFC6154-3-e"):
        assert result.status is Answer.NO, told
        assert not shown, f"{told}, and LIST shows the mailbox"
    with proves("RFC6154-3-f"):
        assert code_name(result) == "USEATTR", told
