"""RFC 9051 §6.4.4 and RFC 4731 §3.1: what SEARCH RETURN returns."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire.imap.responses import ESearch, Search
from harness.wire.imap.results import Result, found
from harness.wire.imap.states import Answer
from suites.covers import covers, proves
from suites.imap.dialogue import case_variants
from suites.imap.scratch import messages, scratch, told
from suites.imap.searched import Key, plain_keys, searched
from suites.needs import imap_offers, needs

_REV2 = imap_offers("IMAP4rev2")
_ESEARCH = imap_offers("ESEARCH")
_NOWHERE: Final = st.sampled_from([b"NOT ALL", b"NOT 1:*"])

_options: SearchStrategy[list[str]] = st.lists(
    st.sampled_from(["MIN", "MAX", "ALL", "COUNT"]), min_size=1, max_size=4, unique=True
)


def _returned(target: LiveTarget, options: str, key: bytes, *, uid: bool = False) -> ESearch:
    """The one ESEARCH of a SEARCH; `Unclear` where it was refused."""
    result = searched(target).ask(b"UID SEARCH" if uid else b"SEARCH", b"RETURN (%s)" % options.encode(), key)
    return _only(result, f"SEARCH RETURN ({options}) {key.decode()}")


def _only(result: Result, what: str) -> ESearch:
    answers = result.of(ESearch)
    assert (len(answers), len(result.of(Search))) == (1, 0), f"{what} was answered {told(result.responses)}"
    return answers[0]


def _must_lack(target: LiveTarget, option: str, key: bytes) -> None:
    answer = _returned(target, option, key)
    assert option not in answer.items, f"nothing matches {key.decode()}, and {answer} came"


@covers("RFC9051-6.4.4-f", "RFC9051-6.4.4-g", "RFC9051-6.4.4-i", fault="imap.esearch-zero-for-nothing")
@needs(_REV2)
@given(key=_NOWHERE)
def test_imap4rev2_search_without_a_match_returns_no_number(target: LiveTarget, key: bytes) -> None:
    for option, requirement in (("MIN", "f"), ("MAX", "g"), ("ALL", "i")):
        with proves(f"RFC9051-6.4.4-{requirement}"):
            _must_lack(target, option, key)


@covers("RFC4731-3.1-a", "RFC4731-3.1-b", "RFC4731-3.1-d", fault="imap.esearch-zero-for-nothing")
@needs(_ESEARCH)
@given(key=_NOWHERE)
def test_search_without_a_match_returns_no_number(target: LiveTarget, key: bytes) -> None:
    for option, requirement in (("MIN", "a"), ("MAX", "b"), ("ALL", "d")):
        with proves(f"RFC4731-3.1-{requirement}"):
            _must_lack(target, option, key)


def _must_count(target: LiveTarget, key: Key) -> None:
    answer = _returned(target, "COUNT", key[0])
    assert answer.number("COUNT") == len(key[1]), (
        f"{len(key[1])} messages match {key[0].decode()}, {answer} came"
    )


_counted = plain_keys | _NOWHERE.map(lambda key: (key, frozenset[int]()))


@covers("RFC9051-6.4.4-j", fault="imap.esearch-counts-no-zero")
@needs(_REV2)
@given(key=_counted)
def test_imap4rev2_search_counts_always(target: LiveTarget, key: Key) -> None:
    _must_count(target, key)


@covers("RFC4731-3.1-e", fault="imap.esearch-counts-no-zero")
@needs(_ESEARCH)
@given(key=_counted)
def test_search_counts_always(target: LiveTarget, key: Key) -> None:
    _must_count(target, key)


def _must_return_once(target: LiveTarget, options: list[str], key: Key) -> None:
    answer = _returned(target, " ".join(options), key[0])
    hits = sorted(key[1])
    values = {"MIN": hits[0], "MAX": hits[-1], "ALL": hits, "COUNT": len(hits)}
    told_values = {name: list(answer.numbers) if name == "ALL" else answer.number(name) for name in options}
    expected = {name: values[name] for name in options}
    assert told_values == expected, f"{key[0].decode()} matches {hits}, {answer} came"


_matching = plain_keys.filter(lambda key: bool(key[1]))


@covers("RFC9051-6.4.4-k", fault="imap.esearch-one-by-one")
@needs(_REV2)
@given(options=_options, key=_matching)
def test_imap4rev2_search_returns_all_options_at_once(
    target: LiveTarget, options: list[str], key: Key
) -> None:
    _must_return_once(target, options, key)


@covers("RFC4731-3.1-f", fault="imap.esearch-one-by-one")
@needs(_ESEARCH)
@given(options=_options, key=_matching)
def test_search_returns_all_options_at_once(target: LiveTarget, options: list[str], key: Key) -> None:
    _must_return_once(target, options, key)


@covers("RFC9051-6.4.9-a", fault="imap.esearch-without-uid")
@needs(_REV2)
@given(option=st.sampled_from(["MIN", "MAX", "ALL", "COUNT"]), key=_matching)
def test_imap4rev2_uid_search_says_uid(target: LiveTarget, option: str, key: Key) -> None:
    answer = _returned(target, option, key[0], uid=True)
    assert answer.uid, f"UID SEARCH was answered {answer}"


@covers("RFC4731-3.1-g", fault="imap.esearch-without-uid")
@needs(_ESEARCH)
@given(option=st.sampled_from(["MIN", "MAX", "ALL", "COUNT"]), key=_matching)
def test_uid_search_says_uid(target: LiveTarget, option: str, key: Key) -> None:
    answer = _returned(target, option, key[0], uid=True)
    assert answer.uid, f"UID SEARCH was answered {answer}"


@covers("RFC4731-4-a", fault="imap.search-return-in-capitals")
@needs(_ESEARCH)
@given(
    option=st.sampled_from([b"MIN", b"MAX", b"ALL", b"COUNT"]).flatmap(case_variants),
    word=case_variants(b"RETURN"),
)
def test_search_return_is_taken_in_any_case(target: LiveTarget, option: bytes, word: bytes) -> None:
    result = searched(target).imap.command(b"SEARCH %s (%s) ALL" % (word, option))
    assert result.ok, f"SEARCH {word.decode()} ({option.decode()}) was answered {result.tagged}"


@covers("RFC9051-6.4.4-d", fault="imap.search-takes-any-option")
@needs(_REV2)
@given(option=st.sampled_from([b"X-MAILPROOF", b"MINIMUM", b"ALL X-MAILPROOF"]))
def test_an_unknown_return_option_gets_bad(target: LiveTarget, option: bytes) -> None:
    result = searched(target).imap.command(b"SEARCH RETURN (%s) ALL" % option)
    assert result.status is Answer.BAD, f"SEARCH RETURN ({option.decode()}) was answered {result.tagged}"


@covers("RFC9051-6.4.4-nk1", fault="imap.search-stays-rev1")
@needs(_REV2)
@given(key=_counted)
def test_imap4rev2_answers_search_with_esearch(target: LiveTarget, key: Key) -> None:
    box = searched(target).another(enable=b"IMAP4rev2")
    result = box.ask(b"SEARCH", key[0])
    answer = _only(result, f"SEARCH {key[0].decode()} in IMAP4rev2")
    assert answer.tag == result.tag, f"SEARCH with the tag {result.tag!r} was answered {answer}"
    assert sorted(answer.numbers) == sorted(key[1]), (
        f"{key[0].decode()} matches {sorted(key[1])}, {answer} came"
    )


@covers("RFC9051-6.4.4.1-nk1", fault="imap.saved-results-keep-the-expunged")
@needs(_REV2)
@given(marks=st.lists(st.sampled_from([(), (r"\Seen",), (r"\Seen", r"\Deleted")]), min_size=2, max_size=4))
def test_a_saved_result_stands_for_what_was_found(target: LiveTarget, marks: list[tuple[str, ...]]) -> None:
    with scratch(target, messages(target, marks)) as box:
        uids = box.uids()
        seen = [uid for uid, flags in zip(uids, marks, strict=True) if r"\Seen" in flags]
        box.ask(b"SEARCH RETURN (SAVE) SEEN")
        first = sorted(found(box.ask(b"UID SEARCH $")))
        assert first == seen, f"$ stands for the UIDs {first}, SEARCH RETURN (SAVE) found {seen}"
        box.ask(b"EXPUNGE")
        kept = [uid for uid, flags in zip(uids, marks, strict=True) if flags == (r"\Seen",)]
        result = box.imap.command(b"UID FETCH $ (FLAGS)")
        if not result.ok:
            raise Unclear(f"UID FETCH $ was answered {result.tagged}")
        after = sorted(found(box.ask(b"UID SEARCH $")))
        assert after == kept, f"$ stands for the UIDs {after} after EXPUNGE, {kept} of {seen} are left"
