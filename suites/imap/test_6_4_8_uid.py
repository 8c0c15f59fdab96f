"""RFC 3501 §6.4.8: UID; §2.3.1.1: what UIDs are."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import Fetch
from harness.wire.imap.results import found
from suites.covers import covers
from suites.imap.scratch import append, message, messages, scratch, select, spare, told
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)

_uid_commands = st.sampled_from(
    [
        b"UID FETCH 1:* (FLAGS)",
        b"UID FETCH 1:* BODY[]",
        b"UID FETCH 1:* RFC822.SIZE",
        rb"UID STORE 1:* +FLAGS (\Flagged)",
        rb"UID STORE 1:* FLAGS (\Seen)",
        b"UID FETCH 1:* FULL",
    ]
)


def _must_have_uids(target: LiveTarget, command: bytes) -> None:
    with scratch(target, messages(target, [(), (r"\Seen",)])) as box:
        responses = box.ask(command).of(Fetch)
        bare = [response for response in responses if response.data.uid is None]
        assert not bare, f"{command.decode()} was answered {told(bare)}"


@covers("RFC3501-6.4.8-a", fault="imap.uid-commands-without-uid")
@needs(_IMAP)
@given(command=_uid_commands)
def test_uid_commands_tell_uids(target: LiveTarget, command: bytes) -> None:
    _must_have_uids(target, command)


@covers("RFC9051-6.4.9-b", fault="imap.uid-commands-without-uid")
@needs(imap_offers("IMAP4rev2"))
@given(command=_uid_commands)
def test_imap4rev2_uid_commands_tell_uids(target: LiveTarget, command: bytes) -> None:
    _must_have_uids(target, command)


@covers("RFC3501-6.4.8-nk1", fault="imap.unknown-uids-are-refused")
@needs(_IMAP)
@given(
    command=st.sampled_from([b"UID FETCH %b (FLAGS)", rb"UID STORE %b +FLAGS (\Seen)", b"UID COPY %b %b"]),
    beyond=st.integers(1, 1000),
)
def test_uids_that_do_not_exist_are_passed_over(target: LiveTarget, command: bytes, beyond: int) -> None:
    with scratch(target, messages(target, [()])) as box, spare(box) as other:
        uid = b"%d" % (box.uids()[-1] + beyond)
        line = command % ((uid, encode_astring(other)) if b"COPY" in command else (uid,))
        result = box.imap.command(line)
        assert result.ok, f"{line.decode()} was answered {result.tagged}"
        assert not result.of(Fetch), f"{line.decode()} was answered {told(result.of(Fetch))}"


@covers("RFC3501-6.4.8-nk2", fault="imap.star-stands-for-no-message")
@needs(_IMAP)
@given(beyond=st.integers(0, 1000), star_first=st.booleans())
def test_a_uid_range_with_a_star_has_the_last_message(
    target: LiveTarget, beyond: int, star_first: bool
) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        last = box.uids()[-1]
        ends = b"*:%d" if star_first else b"%d:*"
        line = b"UID FETCH %s (UID FLAGS)" % (ends % (last + beyond))
        uids = [response.data.uid for response in box.ask(line).of(Fetch)]
        assert last in uids, f"{line.decode()} returned the UIDs {uids}; the last message has {last}"


@covers("RFC3501-2.3.1.1-h", "RFC3501-2.3.1.2-a", fault="imap.uids-fall")
@needs(_IMAP)
@given(count=st.integers(2, 5), removed=st.integers(0, 3))
def test_uids_rise_with_message_numbers(target: LiveTarget, count: int, removed: int) -> None:
    with scratch(target, messages(target, [()] * count)) as box:
        if removed:
            box.ask(rb"STORE 1 +FLAGS.SILENT (\Deleted)")
            box.ask(b"EXPUNGE")
            append(box.imap, box.name, message(target))
            box.ask(b"NOOP")
        data = box.fetch(b"(UID)")
        uids = [data[number].uid or 0 for number in sorted(data)]
        assert all(low < high for low, high in pairwise(uids)), f"the UIDs are {uids}"


@covers("RFC3501-2.3.1.1-nk1", fault="imap.uidnext-too-high")
@needs(_IMAP)
@given(count=st.integers(0, 3))
def test_a_new_message_gets_a_uid_from_uidnext_on(target: LiveTarget, count: int) -> None:
    with scratch(target, messages(target, [()] * count)) as box:
        expected = select(target.imap(), box.name, b"EXAMINE").uidnext
        if expected is None:
            raise Unclear("EXAMINE does not tell UIDNEXT")
        append(box.imap, box.name, message(target))
        box.ask(b"NOOP")
        new = box.uids()[-1]
        assert new >= expected, f"UIDNEXT was {expected}, the new message has the UID {new}"


@covers("RFC3501-2.3.1.1-a", fault="imap.uids-are-used-again")
@needs(_IMAP)
@given(removed=st.sampled_from([(3,), (2, 3), (1, 2, 3)]), left=st.sampled_from([b"EXPUNGE", b"CLOSE"]))
def test_a_uid_is_never_used_again(target: LiveTarget, removed: Sequence[int], left: bytes) -> None:
    with scratch(target, messages(target, [(), (), ()])) as box:
        before, validity = box.uids(), box.selected.uidvalidity
        for number in removed:
            box.ask(rb"STORE %d +FLAGS.SILENT (\Deleted)" % number)
        box.ask(left)
        append(box.imap, box.name, message(target))
        again = select(box.imap, box.name)
        new = found(box.ask(b"UID SEARCH ALL"))[-1]
        assert new not in before or again.uidvalidity != validity, (
            f"the UIDs were {before}, the message that came after EXPUNGE has {new}; UIDVALIDITY is {validity} still"
        )
