"""A message says which one it is, and no change of one octet passes for the whole message."""

import re
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.content.forms import read_form
from loadtests.content.letters import Letters, _Ready
from loadtests.ledger.token import Token, identify, read
from loadtests.plan import Content

RUN = "0a1b2c3d"
SENDER, RECIPIENT = b"mailproof@example.org", b"user1@example.test"

FILE = (
    b"Received: from a.example (a.example [192.0.2.1]) by b.example; Tue, 3 Nov 2026 10:00:00 +0000\r\n"
    b"From: Ann <ann@example.org>\r\n"
    b"To: bob@example.test\r\n"
    b"cc: carol@example.test,\r\n dave@example.test\r\n"
    b"Date: Tue, 3 Nov 2026 10:00:00 +0000\r\n"
    b"Subject: one that\r\n is folded\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b'Content-type: multipart/mixed;\r\n\tboundary="b"\r\n'
    b"X-Mailer: none\r\n"
    b"\r\n"
    b"--b\r\n\r\n.\r\nFrom here\r\n>From there\r\n--b--\r\n"
)


def letter(octets: int, slot: int = 7) -> bytes:
    letters = Letters(Content(sizes="fixed", octets=octets, pool=1), 1, RUN, 3)
    return letters.compose(slot, SENDER, [RECIPIENT]).content


def of_file(octets: bytes = FILE) -> bytes:
    form = read_form(octets)
    assert form is not None
    letters = Letters(Content(sizes="fixed", pool=1), 1, RUN, 3)
    return letters._compose(_Ready(form), 7, SENDER, [RECIPIENT]).content


SMALL, LARGE, READ = letter(300), letter(6000), of_file()
MESSAGES = {"without MIME": SMALL, "with MIME": LARGE, "of a file": READ}
TOKEN = Token(RUN, 3, 7)


def names(content: bytes) -> list[bytes]:
    return re.findall(rb"^([!-9;-~]+):", content.partition(b"\r\n\r\n")[0], re.MULTILINE)


@pytest.mark.parametrize("content", MESSAGES.values(), ids=MESSAGES)
def test_a_message_as_it_was_sent_is_whole(content: bytes) -> None:
    assert read(content) == (TOKEN, True)
    assert identify(content) == TOKEN


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["without MIME", "with MIME"])
@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_damage_and_the_message_is_still_known(content: bytes, bit: int) -> None:
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << bit
        assert read(bytes(changed)) == (TOKEN, False), (at, content[max(0, at - 20) : at + 20])


def test_every_octet_changed_to_every_other_is_damage() -> None:
    for at, octet in product(range(len(SMALL)), range(256)):
        if SMALL[at] != octet:
            changed = SMALL[:at] + bytes([octet]) + SMALL[at + 1 :]
            assert read(changed) == (TOKEN, False), (octet, SMALL[max(0, at - 20) : at + 20])


def test_where_lines_end_in_lf_every_changed_octet_is_damage_or_makes_a_stranger() -> None:
    stored = SMALL.replace(b"\r\n", b"\n")
    strangers = 0
    for at, octet in product(range(len(stored)), range(256)):
        if stored[at] != octet:
            found = read(stored[:at] + bytes([octet]) + stored[at + 1 :])
            assert found in (None, (TOKEN, False)), (octet, stored[max(0, at - 20) : at + 20])
            strangers += found is None
    assert strangers == 1  # an empty line in the middle of the tokens


@given(st.sampled_from([SMALL, LARGE]), st.integers(0, 2**31), st.integers(1, 255))
def test_any_octet_changed_to_any_other_is_damage(content: bytes, position: int, change: int) -> None:
    changed = bytearray(content)
    changed[position % len(content)] ^= change
    assert read(bytes(changed)) == (TOKEN, False)


