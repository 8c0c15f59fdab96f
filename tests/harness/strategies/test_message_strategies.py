"""Generated messages hold to RFC 5322, and the standard library reads them as they were meant."""

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import TypeVar

from hypothesis import Phase, find, given, settings
from hypothesis.strategies import SearchStrategy

from harness.strategies.messages import (
    MAX_LINE,
    TOKEN_FIELD,
    bodies,
    compose,
    eight_bit_bodies,
    eight_bit_messages,
    header_fields,
    text_messages,
)

Example = TypeVar("Example")

# Without the explain phase, in which find() would end on an example that is not the smallest.
_SHRINK = settings(phases=[Phase.generate, Phase.shrink], derandomize=True, max_examples=2000)


def smallest(
    strategy: SearchStrategy[Example], condition: Callable[[Example], bool] = lambda _: True
) -> Example:
    return find(strategy, condition, settings=_SHRINK)


def assert_well_formed(content: bytes) -> None:
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")[:-1]
    assert max(map(len, lines)) <= MAX_LINE
    assert not any(octet in line for line in lines for octet in (b"\r", b"\n", b"\0"))


@given(text_messages("t-1"))
def test_text_messages_are_ascii_and_well_formed(content: bytes) -> None:
    assert_well_formed(content)
    assert content.isascii()
    assert content.startswith(b"From: Mailproof ")


@given(eight_bit_messages("t-1"))
def test_eight_bit_messages_need_8bitmime(content: bytes) -> None:
    assert_well_formed(content)
    header, _, body = content.partition(b"\r\n\r\n")
    assert header.isascii()
    assert not body.isascii()
    assert b"\r\nContent-Transfer-Encoding: 8bit\r\n" in content


@given(bodies, header_fields)
def test_the_standard_library_finds_the_body_and_every_field(body: bytes, fields: list[bytes]) -> None:
    content = compose("t-1", body, to="bob@example.test", fields=fields)
    assert content.partition(b"\r\n\r\n")[2] == body
    parsed = message_from_bytes(content)
    assert parsed[TOKEN_FIELD.decode()] == "t-1"
    assert parsed["To"] == "<bob@example.test>"
    assert [name for name, _ in parsed.items()][6:] == [field.partition(b":")[0].decode() for field in fields]
    assert not parsed.defects


def test_the_usual_fields_are_what_the_rfc_asks_for() -> None:
    parsed = message_from_bytes(compose("t-1", b""), policy=default)
    assert parsed["Message-ID"] == "<t-1@example.org>"
    assert parsed["Date"].datetime is not None
    assert not any(parsed[name].defects for name in parsed)


def test_the_smallest_examples_are_small() -> None:
    assert smallest(bodies) == b""
    assert smallest(bodies, lambda body: body.startswith(b".")) == b".\r\n"
    assert len(smallest(eight_bit_bodies)) <= 4
    assert smallest(text_messages("t-1")) == compose("t-1", b"")


def test_bodies_reach_the_longest_line() -> None:
    longest = smallest(bodies, lambda body: MAX_LINE in map(len, body.split(b"\r\n")))
    assert len(longest) == MAX_LINE + 2
