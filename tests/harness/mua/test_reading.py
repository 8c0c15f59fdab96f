"""Messages taken apart: what we compose comes back, and whatever comes is shown as something."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.mua.addresses import parse_address
from harness.mua.box import entry_of, says
from harness.mua.compose import Attachment, Draft, compose
from harness.mua.decode import decode_text, decode_words
from harness.mua.headers import encoded_words
from harness.mua.html_text import html_to_text
from harness.mua.message import file_name, read_date, read_header_block, read_message

FRAGMENTS = [
    b"Content-Type: multipart/mixed; boundary=x\r\n",
    b"Content-Type: multipart/alternative; boundary=x\r\n",
    b"Content-Type: text/html; charset=zip\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*0*=\xff; filename*=x''%; filename=\r\n",
    b"Subject: \x00\x1b\r\n\tx\r\n",
    b"\r\n",
    b"--x\r\n",
    b"--x--\r\n",
    b"!!!\r\n",
    b"<p><a href=x>\r\n",
]
WRITTEN = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Zl", "Zp"])


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_encoded_words_come_back(text: str) -> None:
    assert decode_words(" ".join(word.decode() for word in encoded_words(text))) == text


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("=?utf-8?B?R3LDvA==?= =?utf-8?B?w59l?=", "Grüße"),
        ("=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
        ("=?ISO-8859-1?Q?J=F6rg_M=FCller?= <a@example.test>", "Jörg Müller <a@example.test>"),
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("=?utf-8*de?Q?a?=", "a"),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?x-unknown?Q?a=C3=BC?=", "aü"),
        ("=?utf-8?Q?a=FF?=", "aÿ"),
        ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
        ("plain =? text ?=", "plain =? text ?="),
        ("=?punycode?Q?abc?=", "abc"),
    ],
)
def test_encoded_words_are_read_with_patience(text: str, decoded: str) -> None:
    assert decode_words(text) == decoded


@given(
    text=st.text(),
    octets=st.binary(),
    charset=st.text(max_size=20) | st.sampled_from(["utf-7", "zip", "hex"]),
)
def test_any_text_is_decoded_to_something(text: str, octets: bytes, charset: str) -> None:
    assert isinstance(decode_words(text), str)
    assert isinstance(decode_text(octets, charset), str)


@given(
    subject=st.text(WRITTEN, max_size=60),
    body=st.text(WRITTEN, max_size=200),
    files=st.lists(st.binary(max_size=100), max_size=3),
)
def test_what_was_composed_is_read(subject: str, body: str, files: list[bytes]) -> None:
    attachments = [Attachment(f"{n}.bin", "application/octet-stream", each) for n, each in enumerate(files)]
    letter = read_message(
        compose(
            Draft(
                sender=parse_address("Jörg <alice@example.test>"),
                to=[parse_address("bob@example.test")],
                subject=subject,
                body=body,
                attachments=attachments,
                date=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
                message_id="<1@example.test>",
            )
        )
    )

    assert letter.header.text("Subject") == subject.strip(" ") or subject.strip() != subject
    assert letter.header.text("from") == "Jörg <alice@example.test>"
    assert letter.text == body
    assert list(letter.attachments) == attachments


@given(content=st.binary(max_size=500) | st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(b"".join))
def test_anything_is_read_as_something(content: bytes) -> None:
    letter = read_message(content)

    assert isinstance(letter.text, str)
    assert all("/" not in each.name and each.name for each in letter.attachments)
    assert entry_of(1, content, len(content), ()).number == 1


def test_a_tree_that_is_too_deep_is_shown_as_it_is() -> None:
    content = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(3000)
    )

    assert "boundary=2999" in read_message(content).text


@pytest.mark.parametrize(
    "piece", ["<a ", "<!--", "</", "<a x='", "<a b=", "<script>", "&#", "<!", "<?", "<a href=x>"]
)
def test_html_that_is_made_to_take_long_is_read_once(piece: str) -> None:
    assert len(html_to_text(piece * 50_000)) <= 50_000 * (len(piece) + 4)


def test_nested_boundaries_that_are_made_to_take_long_are_shown_as_they_are() -> None:
    content = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(200)
    )

    assert "boundary=199" in read_message(content + b"x\r\n" * 200_000).text


def test_parts_are_counted_and_not_all_read() -> None:
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ny\r\n" * 2000 + b"--x--\r\n"

    assert read_message(content).text.count("y") == 499


def test_plain_text_is_preferred_to_html() -> None:
    content = (
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<b>html</b>\r\n--x--\r\n"
    )

    assert (read_message(content).text, read_message(content).from_html) == ("plain", False)


def test_html_alone_is_shown_as_text() -> None:
    letter = read_message(b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>Gr\xfc\xdfe</p>")

    assert (letter.text, letter.from_html) == ("Grüße", True)


def test_a_delivery_report_is_shown_in_its_fields() -> None:
    content = (
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.test\r\n\r\n"
        b"Final-Recipient: rfc822; bob@example.test\r\nAction: failed\r\n--x--\r\n"
    )

    assert read_message(content).text == (
        "Sorry.\n\nReporting-MTA: dns; mx.example.test\n\nFinal-Recipient: rfc822; bob@example.test\nAction: failed"
    )


def test_an_attached_message_keeps_its_name() -> None:
    content = b"Content-Type: message/rfc822\r\n\r\nSubject: first/\x1b../one\r\n\r\nx\r\n"
    (attached,) = read_message(content).attachments

    assert attached.media_type == "message/rfc822"
    assert attached.name == "one.eml"


@given(text=st.text() | st.text("<>/!-&;#\"'= aphrefbdiv\n"))
def test_any_html_is_shown_as_something(text: str) -> None:
    assert isinstance(html_to_text(text), str)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One\n <b>two</b></p><p>three</p>", "One two\n\nthree"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div><div>b</div></div>c", "a\nb\nc"),
        ("<ul><li>a</li><li>b</li></ul>", "* a\n* b"),
        ('<a href="https://example.org/x">there</a>', "there <https://example.org/x>"),
        ('<a href="https://example.org/">example.org</a>', "example.org"),
        ('<a href="javascript:x">there</a>', "there"),
        (
            "<head><title>t</title><style>p{}</style></head><script>x()</script><p>a &amp; b&nbsp;c",
            "a & b\xa0c",
        ),
        ("<pre>  a\n    b</pre>", "  a\n    b"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3"),
        ('<img alt="cat" src=x><img src=y>', "[cat]"),
        ("no html at all", "no html at all"),
        ("a <!-- b > c --> d<!doctype html>", "a d"),
        ("a<!-- never ended", "a"),
        ("1 < 2 > 0 &lt;b&gt;", "1 < 2 > 0 <b>"),
        ("<title>never ended<body>text", "text"),
        ("<style>a<b{}</style>x", "x"),
        ("<A HREF='mailto:bob@example.test'>Bob</A>", "Bob <mailto:bob@example.test>"),
    ],
)
def test_html_reads_as_a_person_would(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("given_name", "safe_name"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.doc", "y.doc"),
        (".bashrc", "bashrc"),
        ("a\x1b\u202efdp.exe", "a__fdp.exe"),
        ("..", "otherwise"),
        ("", "otherwise"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_a_file_name_is_only_a_name(given_name: str, safe_name: str) -> None:
    assert file_name(given_name, "otherwise") == safe_name


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Tue, 99 Nov 2026 16:00:00 +0000", "Fri, 31 Dec 9999 23:00:00 -2300"]
)
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert read_date(text) is None


def test_a_date_is_read_in_its_zone() -> None:
    assert read_date("Tue, 24 Nov 2026 16:00:00 +0100") == dt.datetime(2026, 11, 24, 15, tzinfo=dt.UTC)


def test_header_lines_that_are_none_are_passed_over() -> None:
    header = read_header_block(
        b"From x\r\nSubject : a\r\n  b\r\nnonsense\r\nTo:\xc3\xbc\r\n\r\nSubject: body\r\n"
    )

    assert header.text("Subject") == "a  b"
    assert header.text("To") == "ü"
    assert [name for name, _ in header.fields] == ["Subject", "To"]


def test_a_search_finds_decoded_text() -> None:
    content = b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>w</b>orld"

    assert says(content, "GRÜSSE")
    assert says(content, "hello world")
    assert not says(content, "<b>")
