"""RFC 3501 §6.4.1 and §6.4.2: CHECK and CLOSE; RFC 9051 §6.4.2: UNSELECT."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.responses import Expunge
from suites.covers import covers
from suites.imap.scratch import carried_out, examine, messages, scratch, told
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_marks = st.lists(st.booleans(), min_size=1, max_size=4)


def _flags(marks: list[bool]) -> list[list[str]]:
    return [[r"\Deleted"] if marked else [] for marked in marks]


@covers("RFC3501-6.4.1-nk1", fault="imap.check-is-refused")
@needs(_IMAP)
def test_check_succeeds(target: LiveTarget) -> None:
    with scratch(target) as box:
        result = box.imap.command(b"CHECK")
        assert result.ok, f"CHECK was answered {result.tagged}"


@covers("RFC3501-6.4.2-nk1", fault="imap.close-removes-nothing")
@needs(_IMAP)
@given(marks=_marks)
def test_close_removes_the_deleted(target: LiveTarget, marks: list[bool]) -> None:
    stored = messages(target, _flags(marks))
    with scratch(target, stored) as box:
        box.ask(b"CLOSE")
        kept = [each.id for each, marked in zip(stored, marks, strict=True) if not marked]
        left = box.ids()
        assert left == kept, f"{len(kept)} of {len(marks)} messages were not deleted, CLOSE left {len(left)}"


@covers("RFC3501-6.4.2-nk1", fault="imap.close-tells-expunges")
@needs(_IMAP)
@given(marks=_marks)
def test_close_tells_no_expunge(target: LiveTarget, marks: list[bool]) -> None:
    with scratch(target, messages(target, _flags([True, *marks]))) as box:
        expunges = box.ask(b"CLOSE").of(Expunge)
        assert not expunges, f"CLOSE sent {told(expunges)}"


@covers("RFC3501-6.4.2-nk1", fault="imap.close-keeps-the-mailbox-selected")
@needs(_IMAP)
def test_close_deselects(target: LiveTarget) -> None:
    with scratch(target, messages(target, [()])) as box:
        box.ask(b"CLOSE")
        result = box.imap.command(b"FETCH 1 (FLAGS)")
        assert not result.ok, f"FETCH after CLOSE was answered {result.tagged}"


@covers("RFC3501-6.4.2-nk1", "RFC3501-6.3.2-b", fault="imap.close-removes-what-was-examined")
@needs(_IMAP)
@given(marks=_marks)
def test_close_after_examine_removes_nothing(target: LiveTarget, marks: list[bool]) -> None:
    stored = messages(target, _flags([True, *marks]))
    with scratch(target, stored) as box:
        looking = target.imap()
        examine(looking, box.name)
        carried_out(looking, b"CLOSE")
        left = box.ids()
        assert len(left) == len(stored), f"EXAMINE and CLOSE left {len(left)} of {len(stored)} messages"


@covers("RFC9051-6.4.2-nk1", fault="imap.unselect-expunges")
@needs(imap_offers("IMAP4rev2"))
@given(marks=_marks)
def test_unselect_removes_nothing(target: LiveTarget, marks: list[bool]) -> None:
    stored = messages(target, _flags([True, *marks]))
    with scratch(target, stored) as box:
        box.ask(b"UNSELECT")
        left = box.ids()
        assert len(left) == len(stored), f"UNSELECT left {len(left)} of {len(stored)} messages"


@covers("RFC9051-6.4.2-nk1", fault="imap.unselect-keeps-the-mailbox-selected")
@needs(imap_offers("IMAP4rev2"))
def test_unselect_deselects(target: LiveTarget) -> None:
    with scratch(target, messages(target, [()])) as box:
        box.ask(b"UNSELECT")
        result = box.imap.command(b"FETCH 1 (FLAGS)")
        assert not result.ok, f"FETCH after UNSELECT was answered {result.tagged}"
