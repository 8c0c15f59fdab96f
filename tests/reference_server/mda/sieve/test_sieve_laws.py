"""What holds for every script and every message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.strategies.mime import messages
from reference_server.mda.sieve import (
    Discard,
    FileInto,
    Keep,
    Redirect,
    Reject,
    SieveError,
    Vacation,
    capabilities,
    compile_script,
)

# Scripts that may be wrong: words of the language in any order.
WORDS = """
if elsif else require stop keep fileinto redirect discard reject set vacation setflag addflag mailboxexists
header address envelope exists size allof anyof not true string body date hasflag currentdate
:is :contains :matches :count :value :comparator :all :detail :over :copy :flags :create :index
:last :zone :raw :content :days :mime :from :length
"gt" "i;octet" "i;ascii-numeric" "subject" "a@example.org" "*${1}?" "${hex:0}" ""
0 1K 99999999999999999999 [ ] ( ) { } , ; ; /* " \\ :
"""
FRAGMENTS = [
    *WORDS.split(),
    *("text:\r\n..x\r\n.\r\n", "\r\n", "\r", "# x\n", "/* x */", "\x00", "\u00e9", "\udcff", "\ud800"),
    *(f'require "{name}";' for name in sorted(capabilities())),
]
soups = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map(" ".join)
texts = st.text(st.characters(), max_size=60)


def refusal(source: str) -> SieveError | None:
    try:
        compile_script(source)
    except SieveError as error:
        return error
    return None


@given(source=soups | texts)
def test_a_script_compiles_or_is_refused_at_a_place_within_it(source):
    error = refusal(source)
    if error is not None:
        lines = source.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.problem


