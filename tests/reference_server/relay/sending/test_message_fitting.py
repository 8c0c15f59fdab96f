"""What a peer is asked for, by what it offers."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.smtp.commands import MailCommand, RcptCommand, parse_command, parse_mail, parse_rcpt
from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.relay.conversion import fits
from reference_server.relay.fitting import Fitted, Fitting, Unfit

PLAIN = b"Subject: x\r\n\r\ntext\r\n"
EIGHT_BIT = b"MIME-Version: 1.0\r\n\r\n\xc3\xa9\r\n"
BINARY = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n"
UTF8_HEADER = b"MIME-Version: 1.0\r\nSubject: \xc3\xa9\r\n\r\nx\r\n"

KEYWORDS = ("SIZE", "8BITMIME", "SMTPUTF8", "BINARYMIME", "CHUNKING", "DSN", "PIPELINING")
# A parameter of MAIL or RCPT -> the extension that has it.
EXTENSION_OF = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN",
    "ORCPT": "DSN",
}  # fmt: skip


def offer(*keywords: str, size: str = "") -> dict[str, str]:
    return {keyword: size if keyword == "SIZE" else "" for keyword in keywords}


def mail_of(fitted: Fitted) -> MailCommand:
    return parse_mail(parse_command(fitted.mail).argument)


def rcpt_of(fitted: Fitted, address: bytes) -> RcptCommand:
    return parse_rcpt(parse_command(fitted.rcpt[address]).argument, smtputf8=True)


addresses = st.sampled_from(
    [b"a@example.test", b'"b c"@example.test', "ö@example.test".encode(), b"d@[192.0.2.1]"]
)
recipients = st.lists(
    st.builds(
        Recipient,
        addresses,
        st.sets(st.sampled_from([Notify.SUCCESS, Notify.FAILURE, Notify.DELAY])).map(frozenset),
        st.sampled_from([None, b"rfc822;a+2Bb@example.test", rb"utf-8;\x{F6}@example.test"]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda recipient: recipient.address,
).map(tuple)
envelopes = st.builds(
    Envelope,
    st.sampled_from([b"", b"s@example.org", "ß@example.org".encode()]),
    recipients,
    st.sampled_from(Body),
    st.booleans(),
    st.sampled_from([None, "FULL", "HDRS"]),
    st.sampled_from([None, b"id+3D1"]),
)
contents = st.sampled_from([PLAIN, EIGHT_BIT, BINARY, UTF8_HEADER, b"", b"a\nb", b"\xe9"])


@given(
    envelope=envelopes, content=contents, keywords=st.sets(st.sampled_from(KEYWORDS)), chunks=st.booleans()
)
def test_a_peer_gets_only_what_it_offers(
    envelope: Envelope, content: bytes, keywords: Iterable[str], chunks: bool
) -> None:
    offered = offer(*keywords)
    try:
        fitted = Fitting(offered, prefer_chunks=chunks).fit(envelope, content)
    except Unfit:
        assert not {"8BITMIME", "SMTPUTF8", "BINARYMIME", "CHUNKING"} <= offered.keys()
        return
    mail = mail_of(fitted)
    assert {EXTENSION_OF[keyword] for keyword in mail.parameters if keyword != "BODY"} <= offered.keys()
    body = Body((mail.parameters.get("BODY") or b"7BIT").decode())
    assert fits(fitted.content, body)
    assert body is not Body.EIGHT_BIT or "8BITMIME" in offered
    assert body is not Body.BINARY or (fitted.chunked and {"BINARYMIME", "CHUNKING"} <= offered.keys())
    assert not fitted.chunked or "CHUNKING" in offered
    assert fitted.rcpt.keys() | fitted.unfit.keys() == {
        recipient.address for recipient in envelope.recipients
    }
    assert not fitted.rcpt.keys() & fitted.unfit.keys()
    for address, line in fitted.rcpt.items():
        assert {EXTENSION_OF[keyword] for keyword in rcpt_of(fitted, address).parameters} <= offered.keys()
        assert line.isascii() or "SMTPUTF8" in mail.parameters


def test_dsn_parameters_pass_as_they_came() -> None:
    recipient = Recipient(
        b"a@example.test", frozenset({Notify.SUCCESS, Notify.DELAY}), b"rfc822;A+2Bb@example.test"
    )
    envelope = Envelope(
        b"s@example.org", (recipient, Recipient(b"b@example.test")), ret="HDRS", envid=b"x+3D1"
    )
    fitted = Fitting(offer("DSN")).fit(envelope, PLAIN)
    assert fitted.mail == b"MAIL FROM:<s@example.org> RET=HDRS ENVID=x+3D1"
    assert fitted.rcpt == {
        b"a@example.test": b"RCPT TO:<a@example.test> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;A+2Bb@example.test",
        b"b@example.test": b"RCPT TO:<b@example.test>",
    }
    assert Fitting({}).fit(envelope, PLAIN).mail == b"MAIL FROM:<s@example.org>"


def test_the_null_reverse_path_is_said() -> None:
    envelope = Envelope(b"", (Recipient(b"a@example.test"),))
    assert Fitting({}).fit(envelope, PLAIN).mail == b"MAIL FROM:<>"


def test_size_says_what_is_sent() -> None:
    envelope = Envelope(b"", (Recipient(b"a@example.test"),), Body.EIGHT_BIT)
    fitted = Fitting(offer("SIZE")).fit(envelope, EIGHT_BIT)
    assert mail_of(fitted).parameters["SIZE"] == str(len(fitted.content)).encode()
    assert len(fitted.content) > len(EIGHT_BIT)


@pytest.mark.parametrize(
    ("limit", "taken"), [("18", False), ("0", True), ("", True), ("20", True), ("odd", True)]
)
def test_a_message_beyond_the_peers_size_fails_before_it_is_sent(limit: str, taken: bool) -> None:
    fitting = Fitting(offer("SIZE", size=limit))
    envelope = Envelope(b"", (Recipient(b"a@example.test"),))
    if taken:
        assert fitting.fit(envelope, PLAIN).content == PLAIN
    else:
        with pytest.raises(Unfit) as caught:
            fitting.fit(envelope, PLAIN)
        assert caught.value.status == "5.3.4"


def test_smtputf8_is_asked_for_only_where_it_is_needed() -> None:
    plain = Envelope(b"s@example.org", (Recipient(b"a@example.test"),), smtputf8=True)
    assert b"SMTPUTF8" not in Fitting(offer("SMTPUTF8")).fit(plain, PLAIN).mail
    assert b"SMTPUTF8" in Fitting(offer("SMTPUTF8", "8BITMIME")).fit(plain, UTF8_HEADER).mail
    assert Fitting({}).fit(plain, PLAIN).mail == b"MAIL FROM:<s@example.org>"


@pytest.mark.parametrize(
    ("sender", "content", "status"),
    [("ß@example.org", PLAIN, "5.6.7"), ("s@example.org", UTF8_HEADER, "5.6.9")],
)
def test_a_peer_without_smtputf8_gets_no_internationalized_message(
    sender: str, content: bytes, status: str
) -> None:
    envelope = Envelope(sender.encode(), (Recipient(b"a@example.test"),), smtputf8=True)
    with pytest.raises(Unfit) as caught:
        Fitting(offer("8BITMIME")).fit(envelope, content)
    assert caught.value.status == status


def test_a_peer_without_smtputf8_gets_the_recipients_that_are_ascii() -> None:
    other = "ö@example.test".encode()
    envelope = Envelope(b"s@example.org", (Recipient(b"a@example.test"), Recipient(other)), smtputf8=True)
    fitted = Fitting({}).fit(envelope, PLAIN)
    assert fitted.rcpt.keys() == {b"a@example.test"}
    assert fitted.unfit[other].status == "5.6.7"


def test_an_orcpt_beyond_ascii_is_spelt_out_without_smtputf8() -> None:
    recipient = Recipient(b"a@example.test", orcpt="utf-8;ö@example.test".encode())
    plain = Fitting(offer("DSN", "SMTPUTF8")).fit(Envelope(b"", (recipient,)), PLAIN)
    assert plain.rcpt[b"a@example.test"].endswith(rb" ORCPT=utf-8;\x{F6}@example.test")
    utf8 = Fitting(offer("DSN", "SMTPUTF8")).fit(Envelope("ß@example.org".encode(), (recipient,)), PLAIN)
    assert utf8.rcpt[b"a@example.test"].endswith(" ORCPT=utf-8;ö@example.test".encode())


def test_8_bit_content_is_converted_for_a_peer_without_8bitmime_or_fails() -> None:
    envelope = Envelope(b"", (Recipient(b"a@example.test"),), Body.EIGHT_BIT)
    assert Fitting({}).fit(envelope, EIGHT_BIT).content.endswith(b"\r\n\r\n=C3=A9\r\n")
    with pytest.raises(Unfit) as caught:
        Fitting({}).fit(envelope, b"Subject: no MIME\r\n\r\n\xe9\r\n")
    assert caught.value.status == "5.6.3"


def test_binary_content_needs_chunks() -> None:
    envelope = Envelope(b"", (Recipient(b"a@example.test"),), Body.BINARY)
    assert Fitting(offer("BINARYMIME", "CHUNKING")).fit(envelope, BINARY).content == BINARY
    converted = Fitting(offer("BINARYMIME", "8BITMIME")).fit(envelope, BINARY)
    assert converted.mail == b"MAIL FROM:<>"
    assert b"Content-Transfer-Encoding: quoted-printable" in converted.content
    with pytest.raises(Unfit) as caught:
        Fitting(offer("8BITMIME")).fit(envelope, b"Subject: no MIME\r\n\r\n\0\r\n")
    assert caught.value.status == "5.6.1"


@pytest.mark.parametrize("octet", [b"\r", b"\n", b"\0"])
def test_an_address_cannot_end_its_line(octet: bytes) -> None:
    bad = b"a" + octet + b"@example.test"
    fitted = Fitting({}).fit(Envelope(b"", (Recipient(bad), Recipient(b"b@example.test"))), PLAIN)
    assert fitted.unfit[bad].status == "5.1.3"
    with pytest.raises(Unfit):
        Fitting({}).fit(Envelope(bad, (Recipient(b"b@example.test"),)), PLAIN)
