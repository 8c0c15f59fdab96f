"""Rules by content and by date."""

import pytest

from reference_server.mda.sieve.message import MAX_HEADER_OCTETS, MAX_PARTS, MAX_SEARCHED_OCTETS

MESSAGE = b"""\
Date: Tue, 1 Apr 1997 23:06:31 -0800 (PST)
Received: from a by b; Mon, 31 Mar 1997 18:26:10 +0100
Received: from c by d; Sun, 30 Mar 1997 00:00:00 -0000
X-Bad: Thu, 32 Jan 1997 00:00:00 +0000
X-Last: Fri, 31 Dec 9999 23:59:59 +0000
Subject: subject
Content-Type: multipart/mixed; boundary=outer

prologue
--outer
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 soft=
break
--outer
Content-Type: text/html

<p>make <b>money</b> &amp; run</p>
--outer
Content-Type: application/x-thing
Content-Transfer-Encoding: base64

c2VjcmV0IGluIGJhc2U2NA==
--outer
Content-Type: message/rfc822

Subject: inner subject
Content-Type: text/x-inner

inner text
--outer--
epilogue
""".replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('body :contains "caf\u00e9 softbreak"', True),
        ('body :contains "subject: subject"', False),
        ('body :text :contains "make  money  & run"', True),
        ('body :text :contains "<b>"', False),
        ('body :text :contains "inner text"', True),
        ('body :text :contains "secret"', False),
        ('body :raw :contains "caf=E9 soft=\r\nbreak"', True),
        ('body :raw :contains "prologue"', True),
        ('body :raw :contains "X-Bad"', False),
        ('body :raw :matches "prologue*--outer--*"', True),
        ('body :content "text" :contains "caf\u00e9"', True),
        ('body :content "text/html" :contains "<b>money"', True),
        ('body :content "text/html" :contains "caf"', False),
        ('body :content "application" :contains "secret in base64"', True),
        ('body :content "TEXT/X-INNER" :is "inner text"', True),
        ('body :content "message/rfc822" :contains "inner subject"', True),
        ('body :content "message/rfc822" :contains "inner text"', False),
        ('body :content "multipart" :is "prologue"', True),
        ('body :content "multipart" :contains "epilogue"', True),
        ('body :content "multipart" :contains "caf"', False),
        ('body :content "" :contains "secret"', True),
        ('body :content ["image", "application"] :contains "secret"', True),
        ('body :content "/plain" :contains ""', False),
        ('body :content "text/" :contains ""', False),
        ('body :content "text/plain/x" :contains ""', False),
        ('body :content "image" :contains ""', False),
    ],
)
def test_bodies(sieve, test, expected):
    assert sieve.holds(test, MESSAGE) is expected


def test_a_message_without_a_body_has_an_empty_one(sieve):
    assert sieve.holds('body :raw :is ""', b"Subject: x\r\n")
    assert sieve.holds('body :is ""', b"")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("year", "1997"),
        ("month", "04"),
        ("day", "02"),
        ("date", "1997-04-02"),
        ("julian", "50540"),
        ("hour", "07"),
        ("minute", "06"),
        ("second", "31"),
        ("time", "07:06:31"),
        ("iso8601", "1997-04-02T07:06:31+00:00"),
        ("std11", "Wed, 02 Apr 1997 07:06:31 +0000"),
        ("zone", "+0000"),
        ("weekday", "3"),
    ],
)
def test_parts_of_a_date(sieve, part, value):
    assert sieve.holds(f'date "date" "{part}" "{value}"', MESSAGE)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('date :originalzone "date" "hour" "23"', True),
        ('date :originalzone "date" "zone" "-0800"', True),
        ('date :zone "+0530" "date" "time" "12:36:31"', True),
        ('date :zone "-0800" "date" "day" "01"', True),
        ('date "received" "hour" "17"', True),
        ('date :index 2 "received" "weekday" "0"', True),
        ('date :index 1 :last :originalzone "received" "zone" "+0000"', True),
        ('date :value "ge" "date" "date" "1997-04-01"', True),
        ('date :contains "x-bad" "year" ""', False),
        ('date :contains "subject" "year" ""', False),
        ('date :contains "frop" "year" ""', False),
        ('date :zone "+0100" :contains "x-last" "year" ""', False),
        ('date :count "eq" :comparator "i;ascii-numeric" "x-bad" "year" "0"', True),
        ('currentdate "date" "2026-03-14"', True),
        ('currentdate :zone "+0900" "date" "2026-03-15"', True),
        ('allof (currentdate :value "ge" "hour" "09", currentdate :value "lt" "hour" "17")', True),
        ('currentdate "weekday" "6"', True),
        ('currentdate "JULIAN" "61113"', True),
    ],
)
def test_dates(sieve, test, expected):
    assert sieve.holds(test, MESSAGE) is expected


def test_what_a_sender_can_make_a_script_look_at_is_bounded(sieve):
    long_header = b"A: x\r\n" * (MAX_HEADER_OCTETS // 6 + 1) + b"\r\nbody"
    assert sieve.holds('exists "a"', long_header)
    assert not sieve.holds('exists "b"', long_header.replace(b"\r\n\r\n", b"\r\nB: x\r\n\r\n"))
    assert sieve.holds('body :contains "body"', long_header)

    long_body = b"S: x\r\n\r\n" + b"x" * MAX_SEARCHED_OCTETS + b"y"
    assert sieve.holds('body :contains "x"', long_body)
    assert not sieve.holds('body :contains "y"', long_body)
    assert sieve.holds(f"size :over {MAX_SEARCHED_OCTETS}", long_body)

    many_parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * MAX_PARTS
    assert sieve.holds('body :count "lt" :comparator "i;ascii-numeric" "1000"', many_parts)
