"""RFC 6851 §3.3: MOVE; RFC 9051 §6.4.8."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire.imap.codes import CopyUid
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import Condition, Expunge, Fetch
from suites.covers import covers, proves
from suites.imap.scratch import (
    Scratch,
    messages,
    name_for,
    news,
    numbers,
    scratch,
    spare,
    told,
    without_expunged,
)
from suites.needs import imap_offers, needs

_MOVE = imap_offers("MOVE")
_chosen = st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True).map(sorted)


def _verb(box: Scratch, chosen: list[int], by_uid: bool) -> bytes:
    """MOVE or UID MOVE with its set."""
    if not by_uid:
        return b"MOVE " + numbers(chosen)
    uids = box.uids()
    return b"UID MOVE " + numbers([uids[number - 1] for number in chosen])


@covers("RFC6851-3.3-nk1", fault="imap.move-tells-no-expunge", also=("imap.move-copies-only",))
@needs(_MOVE)
@given(chosen=_chosen, by_uid=st.booleans())
def test_move_tells_the_expunges(target: LiveTarget, chosen: list[int], by_uid: bool) -> None:
    stored = messages(target, [()] * 4)
    with scratch(target, stored) as box, spare(box) as other:
        responses = box.ask(_verb(box, chosen, by_uid), encode_astring(other)).responses
        left = without_expunged(range(1, 5), responses)
        assert left == [number for number in range(1, 5) if number not in chosen], (
            f"MOVE of {chosen} of 4 messages was answered {told(responses)}"
        )


_EACH_ONCE = ("RFC6851-3.3-b", "RFC6851-3.3-c", "RFC6851-3.3-d")


@covers(*_EACH_ONCE, "RFC6851-3.3-nk1", fault="imap.move-copies-only", also=("imap.move-loses-messages",))
@needs(_MOVE)
@given(chosen=_chosen, by_uid=st.booleans())
def test_moved_messages_are_in_the_target_and_nowhere_else(
    target: LiveTarget, chosen: list[int], by_uid: bool
) -> None:
    stored = messages(target, [()] * 4)
    with scratch(target, stored) as box, spare(box) as other:
        box.ask(_verb(box, chosen, by_uid), encode_astring(other))
        here, there = box.ids(), box.ids(other)
        with proves("RFC6851-3.3-c"):
            lost = {each.id for each in stored} - {*here, *there}
            assert not lost, f"MOVE of {chosen} has lost {len(lost)} of 4 messages"
        with proves("RFC6851-3.3-b", "RFC6851-3.3-d"):
            both = set(here) & set(there)
            assert not both, f"MOVE of {chosen} has left {len(both)} messages in both mailboxes"
        with proves("RFC6851-3.3-nk1"):
            moved = [stored[number - 1].id for number in chosen]
            assert sorted(there) == sorted(moved), (
                f"MOVE of {chosen} has moved {len(there)} of {len(moved)} messages"
            )


@covers("RFC9051-6.4.8-c", fault="imap.move-copies-only")
@needs(imap_offers("IMAP4rev2"))
@given(chosen=_chosen, by_uid=st.booleans())
def test_imap4rev2_moved_messages_are_in_one_place(
    target: LiveTarget, chosen: list[int], by_uid: bool
) -> None:
    with scratch(target, messages(target, [()] * 4)) as box, spare(box) as other:
        box.ask(_verb(box, chosen, by_uid), encode_astring(other))
        both = set(box.ids()) & set(box.ids(other))
        assert not both, f"MOVE of {chosen} has left {len(both)} messages in both mailboxes"


@covers("RFC6851-3.3-c", fault="imap.move-loses-messages")
@needs(_MOVE)
@given(chosen=_chosen)
def test_move_loses_no_message(target: LiveTarget, chosen: list[int]) -> None:
    stored = messages(target, [()] * 4)
    with scratch(target, stored) as box, spare(box) as other:
        box.imap.command(_verb(box, chosen, False), encode_astring(other))
        left = {*box.ids(), *box.ids(other)}
        assert left >= {each.id for each in stored}, f"MOVE of {chosen} of 4 messages has left {len(left)}"


@covers("RFC6851-3.3-a", fault="imap.move-marks-deleted")
@needs(_MOVE)
@given(chosen=_chosen)
def test_move_marks_nothing_deleted(target: LiveTarget, chosen: list[int]) -> None:
    with scratch(target, messages(target, [()] * 4)) as box, spare(box) as other:
        watching = box.another()
        watching.flags()
        responses = list(box.ask(_verb(box, chosen, False), encode_astring(other)).responses)
        responses += news(watching, lambda got: sum(isinstance(each, Expunge) for each in got) >= len(chosen))
        deleted = [
            each for each in responses if isinstance(each, Fetch) and r"\Deleted" in (each.data.flags or ())
        ]
        assert not deleted, f"MOVE of {chosen} told {told(deleted)}"
        box.ask(b"EXAMINE", encode_astring(other))
        assert not any(r"\deleted" in flags for flags in box.flags()), "a moved message is marked \\Deleted"


@covers("RFC6851-3.3-nk2", fault="imap.move-to-nowhere-removes")
@needs(_MOVE)
@given(by_uid=st.booleans())
def test_move_to_a_missing_mailbox_moves_nothing(target: LiveTarget, by_uid: bool) -> None:
    with scratch(target, messages(target, [()] * 4)) as box:
        name = name_for(target, "nowhere")
        result = box.imap.command(_verb(box, [1, 2], by_uid), encode_astring(name))
        if result.ok and box.imap.command(b"STATUS", encode_astring(name), b"(MESSAGES)").ok:
            raise Unclear("MOVE has created the mailbox")
        left = box.ids()
        assert not result.ok, f"MOVE to {name.decode()}, which does not exist, was answered {result.tagged}"
        assert len(left) == 4, (
            f"MOVE to a missing mailbox was answered {result.tagged}, {len(left)} of 4 were left"
        )


@covers("RFC6851-4.3-a", fault="imap.move-without-copyuid")
@needs(imap_offers("MOVE", "UIDPLUS"))
@given(chosen=_chosen)
def test_uid_move_tells_copyuid(target: LiveTarget, chosen: list[int]) -> None:
    with scratch(target, messages(target, [()] * 4)) as box, spare(box) as other:
        result = box.ask(_verb(box, chosen, True), encode_astring(other))
        code = result.codes().get("COPYUID")
        assert isinstance(code and code.value, CopyUid), f"UID MOVE was answered {told(result.responses)}"


@covers("RFC9051-6.4.8-i", fault="imap.move-tells-copyuid-last", also=("imap.move-without-copyuid",))
@needs(imap_offers("IMAP4rev2"))
@given(chosen=_chosen, by_uid=st.booleans())
def test_move_tells_copyuid_before_the_expunges(target: LiveTarget, chosen: list[int], by_uid: bool) -> None:
    with scratch(target, messages(target, [()] * 4)) as box, spare(box) as other:
        responses = box.ask(_verb(box, chosen, by_uid), encode_astring(other)).responses
        codes = [each.code.name if isinstance(each, Condition) and each.code else "" for each in responses]
        gone = [isinstance(each, Expunge) for each in responses]
        assert "COPYUID" in codes, f"MOVE was answered {told(responses)} without an untagged OK with COPYUID"
        assert not any(gone[: codes.index("COPYUID")]), f"COPYUID comes behind EXPUNGE: {told(responses)}"


@covers("RFC6851-5-a", fault="imap.move-in-capitals")
@needs(_MOVE)
@given(verb=st.sampled_from([b"move", b"Move", b"mOVE", b"uid MOVE", b"UID move"]))
def test_move_is_taken_in_any_case(target: LiveTarget, verb: bytes) -> None:
    with scratch(target, messages(target, [()])) as box, spare(box) as other:
        result = box.imap.command(verb, b"1:*", encode_astring(other))
        assert result.ok, f"{verb.decode()} was answered {result.tagged}"
