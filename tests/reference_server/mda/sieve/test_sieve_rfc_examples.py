"""Scripts as the RFCs print them."""

import pytest

from reference_server.mda.sieve import Discard, FileInto, Keep, Redirect, Reject, compile_script

IMPLICIT = (Keep(implicit=True),)

# RFC 5228 §9, its address in example.org.
EXTENDED = """
require ["fileinto"];
if header :is "Sender" "owner-ietf-mta-filters@example.org"
        {
        fileinto "filter";  # move to "filter" mailbox
        }
elsif address :DOMAIN :is ["From", "To"] "example.com"
        {
        keep;               # keep in "In" mailbox
        }
elsif anyof (NOT address :all :contains
               ["To", "Cc", "Bcc"] "me@example.com",
             header :matches "subject"
               ["*make*money*fast*", "*university*dipl*mas*"])
        {
        fileinto "spam";   # move to "spam" mailbox
        }
else
        {
        fileinto "personal";
        }
"""

# RFC 5228 §3.1.
IF_CHAIN = """
require "fileinto";
if header :contains "from" "coyote" {
   discard;
} elsif header :contains ["subject"] ["$$$"] {
   discard;
} else {
   fileinto "INBOX";
}
"""
REDIRECTS = """
if header :contains ["From"] ["coyote"] {
   redirect "acm@example.com";
} elsif header :contains "Subject" "$$$" {
   redirect "postmaster@example.com";
} else {
   redirect "field@example.com";
}
"""


def test_both_messages_are_dropped_by_the_chain(sieve):
    assert sieve.decide(IF_CHAIN, sieve.message_a).actions == (Discard(),)
    assert sieve.decide(IF_CHAIN, sieve.message_b).actions == (Discard(),)
    assert sieve.decide(IF_CHAIN, b"Subject: other\r\n\r\n").actions == (FileInto("INBOX"),)


def test_each_message_is_redirected_to_its_address(sieve):
    assert sieve.decide(REDIRECTS, sieve.message_a).actions == (Redirect("acm@example.com"),)
    assert sieve.decide(REDIRECTS, sieve.message_b).actions == (Redirect("postmaster@example.com"),)
    assert sieve.decide(REDIRECTS, b"Subject: other\r\n\r\n").actions == (Redirect("field@example.com"),)


@pytest.mark.parametrize(
    ("header", "action"),
    [
        (b"Sender: Owner-IETF-mta-filters@example.org", FileInto("filter")),
        (b"From: Some One <one@EXAMPLE.com>", Keep()),
        (b"To: me@example.com\r\nFrom: x@example.net", Keep()),
        (b"To: you@example.net", FileInto("spam")),
        (b"Cc: me@example.com\r\nSubject: how to make MONEY really fast", FileInto("spam")),
        (b"Cc: me@example.com\r\nSubject: dinner", FileInto("personal")),
    ],
)
def test_the_extended_example_files_each_message(sieve, header, action):
    assert sieve.decide(EXTENDED, header + b"\r\n\r\n").actions == (action,)


def test_size_without_discard_leaves_the_implicit_keep(sieve):
    assert sieve.decide("if size :over 500K { discard; }").actions == IMPLICIT


def test_keep_or_discard_by_size_is_the_same_both_ways(sieve):
    # RFC 5228 §4.3.
    for octets in (2**20 - 1, 2**20, 2**20 + 1):
        content = b"S: x\r\n\r\n".ljust(octets, b"x")
        by_keep = sieve.decide("if size :under 1M { keep; } else { discard; }", content)
        by_not = sieve.decide("if not size :under 1M { discard; }", content)
        kept = octets < 2**20
        assert by_keep.actions == ((Keep() if kept else Discard()),)
        assert by_not.actions == ((Keep(implicit=True) if kept else Discard()),)


