"""RFC 5321 §4.4: the trace that a delivered message carries."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import CLIENT_NAME, LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.delivery.letters import (
    Letter,
    arrived,
    entrance,
    letter,
    letters,
    named,
    own_received,
    post,
    posted,
    trace_of,
)
from suites.mail import fields_of, forward_path
from suites.needs import accounts, endpoint, needs, reader

_MX = endpoint(Protocol.SMTP)

_DATE: Final = re.compile(
    rb"(?:[A-Z][a-z]{2}, )?\s*(?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>\d+)"
    rb" \d\d:\d\d(?::\d\d)?\s+(?P<zone>[^\s(]+)(?:\s*\(.*\))?\s*"
)
_FROM: Final = re.compile(rb"received:\s*(?:\([^)]*\)\s*)?from\s+\S", re.IGNORECASE)
_BY: Final = re.compile(rb"\sby\s+\S", re.IGNORECASE)
_WITH: Final = re.compile(rb"\swith\s+(\S+?)[\s;]", re.IGNORECASE)
_COMMENT: Final = re.compile(rb"\([^()]*\)")
# RFC 5321 §4.4; the registry of mail parameters, WITH protocol types, as of 2026-11.
_PROTOCOLS: Final = {
    b"SMTP", b"ESMTP", b"ESMTPA", b"ESMTPS", b"ESMTPSA", b"LMTP", b"LMTPA", b"LMTPS", b"LMTPSA", b"MMS", b"HTTP",
    b"HTTPS", b"UTF8SMTP", b"UTF8SMTPA", b"UTF8SMTPS", b"UTF8SMTPSA", b"UTF8LMTP", b"UTF8LMTPA", b"UTF8LMTPS",
    b"UTF8LMTPSA",
}  # fmt: skip

_hosts = st.sampled_from([b"mail.example.org", b"[192.0.2.7]", b"relay.example.test (relay [192.0.2.9])"])
_earlier = st.lists(
    st.tuples(_hosts, st.sampled_from([b" ", b"\r\n\t", b"\r\n    "]), st.integers(10, 28)).map(
        lambda drawn: (
            b"Received: from %s%sby mx.example.org with ESMTP id x%d;%s%d Nov 2026 12:00:00 +0000"
            % (drawn[0], drawn[1], drawn[2], drawn[1], drawn[2])
        )
    ),
    min_size=1,
    max_size=4,
)
_senders = st.from_regex(r"[a-z0-9]{1,12}([.+_-][a-z0-9]{1,12}){0,2}", fullmatch=True).map(
    lambda local: b"<%s@example.org>" % local.encode()
)


def dated(target: LiveTarget) -> re.Match[bytes]:
    """The date of the Received field; `NotOffered` where none is found."""
    field = own_received(target)
    found = _DATE.fullmatch(field.rpartition(b";")[2].strip())
    if found is None:
        raise NotOffered(f"no date is read in {field!r}")
    return found


@covers("RFC5321-4.4-a", fault="delivery.received-at-the-bottom")
@needs(_MX, reader())
def test_a_received_field_is_put_at_the_beginning(target: LiveTarget) -> None:
    sent = letter(target)
    posted(target, [sent])
    fields = trace_of(arrived(target, [sent])[0])
    assert named(fields, b"received"), f"above the message's own header stand {[f[:40] for f in fields]}"


@covers("RFC5321-4.4-b", fault="delivery.received-without-by")
@needs(_MX, reader())
def test_the_received_field_has_by_and_a_date(target: LiveTarget) -> None:
    field = own_received(target)
    assert _BY.search(field), f"no by clause in {field!r}"
    assert _DATE.fullmatch(field.rpartition(b";")[2].strip()), f"no date behind a semicolon in {field!r}"


@covers("RFC5321-4.4-c", fault="delivery.received-without-from")
@needs(_MX, reader())
def test_the_received_field_has_a_from_clause(target: LiveTarget) -> None:
    field = own_received(target)
    assert _FROM.match(field), f"no from clause in {field!r}"


@covers("RFC5321-4.4-c2", fault="delivery.received-without-address")
@needs(_MX, reader())
def test_the_from_clause_has_name_and_address_of_the_client(target: LiveTarget) -> None:
    name, address = b"client.example.org", CLIENT_NAME.strip(b"[]")
    field = own_received(target, name=name)
    clause = _BY.split(field)[0]
    if not _FROM.match(field):
        raise NotOffered("there is no from clause")
    assert name in clause, f"EHLO said {name!r}, the from clause is {clause!r}"
    assert address in clause, f"the client's address is {address!r}, the from clause is {clause!r}"


@covers("RFC5321-4.4-e", fault="delivery.for-with-two-paths")
@needs(_MX, reader(), accounts(2))
def test_a_for_clause_has_one_path(target: LiveTarget) -> None:
    field = own_received(target, recipients=[forward_path(target, 0), forward_path(target, 1)])
    clause = re.search(
        rb"\sfor\s+(.*?)(?:;|\s(?:from|by|via|with|id)\s)", _COMMENT.sub(b"", field), re.IGNORECASE
    )
    assert clause is None or clause[1].count(b"@") <= 1, f"the for clause is {clause[1]!r}"


@covers("RFC5321-4.4-f", fault="delivery.earlier-received-unfolded")
@needs(reader())
@given(drawn=st.lists(_earlier, min_size=2, max_size=3))
def test_received_fields_that_came_are_kept(target: LiveTarget, drawn: list[list[bytes]]) -> None:
    for earlier, received in _passed_on(target, drawn):
        kept = named(fields_of(received), b"received")
        missing = [field for field in earlier if field not in kept]
        assert not missing, f"the field {missing[0]!r} is changed or gone"


@covers(
    "RFC5321-4.4-g",
    fault="delivery.earlier-received-first",
    also=("delivery.earlier-received-unfolded", "delivery.received-at-the-bottom"),
)
@needs(reader())
@given(drawn=st.lists(_earlier, min_size=2, max_size=3))
def test_the_new_received_field_stands_before_those_that_came(
    target: LiveTarget, drawn: list[list[bytes]]
) -> None:
    for earlier, received in _passed_on(target, drawn):
        fields = named(fields_of(received), b"received")
        assert fields[-len(earlier) :] == earlier, f"the last Received fields are {fields[-len(earlier) :]!r}"


def _passed_on(target: LiveTarget, drawn: list[list[bytes]]) -> list[tuple[list[bytes], bytes]]:
    """For each list of Received fields, the list and how a message with it on top arrived."""
    plain = letters(target, [b"Hello.\r\n"] * len(drawn))
    sent = [
        Letter(each.token, b"".join(field + CRLF for field in earlier) + each.content)
        for each, earlier in zip(plain, drawn, strict=True)
    ]
    posted(target, sent)
    return list(zip(drawn, arrived(target, sent), strict=True))


@covers("RFC5321-4.4-h", fault="delivery.zone-by-name")
@needs(_MX, reader())
def test_the_zone_is_an_offset_in_digits(target: LiveTarget) -> None:
    zone = dated(target)["zone"]
    assert re.fullmatch(rb"[+-]\d{4}", zone), f"the zone is {zone!r}"


@covers("RFC5321-4.4-z", "RFC5321-F.5-a", fault="delivery.year-of-two-digits")
@needs(_MX, reader())
def test_years_have_four_digits(target: LiveTarget) -> None:
    year = dated(target)["year"]
    assert len(year) == 4, f"the year is {year!r}"


@covers("RFC5321-4.4-ac", fault="delivery.with-an-unknown-protocol")
@needs(_MX, reader())
def test_the_with_clause_names_a_registered_protocol(target: LiveTarget) -> None:
    field = own_received(target)
    clause = _WITH.search(_COMMENT.sub(b"", field))
    if clause is None:
        raise NotOffered(f"no with clause in {field!r}")
    assert clause[1].upper() in _PROTOCOLS, f"the with clause names {clause[1]!r}"


@covers("RFC5321-4.4-k", fault="delivery.return-path-null")
@needs(reader())
@given(drawn=st.lists(_senders, min_size=2, max_size=4))
def test_the_return_path_holds_the_reverse_path(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = letters(target, [b"Hello.\r\n"] * len(drawn))
    client = entrance(target)
    for each, sender in zip(sent, drawn, strict=True):
        if (reply := post(target, client, each.content, sender=sender)).klass != 2:
            raise NotOffered(f"the content was answered {reply}")
    for sender, received in zip(drawn, arrived(target, sent), strict=True):
        fields = named(trace_of(received), b"return-path")
        assert fields, f"the message from {sender!r} has no Return-Path field on top"
        told = fields[0].partition(b":")[2].strip()
        assert told == sender, f"the message from {sender!r} has {fields[0]!r}"


@covers("RFC5321-4.4-k", fault="delivery.return-path-missing-for-null")
@needs(reader())
def test_the_return_path_of_a_notification_is_null(target: LiveTarget) -> None:
    sent = letter(target)
    posted(target, [sent], sender=b"<>")
    fields = named(trace_of(arrived(target, [sent])[0]), b"return-path")
    assert fields, "the message from <> has no Return-Path field on top"
    told = fields[0].partition(b":")[2].strip()
    assert told == b"<>", f"the message from <> has {fields[0]!r}"


@covers("RFC5321-4.4-p", fault="delivery.two-return-paths")
@needs(reader())
def test_there_is_one_return_path(target: LiveTarget) -> None:
    sent = letter(target)
    posted(target, [sent])
    fields = named(fields_of(arrived(target, [sent])[0]), b"return-path")
    if not fields:
        raise NotOffered("the message has no Return-Path field")
    assert len(fields) == 1, f"the message has {fields}"
