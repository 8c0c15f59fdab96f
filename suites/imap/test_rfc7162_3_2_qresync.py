"""RFC 7162 §3.2: QRESYNC."""

from collections.abc import Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import Condition, Expunge, Fetch, Response, Vanished
from harness.wire.imap.results import Result, SelectResult
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.scratch import Scratch, carried_out, messages, news, numbers, scratch, select, told
from suites.needs import imap_offers, needs

_QRESYNC = imap_offers("QRESYNC")
_COUNT: Final = 5

_some = st.sets(st.integers(1, _COUNT), min_size=1, max_size=2)


def _resyncing(box: Scratch) -> Scratch:
    """A second session with QRESYNC enabled; `NotOffered` where the mailbox keeps no mod-sequences."""
    session = box.another(enable=b"QRESYNC")
    if "NOMODSEQ" in session.selected.result.codes():
        raise NotOffered("the mailbox keeps no mod-sequences")
    return session


def _remove(box: Scratch, chosen: Sequence[int]) -> None:
    box.ask(b"STORE %s +FLAGS.SILENT" % numbers(chosen), rb"(\Deleted)")
    box.ask(b"EXPUNGE")


def _known(selected: SelectResult) -> tuple[int, int]:
    """UIDVALIDITY and HIGHESTMODSEQ."""
    if selected.uidvalidity is None or selected.highestmodseq is None:
        raise Unclear(f"SELECT was answered {told(selected.result.responses)}")
    return selected.uidvalidity, selected.highestmodseq


def _vanished(responses: Sequence[Response]) -> set[int]:
    return {uid for each in responses if isinstance(each, Vanished) for uid in each.uids.expand()}