def test_the_header_test_of_caffeine(sieve):
    # RFC 5228 §5.7.
    message = b"X-Caffeine: C8H10N4O2\r\n\r\n"
    assert not sieve.holds('header :is ["X-Caffeine"] [""]', message)
    assert sieve.holds('header :contains ["X-Caffeine"] [""]', message)
    assert not sieve.holds('header :contains ["X-Tea"] [""]', message)
    assert sieve.holds('not header :matches "Cc" "?*"', message)
    assert sieve.holds('not header :matches "Cc" "?*"', b"Cc:  \r\n\r\n")
    assert not sieve.holds('not header :matches "Cc" "?*"', b"Cc: x\r\n\r\n")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$${hex:40}", "$@"),
        ("${hex: 40 }", "@"),
        ("${HEX: 40}", "@"),
        ("${hex:40", "${hex:40"),
        ("${hex:400}", "${hex:400}"),
        ("${hex:4${hex:30}}", "${hex:40}"),
        ("${unicode:40}", "@"),
        ("${ unicode:40}", "${ unicode:40}"),
        ("${UNICODE:40}", "@"),
        ("${UnICoDE:0000040}", "@"),
        ("${Unicode:40}", "@"),
        ("${Unicode:Cool}", "${Unicode:Cool}"),
        ("${unicode:200000 zz}", "${unicode:200000 zz}"),
        ("${hex:24 24}", "$$"),
        ("${unicode: e9 20AC }", "\u00e9\u20ac"),
        ("${hex:C3 A9}", "\u00e9"),
    ],
)
def test_encoded_characters(sieve, written, meant):
    # RFC 5228 §2.4.2.4.
    script = f'require ["encoded-character", "reject"]; reject "{written}";'
    assert sieve.decide(script).actions == (Reject(meant),)
    without = f'require "reject"; reject "{written}";'
    assert sieve.decide(without).actions == (Reject(written),)


def test_the_examples_of_relational(sieve):
    # RFC 5231 §6.
    message = (
        b"received: ...\r\nreceived: ...\r\nsubject: example\r\n"
        b"to: foo@example.com, baz@example.com\r\ncc: qux@example.com\r\n\r\n"
    )
    count = ':count "ge" :comparator "i;ascii-numeric"'
    assert sieve.holds(f'address {count} ["to", "cc"] ["3"]', message)
    assert not sieve.holds(f'anyof (address {count} ["to"] ["3"], address {count} ["cc"] ["3"])', message)
    assert not sieve.holds(f'header {count} ["received"] ["3"]', message)
    assert sieve.holds(f'header {count} ["received", "subject"] ["3"]', message)
    assert not sieve.holds(f'header {count} ["to", "cc"] ["3"]', message)


RELATIONAL = """
require ["relational", "comparator-i;ascii-numeric", "fileinto"];
if header :value "lt" :comparator "i;ascii-numeric" ["x-priority"] ["3"]
{
   fileinto "Priority";
}
elsif address :count "gt" :comparator "i;ascii-numeric" ["to"] ["5"]
{
   # everything with more than 5 recipients in the "to" field
   # is considered SPAM
   fileinto "SPAM";
}
elsif address :value "gt" :all :comparator "i;ascii-casemap" ["from"] ["M"]
{
   fileinto "From N-Z";
} else {
   fileinto "From A-M";
}
if allof ( address :count "eq" :comparator "i;ascii-numeric" ["to", "cc"] ["1"] ,
           address :all :comparator "i;ascii-casemap" ["to", "cc"] ["me@foo.example.com"] )
{
   fileinto "Only me";
}
"""


@pytest.mark.parametrize(
    ("header", "mailboxes"),
    [
        (b"X-Priority: 1 (high)\r\nFrom: z@example.org", ["Priority"]),
        (b"X-Priority: none\r\nFrom: zoe@example.org", ["From N-Z"]),
        (b"From: abe@example.org\r\nTo: me@foo.example.com", ["From A-M", "Only me"]),
        (b"To: a@a.test, b@a.test, Group: c@a.test, d@a.test;, e@a.test, f@a.test", ["SPAM"]),
    ],
)
def test_the_extended_example_of_relational(sieve, header, mailboxes):
    # RFC 5231 §7.
    result = sieve.decide(RELATIONAL, header + b"\r\n\r\n")
    assert [action.mailbox for action in result.actions] == mailboxes


