"""RFC 7162 §3.1: CONDSTORE."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import ESearch, Fetch, Search
from harness.wire.imap.results import Result, SelectResult, fetched, found
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import case_variants
from suites.imap.scratch import Scratch, messages, news, numbers, scratch, told
from suites.needs import imap_offers, needs

_CONDSTORE = imap_offers("CONDSTORE")
# RFC 7162 §3.1: mod-sequences have 63 bits.
_LARGEST: Final = 2**63 - 1

_ENABLING: Final = (
    b"FETCH 1 (MODSEQ)",
    b"STATUS %b (HIGHESTMODSEQ)",
    b"SEARCH MODSEQ 1",
    b"FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
    rb"STORE 1 (UNCHANGEDSINCE 9223372036854775807) +FLAGS.SILENT (\Answered)",
)
_enabling = st.sampled_from(_ENABLING)
_system_flags = st.sampled_from([rb"(\Seen)", rb"(\Flagged)", rb"(\Answered \Draft)"])


def _enable(box: Scratch, command: bytes) -> Result:
    """A command that makes the session aware of mod-sequences; `NotOffered` where the mailbox keeps none."""
    if "NOMODSEQ" in box.selected.result.codes():
        raise NotOffered("the mailbox keeps no mod-sequences")
    return box.ask(command.replace(b"%b", encode_astring(box.name)))


def _modseqs(box: Scratch) -> dict[int, int]:
    """The mod-sequence of each message, by number."""
    data = fetched(_enable(box, b"FETCH 1:* (MODSEQ)"), uid=False)
    found_ones = {number: each.modseq for number, each in data.items()}
    known = {number: modseq for number, modseq in found_ones.items() if modseq is not None}
    if len(known) < len(found_ones) or not 0 < max(known.values(), default=0) <= _LARGEST:
        raise Unclear(f"FETCH MODSEQ told {found_ones}")
    return known


@covers("RFC7162-3.1-a", fault="imap.modseq-of-64-bits")
@needs(_CONDSTORE)
@given(count=st.integers(1, 4))
def test_mod_sequences_are_positive_and_have_63_bits(target: LiveTarget, count: int) -> None:
    with scratch(target, messages(target, [()] * count)) as box:
        data = fetched(_enable(box, b"FETCH 1:* (MODSEQ)"), uid=False)
        for number, each in data.items():
            assert 1 <= (each.modseq or 0) <= _LARGEST, f"message {number} has the mod-sequence {each.modseq}"


@covers("RFC7162-3.1-c", fault="imap.modseq-falls")
@needs(_CONDSTORE)
@given(order=st.permutations([1, 2, 3]), flags=st.sampled_from([rb"(\Answered \Draft)", rb"(\Seen)"]))
def test_the_later_store_has_the_greater_mod_sequence(
    target: LiveTarget, order: list[int], flags: bytes
) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        _enable(box, b"FETCH 1 (MODSEQ)")
        for number in order:
            box.ask(b"STORE %d +FLAGS.SILENT %s" % (number, flags))
        modseqs = _modseqs(box)
        rising = [modseqs[number] for number in order]
        assert rising[0] < rising[1] < rising[2], (
            f"STOREs of messages {order} have the mod-sequences {rising}"
        )


@covers("RFC7162-3.1-d", fault="imap.modseq-stays")
@needs(_CONDSTORE)
@given(flags=st.sampled_from([rb"(\Seen)", rb"(\Deleted)"]), remove=st.booleans())
def test_a_flag_change_raises_the_mod_sequence(target: LiveTarget, flags: bytes, remove: bool) -> None:
    with scratch(
        target, messages(target, [tuple(flags.decode().strip("()").split()) if remove else ()])
    ) as box:
        before = _modseqs(box)[1]
        box.ask(b"STORE 1 %sFLAGS.SILENT %s" % (b"-" if remove else b"+", flags))
        after = _modseqs(box)[1]
        assert after > before, (
            f"the mod-sequence is {after} after a STORE of {flags.decode()}, it was {before}"
        )


@covers("RFC7162-3.1-e", fault="imap.modseq-rises-for-nothing")
@needs(_CONDSTORE)
@given(flags=_system_flags, remove=st.booleans())
def test_a_store_that_changes_nothing_keeps_the_mod_sequence(
    target: LiveTarget, flags: bytes, remove: bool
) -> None:
    with scratch(
        target, messages(target, [() if remove else tuple(flags.decode().strip("()").split())])
    ) as box:
        before = _modseqs(box)[1]
        box.ask(b"STORE 1 %sFLAGS.SILENT %s" % (b"-" if remove else b"+", flags))
        after = _modseqs(box)[1]
        assert after == before, f"the mod-sequence rose from {before} to {after} though no flag has changed"


@covers("RFC7162-3.1-g", fault="imap.store-tells-no-modseq")
@needs(_CONDSTORE)
@given(enabling=_enabling, flags=_system_flags)
def test_store_tells_mod_sequences_once_enabled(target: LiveTarget, enabling: bytes, flags: bytes) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        _enable(box, enabling)
        fetches = box.ask(b"STORE 1:2 +FLAGS", flags).of(Fetch)
        bare = [each for each in fetches if each.data.modseq is None]
        assert not bare, f"STORE after {enabling.decode()} was answered {told(bare)}"


def _must_push_modseq(box: Scratch, after: str) -> None:
    """Another session's change is told with a mod-sequence."""
    box.another().ask(rb"STORE 1 +FLAGS.SILENT (\Flagged)")
    responses = news(box, lambda got: any(isinstance(each, Fetch) for each in got))
    fetches = [each for each in responses if isinstance(each, Fetch)]
    if not fetches:
        raise Unclear("the other session's change was not told")
    bare = [each for each in fetches if each.data.modseq is None]
    assert not bare, f"NOOP after {after} was answered {told(bare)}"


