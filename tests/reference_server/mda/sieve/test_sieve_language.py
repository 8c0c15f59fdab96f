"""The grammar and the checks that are made before a script runs."""

import pytest

from reference_server.mda.sieve import Reject, SieveError, compile_script
from reference_server.mda.sieve.compiler import MAX_SCRIPT_OCTETS
from reference_server.mda.sieve.syntax import MAX_NESTING


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a\\\\b\\"c"', 'a\\b"c'),
        ('"\\a"', "a"),
        ('""', ""),
        ('"two\r\nlines"', "two\r\nlines"),
        ('"two\nlines"', "two\r\nlines"),
        ('"tab\there"', "tab\there"),
        ('"h\u00e9"', "h\u00e9"),
        ("text:\r\n.\r\n", ""),
        ("text: \t# a comment\r\none\r\n..two\r\n.three\r\n\r\n.\r\n", "one\r\n.two\r\n.three\r\n\r\n"),
        ("TEXT:\none\n.\n", "one\r\n"),
        ('text:\r\n"quoted" /* and */ # all\r\n.\r\n', '"quoted" /* and */ # all\r\n'),
    ],
)
def test_strings(sieve, written, meant):
    # RFC 5228 §2.4.2.
    assert sieve.decide(f'require "reject"; reject {written};').actions == (Reject(meant),)


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        ("0", 0),
        ("17", 17),
        ("1k", 1024),
        ("1K", 1024),
        ("0002M", 2 * 2**20),
        ("1G", 2**30),
        ("2147483647", 2**31 - 1),
    ],
)
def test_numbers(sieve, written, octets):
    # RFC 5228 §2.4.1.
    (command,) = compile_script(f"if size :over {written} {{ stop; }}").commands
    assert command.branches[0].test.limit_octets == octets


def test_words_and_tags_may_have_any_case(sieve):
    assert sieve.holds('HEADER :Contains :COMPARATOR "i;octet" "SUBJECT" "present"')


def test_comments_stand_wherever_white_space_does(sieve):
    assert sieve.holds('header/**/:contains# x\n"subject"/* ; */["present"/***/,"y"]')


def test_tags_may_come_in_any_order(sieve):
    for tags in (':all :contains :comparator "i;octet"', ':comparator "i;octet" :contains :all'):
        assert sieve.holds(f'address {tags} "from" "coyote"')