@given(
    st.sampled_from([SMALL, LARGE]),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(1, 255)), max_size=6),
)
def test_no_changes_pass_for_the_whole(content: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(content)
    for position, change in changes:
        changed[position % len(content)] ^= change
    found = read(bytes(changed))
    if found is not None:
        assert found.token == TOKEN
        assert found.whole or changed != content
        # Several changes can make another field of the one that may be taken away: the first.
        others = content.index(b"\r\n")
        assert changed[others:] == content[others:] or not found.whole


def test_in_a_message_of_a_file_every_flip_is_damage_but_in_fields_that_agents_change() -> None:
    unsealed = re.compile(rb"^(?:Received|cc|X-Mailer):.*\r\n(?:[ \t].*\r\n)*", re.MULTILINE)
    free = [found.span() for found in unsealed.finditer(READ)]
    assert len(free) == 3
    for at in range(len(READ)):
        changed = bytearray(READ)
        changed[at] ^= 1
        if not any(start <= at < end for start, end in free):
            assert read(bytes(changed)) == (TOKEN, False), (at, READ[max(0, at - 20) : at + 20])


def unquoted(content: bytes) -> bytes:
    """Without what an mbox may put before "From " and take away again."""
    return re.sub(rb"^>+(?=From )", b"", content, flags=re.MULTILINE)


@given(st.sampled_from(list(MESSAGES.values())), st.integers(0, 2**31), st.integers(0, 2**31))
def test_a_piece_that_is_missing_is_damage(content: bytes, start: int, length: int) -> None:
    first = (
        content.index(b"\r\n\r\n") if content is READ else content.index(b"\r\n") + 2
    )  # the X- field may go
    start = first + start % (len(content.rstrip(b"\r\n")) - first)
    end = start + 1 + length % (len(content) - start)
    changed = content[:start] + content[end:]
    found = read(changed)
    assert found is None or not found.whole or unquoted(changed) == unquoted(content)


trace = st.sampled_from(
    [
        b"Return-Path: <mailproof@example.org>\r\n",
        b"Received: from client.example (client.example [192.0.2.1])\r\n\tby mx.example.test; 3 Nov 2026 +0000\r\n",
        b"Delivered-To: user1@example.test\r\n",
        b"X-Spam-Status: No, score=-1.0\r\n\ttests=A,\r\n\tB\r\n",
        b"Authentication-Results: mx.example.test; none\r\n",
        b"Status: RO\r\n",
    ]
)


@given(st.sampled_from(list(MESSAGES.values())), st.lists(trace), st.lists(trace))
def test_fields_put_on_top_and_at_the_end_of_the_header_are_no_damage(
    content: bytes, above: list[bytes], below: list[bytes]
) -> None:
    header, _, body = content.partition(b"\r\n\r\n")
    assert read(b"".join(above) + header + b"\r\n" + b"".join(below) + b"\r\n" + body) == (TOKEN, True)


@given(st.sampled_from(list(MESSAGES.values())), st.randoms(use_true_random=False))
def test_the_order_of_the_fields_is_free(content: bytes, random: Random) -> None:
    header, _, body = content.partition(b"\r\n\r\n")
    lines = re.findall(rb"[^\n]+(?:\n[ \t][^\n]+)*\n", header + b"\r\n")
    random.shuffle(lines)
    assert read(b"".join(lines) + b"\r\n" + body) == (TOKEN, True)


@given(st.sampled_from(list(MESSAGES.values())), st.data())
def test_a_field_may_be_folded_where_it_has_a_space(content: bytes, data: st.DataObject) -> None:
    header, _, body = content.partition(b"\r\n\r\n")
    spaces = [found.start() for found in re.finditer(rb"(?<=[^:\n\t ]) ", header)]
    at = data.draw(st.sampled_from(spaces))
    assert read(header[:at] + b"\r\n" + header[at:] + b"\r\n\r\n" + body) == (TOKEN, True)


@pytest.mark.parametrize("content", MESSAGES.values(), ids=MESSAGES)
def test_lines_that_end_in_lf_are_no_damage(content: bytes) -> None:
    assert read(content.replace(b"\r\n", b"\n")) == (TOKEN, True)
    assert read(b"Return-Path: <>\n" + content) == (TOKEN, True)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("content", MESSAGES.values(), ids=MESSAGES)
def test_the_last_line_end_may_come_and_go(content: bytes, line_end: bytes) -> None:
    stored = content.replace(b"\r\n", line_end)
    assert read(stored.removesuffix(line_end)) == (TOKEN, True)
    assert read(stored + line_end) == (TOKEN, True)


def test_mbox_quoting_is_no_damage() -> None:
    assert read(READ.replace(b"\r\nFrom ", b"\r\n>From ").replace(b"\r\n>From t", b"\r\n>>From t")) == (
        TOKEN,
        True,
    )


@pytest.mark.parametrize("content", MESSAGES.values(), ids=MESSAGES)
def test_the_x_field_may_be_taken_away_and_the_message_id_may_not(content: bytes) -> None:
    assert read(re.sub(rb"X-Mailproof-Token: .*\r\n", b"", content)) == (TOKEN, True)
    assert read(re.sub(rb"Message-ID: .*\r\n", b"", content)) == (TOKEN, False)


def test_without_both_tokens_a_message_is_a_stranger() -> None:
    assert read(re.sub(rb"(X-Mailproof-Token|Message-ID): .*\r\n", b"", LARGE)) is None
    assert read(re.sub(rb"\.00000007\.", b".00000008.", LARGE)) is None


@pytest.mark.parametrize("found_in", [b"In-Reply-To: ", b"References: ", b"X-Failed-Message: "])
def test_an_answer_or_a_report_that_names_a_message_is_not_that_message(found_in: bytes) -> None:
    message_id = re.search(rb"<.*@mailproof.example>", LARGE)
    assert message_id
    report = (
        b"From: <>\r\nMessage-ID: <9@mx.example.test>\r\n" + found_in + message_id[0] + b"\r\n\r\n" + LARGE
    )
    assert read(report) is None
    assert identify(report) is None


@given(st.binary())
def test_anything_can_be_read(octets: bytes) -> None:
    assert read(octets) is None


@given(
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b":", b" ", b"Message-ID: ", b"X-Mailproof-Token: ", b"a", b"\r"])
    )
)
def test_anything_like_a_header_can_be_read(pieces: list[bytes]) -> None:
    assert read(b"".join(pieces)) is None


def test_a_token_is_read_as_it_is_written() -> None:
    for slot in (0, 1, 99_999_999, 100_000_000, 4_294_967_294):
        content = letter(1000, slot)
        assert read(content) == (Token(RUN, 3, slot), True)
        assert str(Token(RUN, 3, slot)).encode() in content
