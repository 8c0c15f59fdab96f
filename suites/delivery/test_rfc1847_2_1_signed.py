"""RFC 1847 §2.1: signed mail comes through as it was signed; RFC 5322 §3.6, RFC 5321 §4.5.2: so do odd headers."""

import datetime as dt
import functools
import tempfile
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.sealed import Keys, Standing, Wish, load_keys, open_message, seal
from harness.sealed.make_keys import make_keys
from harness.sealed.model import Scheme
from harness.strategies.messages import MAX_LINE, eight_bit_lines
from harness.target import Protocol
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, entrance, letters, post, posted
from suites.mail import changes, fields_of, forward_path, reverse_path
from suites.needs import endpoint, needs, reader, smtp_offers

_BOUNDARY: Final = b"=_mailproof"
# Both kinds of signature: what stands in the outer header, and the type of the part.
_KINDS: Final = (
    (b'protocol="application/pgp-signature"; micalg=pgp-sha256', b"application/pgp-signature"),
    (b'protocol="application/pkcs7-signature"; micalg=sha-256', b"application/pkcs7-signature"),
)
_PART_HEADERS: Final = (
    b"Content-Type: text/plain; charset=us-ascii\r\n",
    b"content-type:text/plain\r\nCONTENT-TRANSFER-ENCODING:   7BIT\r\n",
    b"Content-Type: text/plain;\r\n\tcharset=us-ascii;\r\n  format=flowed\r\nContent-Disposition: inline\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain\r\n",
    b"",
)
# What gateways were seen to mend.
_LINES: Final = (
    b"", b" ", b"\t", b"blanks at the end   ", b"a tab at the end\t", b"-- ", b".", b"..", b".x", b" .", b">From x",
    b"- --", b"--", b"--=_other", b"=", b"=20", b"=3D=", b"x=\t", b"begin 644 x", b"Content-Type: text/html", b"\x0c",
    b"x" * MAX_LINE, b"." * MAX_LINE, b"=" * 77, b" " * 80,
)  # fmt: skip
_FROM_LINES: Final = (
    b"From here on",
    b"From alice@example.test Tue Nov 24 12:00:00 2026",
    b"From: nobody",
    b">From x",
)

_kinds: Final = st.sampled_from(_KINDS)
_texts: Final = st.lists(st.sampled_from(_LINES), min_size=1, max_size=8)
_shapes: Final = st.tuples(_kinds, st.sampled_from(_PART_HEADERS), _texts)


def signed(kind: tuple[bytes, bytes], part: bytes) -> tuple[list[bytes], bytes]:
    """Fields and body of a message in the shape of a signed one; what stands for the signature signs nothing."""
    parameters, name = kind
    delimiter = b"--" + _BOUNDARY
    signature = b"Content-Type: %s\r\n\r\n%s\r\n" % (name, b"bWFpbHByb29m" * 6)
    fields = [
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/signed; %s;\r\n\tboundary="%s"' % (parameters, _BOUNDARY),
    ]
    return fields, CRLF.join((delimiter, part, delimiter, signature + delimiter + b"--", b""))


def joined(lines: list[bytes]) -> bytes:
    return b"".join(line + CRLF for line in lines)


def sent_as_signed(target: LiveTarget, kind: tuple[bytes, bytes], part: bytes) -> Letter:
    fields, body = signed(kind, part)
    return letters(target, [body], fields=fields)[0]


def came_unchanged(target: LiveTarget, sent: list[Letter]) -> None:
    """Assert that the body of each arrives as it was sent; its header is no part of what is signed."""
    for each, received in zip(sent, arrived(target, sent), strict=True):
        change = changes(
            *(b"\r\n\r\n" + content.partition(b"\r\n\r\n")[2] for content in (each.content, received))
        )
        assert not change, change


@covers(
    "RFC1847-2.1-i",
    "RFC1847-2.1-j",
    fault="delivery.blanks-of-signed-mail-lost",
    also=("delivery.footer-in-signed-mail",),
)
@needs(reader())
@given(drawn=st.lists(_shapes, min_size=2, max_size=4))
def test_signed_mail_comes_through_octet_for_octet(
    target: LiveTarget, drawn: list[tuple[tuple[bytes, bytes], bytes, list[bytes]]]
) -> None:
    sent = [
        sent_as_signed(target, kind, header + CRLF + joined([b"A line. ", *text, b"The end."]))
        for kind, header, text in drawn
    ]
    posted(target, sent)
    came_unchanged(target, sent)


@covers("RFC1847-2.1-i", fault="delivery.from-lines-of-signed-mail-quoted")
@needs(reader())
@given(drawn=st.lists(st.sampled_from(_FROM_LINES), max_size=3), kind=_kinds)
def test_from_lines_of_signed_mail_come_through(
    target: LiveTarget, drawn: list[bytes], kind: tuple[bytes, bytes]
) -> None:
    text = joined([b"Hello.", b"", _FROM_LINES[0], *drawn, b"", b"That is all."])
    sent = [sent_as_signed(target, kind, _PART_HEADERS[0] + CRLF + text)]
    posted(target, sent)
    came_unchanged(target, sent)


