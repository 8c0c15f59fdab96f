"""RFC 3501 §6.3.3 to §6.3.5: CREATE, DELETE, RENAME; §2.3.1.1: what becomes of UIDs."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import Fetch
from harness.wire.imap.states import Answer
from suites.covers import covers, proves
from suites.imap.dialogue import case_variants, code_name, create, listed, plant, separator, tree
from suites.imap.scratch import append, carried_out, message, name_for, select
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

_paths: Final = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


def _shown(imap: ImapClient, root: bytes) -> set[bytes]:
    """Names below a root, and itself, that LIST shows and SELECT takes."""
    return {
        each.name
        for each in listed(imap, root + b"*")
        if not (each.has("\\Noselect") or each.has("\\NonExistent"))
    }


def _expect_no(imap: ImapClient, *pieces: bytes) -> None:
    result = imap.command(*pieces)
    words = b" ".join(pieces).decode()
    assert result.status is Answer.NO, f"{words} was answered {result.tagged}"


@covers("RFC3501-6.3.3-b", fault="imap.create-needs-superiors")
@needs(_IMAP, accounts(1))
@given(path=_paths)
def test_create_makes_the_superior_names(target: LiveTarget, path: str) -> None:
    name = tree(target, path)[path]
    imap = target.imap()

    result = imap.command(b"CREATE", encode_astring(name))

    assert result.ok, f"CREATE {name.decode()} was answered {result.tagged}"
    selected = imap.command(b"SELECT", encode_astring(name))
    assert selected.ok, f"{name.decode()} was created, and SELECT was answered {selected.tagged}"


@covers(
    "RFC3501-6.3.3-nk2",
    fault="imap.create-refuses-the-separator-at-the-end",
    also=("imap.create-needs-superiors",),
)
@needs(_IMAP, accounts(1))
@given(path=_paths)
def test_create_takes_a_separator_at_the_end(target: LiveTarget, path: str) -> None:
    name = tree(target, path)[path]
    imap = target.imap()

    result = imap.command(b"CREATE", encode_astring(name + separator(target)))

    assert result.ok, f"CREATE {(name + separator(target)).decode()} was answered {result.tagged}"
    found = [each.name for each in listed(imap, name)]
    assert found == [name], f"CREATE with a separator at the end made {found}"


@covers("RFC3501-6.3.3-nk1", fault="imap.create-twice")
@needs(_IMAP, accounts(1))
@given(inbox=case_variants(b"INBOX"))
def test_create_of_what_exists_gets_no(target: LiveTarget, inbox: bytes) -> None:
    imap = target.imap()
    name = name_for(target)
    create(imap, name)

    _expect_no(imap, b"CREATE", encode_astring(name))
    _expect_no(imap, b"CREATE", inbox)


@covers("RFC3501-6.3.4-a", "RFC9051-6.3.5-b", "RFC3501-6.3.4-b", fault="imap.delete-removes-inferiors")
@needs(_IMAP, accounts(1))
@given(kept=st.sets(_paths, min_size=1, max_size=3))
def test_delete_keeps_the_inferior_names(target: LiveTarget, kept: set[str]) -> None:
    names = plant(target, kept)
    imap = target.imap()
    inferiors = _shown(imap, names[""]) - {names[""]}

    result = imap.command(b"DELETE", encode_astring(names[""]))

    lost = inferiors - _shown(imap, names[""])
    assert not lost, f"DELETE {names[''].decode()}, answered {result.tagged}, removed {lost}"


@covers("RFC3501-6.3.4-nk1", fault="imap.delete-of-nothing")
@needs(_IMAP, accounts(1))
def test_delete_of_what_does_not_exist_gets_no(target: LiveTarget) -> None:
    _expect_no(target.imap(), b"DELETE", encode_astring(name_for(target, "missing")))


@covers("RFC3501-6.3.5-a", fault="imap.rename-leaves-inferiors")
@needs(_IMAP, accounts(1))
@given(paths=st.sets(_paths, min_size=1, max_size=3))
def test_rename_renames_the_inferior_names(target: LiveTarget, paths: set[str]) -> None:
    old = plant(target, paths)
    new = name_for(target, "new")
    imap = target.imap()
    moved = {new + name.removeprefix(old[""]) for name in _shown(imap, old[""])}

    carried_out(imap, b"RENAME", encode_astring(old[""]), encode_astring(new))

    missing = moved - _shown(imap, new)
    assert not missing, f"RENAME {old[''].decode()} {new.decode()} did not make {missing}"
    left = _shown(imap, old[""])
    assert not left, f"RENAME {old[''].decode()} {new.decode()} left {left}"


@covers("RFC3501-6.3.5-b", fault="imap.rename-needs-superiors")
@needs(_IMAP, accounts(1))
@given(path=_paths)
def test_rename_makes_the_superior_names(target: LiveTarget, path: str) -> None:
    new = tree(target, path)[path]
    old = name_for(target)
    imap = target.imap()
    create(imap, old)

    result = imap.command(b"RENAME", encode_astring(old), encode_astring(new))

    assert result.ok, f"RENAME {old.decode()} {new.decode()} was answered {result.tagged}"
    assert new in _shown(imap, new), f"RENAME {old.decode()} {new.decode()} did not make it"


@covers("RFC3501-6.3.5-nk1", fault="imap.rename-anything")
@needs(_IMAP, accounts(1))
def test_rename_from_nothing_or_to_what_exists_gets_no(target: LiveTarget) -> None:
    first, second, missing = (encode_astring(name_for(target)) for _ in range(3))
    imap = target.imap()
    create(imap, first, second)

    _expect_no(imap, b"RENAME", first, second)
    _expect_no(imap, b"RENAME", missing, encode_astring(name_for(target)))


def _identity(target: LiveTarget, name: bytes) -> tuple[int, int]:
    """UIDVALIDITY of a mailbox and the UID of the one message put into it now."""
    imap = target.imap()
    create(imap, name)
    append(imap, name, message(target))
    selected = select(imap, name)
    uids = carried_out(imap, b"FETCH 1 (UID)")
    uid = next((fetch.data.uid for fetch in uids.of(Fetch)), None)
    if selected.uidvalidity is None or uid is None:
        raise Unclear(f"SELECT and FETCH did not tell UIDVALIDITY and UID: {uids.raw!r}")
    imap.command(b"CLOSE")
    return selected.uidvalidity, uid


_NEVER_AGAIN: Final = ("RFC3501-6.3.3-d", "RFC3501-6.3.4-c", "RFC3501-6.3.5-d", "RFC3501-2.3.1.1-a")


@covers(*_NEVER_AGAIN, "RFC3501-2.3.1.1-f", fault="imap.uidvalidity-is-one")
@needs(_IMAP, accounts(1))
@given(ways=st.lists(st.sampled_from(["DELETE", "RENAME"]), min_size=2, max_size=3))
def test_a_name_used_again_has_new_uids_or_a_greater_uidvalidity(target: LiveTarget, ways: list[str]) -> None:
    name = name_for(target)
    former = _identity(target, name)
    for way in ways:
        away = b"" if way == "DELETE" else encode_astring(name_for(target, "away"))
        carried_out(target.imap(), way.encode(), *filter(None, [encode_astring(name), away]))

        now = _identity(target, name)

        told = f"before {way} UIDVALIDITY and UID were {former}, in the new mailbox {now}"
        with proves("RFC3501-2.3.1.1-f"):
            assert now[0] >= former[0], told
        with proves(*_NEVER_AGAIN):
            assert now[0] != former[0] or now[1] > former[1], told
        former = now


@covers("RFC9051-6.3.5-d", "RFC9051-6.3.5-e", fault="imap.delete-without-haschildren")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
@given(path=st.sampled_from(["a", "a/b"]))
def test_a_name_that_its_inferiors_keep_gets_haschildren(target: LiveTarget, path: str) -> None:
    names = plant(target, [path])
    if path not in names:
        raise Unclear(f"CREATE did not make {path}")
    imap = target.imap()
    imap.command(b"DELETE", encode_astring(names[""]))

    result = imap.command(b"DELETE", encode_astring(names[""]))

    if result.ok or code_name(result) == "NONEXISTENT":
        raise NotOffered(f"a name with inferiors goes: DELETE was answered {result.tagged}")
    told = f"DELETE of a name with inferiors was answered {result.tagged}"
    with proves("RFC9051-6.3.5-d"):
        assert result.status is Answer.NO, told
    with proves("RFC9051-6.3.5-e"):
        assert code_name(result) == "HASCHILDREN", told
