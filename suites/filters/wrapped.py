"""The two test strings of the trade, and what they can be wrapped in; and what became of a message with one in it.

Neither harms anybody: scanners agreed to find them. EICAR stands here in two pieces, lest a scanner take
this file away.
"""

import io
import re
import zipfile
from base64 import encodebytes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Fate
from harness.wire.lines import CRLF
from harness.wire.smtp.replies import Reply
from suites.delivery.letters import Letter, arrived, entrance, letter, letters, overdue, posted
from suites.expect import not_temporary
from suites.mail import fields_of, forward_path, reverse_path, transact

__all__ = [
    "EICAR",
    "GTUBE",
    "SPAM_WRAPPINGS",
    "VIRUS_WRAPPINGS",
    "Outcome",
    "Wrapping",
    "declared",
    "outcome",
    "replied",
    "tagged",
    "with_virus",
    "zipped",
]

EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE: Final = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD" + b"-ANTI-UBE-TEST-EMAIL*C.34X"

_BOUNDARY: Final = b"=_mailproof"
_MIXED: Final = b'Content-Type: multipart/mixed; boundary="%s"' % _BOUNDARY
_TEXT: Final = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nSee what is attached.\r\n"

Encoder = Callable[[bytes], bytes]
# As SpamAssassin, rspamd, amavis and ClamAV's milter say it in fields that clean mail has too.
_FOUND: Final = re.compile(rb"x-(?:spam|virus)[a-z-]*:\s*(?:yes|true|infected|\*{3})", re.IGNORECASE)

# The fields below the usual ones, and the body.
Wrapping = Callable[[bytes], tuple[list[bytes], bytes]]


def _multipart(*parts: bytes, boundary: bytes = _BOUNDARY) -> bytes:
    delimiter = b"--" + boundary
    return b"".join(delimiter + CRLF + part + CRLF for part in parts) + delimiter + b"--" + CRLF


def _mime(body: bytes, kind: bytes = _MIXED) -> tuple[list[bytes], bytes]:
    return [b"MIME-Version: 1.0", kind], body


def _base64(octets: bytes) -> bytes:
    return encodebytes(octets).replace(b"\n", CRLF)


def _quoted(octets: bytes) -> bytes:
    """Quoted-printable in which every third octet is written in hexadecimal."""
    pieces = [b"=%02X" % octet if index % 3 == 0 else bytes([octet]) for index, octet in enumerate(octets)]
    lines = [b"".join(pieces[start : start + 20]) for start in range(0, len(pieces), 20)]
    return b"=\r\n".join(lines) + CRLF


def _quoted_text(octets: bytes) -> bytes:
    return b"".join(_quoted(line) for line in octets.removesuffix(CRLF).split(CRLF))


def _seven_bits(octets: bytes) -> bytes:
    return octets + CRLF


# No name of a program: some filters stop those whatever is in them.
_NAME: Final = "notes.dat"


def _attached(
    octets: bytes, encoding: bytes = b"base64", encode: Encoder = _base64, name: bytes = _NAME.encode()
) -> bytes:
    return (
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: %s\r\n"
        b'Content-Disposition: attachment; filename="%s"\r\n\r\n' % (encoding, name)
    ) + encode(octets)


