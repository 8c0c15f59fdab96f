"""RFC 3501 §5.2, §7.3 and §7.4.1: what a session is told of changes by another, and when."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.responses import Exists, Expunge, Fetch, Response, Vanished
from suites.covers import covers
from suites.imap.scratch import Scratch, append, message, messages, news, scratch, told, without_expunged
from suites.needs import endpoint, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _expunge(box: Scratch, number: int) -> None:
    box.ask(rb"STORE %d +FLAGS.SILENT (\Deleted)" % number)
    box.ask(b"EXPUNGE")


@covers("RFC3501-5.2-c", fault="imap.noop-hides-arrivals")
@needs(_IMAP)
@given(before=st.integers(0, 2), new=st.integers(1, 3))
def test_new_messages_are_told_at_noop(target: LiveTarget, before: int, new: int) -> None:
    with scratch(target, messages(target, [()] * before)) as box:
        other = target.imap()
        for _ in range(new):
            append(other, box.name, message(target))

        def complete(responses: Sequence[Response]) -> bool:
            return any(isinstance(each, Exists) and each.count == before + new for each in responses)

        responses = news(box, complete)
        assert complete(responses), f"{new} new messages beside {before} were told by {told(responses)}"


@covers("RFC3501-5.2-d", "RFC3501-7-d", fault="imap.noop-hides-flags")
@needs(_IMAP)
@given(number=st.integers(1, 3), flag=st.sampled_from([r"\Seen", r"\Flagged", r"\Answered", r"\Draft"]))
def test_flags_set_by_another_session_are_told_at_noop(target: LiveTarget, number: int, flag: str) -> None:
    with scratch(target, messages(target, [(), (), ()])) as box:
        box.flags()
        box.another().ask(b"STORE %d +FLAGS.SILENT (%s)" % (number, flag.encode()))

        def complete(responses: Sequence[Response]) -> bool:
            fetches = [each for each in responses if isinstance(each, Fetch)]
            return any(each.number == number and flag in (each.data.flags or ()) for each in fetches)

        responses = news(box, complete)
        assert complete(responses), f"{flag} of message {number} was told by {told(responses)}"


@covers("RFC3501-7-d", fault="imap.noop-hides-expunges")
@needs(_IMAP)
@given(removed=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_expunges_by_another_session_are_told_at_noop(target: LiveTarget, removed: list[int]) -> None:
    with scratch(target, messages(target, [()] * 5)) as box:
        uids, other = box.uids(), box.another()
        left = list(uids)
        for number in removed[:2]:
            _expunge(other, number)
            del left[number - 1]
        responses = news(
            box, lambda got: sum(isinstance(each, Expunge) for each in got) >= len(uids) - len(left)
        )
        assert without_expunged(uids, responses) == left, (
            f"of {uids} {left} are left; NOOP said {told(responses)}"
        )


# Commands on message numbers, of which no message may be taken away meanwhile.
_numbered = st.sampled_from(
    [
        b"FETCH 1:3 (FLAGS)",
        b"FETCH 1 (UID)",
        b"FETCH 1 (BODY.PEEK[])",
        rb"STORE 1 +FLAGS (\Flagged)",
        rb"STORE 3 FLAGS.SILENT (\Seen)",
        b"SEARCH ALL",
        b"SEARCH UNSEEN",
    ]
)


@covers("RFC3501-7.4.1-a", fault="imap.expunge-during-fetch", also=("imap.expunge-unasked",))
@needs(_IMAP)
@given(command=_numbered, removed=st.integers(1, 3))
def test_fetch_store_and_search_tell_no_expunge(target: LiveTarget, command: bytes, removed: int) -> None:
    with scratch(target, messages(target, [(), (), ()])) as box:
        _expunge(box.another(), removed)
        # Refusing is allowed where the message is the one that is gone (RFC 2180 §4.1).
        responses = box.imap.command(command).responses
        expunges = [each for each in responses if isinstance(each, Expunge | Vanished)]
        assert not expunges, f"{command.decode()} was answered {told(expunges)}"


@covers("RFC3501-7.4.1-a", fault="imap.expunge-unasked")
@needs(_IMAP)
def test_no_expunge_is_told_while_no_command_is_in_progress(target: LiveTarget) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        _expunge(box.another(), 1)
        responses = box.imap.responses_within(target.quiet_s)
        expunges = [each for each in responses if isinstance(each, Expunge | Vanished)]
        assert not expunges, f"{told(expunges)} came while no command was in progress"


def _counts(count: int, responses: Sequence[Response]) -> list[int]:
    """How many messages a session knows of, before the first response and after each."""
    counts = [count]
    for response in responses:
        match response:
            case Exists(count=told_count):
                counts.append(told_count)
            case Expunge():
                counts.append(counts[-1] - 1)
            case _:
                counts.append(counts[-1])
    return counts


@covers("RFC3501-5.2-nk1", fault="imap.exists-before-expunge")
@needs(_IMAP)
@given(removed=st.integers(1, 2), new=st.integers(0, 2))
def test_exists_takes_no_message_away(target: LiveTarget, removed: int, new: int) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        other = box.another()
        for _ in range(removed):
            _expunge(other, 1)
        for _ in range(new):
            append(other.imap, box.name, message(target))
        responses = news(box, lambda got: _counts(3, got)[-1] == 3 - removed + new)
        counts = _counts(3, responses)
        for response, before, after in zip(responses, counts, counts[1:], strict=False):
            fell = isinstance(response, Exists) and after < before
            assert not fell, f"EXISTS fell from {before} to {after}: {told(responses)}"