@covers("RFC1847-2.1-j", fault="delivery.signed-8bit-recoded")
@needs(endpoint(Protocol.SMTP), reader(), smtp_offers("8BITMIME"))
@given(drawn=st.lists(eight_bit_lines, min_size=1, max_size=4), kind=_kinds)
def test_signed_8bit_mail_is_not_recoded(
    target: LiveTarget, drawn: list[bytes], kind: tuple[bytes, bytes]
) -> None:
    header = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    sent = [sent_as_signed(target, kind, header + CRLF + joined([*drawn, b"That is all."]))]
    client = target.smtp()
    for reply in (client.mail(reverse_path(target), b"BODY=8BITMIME"), client.rcpt(forward_path(target))):
        if reply.klass != 2:
            raise Unclear(f"a plain envelope was answered {reply}")
    if (reply := client.data(sent[0].content)).klass != 2:
        raise Unclear(f"8-bit content was answered {reply}")
    came_unchanged(target, sent)


# Signed for good


@functools.cache
def _keys(sender: str) -> Keys:
    with tempfile.TemporaryDirectory(prefix="mailproof-") as directory:
        return load_keys([make_keys(Path(directory), [sender], dt.datetime.now(dt.UTC))])


@covers("RFC1847-2.1-i", fault="delivery.footer-in-signed-mail")
@needs(reader())
@given(scheme=st.sampled_from([Scheme.SMIME, Scheme.OPENPGP]), text=_texts)
def test_a_signature_is_good_after_transit(target: LiveTarget, scheme: Scheme, text: list[bytes]) -> None:
    sender, now = "mailproof@example.org", dt.datetime.now(dt.UTC)
    kept = [line for line in text if not line.endswith((b" ", b"\t"))]
    plain = letters(target, [joined([b"Hello.", *kept, b"The end."])], fields=[b"MIME-Version: 1.0"])[0]
    content = seal(
        plain.content,
        Wish(scheme, sign=True, encrypt=False),
        _keys(sender),
        sender=sender,
        recipients=[target.account().address],
        at=now,
    )
    if open_message(content, _keys(sender), now).seal.standing is not Standing.GOOD:
        raise RuntimeError("our own signature is not good before the message is sent")
    sent = [Letter(plain.token, content)]
    posted(target, sent)
    found = open_message(arrived(target, sent)[0], _keys(sender), now).seal
    problems = [str(problem) for signature in found.signatures for problem in signature.problems]
    assert found.standing is Standing.GOOD, (
        f"the {scheme} signature, good when it was sent, is {found.standing}: {', '.join(problems) or found.notes}"
    )


# The header

_FIELDS: Final = (
    b"X-Folded: one\r\n two", b"X-Tab:\ttwo\t", b"X-Folded-Twice: one\r\n\t two\r\n  three", b"x-lower:none",
    b"X-First-On-Next:\r\n one", b"Comments: b", b"Comments: a", b"Keywords: z, y", b"X-Empty:",
    b"X-Wide:  \"a   b\"",
)  # fmt: skip
_headers: Final = st.lists(st.sampled_from(_FIELDS), min_size=3, max_size=8, unique=True)


def _with_header(target: LiveTarget, fields: list[bytes]) -> tuple[Letter, bytes]:
    sent = letters(target, [b"Hello.\r\n"], fields=fields)[0]
    client = entrance(target)
    if (reply := post(target, client, sent.content)).klass != 2:
        raise Unclear(f"the content was answered {reply}")
    client.quit()
    return sent, arrived(target, [sent])[0]


@covers("RFC5321-4.5.2-nk2", fault="delivery.fields-refolded")
@needs(reader())
@given(fields=_headers)
def test_fields_keep_their_folds_and_blanks(target: LiveTarget, fields: list[bytes]) -> None:
    _sent, received = _with_header(target, fields)
    kept = fields_of(received)
    changed = [field for field in fields if field not in kept]
    assert not changed, f"the field {changed[0]!r} is changed or gone"


@covers("RFC5322-3.6-a", fault="delivery.fields-sorted")
@needs(reader())
@given(fields=_headers)
def test_fields_keep_their_order(target: LiveTarget, fields: list[bytes]) -> None:
    sent, received = _with_header(target, fields)
    names = [field.partition(b":")[0].lower() for field in fields_of(sent.content)]
    order = [name for field in fields_of(received) if (name := field.partition(b":")[0].lower()) in names]
    # What delivery puts on top may have a name of ours.
    assert order[len(order) - len(names) :] == names, f"fields in the order {names} came in the order {order}"