@covers("RFC7162-3.1-g", fault="imap.news-without-modseq")
@needs(_CONDSTORE)
@given(enabling=_enabling)
def test_changes_of_others_are_told_with_mod_sequences_once_enabled(
    target: LiveTarget, enabling: bytes
) -> None:
    with scratch(target, messages(target, [()])) as box:
        _enable(box, enabling)
        _must_push_modseq(box, enabling.decode())


@covers("RFC7162-3.1.8-a", fault="imap.select-condstore-does-nothing", also=("imap.news-without-modseq",))
@needs(_CONDSTORE)
@given(verb=st.sampled_from([b"SELECT", b"EXAMINE"]))
def test_select_with_condstore_enables_mod_sequences(target: LiveTarget, verb: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        box.ask(b"CLOSE")
        _enable(box, verb + b" %b (CONDSTORE)")
        _must_push_modseq(box, f"{verb.decode()} with CONDSTORE")


@covers("RFC7162-3.1-h", fault="imap.enabling-tells-no-highestmodseq")
@needs(_CONDSTORE)
@given(enabling=_enabling)
def test_the_first_enabling_command_tells_highestmodseq(target: LiveTarget, enabling: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        result = _enable(box, enabling)
        assert "HIGHESTMODSEQ" in result.codes(), f"{enabling.decode()} was answered {told(result.responses)}"


@covers("RFC7162-3.1.2-a", fault="imap.select-without-highestmodseq")
@needs(_CONDSTORE)
@given(verb=st.sampled_from([b"SELECT", b"EXAMINE"]), parameter=st.sampled_from([b"", b" (CONDSTORE)"]))
def test_select_tells_the_highest_mod_sequence(target: LiveTarget, verb: bytes, parameter: bytes) -> None:
    with scratch(target, messages(target, [()])) as box:
        if not parameter:
            _enable(box, b"FETCH 1 (MODSEQ)")
        selected = SelectResult.read(box.ask(verb, encode_astring(box.name) + parameter))
        nothing = "NOMODSEQ" in selected.result.codes()
        assert nothing or selected.highestmodseq is not None, (
            f"{verb.decode()}{parameter.decode()} was answered {told(selected.result.responses)}"
        )


# Conditional STORE


@covers("RFC7162-3.1.3-a", "RFC7162-3.1.3-b", fault="imap.conditional-store-is-silent")
@needs(_CONDSTORE)
@given(suffix=st.sampled_from([b"", b".SILENT"]), by_uid=st.booleans())
def test_a_conditional_store_tells_the_new_mod_sequence(
    target: LiveTarget, suffix: bytes, by_uid: bool
) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        before = _modseqs(box)
        chosen = b"UID STORE " + numbers(box.uids()) if by_uid else b"STORE 1:2"
        condition = b" (UNCHANGEDSINCE %d) +FLAGS%s" % (max(before.values()), suffix)
        data = fetched(box.ask(chosen + condition, rb"(\Seen)"), uid=False)
        for number, modseq in before.items():
            new = data[number].modseq if number in data else None
            assert (new or 0) > modseq, (
                f"the mod-sequence of message {number} was {modseq}, the conditional STORE tells {new}"
            )


@covers("RFC7162-3.1.3-c", fault="imap.unchangedsince-is-ignored")
@needs(_CONDSTORE)
@given(changed=st.sets(st.integers(1, 3), min_size=1, max_size=3))
def test_a_message_changed_since_is_left_alone(target: LiveTarget, changed: set[int]) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        limit = max(_modseqs(box).values())
        box.another().ask(b"STORE %s +FLAGS.SILENT" % numbers(sorted(changed)), rb"(\Flagged)")
        box.imap.command(rb"STORE 1:3 (UNCHANGEDSINCE %d) FLAGS (\Seen)" % limit)
        flags = box.another().flags()
        touched = [number for number in sorted(changed) if flags[number - 1] != {"\\flagged"}]
        assert not touched, f"messages {touched} had changed since {limit} and were changed by the STORE"


@covers(
    "RFC7162-3.1.3-d", fault="imap.unchangedsince-without-modified", also=("imap.unchangedsince-is-ignored",)
)
@needs(_CONDSTORE)
@given(changed=st.sets(st.integers(1, 3), min_size=1, max_size=3), by_uid=st.booleans())
def test_modified_names_the_messages_left_alone(target: LiveTarget, changed: set[int], by_uid: bool) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        limit, uids = max(_modseqs(box).values()), box.uids()
        # FLAGS, unlike +FLAGS, cannot succeed where a server tells flags apart (RFC 7162 §3.1.12).
        box.another().ask(b"STORE %s +FLAGS.SILENT" % numbers(sorted(changed)), rb"(\Flagged)")
        chosen = b"UID STORE " + numbers(uids) if by_uid else b"STORE 1:3"
        result = box.imap.command(chosen + rb" (UNCHANGEDSINCE %d) FLAGS (\Seen)" % limit)
        code = result.code
        named = (
            code.value.expand()
            if code is not None and code.name == "MODIFIED" and isinstance(code.value, SequenceSet)
            else []
        )
        expected = [uids[number - 1] if by_uid else number for number in sorted(changed)]
        assert named == expected, f"{expected} had changed since; the STORE was answered {result.tagged}"


@covers("RFC7162-3.1.3-f", fault="imap.unchangedsince-zero-passes", also=("imap.unchangedsince-is-ignored",))
@needs(_CONDSTORE)
@given(flag=st.sampled_from([rb"\Seen", rb"\Deleted", rb"\Draft"]), mode=st.sampled_from([b"+", b"-", b""]))
def test_unchangedsince_zero_fails(target: LiveTarget, flag: bytes, mode: bytes) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        before = box.flags()
        box.imap.command(b"STORE 1:2 (UNCHANGEDSINCE 0) %sFLAGS (%s)" % (mode, flag))
        after = box.another().flags()
        assert after == before, f"STORE (UNCHANGEDSINCE 0) changed the flags {before} to {after}"


# FETCH and SEARCH


@covers("RFC7162-3.1.4.1-nk1", fault="imap.changedsince-shows-the-equal")
@needs(_CONDSTORE)
@given(changed=st.sets(st.integers(1, 3), max_size=3), by_uid=st.booleans())
def test_changedsince_shows_what_has_changed(target: LiveTarget, changed: set[int], by_uid: bool) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        limit = max(_modseqs(box).values())
        for number in sorted(changed):
            box.ask(rb"STORE %d +FLAGS.SILENT (\Flagged)" % number)
        line = b"%sFETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % (b"UID " * by_uid, limit)
        fetches = box.ask(line).of(Fetch)
        shown = sorted({each.number for each in fetches})
        assert shown == sorted(changed), f"{sorted(changed)} have changed since {limit}, FETCH shows {shown}"
        bare = [each for each in fetches if each.data.modseq is None]
        assert not bare, f"FETCH CHANGEDSINCE was answered {told(bare)}"


@covers("RFC7162-3.1.6-a", fault="imap.search-modseq-one-less")
@needs(_CONDSTORE)
@given(changed=st.sets(st.integers(1, 3), max_size=3), by_uid=st.booleans())
def test_search_modseq_tells_the_highest(target: LiveTarget, changed: set[int], by_uid: bool) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        limit = max(_modseqs(box).values()) + 1
        for number in sorted(changed):
            box.ask(rb"STORE %d +FLAGS.SILENT (\Flagged)" % number)
        modseqs = _modseqs(box)
        result = box.ask(b"%sSEARCH MODSEQ %d" % (b"UID " * by_uid, limit))
        answers = result.of(Search)
        if not answers:
            raise Unclear(f"SEARCH MODSEQ was answered {told(result.responses)}")
        expected = max((modseqs[number] for number in changed), default=None)
        assert (len(found(result)), answers[-1].modseq) == (len(changed), expected), (
            f"{sorted(changed)} of {modseqs} have {limit} or more; SEARCH MODSEQ was answered {answers[-1]}"
        )


@covers("RFC4731-3.2-a", "RFC7162-3.1.10-a", fault="imap.esearch-without-modseq")
@needs(imap_offers("CONDSTORE", "ESEARCH"))
@given(options=st.lists(st.sampled_from(["MIN", "MAX", "ALL", "COUNT"]), min_size=1, max_size=4, unique=True))
def test_esearch_tells_the_mod_sequence_of_what_it_returns(target: LiveTarget, options: list[str]) -> None:
    with scratch(target, messages(target, [()] * 3)) as box:
        for number in (2, 1, 3):
            box.ask(rb"STORE %d +FLAGS.SILENT (\Flagged)" % number)
        modseqs = _modseqs(box)
        result = box.ask(b"SEARCH RETURN (%s) MODSEQ 1" % " ".join(options).encode())
        answers = result.of(ESearch)
        ends = {"MIN": modseqs[1], "MAX": modseqs[3]}
        only_ends = set(options) <= ends.keys()
        expected = max(ends[option] for option in options) if only_ends else max(modseqs.values())
        highest = max((each.number("MODSEQ") or 0 for each in answers), default=None)
        assert highest == expected, (
            f"{modseqs} are the mod-sequences; SEARCH RETURN ({' '.join(options)}) was answered {told(answers)}"
        )


@covers("RFC7162-7-a", fault="imap.condstore-in-capitals")
@needs(_CONDSTORE)
@given(data=st.data())
def test_words_of_condstore_are_taken_in_any_case(target: LiveTarget, data: st.DataObject) -> None:
    with scratch(target, messages(target, [()])) as box:
        for before, word, after in (
            (b"FETCH 1 (", b"MODSEQ", b")"),
            (b"SEARCH ", b"MODSEQ", b" 1"),
            (b"FETCH 1 (FLAGS) (", b"CHANGEDSINCE", b" 1)"),
            (b"STORE 1 (", b"UNCHANGEDSINCE", rb" 1) +FLAGS (\Seen)"),
        ):
            line = before + data.draw(case_variants(word)) + after
            result = box.imap.command(line)
            # NO is due to a STORE that fails its condition (RFC 7162 §3.1.3).
            assert result.status is not Answer.BAD, f"{line.decode()} was answered {result.tagged}"
