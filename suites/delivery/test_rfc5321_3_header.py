"""RFC 5321 §3.3, §3.7.2 and §6.3: header sections that are no reason to refuse a message."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, entrance, letter, named, overdue, post, posted, sound
from suites.mail import fetch_all, fields_of
from suites.needs import needs, reader

_RESENT: Final = (
    [b"Resent-To: <nobody@example.org>"],
    [b"Resent-From: <nobody@example.org>"],
    [b"Resent-Date: Tue, 24 Nov 2026 12:00:00 +0000"],
    [b"Resent-To: <nobody@example.org>", b"Resent-Cc: <nobody@example.org>"],
    [
        b"Resent-From: <a@example.org>",
        b"Resent-Sender: <b@example.org>",
        b"Resent-Message-ID: <x@example.org>",
    ],
)
_ODD_TRACE: Final = (
    b"Received: by hand",
    b"Received: from nowhere; yesterday",
    b"Received: (nobody knows); Tue, 24 Nov 2026 12:00:00 +0000",
    b"Received: from a.example.org by b.example.org; 24 Nov 26 12:00 EST",
    b"Received: from x ([192.0.2.7])\r\n\tby y with CARRIER-PIGEON id\r\n\t7; Tue, 24 Nov 2026 12:00:00 GMT",
    b"Received:",
)

_trace = st.lists(st.sampled_from(_ODD_TRACE), min_size=1, max_size=3)


def on_top(target: LiveTarget, fields: list[bytes]) -> Letter:
    plain = letter(target)
    return Letter(plain.token, b"".join(field + CRLF for field in fields) + plain.content)


@covers("RFC5321-3.3-m", fault="delivery.resent-refused")
@given(fields=st.sampled_from(_RESENT))
def test_resent_fields_are_no_reason_to_refuse(target: LiveTarget, fields: list[bytes]) -> None:
    client = entrance(target)
    sound(target, client)
    reply = post(target, client, on_top(target, fields).content)
    assert reply.klass == 2, f"a message with {fields} was answered {reply}"


@covers("RFC5321-3.7.2-b", fault="delivery.odd-trace-refused")
@given(fields=_trace)
def test_the_form_of_trace_fields_is_no_reason_to_refuse(target: LiveTarget, fields: list[bytes]) -> None:
    client = entrance(target)
    sound(target, client)
    reply = post(target, client, on_top(target, fields).content)
    assert reply.klass == 2, f"a message with {fields} was answered {reply}"


@covers(
    "RFC5321-3.7.2-b2",
    fault="delivery.odd-trace-removed",
    also=("delivery.earlier-received-unfolded",),
)
@needs(reader())
@given(fields=_trace)
def test_odd_trace_fields_come_through(target: LiveTarget, fields: list[bytes]) -> None:
    sent = on_top(target, fields)
    posted(target, [sent])
    kept = named(fields_of(arrived(target, [sent])[0]), b"received")
    missing = [field for field in fields if field not in kept]
    assert not missing, f"the field {missing[0]!r} is changed or gone"


@covers("RFC5321-6.3-a", fault="delivery.many-hops-lost")
@needs(reader())
def test_a_message_of_99_hops_arrives(target: LiveTarget) -> None:
    sent = on_top(target, _hops(99))
    client = entrance(target)
    sound(target, client)
    reply = post(target, client, sent.content)
    assert reply.klass == 2, f"a message with 99 Received fields was answered {reply}"
    late = overdue(target, [sent])
    assert not late, (
        "a message with 99 Received fields was accepted and did not arrive, one sent after it did"
    )


@covers("RFC5321-4.2.5-c", fault="delivery.refused-and-delivered")
@needs(reader())
def test_a_message_that_was_refused_does_not_arrive(target: LiveTarget) -> None:
    looping = on_top(target, _hops(150))
    client = entrance(target)
    reply = post(target, client, looping.content)
    if reply.klass != 5:
        raise NotOffered(f"a message with 150 Received fields was answered {reply}")
    plain = looping.content[looping.content.find(b"From: Mailproof") :]
    posted(target, [Letter(looping.token, plain.replace(b"Subject: m", b"Subject: later"))])
    # The two share their token, so whatever arrived is found.
    for received in fetch_all(target, looping.token, 1):
        assert b"Subject: later" in received, f"a message that was answered {reply} arrived"


def _hops(number: int) -> list[bytes]:
    return [
        b"Received: from h%d.example.org by h%d.example.org; Tue, 24 Nov 2026 12:00:00 +0000" % (hop, hop + 1)
        for hop in range(number)
    ]
