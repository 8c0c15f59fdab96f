"""A message as a page has it: which text, which attachments, under which names; HTML as it is let through."""

import base64

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from harness.strategies.mime import messages
from reference_server.web.mail.cleaning import clean
from reference_server.web.mail.html import Cleaner
from reference_server.web.mail.message import MAX_PARTS, read_letter


def _multipart(kind: str, *parts: str) -> bytes:
    body = "".join(f"--x\r\n{part}\r\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary=x\r\n\r\n{body}--x--\r\n".encode()


_PLAIN = "Content-Type: text/plain\r\n\r\nplain"
_HTML = "Content-Type: text/html\r\n\r\n<b>html</b>"
_PICTURE = "Content-Type: image/png\r\nContent-ID: <p@x>\r\n\r\npng"
_FILE = "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\npdf"


@pytest.mark.parametrize(("prefer_html", "text"), [(True, "<b>html</b>"), (False, "plain")])
def test_of_alternatives_one_is_shown(prefer_html: bool, text: str) -> None:
    letter = read_letter(_multipart("alternative", _PLAIN, _HTML), prefer_html=prefer_html)
    assert [each.text for each in letter.texts] == [text]
    assert letter.alternative
    assert not letter.attachments


def test_pictures_of_the_html_are_no_attachments() -> None:
    letter = read_letter(_multipart("related", _HTML, _PICTURE))
    assert not letter.attachments
    assert letter.by_content_id()["p@x"].octets == b"png"


def test_attachments_keep_their_place_and_name() -> None:
    letter = read_letter(_multipart("mixed", _PLAIN, _FILE, _PICTURE.replace("Content-ID: <p@x>\r\n", "")))
    assert [(each.name, each.media_type) for each in letter.attachments] == [
        ("a.pdf", "application/pdf"),
        ("part-3.png", "image/png"),
    ]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="C:\\\\x\\\\y.txt"', "y.txt"),
        ("filename*=utf-8''%E2%82%AC.txt", "€.txt"),
        ("filename*0=a; filename*1=b.txt", "ab.txt"),
        ("filename*0*=utf-8''%C3; filename*1*=%A4.txt", "ä.txt"),
        ('filename="=?utf-8?q?=C3=A4.txt?="', "ä.txt"),
        ('filename="\u202egpj.exe"', "_gpj.exe"),
        ('filename=".."', "part-1.bin"),
    ],
)
def test_a_file_has_a_name_without_a_path(disposition: str, name: str) -> None:
    octets = (
        f"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; {disposition}\r\n\r\nx"
    )
    assert [each.name for each in read_letter(octets.encode()).attachments] == [name]


def test_parts_are_bounded_and_that_is_said() -> None:
    letter = read_letter(_multipart("mixed", *[_FILE] * (MAX_PARTS + 10)))
    assert len(letter.leaves) < MAX_PARTS
    assert letter.remarks


@given(messages("T"))
def test_every_part_of_a_message_is_shown_or_attached(message: object) -> None:
    letter = read_letter(message.octets)  # type: ignore[attr-defined]  # whatever the strategy makes has octets
    shown = {each.number for each in (*letter.texts, *letter.attachments)}
    assert shown <= set(letter.leaves)


@given(st.binary(max_size=300))
def test_anything_is_some_message(octets: bytes) -> None:
    letter = read_letter(octets)
    assert all(leaf.name and "/" not in leaf.name for leaf in letter.leaves.values())


# HTML


def test_pictures_of_the_message_are_put_in_and_counted() -> None:
    url = "data:image/png;base64," + base64.b64encode(b"png").decode()
    cleaned = clean("<img src='cid:a'><img src='cid:b'><img src='https://x.test/'>", {"a": url}, remote=False)
    assert cleaned.html == f'<img src="{url}"><img><img>'
    assert cleaned.remote_pictures == 1


def test_pictures_of_elsewhere_stay_where_they_are_asked_for() -> None:
    assert 'src="https://x.test/"' in clean("<img src='https://x.test/'>", {}, remote=True).html


def test_looks_stay_and_what_reaches_out_does_not() -> None:
    style = "color:red;background-image:url(https://x.test/);position:fixed;padding:1px"
    assert clean(f"<p style='{style}' onclick=x class=y id=z>t</p>", {}, remote=True).html == (
        '<p style="color:red;padding:1px">t</p>'
    )


def test_links_open_elsewhere_and_tell_nothing() -> None:
    cleaned = clean(
        "<a href='https://x.test/' target=_top>a</a><a href='javascript:x'>b</a>", {}, remote=True
    )
    assert cleaned.html == (
        '<a href="https://x.test/" target="_blank" rel="noopener noreferrer">a</a>'
        '<a target="_blank" rel="noopener noreferrer">b</a>'
    )


@given(st.text(max_size=200))
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    once = clean(text, {}, remote=False).html
    assert clean(once, {}, remote=False).html == once


def test_what_would_take_too_long_is_not_cleaned() -> None:
    attributes = "<a " + " ".join(f"a{number}" for number in range(200_000)) + ">x"
    long_newsletter = "<p>x</p>" * 5000

    async def both() -> None:
        cleaner = Cleaner()
        assert await cleaner.clean(attributes, {}, remote=False) is None
        assert await cleaner.clean(long_newsletter, {}, remote=False) is not None

    trio.run(both)