# Scripts that are right.
_words = st.sampled_from(
    ["", "a", "B c", "*@*", "?x", "\\\\*", "${x}", "${1}", "${0}", "é", "1", "example", "+0100"]
)
_strings = _words.map('"{}"'.format)
_lists = _strings | st.lists(_strings, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")
_addresses = st.sampled_from(['"a@example.org"', '"N <b@example.org>"', '"${1}"', '"${x}"'])
_fields = st.sampled_from(['"from"', '["to", "cc"]', '"sender"', '["from", "bcc"]'])
_names = st.sampled_from(['"subject"', '["from", "to"]', '"x:y"', '"received"', '"date"'])
_match = st.sampled_from(
    [
        *("", ":is", ":contains", ":matches", ':count "ge"', ':value "lt"'),
        *(':comparator "i;octet" :matches', ':comparator "i;ascii-numeric" :value "gt"'),
    ]
)
_parts = st.sampled_from(["", ":all", ":localpart", ":domain", ":user", ":detail"])
_index = st.sampled_from(["", ":index 1", ":index 2 :last"])
_date_parts = st.sampled_from(['"year"', '"julian"', '"weekday"', '"std11"', '"iso8601"'])
_zones = st.sampled_from(["", ':zone "-0800"'])
_envelope = st.sampled_from(['"from"', '["to", "from"]'])
_bodies = st.sampled_from(["", ":raw", ":text", ':content ""', ':content ["text", "message/rfc822"]'])
_flags = st.sampled_from(['"\\\\Seen"', '"a \\\\Recent b"', '["", "${1}"]'])


def _joined(*parts: str | SearchStrategy[str]) -> SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map(" ".join)


_simple_tests = st.one_of(
    st.sampled_from(["true", "false", "size :over 100", "size :under 1K", 'mailboxexists "a"']),
    _joined("header", _match, _index, _names, _lists),
    _joined("address", _match, _parts, _index, _fields, _lists),
    _joined("envelope", _match, _parts, _envelope, _lists),
    _joined("exists", _names),
    _joined("string", _match, _lists, _lists),
    _joined("hasflag", _match, _lists),
    _joined("body", _match, _bodies, _lists),
    _joined("date", _match, _zones, '"date"', _date_parts, _lists),
    _joined("currentdate", _match, _zones, _date_parts, _lists),
)
_tests = st.recursive(
    _simple_tests,
    lambda inner: st.one_of(
        _joined("not", inner),
        st.tuples(st.sampled_from(["allof", "anyof"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda found: f"{found[0]} ({', '.join(found[1])})"
        ),
    ),
    max_leaves=4,
)
_copies = st.sampled_from(["", ":copy"])
_actions = st.one_of(
    st.sampled_from(["keep;", "discard;", "stop;"]),
    _joined("keep :flags", _flags, ";"),
    _joined("fileinto", _copies, st.sampled_from(["", ":create"]), _strings.filter(lambda s: s != '""'), ";"),
    _joined("redirect", _copies, _addresses, ";"),
    _joined(st.sampled_from(["reject", "ereject"]), _strings, ";"),
    _joined("set", st.sampled_from(["", ":upper :length", ":quotewildcard"]), '"x"', _strings, ";"),
    _joined(st.sampled_from(["setflag", "addflag", "removeflag"]), st.sampled_from(["", '"x"']), _flags, ";"),
    _joined("vacation :days 0 :subject", _strings, _strings, ";"),
)
_commands = st.recursive(
    _actions,
    lambda inner: st.tuples(_tests, st.lists(inner, max_size=3), st.lists(inner, max_size=2)).map(
        lambda found: f"if {found[0]} {{ {' '.join(found[1])} }} else {{ {' '.join(found[2])} }}"
    ),
    max_leaves=6,
)
scripts = st.lists(_commands, max_size=6).map("\n".join)
contents = st.binary(max_size=200) | messages("token").map(lambda message: message.octets)

CANCELS = ("keep", "discard", "fileinto", "redirect", "reject")


@given(script=scripts, content=contents, envelope_from=st.sampled_from(["", "a+b@example.org", "nobody"]))
def test_a_message_is_always_kept_sent_on_or_given_up_by_the_script(sieve, script, content, envelope_from):
    result = sieve.decide(sieve.all_extensions() + script, content, envelope_from=envelope_from)

    delivering = [a for a in result.actions if isinstance(a, Keep | FileInto | Redirect)]
    given_up = [a for a in result.actions if isinstance(a, Discard | Reject)]
    assert bool(delivering) != bool(given_up)
    assert len(given_up) <= 1
    if given_up:
        assert any(word in script for word in ("discard", "reject"))
    if result.error is not None:
        assert result.actions == (Keep(implicit=True),)
    assert sum(isinstance(action, Vacation) for action in result.actions) <= 1


@given(test=_tests, content=contents)
def test_a_test_and_its_opposite_never_agree(sieve, test, content):
    assert sieve.holds(test, content) != sieve.holds(f"not {test}", content)


@given(left=_tests, right=_tests, content=contents)
def test_both_lists_of_tests_agree_with_their_members(sieve, left, right, content):
    # Match variables would let one test see what the other found.
    if "${" in left + right:
        return
    found = (sieve.holds(left, content), sieve.holds(right, content))
    assert sieve.holds(f"allof ({left}, {right})", content) == all(found)
    assert sieve.holds(f"anyof ({left}, {right})", content) == any(found)


@given(script=scripts, content=contents)
def test_the_same_message_meets_the_same_fate_again(sieve, script, content):
    source = sieve.all_extensions() + script
    first, second = sieve.decide(source, content), sieve.decide(source, content)
    assert first.actions == second.actions


@pytest.mark.parametrize("word", CANCELS)
def test_what_cancels_the_implicit_keep_leaves_none(sieve, word):
    argument = {"fileinto": '"x"', "redirect": '"a@example.org"', "reject": '"no"'}.get(word, "")
    result = sieve.decide(f"{sieve.all_extensions()} {word} {argument};")
    assert Keep(implicit=True) not in result.actions
