"""Deviations that break signatures on the way, and rearrange headers."""

import re
from itertools import pairwise
from quopri import encodestring

from reference_server.faults import fault
from reference_server.smtp import SmtpSession

_SIGNED = b"multipart/signed"
_FIELD_END = re.compile(rb"\r\n(?![ \t])")


class _Changes(SmtpSession):
    """Stores something else than what came."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        header, blank, body = content.partition(b"\r\n\r\n")
        return super().stored(trace, self.header(header) + blank + self.body(header, body))

    def header(self, header: bytes) -> bytes:
        return header

    def body(self, header: bytes, body: bytes) -> bytes:
        return self.signed(body) if _SIGNED in header else body

    def signed(self, body: bytes) -> bytes:
        return body


@fault("delivery.blanks-of-signed-mail-lost")
class BlanksOfSignedMailLost(_Changes):
    """Blanks at the ends of lines of signed mail are not stored."""

    def signed(self, body: bytes) -> bytes:
        return re.sub(rb"[ \t]+\r\n", b"\r\n", body)


@fault("delivery.from-lines-of-signed-mail-quoted")
class FromLinesOfSignedMailQuoted(_Changes):
    """Lines of signed mail that begin with From get a >."""

    def signed(self, body: bytes) -> bytes:
        return re.sub(rb"(?m)^From ", b">From ", body)


@fault("delivery.signed-8bit-recoded")
class Signed8bitRecoded(_Changes):
    """Signed mail of 8 bits is stored in quoted-printable."""

    def signed(self, body: bytes) -> bytes:
        if body.isascii():
            return body
        head, blank, text = body.partition(b"\r\n\r\n")
        return (
            head.replace(b": 8bit", b": quoted-printable")
            + blank
            + encodestring(text).replace(b"=\n", b"=\r\n")
        )


@fault("delivery.footer-in-signed-mail")
class FooterInSignedMail(_Changes):
    """The text of signed mail gets a line more."""

    def signed(self, body: bytes) -> bytes:
        return body.replace(b"The end.\r\n", b"The end.\r\n\r\nCarried for you.\r\n")


@fault("delivery.fields-refolded")
class FieldsRefolded(_Changes):
    """Fields are stored on one line each."""

    def header(self, header: bytes) -> bytes:
        return re.sub(rb"[ \t]*\r\n[ \t]+", b" ", header)


@fault("delivery.fields-sorted")
class FieldsSorted(_Changes):
    """Fields are stored in the order of their names."""

    def header(self, header: bytes) -> bytes:
        ends = [0, *(found.end() for found in _FIELD_END.finditer(header)), len(header) + 2]
        fields = [header[start : end - 2] for start, end in pairwise(ends)]
        ordered = sorted(fields, key=bytes.lower)
        return b"\r\n".join(ordered)
