"""RFC 3501 §6.4.6: STORE, and what §2.3.2 says of flags."""

from collections.abc import Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.imap.encode import encode_flags
from harness.wire.imap.responses import Fetch
from harness.wire.imap.results import fetched, found
from suites.covers import covers
from suites.imap.scratch import Scratch, messages, news, numbers, plain_flags, scratch, spare, told
from suites.needs import endpoint, imap_offers, needs

_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)
_FLAGS: Final = (r"\Answered", r"\Deleted", r"\Draft", r"\Flagged", r"\Seen")

# What to do, to which of three messages, with which flags.
Step = tuple[str, tuple[int, ...], tuple[str, ...]]

_chosen = st.sampled_from([(1,), (2,), (3,), (1, 2), (1, 2, 3)])
_some = st.lists(st.sampled_from(_FLAGS), min_size=1, max_size=3, unique=True).map(tuple)
# Adding or removing no flag at all is left out: whether that is a STORE to be answered is not said.
_steps = st.lists(
    st.tuples(st.sampled_from(["+", "-", ""]), _chosen, _some) | st.tuples(st.just(""), _chosen, st.just(())),
    min_size=1,
    max_size=4,
)
_JUDGE: Final = {"+": frozenset.union, "-": frozenset.difference, "": lambda _old, new: new}


def _can_keep_flags(box: Scratch) -> None:
    permanent = box.selected.permanentflags
    if permanent is not None and (missing := plain_flags(_FLAGS) - plain_flags(permanent)):
        raise Unclear(f"PERMANENTFLAGS lacks {', '.join(sorted(missing))}")


def _apply(model: list[frozenset[str]], step: Step) -> None:
    mode, chosen, flags = step
    for number in chosen:
        model[number - 1] = _JUDGE[mode](model[number - 1], plain_flags(flags))


def _command(step: Step, suffix: bytes = b"") -> bytes:
    mode, chosen, flags = step
    return b"STORE %s %sFLAGS%s %s" % (numbers(chosen), mode.encode(), suffix, encode_flags(flags))


def _shown(model: Sequence[frozenset[str]]) -> str:
    return "; ".join(" ".join(sorted(flags)) or "none" for flags in model)


@covers("RFC3501-6.4.6-nk1", fault="imap.store-replaces-nothing")
@needs(_IMAP)
@given(steps=_steps, suffix=st.sampled_from([b"", b".SILENT"]))
def test_store_changes_exactly_the_flags_given(target: LiveTarget, steps: list[Step], suffix: bytes) -> None:
    with scratch(target, messages(target, [(r"\Seen", r"\Flagged"), (), ()])) as box:
        _can_keep_flags(box)
        model = [plain_flags((r"\Seen", r"\Flagged")), frozenset(), frozenset()]
        for step in steps:
            box.ask(_command(step, suffix))
            _apply(model, step)
        flags = box.flags()
        last = _command(steps[-1], suffix).decode()
        assert flags == model, f"the flags after {last} are {_shown(flags)}, not {_shown(model)}"


@covers("RFC3501-6.4.6-nk1", fault="imap.store-tells-the-old-flags", also=("imap.store-replaces-nothing",))
@needs(_IMAP)
@given(steps=_steps)
def test_store_tells_the_new_flags(target: LiveTarget, steps: list[Step]) -> None:
    with scratch(target, messages(target, [(r"\Seen", r"\Flagged"), (), ()])) as box:
        _can_keep_flags(box)
        model = [plain_flags((r"\Seen", r"\Flagged")), frozenset(), frozenset()]
        for step in steps:
            before = list(model)
            result = box.ask(_command(step))
            _apply(model, step)
            data = fetched(result, uid=False)
            # What has not changed is told by some servers only: "normally", says the text, the updated value is.
            for number in (each for each in step[1] if before[each - 1] != model[each - 1]):
                flags = data[number].flags if number in data else None
                assert flags is not None, f"{_command(step).decode()} was answered {told(result.responses)}"
                assert plain_flags(flags) == model[number - 1], (
                    f"{_command(step).decode()} was answered {told(result.responses)}; "
                    f"the flags of {number} are {_shown(model[number - 1 : number])}"
                )


@covers("RFC3501-6.4.6-b", fault="imap.silent-store-hides-others-changes")
@needs(_IMAP)
@given(suffix=st.sampled_from([b"", b".SILENT"]))
def test_store_tells_flags_that_another_session_has_set(target: LiveTarget, suffix: bytes) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        box.flags()
        box.another().ask(rb"STORE 1 +FLAGS (\Flagged)")
        result = box.ask(rb"STORE 1 +FLAGS%s (\Answered)" % suffix)

        def seen(responses: Sequence[object]) -> bool:
            return any(
                isinstance(each, Fetch) and r"\Flagged" in (each.data.flags or ()) for each in responses
            )

        if not seen(result.responses) and not seen(news(box, seen)):
            raise Unclear("the session was not told of the other's change at all")
        assert seen(result.responses), f"STORE +FLAGS{suffix.decode()} was answered {told(result.responses)}"


@covers("RFC3501-2.3.2-nk1", fault="imap.recent-can-be-set")
@needs(_IMAP)
@given(mode=st.sampled_from([b"+FLAGS", b"FLAGS"]), silent=st.booleans())
def test_recent_cannot_be_set(target: LiveTarget, mode: bytes, silent: bool) -> None:
    with scratch(target, messages(target, [()])) as box:
        # The first session to select the mailbox has taken \Recent.
        other = box.another()
        if r"\Recent" in (other.fetch(b"(FLAGS)")[1].flags or ()):
            raise Unclear("the second session sees \\Recent as well")
        other.imap.command(b"STORE 1", mode + b".SILENT" * silent, rb"(\Recent)")
        flags = other.fetch(b"(FLAGS)")[1].flags or ()
        assert r"\Recent" not in flags, f"the flags after STORE 1 {mode.decode()} (\\Recent) are {flags}"


_KEYWORDS: Final = ("$Forwarded", "$MDNSent", "$Junk", "$NotJunk", "$Phishing")


@covers("RFC9051-2.3.2-b", fault="imap.loses-keywords-in-copies")
@needs(imap_offers("IMAP4rev2"))
@given(keyword=st.sampled_from(_KEYWORDS))
def test_common_keywords_are_set_searched_and_copied(target: LiveTarget, keyword: str) -> None:
    with scratch(target, messages(target, [(), ()])) as box, spare(box) as other:
        if "\\*" not in (box.selected.permanentflags or ()):
            raise NotOffered("PERMANENTFLAGS allows no keywords")
        result = box.imap.command(b"STORE 2 +FLAGS", encode_flags([keyword]))
        assert result.ok, f"STORE of {keyword} was answered {result.tagged}"
        hits = found(box.ask(b"SEARCH KEYWORD", keyword.encode()))
        assert hits == [2], f"SEARCH KEYWORD {keyword} found {hits}, message 2 has it"
        box.ask(b"COPY 2", other)
        box.ask(b"EXAMINE", other)
        flags = box.flags()[0]
        assert keyword.lower() in flags, f"the copy has the flags {sorted(flags)}, not {keyword}"
