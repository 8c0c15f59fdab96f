"""RFC 3501 §6.4.7: COPY; RFC 9051 §6.4.7; RFC 4315 §3: COPYUID."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.imap.codes import CopyUid
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import ListData
from harness.wire.imap.results import Result, fetched
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.scratch import (
    Scratch,
    Stored,
    carried_out,
    examine,
    message,
    messages,
    name_for,
    numbers,
    plain_flags,
    scratch,
    spare,
)
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_FLAGS: Final = (r"\Answered", r"\Deleted", r"\Draft", r"\Flagged", r"\Seen")

_chosen = st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True)
_flag_lists = st.lists(st.sampled_from(_FLAGS), max_size=3, unique=True)
_moments = st.integers(631152000, 1893456000).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))


@covers("RFC3501-6.4.7-a", fault="imap.copy-drops-flags")
@needs(_IMAP)
@given(flags=st.lists(_flag_lists, min_size=1, max_size=3))
def test_copy_keeps_flags(target: LiveTarget, flags: list[list[str]]) -> None:
    with scratch(target, messages(target, flags)) as box, spare(box) as other:
        before = box.flags()
        box.ask(b"COPY 1:*", encode_astring(other))
        looking = target.imap()
        examine(looking, other)
        data = fetched(carried_out(looking, b"FETCH 1:* (FLAGS)"), uid=False)
        copies = [plain_flags(data[number].flags or ()) for number in sorted(data)]
        assert copies == before, f"the flags {before} became {copies} in the copies"


@covers("RFC3501-6.4.7-a", "RFC3501-2.3.3-b", fault="imap.copy-dates-anew")
@needs(_IMAP)
@given(date=_moments)
def test_copy_keeps_the_internal_date(target: LiveTarget, date: dt.datetime) -> None:
    with scratch(target, [Stored(message(target).content, date=date)]) as box, spare(box) as other:
        before = box.fetch(b"(INTERNALDATE)")[1].internaldate
        box.ask(b"COPY 1", encode_astring(other))
        examine(box.imap, other)
        after = box.fetch(b"(INTERNALDATE)")[1].internaldate
        assert after == before, f"the internal date {before} became {after} in the copy"


@contextmanager
def _copied_to_nowhere(target: LiveTarget) -> Iterator[tuple[Scratch, bytes, Result]]:
    """COPY to a mailbox that does not exist: its name, and the answer."""
    with scratch(target, messages(target, [()])) as box:
        name = encode_astring(name_for(target, "nowhere"))
        yield box, name, box.imap.command(b"COPY 1", name)


def _must_fail(target: LiveTarget) -> None:
    with _copied_to_nowhere(target) as (_, name, result):
        assert not result.ok, f"COPY to {name.decode()}, which does not exist, was answered {result.tagged}"


def _must_not_create(target: LiveTarget) -> None:
    with _copied_to_nowhere(target) as (box, name, _):
        listed = box.ask(b'LIST ""', name).of(ListData)
        there = [each for each in listed if not each.has("\\NonExistent") and not each.has("\\Noselect")]
        assert not there, f"COPY to {name.decode()}, which did not exist, has created it: {there[0]}"


_TO_NOWHERE: Final = ("imap.copy-creates", "imap.copy-to-nowhere-succeeds")


@covers("RFC3501-6.4.7-b", fault="imap.copy-to-nowhere-succeeds", also=_TO_NOWHERE[:1])
@needs(_IMAP)
def test_copy_to_a_missing_mailbox_fails(target: LiveTarget) -> None:
    _must_fail(target)


@covers("RFC9051-6.4.7-b", fault="imap.copy-to-nowhere-succeeds", also=_TO_NOWHERE[:1])
@needs(imap_offers("IMAP4rev2"))
def test_imap4rev2_copy_to_a_missing_mailbox_fails(target: LiveTarget) -> None:
    _must_fail(target)


@covers("RFC3501-6.4.7-c", fault="imap.copy-creates")
@needs(_IMAP)
def test_copy_does_not_create_its_destination(target: LiveTarget) -> None:
    _must_not_create(target)


@covers("RFC9051-6.4.7-c", fault="imap.copy-creates")
@needs(imap_offers("IMAP4rev2"))
def test_imap4rev2_copy_does_not_create_its_destination(target: LiveTarget) -> None:
    _must_not_create(target)


@covers("RFC3501-6.4.7-d", fault="imap.copy-to-nowhere-without-trycreate")
@needs(_IMAP)
def test_copy_to_a_missing_mailbox_says_trycreate(target: LiveTarget) -> None:
    with _copied_to_nowhere(target) as (box, name, result):
        if result.ok:
            raise Unclear("COPY to a missing mailbox succeeded")
        if not box.imap.command(b"CREATE", name).ok:
            raise Unclear(f"{name.decode()} cannot be created")
        said = result.status, result.code.name if result.code else ""
        assert said == (Answer.NO, "TRYCREATE"), (
            f"COPY to {name.decode()}, which does not exist, was answered {result.tagged}"
        )


@covers("RFC3501-6.4.7-e", fault="imap.failed-copy-leaves-some")
@needs(_IMAP)
@given(gone=st.integers(1, 3))
def test_a_failed_copy_leaves_the_destination_as_it_was(target: LiveTarget, gone: int) -> None:
    with scratch(target, messages(target, [(), (), ()])) as box, spare(box) as other:
        # Messages that another session has removed make a COPY fail, where anything does.
        remover = box.another()
        remover.ask(rb"STORE %d +FLAGS.SILENT (\Deleted)" % gone)
        remover.ask(b"EXPUNGE")
        result = box.imap.command(b"COPY 1:3", encode_astring(other))
        if result.ok:
            raise Unclear(f"COPY 1:3 without message {gone} was answered {result.tagged}")
        left = box.ids(other)
        assert not left, f"COPY 1:3 was answered {result.tagged} and has copied {len(left)} messages"


# UIDPLUS


def _copyuid(result: Result) -> CopyUid | None:
    code = result.codes().get("COPYUID")
    return code.value if code is not None and isinstance(code.value, CopyUid) else None


@covers("RFC4315-3-a", fault="imap.copy-without-copyuid")
@needs(imap_offers("UIDPLUS"))
@given(by_uid=st.booleans())
def test_copy_returns_copyuid(target: LiveTarget, by_uid: bool) -> None:
    with scratch(target, messages(target, [()])) as box, spare(box) as other:
        if "UIDNOTSTICKY" in examine(target.imap(), other).result.codes():
            raise Unclear("the destination has no UIDs that last")
        result = box.ask(b"UID COPY 1:*" if by_uid else b"COPY 1", encode_astring(other))
        assert _copyuid(result) is not None, f"COPY was answered {result.tagged}"


@covers("RFC4315-3-nk1", fault="imap.copyuid-tells-the-source-twice")
@needs(imap_offers("UIDPLUS"))
@given(chosen=_chosen, there=st.integers(0, 2))
def test_copyuid_tells_which_message_became_which(target: LiveTarget, chosen: list[int], there: int) -> None:
    stored = messages(target, [()] * 4)
    with scratch(target, stored) as box, spare(box) as other:
        for number in range(there):
            box.ask(b"COPY %d" % (number + 1), encode_astring(other))
        uids = box.uids()
        result = box.ask(b"UID COPY", numbers([uids[number - 1] for number in chosen]), encode_astring(other))
        copied = _copyuid(result)
        if copied is None:
            raise Unclear(f"UID COPY was answered {result.tagged}")
        selected = examine(box.imap, other)
        assert copied.uidvalidity == selected.uidvalidity, (
            f"{result.tagged} was told, the destination's UIDVALIDITY is {selected.uidvalidity}"
        )
        data = fetched(box.ask(b"FETCH 1:* (UID ENVELOPE)"), uid=True)
        envelopes = {data[number].uid: data[number].envelope for number in data}
        told = {
            source: envelope.message_id for source, uid in copied.pairs() if (envelope := envelopes.get(uid))
        }
        for number in chosen:
            assert told.get(uids[number - 1]) == stored[number - 1].id, (
                f"{result.tagged} was told; the destination has {envelopes}"
            )
