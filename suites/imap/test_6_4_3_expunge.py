"""RFC 3501 §6.4.3: EXPUNGE; RFC 4315 §2.1: UID EXPUNGE."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from suites.covers import covers
from suites.imap.scratch import messages, numbers, scratch, told, without_expunged
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_marks = st.lists(st.booleans(), min_size=2, max_size=6).filter(any)


@covers("RFC3501-6.4.3-nk1", fault="imap.expunge-leaves-the-last")
@needs(_IMAP)
@given(marks=st.lists(st.booleans(), min_size=3, max_size=6))
def test_expunge_removes_the_deleted_and_no_others(target: LiveTarget, marks: list[bool]) -> None:
    stored = messages(target, [[r"\Deleted"] if marked else [r"\Seen"] for marked in marks])
    with scratch(target, stored) as box:
        box.ask(b"EXPUNGE")
        kept = [each.id for each, marked in zip(stored, marks, strict=True) if not marked]
        left = box.ids()
        assert left == kept, (
            f"{len(kept)} of {len(marks)} messages were not deleted, EXPUNGE left {len(left)}"
        )


@covers("RFC3501-6.4.3-nk1", fault="imap.expunge-numbers-stand-still")
@needs(_IMAP)
@given(marks=_marks)
def test_expunge_responses_count_right(target: LiveTarget, marks: list[bool]) -> None:
    flags = [[r"\Deleted"] if marked else [] for marked in marks]
    with scratch(target, messages(target, flags)) as box:
        uids = box.uids()
        responses = box.ask(b"EXPUNGE").responses
        left, after = without_expunged(uids, responses), box.uids()
        assert left == after, f"of the UIDs {uids} {after} were left; EXPUNGE said {told(responses)}"


@covers("RFC4315-2.1-nk1", fault="imap.uid-expunge-takes-all")
@needs(imap_offers("UIDPLUS"))
@given(marks=_marks, chosen=st.integers(1, 63))
def test_uid_expunge_removes_the_deleted_of_its_set(
    target: LiveTarget, marks: list[bool], chosen: int
) -> None:
    flags = [[r"\Deleted"] if marked else [] for marked in marks]
    with scratch(target, messages(target, flags)) as box:
        uids = box.uids()
        wanted = [uid for at, uid in enumerate(uids) if chosen >> at & 1] or uids[:1]
        doomed = [uid for uid, marked in zip(uids, marks, strict=True) if marked and uid in wanted]
        responses = box.ask(b"UID EXPUNGE", numbers(wanted)).responses
        expected = [uid for uid in uids if uid not in doomed]
        left, after = without_expunged(uids, responses), box.uids()
        assert after == expected, f"UID EXPUNGE {wanted} with {doomed} deleted of {uids} left {after}"
        assert left == expected, f"UID EXPUNGE {wanted} left {after} of {uids} and said {told(responses)}"
