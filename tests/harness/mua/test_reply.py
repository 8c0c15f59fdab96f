"""An answer goes to whom the message says, carries its thread on, and lets nothing through that no header holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.mua.addresses import parse_address
from harness.mua.compose import compose
from harness.mua.message import read_message
from harness.mua.reply import draft_reply, quoted

ME = parse_address("Alice <alice@example.test>")


def test_an_answer_goes_back_and_quotes() -> None:
    letter = read_message(
        b"Date: Tue, 24 Nov 2026 16:00:00 +0000\r\nFrom: =?utf-8?Q?Bob_R=C3=B6e?= <bob@example.test>\r\n"
        b"Subject: lunch\r\nMessage-ID: <2@example.test>\r\nReferences: <0@example.test>\r\n <1@example.test>\r\n\r\n"
        b"At noon?\r\n\r\nBob\r\n"
    )
    draft = draft_reply(letter, ME, "Yes.")

    assert [str(each) for each in draft.to] == ["Bob Röe <bob@example.test>"]
    assert draft.subject == "Re: lunch"
    assert draft.in_reply_to == "<2@example.test>"
    assert list(draft.references) == ["<0@example.test>", "<1@example.test>", "<2@example.test>"]
    assert quoted(letter).splitlines()[1:] == ["> At noon?", ">", "> Bob", ""]
    assert quoted(letter).startswith("Bob Röe <bob@example.test> wrote on 24 November 2026")


def test_reply_to_goes_before_from_and_re_is_said_once() -> None:
    letter = read_message(
        b"From: a@example.test\r\nReply-To: b@example.test, nonsense\r\nSubject: RE: x\r\n\r\n"
    )
    draft = draft_reply(letter, ME, "")

    assert [str(each) for each in draft.to] == ["b@example.test"]
    assert draft.subject == "RE: x"


def test_a_message_of_nobody_cannot_be_answered() -> None:
    with pytest.raises(UsageError, match="nobody"):
        draft_reply(read_message(b"From: <>\r\n\r\n"), ME, "")


@given(
    fields=st.lists(
        st.tuples(
            st.sampled_from([b"Subject", b"Message-ID", b"References", b"Reply-To"]),
            st.binary(max_size=60)
            | st.sampled_from([b"=?utf-8?Q?=0D=0ABcc:_e@example.org?=", b"<a@b\x00c>"]),
        )
    )
)
def test_whatever_was_sent_an_answer_has_its_own_header(fields: list[tuple[bytes, bytes]]) -> None:
    header = b"".join(name + b": " + text.replace(b"\n", b"") + b"\r\n" for name, text in fields)
    letter = read_message(header + b"From: bob@example.test\r\n\r\nx\r\n")
    content = compose(draft_reply(letter, ME, quoted(letter)))

    names = [
        line.partition(b":")[0]
        for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if line[:1] != b" "
    ]
    assert set(names) <= {
        *(b"Date", b"From", b"To", b"Subject", b"Message-ID", b"In-Reply-To", b"References", b"MIME-Version"),
        *(b"Content-Type", b"Content-Transfer-Encoding"),
    }
    assert len(set(names)) == len(names)