def zipped(octets: bytes, name: str = _NAME) -> bytes:
    """An archive with this as its one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, octets)
    return file.getvalue()


def _nested(octets: bytes) -> bytes:
    part = _attached(octets)
    for depth in range(3):
        boundary = b"=_within%d" % depth
        part = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary + _multipart(
            _TEXT, part, boundary=boundary
        )
    return part


def _forwarded(octets: bytes) -> bytes:
    boundary = b"=_forwarded"
    return (
        b"Content-Type: message/rfc822\r\n\r\n"
        b"From: Somebody <somebody@example.org>\r\nSubject: fwd\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary
    ) + _multipart(_TEXT, _attached(octets, b"7bit", _seven_bits), boundary=boundary)


def _text(encoding: bytes, encode: Encoder) -> Wrapping:
    def wrap(octets: bytes) -> tuple[list[bytes], bytes]:
        kind = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: " + encoding
        return _mime(encode(b"Hello.\r\n\r\n" + octets + CRLF), kind)

    return wrap


VIRUS_WRAPPINGS: Final[Mapping[str, Wrapping]] = {
    "text": lambda octets: ([], octets + CRLF),
    "attachment": lambda octets: _mime(_multipart(_TEXT, _attached(octets, b"7bit", _seven_bits))),
    "base64": lambda octets: _mime(_multipart(_TEXT, _attached(octets))),
    "quoted-printable": lambda octets: _mime(
        _multipart(_TEXT, _attached(octets, b"quoted-printable", _quoted))
    ),
    "nested": lambda octets: _mime(_multipart(_TEXT, _nested(octets))),
    "forwarded": lambda octets: _mime(_multipart(_TEXT, _forwarded(octets))),
    "zip": lambda octets: _mime(_multipart(_TEXT, _attached(zipped(octets), name=b"notes.zip"))),
    "zip in zip": lambda octets: _mime(
        _multipart(_TEXT, _attached(zipped(zipped(octets), "inner.zip"), name=b"notes.zip"))
    ),
}
SPAM_WRAPPINGS: Final[Mapping[str, Wrapping]] = {
    "text": lambda octets: ([], b"Hello.\r\n\r\n" + octets + CRLF),
    "base64": _text(b"base64", _base64),
    "quoted-printable": _text(b"quoted-printable", _quoted_text),
    "nested": lambda octets: _mime(
        _multipart(
            _TEXT,
            b"Content-Type: multipart/alternative; boundary=alt\r\n\r\n"
            + _multipart(b"Content-Type: text/plain\r\n\r\n" + octets + CRLF, boundary=b"alt"),
        )
    ),
}


def declared(fate: Fate | None, what: str) -> Fate:
    """What the target file says; `NotOffered` where it says nothing."""
    if fate is None:
        raise NotOffered(f"the target file does not say what becomes of {what}")
    return fate


def with_virus(target: LiveTarget, wrapping: str) -> Letter:
    """A message with EICAR in it, for the first account."""
    declared(target.policy.viruses, "viruses")
    fields, body = VIRUS_WRAPPINGS[wrapping](EICAR)
    return letters(target, [body], fields=fields)[0]


def replied(target: LiveTarget, sent: Letter) -> Reply:
    """The reply to its content; `Unclear` where the envelope is refused."""
    client = entrance(target)
    replies = transact(client, reverse_path(target), [forward_path(target)], sent.content)
    for reply in replies[:2]:
        if reply.klass != 2:
            raise Unclear(f"a plain envelope was refused: {reply}")
    client.quit()
    return replies[-1]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: the reply to its content, and how it arrived, None where it did not."""

    reply: Reply
    received: bytes | None

    def __str__(self) -> str:
        then = "arrived" if self.received is not None else "did not arrive"
        return f"was answered {self.reply}" + (f" and {then}" if self.reply.klass == 2 else "")


def outcome(target: LiveTarget, sent: Letter) -> Outcome:
    """Send it, and wait for it where it was accepted.

    Raises:
        Unclear: It was put off.
    """
    reply = not_temporary(replied(target, sent), about="the end of data")
    if reply.klass != 2 or overdue(target, [sent]):
        return Outcome(reply, None)
    return Outcome(reply, arrived(target, [sent])[0])


def tagged(target: LiveTarget, sent: Letter, received: bytes) -> bool:
    """Whether it shows that something was found: by a field that a plain message has not, or that says so; by another
    Subject; by another body.
    """
    plain = letter(target)
    posted(target, [plain])
    usual = {_name(field) for field in fields_of(arrived(target, [plain])[0])}
    ours = set(fields_of(sent.content))
    if _body(received) != _body(sent.content):
        return True
    others = [field for field in fields_of(received) if field not in ours]
    return any(
        _name(field) not in usual or _name(field) == b"subject" or _FOUND.match(field) for field in others
    )


def _body(content: bytes) -> bytes:
    return content.partition(CRLF + CRLF)[2]


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()
