"""Variables and flags."""

import pytest

from reference_server.mda.sieve import Keep, Reject


def value(sieve, commands: str, wanted: str = "${v}", content: bytes = b"\r\n") -> str:
    """What a string means behind some commands."""
    result = sieve.decide(f'{sieve.all_extensions()}{commands}\nreject "{wanted}";', content)
    assert result.error is None, result.error
    (action,) = result.actions
    assert isinstance(action, Reject)
    return action.reason


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # RFC 5229 §3.
        ("&%${}!", "&%${}!"),
        ("${doh!}", "${doh!}"),
        ("${full}", ""),
        ("${company}", "ACME"),
        ("${BAD${Company}", "${BADACME"),
        ("${President, ${Company} Inc.}", "${President, ACME Inc.}"),
        ("${COMPANY}${company}", "ACMEACME"),
        # RFC 5229 §3.1.
        ("${co\\mpany}", "ACME"),
        ("${co\\\\mpany}", "${co\\mpany}"),
        ("\\${company}", "ACME"),
        ("\\\\${company}", "\\ACME"),
        ("dear${hex:20 24 7b 43}ompany}", "dear ACME"),
        # RFC 5229 §3.2: no match yet.
        ("[${0}${1}${009}]", "[]"),
        ("${99}", ""),
    ],
)
def test_references(sieve, written, meant):
    assert value(sieve, 'set "company" "ACME";', written) == meant


def test_one_pass_only(sieve):
    # RFC 5229 §3.1.
    commands = 'set "dollar" "$"; set "text" "regarding ${dollar}{beep}"; set "beep" "no";'
    assert value(sieve, commands, "${text}") == "regarding ${beep}"


def test_without_require_nothing_is_replaced(sieve):
    assert sieve.decide('require "reject"; reject "${0}${x.y}";').actions == (Reject("${0}${x.y}"),)


@pytest.mark.parametrize(
    ("modifiers", "written", "meant"),
    [
        # RFC 5229 §4.1.
        ("", "juMBlEd lETteRS", "juMBlEd lETteRS"),
        (":length", "juMBlEd lETteRS", "15"),
        (":lower", "juMBlEd lETteRS", "jumbled letters"),
        (":upperfirst", "juMBlEd lETteRS", "JuMBlEd lETteRS"),
        (":upperfirst :lower", "juMBlEd lETteRS", "Jumbled letters"),
        (":lower :upperfirst", "juMBlEd lETteRS", "Jumbled letters"),
        (":lowerfirst :upper", "juMBlEd", "jUMBLED"),
        (":quotewildcard", "Rock*", "Rock\\*"),
        (":quotewildcard :length", "*?\\\\", "6"),
        (":length", "\u00e9\u20ac", "2"),
        (":upper", "\u00e9a", "\u00e9A"),
        (":length", "", "0"),
    ],
)
def test_modifiers(sieve, modifiers, written, meant):
    assert value(sieve, f'set {modifiers} "v" "{written}";') == meant


@pytest.mark.parametrize(
    ("test", "wanted", "meant"),
    [
        # RFC 5229 §3.2.
        ('header :matches "List-ID" "*<*@*"', "${2}", "list"),
        ('header :matches "Subject" "[*] *"', "${1}|${2}|${0}", "acme|[fwd] out|[acme] [fwd] out"),
        ('address :matches ["To", "Cc"] ["coyote@**.com", "wile@**.com"]', "${0}|${1}|${2}",
         "coyote@ACME.Example.COM||ACME.Example"),
        ('not anyof (true, address :domain :matches "To" "*.com")', "${1}", ""),
        ('allof (header :matches "subject" "[*] *", header :matches "subject" "x*")', "${1}", "acme"),
        ('header :matches "subject" ["x*", "?*"]', "${1}", "["),
        ('string :matches "abc" "a?c"', "${1}", "b"),
        ('envelope :matches "to" "*@*"', "${1}", "roadrunner"),
        ('body :matches "*"', "[${0}]", "[]"),
    ],
)  # fmt: skip
def test_match_variables(sieve, test, wanted, meant):
    content = b"Subject: [acme] [fwd] out\r\nList-Id: A <list@x>\r\nTo: coyote@ACME.Example.COM\r\n\r\n"
    assert value(sieve, f"if {test} {{ }}", wanted, content) == meant


def test_a_match_that_fails_leaves_the_last_one(sieve):
    commands = 'if string :matches "abc" "a*" {} if string :matches "x" "y*" {} if string :is "a" "a" {}'
    assert value(sieve, commands, "${1}") == "bc"


def test_a_long_value_is_cut_between_characters(sieve):
    # RFC 5229 §6: 4000 characters at least, and no error.
    content = b"Subject: x" + "\u20ac".encode() * 20_000 + b"\r\n\r\n"
    kept = value(sieve, 'if header :matches "subject" "*" { set "v" "${1}"; }', "${v}", content)
    assert kept == "x" + "\u20ac" * (len(kept) - 1)
    assert 4000 <= len(kept) < 20_000


@pytest.mark.parametrize(
    ("commands", "test", "expected"),
    [
        # RFC 5232 §4.
        ('setflag "A B";', 'hasflag :is "b A"', True),
        ('setflag "A B";', 'hasflag ["b","A"]', True),
        ('setflag "A B";', 'hasflag "C"', False),
        ('setflag "A";', 'hasflag ""', False),
        ('set "v" "NonJunk gnus-forward $Junk";', 'hasflag :contains "v" "Junk"', True),
        ('set "v" "NonJunk gnus-forward $Junk";', 'hasflag :contains "v" "forward"', True),
        ('set "v" "NonJunk gnus-forward $Junk";', 'hasflag :contains "v" ["label", "forward"]', True),
        ('set "v" "NonJunk gnus-forward $Junk";', 'hasflag :contains "v" "label forward"', True),
        ('set "v" "NonJunk gnus-forward $Junk";', 'hasflag :contains "v" ["label1", "label2"]', False),
        ('set "v" "A B A";', 'hasflag :count "eq" :comparator "i;ascii-numeric" "V" "2"', True),
        ('set "v" "A"; set "w" "B";', 'hasflag ["v", "w"] "B"', True),
        ("", 'hasflag :contains ""', False),
        (r'addflag "v" ["\\deleted", "\\Answered"];', r'string "${v}" "\\Deleted \\Answered"', True),
        (r'addflag "v" "\\deleted \\Answered"; removeflag "v" "\\DELETED x";', r'string "${v}" "\\Answered"', True),
        ('setflag "a"; addflag "b"; removeflag "A"; addflag "";', 'hasflag "b"', True),
    ],
)  # fmt: skip
def test_flags(sieve, commands, test, expected):
    assert sieve.holds(test, before=commands) is expected


def test_the_internal_list_is_not_a_variable(sieve):
    script = f'{sieve.all_extensions()} addflag "a"; addflag "v" "b"; keep;'
    assert sieve.decide(script).actions == (Keep(("a",)),)