@covers("RFC7162-3.2.3-e", fault="imap.qresync-without-enable")
@needs(_QRESYNC)
@given(
    command=st.sampled_from(
        [
            b"SELECT %b (QRESYNC (%d 1))",
            b"EXAMINE %b (QRESYNC (%d 1))",
            b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)",
        ]
    )
)
def test_qresync_that_was_not_enabled_gets_bad(target: LiveTarget, command: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        line = command
        if b"QRESYNC" in command:
            line = command % (encode_astring(box.name), box.selected.uidvalidity or 1)
        result = box.imap.command(line)
        assert result.status is Answer.BAD, f"{line.decode()} was answered {result.tagged}"


@covers("RFC7162-3.2.4-a", fault="imap.news-without-uid", also=("imap.news-without-modseq",))
@needs(_QRESYNC)
@given(enable=st.booleans())
def test_changes_are_told_with_uid_and_mod_sequence(target: LiveTarget, enable: bool) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        listening = _resyncing(box) if enable else box.another()
        if not enable:
            listening.ask(b"FETCH 1 (MODSEQ)")
        box.ask(rb"STORE 1 +FLAGS.SILENT (\Flagged)")
        responses = news(listening, lambda got: any(isinstance(each, Fetch) for each in got))
        responses += listening.ask(rb"STORE 2 +FLAGS (\Seen)").responses
        bare = [
            each
            for each in responses
            if isinstance(each, Fetch) and None in {each.data.uid, each.data.modseq}
        ]
        assert not bare, f"a change of flags was told by {told(bare)}"


@covers("RFC7162-3.2.5-c", fault="imap.qresync-disregards-uidvalidity")
@needs(_QRESYNC)
@given(removed=_some, by=st.integers(1, 1000))
def test_another_uidvalidity_brings_no_changes(target: LiveTarget, removed: set[int], by: int) -> None:
    with scratch(target, messages(target, [()] * _COUNT)) as box:
        validity, modseq = _known(_resyncing(box).selected)
        _remove(box, sorted(removed))
        parameters = b" (QRESYNC (%d %d))" % (validity + by, modseq)
        responses = _selected_again(target, box, parameters).responses
        stray = [each for each in responses if isinstance(each, Vanished | Fetch)]
        assert not stray, f"SELECT with the UIDVALIDITY {validity + by} for {validity} brought {told(stray)}"


def _selected_again(target: LiveTarget, box: Scratch, parameters: bytes) -> Result:
    """SELECT by a fresh session with QRESYNC enabled."""
    session = target.imap()
    carried_out(session, b"ENABLE QRESYNC")
    return carried_out(session, b"SELECT", encode_astring(box.name) + parameters)


@covers("RFC7162-3.2.5.1-c", fault="imap.qresync-forgets-the-vanished")
@needs(_QRESYNC)
@given(removed=_some, changed=_some)
def test_select_brings_what_has_changed(target: LiveTarget, removed: set[int], changed: set[int]) -> None:
    with scratch(target, messages(target, [()] * _COUNT)) as box:
        uids = box.uids()
        validity, modseq = _known(_resyncing(box).selected)
        box.ask(b"STORE %s +FLAGS.SILENT" % numbers(sorted(changed)), rb"(\Flagged)")
        _remove(box, sorted(removed))
        responses = _selected_again(target, box, b" (QRESYNC (%d %d))" % (validity, modseq)).responses
        gone = {uids[number - 1] for number in removed}
        flagged = {uids[number - 1] for number in changed} - gone
        vanished = _vanished(responses)
        fetched = {each.data.uid for each in responses if isinstance(each, Fetch)}
        assert gone <= vanished, f"{sorted(gone)} were removed; SELECT brought {told(responses)}"
        assert not vanished & (set(uids) - gone), f"only {sorted(gone)} were removed: {told(responses)}"
        assert flagged <= fetched, (
            f"the flags of {sorted(flagged)} have changed; SELECT brought {told(responses)}"
        )


@covers("RFC7162-3.2.6-d", fault="imap.vanished-without-changedsince")
@needs(_QRESYNC)
@given(line=st.sampled_from([b"UID FETCH 1:* (FLAGS) (VANISHED)", b"UID FETCH 1 (UID) (VANISHED)"]))
def test_vanished_without_changedsince_gets_bad(target: LiveTarget, line: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        result = _resyncing(box).imap.command(line)
        assert result.status is Answer.BAD, f"{line.decode()} was answered {result.tagged}"


@covers("RFC7162-3.2.6-e", fault="imap.vanished-after-fetch", also=("imap.qresync-forgets-the-vanished",))
@needs(_QRESYNC)
@given(removed=_some)
def test_uid_fetch_brings_vanished_first(target: LiveTarget, removed: set[int]) -> None:
    with scratch(target, messages(target, [()] * _COUNT)) as box:
        uids = box.uids()
        _, modseq = _known(_resyncing(box).selected)
        _remove(box, sorted(removed))
        if len(removed) < _COUNT:
            box.ask(rb"STORE 1 +FLAGS.SILENT (\Flagged)")
        line = b"UID FETCH 1:%d (FLAGS) (CHANGEDSINCE %d VANISHED)" % (uids[-1], modseq)
        responses = _resyncing(box).ask(line).responses
        gone = {uids[number - 1] for number in removed}
        assert gone <= _vanished(responses), (
            f"{sorted(gone)} were removed, UID FETCH brought {told(responses)}"
        )
        kinds = [type(each) for each in responses if isinstance(each, Fetch | Vanished)]
        assert kinds == sorted(kinds, key=[Vanished, Fetch].index), f"UID FETCH brought {told(responses)}"


@covers("RFC7162-3.2.7-c", fault="imap.expunge-without-highestmodseq")
@needs(_QRESYNC)
@given(by_uid=st.booleans(), removed=_some)
def test_expunge_ends_with_highestmodseq(target: LiveTarget, by_uid: bool, removed: set[int]) -> None:
    with scratch(target, messages(target, [()] * _COUNT)) as box:
        session = _resyncing(box)
        session.ask(b"STORE %s +FLAGS.SILENT" % numbers(sorted(removed)), rb"(\Deleted)")
        result = session.ask(b"UID EXPUNGE 1:*" if by_uid else b"EXPUNGE")
        code = result.code.name if result.code else ""
        assert code == "HIGHESTMODSEQ", f"EXPUNGE of {len(removed)} messages was answered {result.tagged}"


@covers("RFC7162-3.2.10-a", fault="imap.qresync-tells-expunge")
@needs(_QRESYNC)
@given(removed=_some, own=st.booleans())
def test_vanished_takes_the_place_of_expunge(target: LiveTarget, removed: set[int], own: bool) -> None:
    with scratch(target, messages(target, [()] * _COUNT)) as box:
        uids, session = box.uids(), _resyncing(box)
        gone = {uids[number - 1] for number in removed}
        actor = session if own else box
        actor.ask(b"STORE %s +FLAGS.SILENT" % numbers(sorted(removed)), rb"(\Deleted)")
        expunged = actor.ask(b"EXPUNGE").responses
        responses = list(expunged) if own else news(session, lambda got: _vanished(got) >= gone)
        expunges = [each for each in responses if isinstance(each, Expunge)]
        assert not expunges, f"with QRESYNC enabled {told(expunges)} came"
        assert _vanished(responses) == gone, f"{sorted(gone)} were removed, {told(responses)} came"


@covers("RFC7162-3.2.10.2-e", fault="imap.vanished-during-fetch")
@needs(_QRESYNC)
@given(
    command=st.sampled_from(
        [b"FETCH 1:3 (FLAGS)", rb"STORE 1 +FLAGS (\Flagged)", rb"STORE 3 FLAGS.SILENT (\Seen)", b"SEARCH ALL"]
    ),
    removed=st.integers(1, 3),
)
def test_fetch_store_and_search_tell_no_vanished(target: LiveTarget, command: bytes, removed: int) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        session = _resyncing(box)
        _remove(box, [removed])
        responses = session.imap.command(command).responses
        stray = [each for each in responses if isinstance(each, Vanished | Expunge)]
        assert not stray, f"{command.decode()} was answered {told(stray)}"


@covers("RFC7162-3.2.11-a", fault="imap.qresync-select-without-closed")
@needs(_QRESYNC)
@given(verb=st.sampled_from([b"SELECT", b"EXAMINE"]))
def test_select_that_leaves_a_mailbox_tells_closed(target: LiveTarget, verb: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        session = _resyncing(box)
        result = select(session.imap, b"INBOX", verb).result
        codes = [each.code.name for each in result.of(Condition) if each.code]
        assert "CLOSED" in codes, f"{verb.decode()} was answered {told(result.responses)}"
