"""Header, address, envelope and string tests: what is compared, and how."""

import pytest

MESSAGE = (
    b"Received: from a by b; Tue, 1 Apr 1997 09:06:31 -0800\r\n"
    b"Received: from c by d; Mon, 31 Mar 1997 18:26:10 -0800\r\n"
    b"From: =?utf-8?q?J=C3=B6rg?= (boss) <Joerg+lists@Example.ORG>\r\n"
    b"To: Friends: ann@example.com, \"Bob, the\" <bob@example.net>;, broken, <@hop.test:route@example.com>\r\n"
    b'Cc: "john doe"@example.com\r\n'
    b"Subject:   =?iso-8859-1?q?caf=E9?= =?utf-8?b?w6k=?=\r\n"
    b"  folded \r\n"
    b"X-Empty:\r\n"
    b"X-Odd: =?unknown?q?caf=E9?= =?utf-8?q?a=00b?=\r\n"
    b"x-spaced : yes\r\n"
    b"\r\n"
    b"Subject: not a header\r\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        # RFC 5228 §2.7.1.
        ('header :contains "from" "example"', True),
        ('header :is "x-spaced" "YES"', True),
        ('header :is :comparator "i;octet" "x-spaced" "YES"', False),
        ('header :matches "x-spaced" "?e*"', True),
        ('header :matches "x-spaced" "?e"', False),
        ('header :matches :comparator "i;octet" "x-spaced" "Y*"', False),
        ('header :contains "x-empty" ""', True),
        ('header :is "x-empty" ""', True),
        ('header ["frop", "x-spaced"] ["no", "yes"]', True),
        ('header "subject" "not a header"', False),
        # RFC 5228 §2.7.2: decoded, unfolded, and stripped, in UTF-8; "?" is an octet.
        ('header "subject" "caf\u00e9\u00e9  folded"', True),
        ('header :matches "subject" "caf????  folded"', True),
        ('header :matches "subject" "caf??  folded"', False),
        ('header :contains "x-odd" "caf"', True),
        ('header :contains "x-odd" "a${hex:00}b"', True),
        # RFC 5228 §5.1: no names, no comments, no group names; groups' members.
        ('address "from" "joerg+lists@example.org"', True),
        ('address :contains "from" "boss"', False),
        ('address :contains "to" "friends"', False),
        ('address "to" "ann@example.com"', True),
        ('address :localpart "to" "bob"', True),
        ('address :domain "to" "EXAMPLE.net"', True),
        ('address :domain :comparator "i;octet" "from" "example.org"', False),
        ('address "to" "route@example.com"', True),
        ('address :localpart "cc" "john doe"', True),
        ('address "cc" "\\"john doe\\"@example.com"', True),
        # RFC 5228 §2.7.4: what is no address has no parts.
        ('address :contains "to" "broken"', True),
        ('address :localpart :contains "to" "broken"', False),
        ('address :domain :is "to" ""', False),
        # RFC 5233 §4.
        ('address :user "from" "joerg"', True),
        ('address :detail "from" "lists"', True),
        ('address :detail :contains "to" ""', False),
        ('address :user "to" "ann"', True),
        # RFC 5231 §4.
        ('header :count "eq" :comparator "i;ascii-numeric" "received" "2"', True),
        ('header :count "gt" :comparator "i;ascii-numeric" "received" "2"', False),
        ('header :value "ge" "x-spaced" "yes"', True),
        ('header :value "ne" "x-spaced" "yes"', False),
        ('header :value "lt" :comparator "i;octet" "x-spaced" "Z"', False),
        ('header :value "le" "x-spaced" "Z"', True),
        ('address :count "eq" :comparator "i;ascii-numeric" "from" "1"', True),
        # RFC 5260's index.
        ('header :index 1 :contains "received" "from a"', True),
        ('header :index 1 :contains "received" "from c"', False),
        ('header :index 1 :last :contains "received" "from c"', True),
        ('header :index 3 :contains "received" ""', False),
        ('address :index 1 "from" "joerg+lists@example.org"', True),
        # RFC 5228 §5.5.
        ('exists ["from", "x-empty"]', True),
        ('exists ["from", "frop"]', False),
        # RFC 5228 §5.9.
        (f"size :over {len(MESSAGE)}", False),
        (f"size :under {len(MESSAGE)}", False),
        (f"size :over {len(MESSAGE) - 1}", True),
        (f"size :under {len(MESSAGE) + 1}", True),
        # RFC 5229 §5.
        ('string " a " "a"', False),
        ('string ["x", "a"] ["b", "A"]', True),
        ('string :count "eq" :comparator "i;ascii-numeric" ["", "a", "b"] "2"', True),
        ('mailboxexists "INBOX"', False),
    ],
)
def test_tests(sieve, test, expected):
    assert sieve.holds(test, MESSAGE) is expected


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("10", "gt", "9", True),
        ("010", "eq", "10", True),
        ("10 apples", "eq", "10", True),
        ("apples", "gt", "99999999999999999999999999", True),
        ("apples", "eq", "pears", True),
        ("", "eq", "apples", True),
        ("0", "lt", "00001", True),
        ("9" * 5000, "lt", "1" + "0" * 5000, True),
    ],
)
def test_numbers_in_strings_compare_by_their_value(sieve, left, operator, right, expected):
    # RFC 5231 §3.
    test = f'string :value "{operator}" :comparator "i;ascii-numeric" "{left}" "{right}"'
    assert sieve.holds(test) is expected


@pytest.mark.parametrize(
    ("test", "envelope_from", "expected"),
    [
        ('envelope "from" "a+b@example.org"', "a+b@EXAMPLE.org", True),
        ('envelope "FROM" "a+b@example.org"', "a+b@example.org", True),
        ('envelope :localpart "from" "a+b"', "a+b@example.org", True),
        ('envelope :user "from" "a"', "a+b@example.org", True),
        ('envelope ["from", "to"] "roadrunner@acme.example.com"', "a@example.org", True),
        ('envelope "from" "a@example.org"', "@hop.test,@hip.test:a@example.org", True),
        # RFC 5228 §5.4: the null path is empty in every part.
        ('envelope "from" ""', "", True),
        ('envelope :domain "from" ""', "", True),
        ('envelope :detail "from" ""', "", True),
        ('envelope "from" ""', "a@example.org", False),
        # RFC 5231 §4.2.
        ('envelope :count "eq" :comparator "i;ascii-numeric" "from" "0"', "", True),
        ('envelope :count "eq" :comparator "i;ascii-numeric" ["from", "to"] "2"', "a@example.org", True),
    ],
)
def test_the_envelope(sieve, test, envelope_from, expected):
    assert sieve.holds(test, envelope_from=envelope_from) is expected


def test_the_separator_is_the_domain_s(sieve):
    # RFC 5233 §4.
    assert sieve.holds('envelope :detail "to" "b"', envelope_to="a--b@example.org", separator="--")
    assert sieve.holds('envelope :user "to" "a+b"', envelope_to="a+b@example.org", separator="")
    assert not sieve.holds('envelope :detail :contains "to" ""', envelope_to="a+b@example.org", separator="")
    assert sieve.holds('envelope :detail "to" ""', envelope_to="a+@example.org")


def test_a_mailbox_exists_where_the_user_has_all_of_them(sieve):
    assert sieve.holds('mailboxexists ["INBOX", "a/b"]', mailbox_exists={"INBOX", "a/b"}.__contains__)
    assert not sieve.holds('mailboxexists ["INBOX", "a"]', mailbox_exists={"INBOX"}.__contains__)
