"""How a message says which one it is, and proves that it is whole.

Every message carries its token twice, in a field of its own and in its Message-ID:

    X-Mailproof-Token: RUN.WORKER.SLOT.SEAL
    Message-ID: <RUN.WORKER.SLOT.SEAL@mailproof.example>

RUN is eight hexadecimal digits, WORKER and SLOT are decimal numbers. SEAL is 24 hexadecimal digits: which fields
are sealed (4, a bit for each of `SEALED`), a digest of those fields and the body (16), and a check of all before it
(4), so that a token proves itself: whichever one octet is changed, one of the two still tells the truth.

What agents of mail may do without harm does no harm here: fields may be put before, between and behind ours,
ours may be folded or come in another order, the X- field may be taken away, lines may end in LF, and the last line
end may come or go (mbox), as may the ``>`` before "From ". Everything else that differs is damage.
"""

import re
from binascii import crc_hqx
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = [
    "MESSAGE_ID",
    "MESSAGE_ID_DOMAIN",
    "SEALED",
    "TOKEN_FIELD",
    "Found",
    "Token",
    "fields_of",
    "identify",
    "mask_of",
    "read",
    "seal_body",
    "split",
    "stamp",
    "told",
]

TOKEN_FIELD: Final = b"X-Mailproof-Token"
MESSAGE_ID: Final = b"Message-ID"
MESSAGE_ID_DOMAIN: Final = b"mailproof.example"

# Fields that have no reason to change on the way, each at most once in a message (RFC 5322 §3.6, RFC 2045 §3).
SEALED: Final = (
    b"From",
    b"To",
    b"Date",
    b"Subject",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
    b"Cc",
    b"Sender",
    b"Reply-To",
    b"In-Reply-To",
    b"References",
    b"Content-ID",
    b"Content-Description",
    b"Content-Disposition",
    b"Content-Language",
)

_TOKEN: Final = re.compile(
    rb"([0-9a-f]{8})\.([0-9]{1,5})\.([0-9]{8,10})\.([0-9a-f]{4})([0-9a-f]{16})([0-9a-f]{4})"
)
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")
_FIELD: Final = re.compile(rb"^([!-9;-~]+):([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_QUOTED_FROM: Final = re.compile(rb"^>+(?=From )", re.MULTILINE)


class Token(NamedTuple):
    """One message of one run; `slot` is its number, the slot of its first recipient."""

    run: str
    worker: int
    slot: int

    def __str__(self) -> str:
        return f"{self.run}.{self.worker}.{self.slot:08d}"


class Found(NamedTuple):
    """A message that was read: which one it is, and whether it is what was sent."""

    token: Token
    whole: bool


class _Proved(NamedTuple):
    """A token whose check is right."""

    text: bytes
    token: Token
    mask: int
    digest: bytes


def read(content: bytes) -> Found | None:
    """Say which message this is.

    Args:
        content: A message as a store hands it out: its lines end in CRLF, or all of them in LF.

    Returns:
        None where neither of the two tokens can be trusted: no message of ours, or too damaged to say.
    """
    header, body = split(content)
    fields = fields_of(header)
    named, identified = _proved(fields.get(TOKEN_FIELD)), _proved(fields.get(MESSAGE_ID))
    found = named or identified
    if found is None:
        return None
    whole = (
        fields.get(MESSAGE_ID) == b" <%b@%b>" % (found.text, MESSAGE_ID_DOMAIN)
        and _token_field_kept(found.text, fields, header)
        and found.digest == _digest(told(fields, found.mask), seal_body(body)).encode()
    )
    return Found(found.token, whole)


def identify(header: bytes) -> Token | None:
    """The token in the header of a message (more may follow), None where there is none."""
    fields = fields_of(split(header)[0])
    found = _proved(fields.get(TOKEN_FIELD)) or _proved(fields.get(MESSAGE_ID))
    return found.token if found else None


def _token_field_kept(text: bytes, fields: dict[bytes, bytes], header: bytes) -> bool:
    """True where the X- field is as it was or was taken away, false where it is there under a damaged name."""
    value = fields.get(TOKEN_FIELD)
    return header.count(text) == 1 if value is None else value == b" " + text


def _proved(value: bytes | None) -> _Proved | None:
    found = _TOKEN.search(value) if value else None
    if found is None or crc_hqx(found[0][:-4], 0) != int(found[6], 16):
        return None
    token = Token(found[1].decode(), int(found[2]), int(found[3]))
    return _Proved(found[0], token, int(found[4], 16), found[5])


def split(content: bytes) -> tuple[bytes, bytes]:
    """Header and body, without the empty line between them; its lines may end in CRLF or LF."""
    end = _END_OF_HEADER.search(content)
    header, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
    return header, body if b"\r\n" in content else body.replace(b"\n", b"\r\n")


def fields_of(header: bytes) -> dict[bytes, bytes]:
    """Name as it is written -> value, unfolded, from the colon to the end of the line; of equal names the last.

    Source: RFC 5322 §2.2.3 (unfolding takes away the line ends and nothing else).
    """
    return {name: _unfolded(value) for name, value in _FIELD.findall(header)}


def _unfolded(value: bytes) -> bytes:
    return (_FOLD.sub(b"", value) if b"\n" in value else value).removesuffix(b"\r")


def mask_of(names: Iterable[bytes]) -> int:
    """A bit for each of `SEALED` that is among the names."""
    present = set(names)
    return sum(1 << bit for bit, name in enumerate(SEALED) if name in present)


def told(fields: dict[bytes, bytes], mask: int) -> bytes:
    """The sealed fields in the form that is digested; one that is missing leaves a gap that no value leaves."""
    names = (name for bit, name in enumerate(SEALED) if mask >> bit & 1)
    return b"".join(b"%b:%b\n" % (name, fields.get(name, b"\n")) for name in names)


def seal_body(body: bytes) -> bytes:
    """Sixteen octets that stand for a body with lines in CRLF, without its last line ends and mbox's quoting."""
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    kept = body[:end]
    if b">From " in kept:
        kept = _QUOTED_FROM.sub(b"", kept)
    return blake2b(kept, digest_size=16).digest()


def _digest(fields: bytes, body: bytes) -> str:
    return blake2b(fields + body, digest_size=8).hexdigest()


def stamp(run: bytes, worker: int, slot: int, mask: int, sealed: bytes) -> bytes:
    """The token of a message whose sealed fields (`told`) and body (`seal_body`), joined, are `sealed`."""
    text = b"%b.%d.%08d.%04x%b" % (run, worker, slot, mask, _digest(sealed, b"").encode())
    return b"%b%04x" % (text, crc_hqx(text, 0))
