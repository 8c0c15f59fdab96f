"""What is composed says the same to the standard library's parser, the second implementation."""

import datetime as dt
import email
import email.policy
import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.mua.addresses import Address, parse_address, parse_addresses
from harness.mua.compose import Attachment, Draft, compose, new_message_id, read_attachment
from harness.wire.smtp.address import Mailbox

ALICE = parse_address("Alice <alice@example.test>")
BOB = parse_address("bob@example.test")

DATE = dt.datetime(2026, 11, 24, 16, 0, 1, tzinfo=dt.UTC)

# Text that people write: no control, surrogate or unassigned characters.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co", "Zl", "Zp"))
WRITTEN = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Z"])
LINES = st.text(CHARACTERS, max_size=90)
# In a header the standard library folds white space itself, so one space between words.
WORDS = st.lists(st.text(WRITTEN, min_size=1, max_size=30), max_size=6)
PHRASES = WORDS.map(" ".join)
NAMES = PHRASES.filter(lambda name: '"' not in name and "\\" not in name)


def draft(**given: Any) -> Draft:
    return replace(Draft(sender=ALICE, to=[BOB], date=DATE, message_id="<1@example.test>"), **given)


def parsed(content: bytes) -> EmailMessage:
    # refold_source none: what is parsed is not written again.
    message = email.message_from_bytes(content, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def header(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[0]


@given(subject=PHRASES, body=st.lists(LINES, max_size=5).map("\n".join))
def test_subject_and_text_come_back(subject: str, body: str) -> None:
    content = compose(draft(subject=subject, body=body))
    message = parsed(content)

    assert message["Subject"] == subject
    expected = re.sub(r"\r\n|\r|\n", "\n", body)
    assert message.get_content().replace("\r\n", "\n") == expected + (
        "\n" if expected and not expected.endswith("\n") else ""
    )
    assert content.isascii()


@given(body=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_goes_in_lines_that_every_server_takes(body: str) -> None:
    content = compose(draft(body=body))

    assert content.isascii()
    assert b"\0" not in content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@given(subject=LINES, name=NAMES, long=st.text(CHARACTERS, min_size=80, max_size=120))
def test_header_lines_are_short_where_they_can_be(subject: str, name: str, long: str) -> None:
    content = compose(draft(subject=subject, sender=Address(ALICE.mailbox, name), headers=[("X-Long", long)]))

    for line in header(content).split(b"\r\n"):
        assert len(line) <= (76 if b"=?" in line else 998)
        assert line.strip()
        for word in re.findall(rb"=\?\S*\?=", line):
            assert len(word) <= 75


@given(names=st.lists(NAMES, min_size=1, max_size=5))
def test_names_and_addresses_come_back(names: list[str]) -> None:
    to = [Address(Mailbox(b"r%d" % number, b"example.test"), name) for number, name in enumerate(names)]
    # email.headerregistry of Python 3.11 keeps a space between two encoded-words of a name; email.header does not.
    field = email.message_from_bytes(compose(draft(to=to)))["To"]

    assert [(str(make_header(decode_header(name))), spec) for name, spec in getaddresses([field])] == [
        (address.name, address.mailbox.encode().decode()) for address in to
    ]


@given(
    files=st.lists(
        st.tuples(
            st.text(WRITTEN, min_size=1, max_size=60),
            st.binary(max_size=300),
        ),
        min_size=1,
        max_size=4,
    ),
    body=LINES,
)
def test_attachments_come_back_octet_for_octet(files: list[tuple[str, bytes]], body: str) -> None:
    attachments = [Attachment(name, "application/octet-stream", octets) for name, octets in files]
    message = parsed(compose(draft(body=body, attachments=attachments)))

    assert message.get_content_type() == "multipart/mixed"
    assert [
        (part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()
    ] == files


def test_blind_recipients_are_in_the_envelope_alone() -> None:
    made = draft(
        cc=parse_addresses(["Carol <carol@example.test>"]), blind=parse_addresses(["eve@example.org"])
    )

    assert b"eve" not in compose(made)
    assert [mailbox.encode() for mailbox in made.recipients] == [
        b"bob@example.test", b"carol@example.test", b"eve@example.org"
    ]  # fmt: skip


def test_a_recipient_named_twice_is_one() -> None:
    made = draft(to=parse_addresses(["bob@example.test, Bob <bob@EXAMPLE.test>"]))

    assert made.recipients == (Mailbox(b"bob", b"example.test"),)


def test_plain_words_stay_readable() -> None:
    assert compose(draft(subject="Lunch at noon?", body="See you.")) == (
        b"Date: Tue, 24 Nov 2026 16:00:01 +0000\r\n"
        b"From: Alice <alice@example.test>\r\n"
        b"To: bob@example.test\r\n"
        b"Subject: Lunch at noon?\r\n"
        b"Message-ID: <1@example.test>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"See you.\r\n"
    )


def test_an_address_beyond_ascii_is_written_in_utf8_and_an_internationalized_domain_is_not() -> None:
    made = draft(to=parse_addresses(["用户@example.test", "joerg@bücher.example.test"]))

    assert made.needs_smtputf8
    assert "To: 用户@example.test, joerg@xn--bcher-kva.example.test\r\n".encode() in compose(made)
    assert not draft(to=parse_addresses(["joerg@bücher.example.test"])).needs_smtputf8


def test_a_field_given_takes_the_place_of_ours() -> None:
    content = compose(draft(headers=[("date", "never"), ("Content-Type", "text/html"), ("X-Note", "Grüße")]))
    message = parsed(content)

    assert content.lower().count(b"\r\ncontent-type:") == 1
    assert b"date: never\r\n" in content
    assert message["X-Note"] == "Grüße"
    assert message.get_content_type() == "text/html"


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "a\r\nBcc: eve@example.org"},
        {"headers": [("X-A", "a\nb")]},
        {"headers": [("X A", "a")]},
        {"headers": [("", "a")]},
        {"message_id": "<a b@example.test>"},
        {"in_reply_to": "<a@example.test>\r\nX: y"},
        {"subject": "\udcff"},
        {"body": "\udcff"},
        {"sender": Address(ALICE.mailbox, "\udcff")},
        {"attachments": [Attachment("\udcff", "text/plain", b"")]},
    ],
)
def test_what_no_header_can_hold_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        compose(draft(**given))


def test_a_message_goes_along_as_it_is() -> None:
    original = compose(draft(subject="first"))
    message = parsed(compose(draft(attachments=[Attachment("first.eml", "message/rfc822", original)])))

    (part,) = message.iter_attachments()
    assert part["Content-Transfer-Encoding"] == "7bit"
    assert part.get_content()["Subject"] == "first"


def test_a_message_with_octets_above_127_goes_as_octets() -> None:
    message = parsed(compose(draft(attachments=[Attachment("a.eml", "message/rfc822", b"X: \xff\r\n\r\n")])))

    (part,) = message.iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_content() == b"X: \xff\r\n\r\n"


def test_a_boundary_is_in_no_part() -> None:
    content = compose(draft(body="--=_0\n--=_1\n", attachments=[Attachment("a", "text/plain", b"x")]))

    assert parsed(content).get_boundary() == "=_2"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/gzip"),
        ("a.eml", "message/rfc822"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_name_tells_the_type(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_bytes(b"octets")

    assert read_attachment(tmp_path / name) == Attachment(name, media_type, b"octets")


def test_an_attachment_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"octets")

    with pytest.raises(UsageError, match="5 octets"):
        read_attachment(tmp_path / "a", limit_octets=5)
    with pytest.raises(UsageError, match="no such file"):
        read_attachment(tmp_path / "b")


def test_no_two_messages_have_one_id() -> None:
    assert new_message_id("example.test") != new_message_id("example.test")