@pytest.mark.parametrize(
    ("source", "place", "problem"),
    [
        # Tokens.
        ('keep;\n  "x', (2, 3), "a string that is not closed"),
        ("keep; /* x", (1, 7), "a comment that is not closed"),
        ('if header "a" text:\nx\n', (1, 15), "does not end with a line that is a single dot"),
        ("keep;\n\x00", (2, 1), "cannot stand in a script"),
        ("keep;\rkeep;", (1, 6), "cannot stand in a script"),
        ("keep; $", (1, 7), "'$' cannot stand here"),
        ("if size :over 10X {}", (1, 15), "a number is digits"),
        ("if size :over 9223372036854775808 {}", (1, 15), "a number above"),
        ("if size :over " + "9" * 5000 + " {}", (1, 15), "a number above"),
        ("keep : x;", (1, 6), "a tag is a colon and a word"),
        # Grammar.
        ("keep", (1, 5), "';' or a block is expected, the end of the script is there"),
        ("keep }", (1, 6), "';' or a block is expected, '}' is there"),
        ("}", (1, 1), "a command is expected, '}' is there"),
        ('"x";', (1, 1), "a command is expected, a string is there"),
        ("if true { keep;", (1, 16), "a command or '}' is expected"),
        ("if anyof (true, ) { }", (1, 17), "a test is expected, ')' is there"),
        ("if anyof () { }", (1, 11), "a test is expected"),
        ("if anyof (true { }", (1, 16), "',' or ')' is expected"),
        ("if exists [] { }", (1, 12), "a string is expected"),
        ('if exists ["a" "b"] { }', (1, 16), "',' or ']' is expected"),
        ('if exists ["a", 1] { }', (1, 17), "a string is expected, '1' is there"),
        # Words.
        ("frop;", (1, 1), "there is no command 'frop'"),
        ("keap;", (1, 1), "is 'keep' meant?"),
        ("if frop { }", (1, 4), "there is no test 'frop'"),
        ("if keep { }", (1, 4), "there is no test 'keep'"),
        ('header "a" "b";', (1, 1), "there is no command 'header'"),
        # Extensions.
        ('fileinto "x";', (1, 1), 'fileinto needs: require "fileinto";'),
        ('if envelope "to" "x" {}', (1, 4), 'envelope needs: require "envelope";'),
        ('redirect :copy "a@example.org";', (1, 10), ':copy needs: require "copy";'),
        ('if address :detail "to" "x" {}', (1, 12), ':detail needs: require "subaddress";'),
        ('if header :comparator "i;ascii-numeric" "a" "b" {}', (1, 23), 'require "comparator-i;ascii-numeric"'),
        ('if header :count "gt" "a" "b" {}', (1, 11), 'require "relational"'),
        ('require "imap4flags"; setflag "x" "y";', (1, 23), 'require "variables"'),
        ('require ["fileinto", "frop"];', (1, 22), "there is no extension 'frop'"),
        ('require "FileInto";', (1, 9), "there is no extension 'FileInto'; is 'fileinto' meant?"),
        ('keep; require "fileinto";', (1, 7), "require stands before all other commands"),
        ('if true { require "fileinto"; }', (1, 11), "require stands before all other commands"),
        # Arguments.
        ("keep true;", (1, 6), "keep: takes no test; is a semicolon missing?"),
        ("keep { }", (1, 1), "keep: takes no block"),
        ('keep "x";', (1, 6), "keep: too many arguments"),
        ("keep :x;", (1, 6), "keep: there is no tag :x"),
        ("redirect;", (1, 1), "redirect: a string is missing"),
        ("redirect 1;", (1, 10), "redirect: a string is expected"),
        ('redirect ["a@example.org"];', (1, 10), "redirect: a string is expected"),
        ("if size :over {}", (1, 4), "size: a number is missing"),
        ("if size 1 {}", (1, 4), "size: :over or :under is missing"),
        ("if size :over :under 1 {}", (1, 15), "size: :over and :under exclude each other"),
        ("if size 1 :over {}", (1, 9), "size: tags come before the other arguments"),
        ('if header :is :is "a" "b" {}', (1, 15), "header: :is is given twice"),
        ('if header :is :contains "a" "b" {}', (1, 15), "header: :is and :contains exclude each other"),
        ('if address :all :domain "to" "b" {}', (1, 17), "address: :all and :domain exclude each other"),
        ('if header :comparator "i;frop" "a" "b" {}', (1, 23), "there is no comparator 'i;frop'"),
        ('if header :comparator 1 "a" "b" {}', (1, 23), ":comparator takes a string"),
        ('if header "a" {}', (1, 4), "header: a string list is missing"),
        ('if header :all "a" "b" {}', (1, 11), "header: there is no tag :all"),
        ("if not (true) {}", (1, 4), "not: one test is expected, without parentheses"),
        ("if allof true {}", (1, 4), "allof: tests in parentheses are expected"),
        ("if {}", (1, 1), "if: one test is expected"),
        ("if true;", (1, 1), "if: a block is expected"),
        ("else {}", (1, 1), "else stands behind an if or elsif"),
        ("if true {} keep; elsif true {}", (1, 18), "elsif stands behind an if or elsif"),
        ("if true {} else {} else {}", (1, 20), "else stands behind an if or elsif"),
        ("if true {} else true {}", (1, 17), "else: takes no test"),
        # Values.
        ('redirect "frop";', (1, 10), "'frop' is no address"),
        ('if address "subject" "x" {}', (1, 12), "'subject' is no field that holds addresses"),
        ('require "envelope"; if envelope "cc" "x" {}', (1, 33), "an envelope has a from and a to"),
        ('require "fileinto"; fileinto "";', (1, 30), "a mailbox name has 1 to"),
        ('require "fileinto"; fileinto "a\nb";', (1, 30), "a mailbox name holds no control characters"),
        ('require "encoded-character"; if exists "${unicode:D800}" {}', (1, 40), "${unicode:} takes"),
        ('require "relational"; if header :count "xx" "a" "b" {}', (1, 40), ":count takes gt, ge,"),
        ('require "variables"; set "0" "x";', (1, 26), "'0' cannot be the name of a variable"),
        ('require "variables"; set "a.b" "x";', (1, 26), "cannot be the name of a variable"),
        ('require "variables"; set "${x}" "x";', (1, 26), "a variable's name cannot hold variables"),
        ('require "variables"; set :lower :upper "a" "x";', (1, 33), ":lower and :upper exclude each other"),
        ('require "variables"; set :frop "a" "x";', (1, 26), "set: there is no tag :frop"),
        ('require "variables"; redirect "${100}";', (1, 31), "match variables end at ${99}"),
        ('require "variables"; redirect "${env.name}";', (1, 31), "nothing has a namespace 'env.'"),
        ('require "vacation"; vacation :days "x" "y";', (1, 36), ":days takes a number"),
        ('require "vacation"; vacation :from "frop" "y";', (1, 36), ":from takes addresses"),
        ('require "date"; if currentdate "frop" "y" {}', (1, 32), "a date has the parts year"),
        ('require "date"; if currentdate :zone "CET" "year" "y" {}', (1, 38), "a zone is as"),
        ('require "index"; if header :index 0 "a" "b" {}', (1, 21), ":index counts from 1"),
        ('require ["date", "index"]; if date :last "date" "year" "y" {}', (1, 31), ":last goes with :index"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(source, place, problem):
    with pytest.raises(SieveError) as caught:
        compile_script(source)

    assert (caught.value.line, caught.value.column) == place
    assert problem in str(caught.value)


def test_numeric_comparison_finds_no_substrings():
    # RFC 5228 §2.7.1.
    script = (
        'require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "1" {}'
    )
    with pytest.raises(SieveError, match="cannot be used with :contains"):
        compile_script(script)


@pytest.mark.parametrize("name", ["From:", "with space", "", "\u00e9"])
def test_a_name_that_no_field_has_is_no_error(sieve, name):
    # RFC 5228 §2.4.2.2.
    assert not sieve.holds(f'header :contains "{name}" ""')
    assert not sieve.holds(f'address :contains "{name}" ""')
    assert not sieve.holds(f'exists "{name}"')


def nested_blocks(levels: int) -> str:
    return "if true {" * levels + "discard;" + "}" * levels


def nested_tests(levels: int) -> str:
    return "if " + "anyof (" * levels + "true" + ")" * levels + " { discard; }"


@pytest.mark.parametrize("nested", [nested_blocks, nested_tests])
def test_fifteen_levels_and_more_are_taken_and_a_flood_is_not(sieve, nested):
    # RFC 5228 §2.10.7.
    assert (
        sieve.decide(nested(15)).actions
        == sieve.decide(nested(30)).actions
        == sieve.decide("discard;").actions
    )
    for levels in (MAX_NESTING + 1, 10_000):
        with pytest.raises(SieveError, match="levels deep"):
            compile_script(nested(levels))


def test_blocks_and_tests_nest_within_each_other(sieve):
    script = "if true {" * 15 + nested_tests(15) + "}" * 15
    assert sieve.decide(script).actions == sieve.decide("discard;").actions


def test_a_script_has_a_greatest_size():
    compile_script("#" + "x" * (MAX_SCRIPT_OCTETS - 2) + "\n")
    with pytest.raises(SieveError, match="a script of more than"):
        compile_script("#" + "x" * MAX_SCRIPT_OCTETS)


def test_octets_that_are_no_text_are_compared_as_they_are(sieve):
    # RFC 5228 §2.4.2: any octet may stand in a string.
    source = b'if header :contains "subject" "\xff" { discard; }'.decode("utf-8", "surrogateescape")
    compile_script(source)
