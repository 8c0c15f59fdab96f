"""`changes` tells what happened to a message on its way, and nothing where nothing did."""

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.strategies.messages import bodies, compose, header_fields
from suites.mail import changes, fields_of, token_of

messages = st.builds(lambda body, fields: compose("t1", body, fields=fields), bodies, header_fields)


@given(messages)
def test_a_message_that_came_as_it_was_is_unchanged(content: bytes) -> None:
    assert changes(content, content) == ""


@given(messages, st.sampled_from([b"Return-Path: <>", b"Received: from a\r\n\tby b", b"X-UID: 7"]), st.data())
def test_an_added_field_is_no_change(content: bytes, field: bytes, data: st.DataObject) -> None:
    fields = fields_of(content)
    place = data.draw(st.integers(0, len(fields)))
    body = content.partition(b"\r\n\r\n")[2]
    received = b"\r\n".join([*fields[:place], field, *fields[place:]]) + b"\r\n\r\n" + body
    assert changes(content, received) == ""


@given(messages, st.data())
def test_a_body_octet_that_differs_is_told_with_its_place(content: bytes, data: st.DataObject) -> None:
    start = content.index(b"\r\n\r\n") + 4
    assume(start < len(content))
    place = data.draw(st.integers(start, len(content) - 1))
    other = bytes([(content[place] + 1) % 256])
    told = changes(content, content[:place] + other + content[place + 1 :])
    assert f"different from octet {place - start}" in told


@given(messages)
def test_a_body_cut_short_is_told(content: bytes) -> None:
    assert "came out with" in changes(content + b"x\r\n", content)


@given(messages, st.data())
def test_a_lost_field_is_told(content: bytes, data: st.DataObject) -> None:
    fields = fields_of(content)
    lost = data.draw(st.integers(0, len(fields) - 1))
    assume(fields.count(fields[lost]) == 1)
    body = content.partition(b"\r\n\r\n")[2]
    received = b"\r\n".join(fields[:lost] + fields[lost + 1 :]) + b"\r\n\r\n" + body
    assert repr(fields[lost]) in changes(content, received)


def test_fields_keep_their_folding() -> None:
    assert fields_of(b"A: 1\r\n\t2\r\nB: 3\r\n\r\nC: 4\r\n") == [b"A: 1\r\n\t2", b"B: 3"]


def test_the_token_is_read_from_its_field_alone() -> None:
    assert token_of(compose("t1", b"X-Mailproof-Token: t2\r\n")) == "t1"
    assert token_of(b"Subject: X-Mailproof-Token: t2\r\n\r\n") == ""