SUBADDRESS = """
require ["envelope", "subaddress", "fileinto"];
if envelope :user "to" "postmaster" {
    fileinto "inbox.postmaster";
    stop;
}
if envelope :detail "to" "mta-filters" {
    fileinto "inbox.ietf-mta-filters";
}
if envelope :detail "to" "foo" {
    redirect "ken@example.net";
}
"""


@pytest.mark.parametrize(
    ("envelope_to", "actions"),
    [
        ("postmaster@example.com", (FileInto("inbox.postmaster"),)),
        ("Postmaster+foo@example.com", (FileInto("inbox.postmaster"),)),
        ("ken+mta-filters@example.com", (FileInto("inbox.ietf-mta-filters"),)),
        ("ken+foo@example.com", (Redirect("ken@example.net"),)),
        ("ken@example.com", IMPLICIT),
    ],
)
def test_the_example_of_subaddress(sieve, envelope_to, actions):
    # RFC 5233 §4.
    assert sieve.decide(SUBADDRESS, envelope_to=envelope_to).actions == actions


FLAGS = """
require ["fileinto", "imap4flags", "variables"];
if size :over 1M
        {
        addflag "MyFlags" "Big";
        if header :is "From" "boss@company.example.com"
                   {
                   addflag "MyFlags" "\\\\Flagged";
                   }
        fileinto :flags "${MyFlags}" "Big messages";
        }
if header :is "From" "grandma@example.net"
        {
        addflag "MyFlags" ["\\\\Answered", "$MDNSent"];
        fileinto :flags "${MyFlags}" "GrandMa";
        }
if header :is "Sender" "owner-ietf-mta-filters@example.org"
        {
        set "MyFlags" "\\\\Flagged $Work";
        keep :flags "${MyFlags}";
        }
elsif address :domain :is ["From", "To"] "company.example.com"
        {
        keep :flags "${MyFlags}"; # keep in "Inbox" folder
        }
else
        {
        removeflag "MyFlags" "\\\\Flagged";
        fileinto :flags "${MyFlags}" "personal";
        }
"""


def test_the_extended_example_of_imap4flags(sieve):
    # RFC 5232 §9.
    big = b"x" * 2**20
    grandma = b"From: grandma@example.net\r\n\r\n"
    marked = ("\\Answered", "$MDNSent")

    assert sieve.decide(FLAGS, grandma).actions == (FileInto("GrandMa", marked), FileInto("personal", marked))
    assert sieve.decide(FLAGS, grandma + big).actions == (
        FileInto("Big messages", ("Big",)),
        FileInto("GrandMa", ("Big", *marked)),
        FileInto("personal", ("Big", *marked)),
    )
    assert sieve.decide(FLAGS, b"From: boss@company.example.com\r\n\r\n" + big).actions == (
        FileInto("Big messages", ("Big", "\\Flagged")),
        Keep(("Big", "\\Flagged")),
    )
    assert sieve.decide(FLAGS, b"Sender: owner-ietf-mta-filters@example.org\r\n\r\n").actions == (
        Keep(("\\Flagged", "$Work")),
    )


def test_reject_keeps_the_lines_of_its_reason(sieve):
    # RFC 5429 §2.2.1.
    script = """
require ["reject"];
if header :contains "from" "coyote@desert.example.org" {
    reject text:
I am not taking mail from you, and I don't
want your birdseed, either!
.
    ;
}
"""
    reason = "I am not taking mail from you, and I don't\r\nwant your birdseed, either!\r\n"
    assert sieve.decide(script).actions == (Reject(reason),)
    assert sieve.decide(script, sieve.message_b).actions == IMPLICIT


def test_the_bracketed_comment_of_the_text_compiles():
    # RFC 5228 §2.3.
    compile_script(
        "if size :over 100K { /* this is a comment\r\n"
        "   this is still a comment */ discard /* this is a comment\r\n"
        "   */ ;\r\n}"
    )
