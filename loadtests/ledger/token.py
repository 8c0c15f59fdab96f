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
from binascii import crc_hqx, hexlify
from collections.abc import Collection, Mapping
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
    "origin",
    "read",
    "seal_body",
    "sealing",
    "split",
    "stamp",
    "told",
]

TOKEN_FIELD: Final = b"X-Mailproof-Token"
MESSAGE_ID: Final = b"Message-ID"
MESSAGE_ID_DOMAIN: Final = b"mailproof.example"
_NAME: Final = TOKEN_FIELD.lower()
_ID: Final = MESSAGE_ID.lower()

# Fields that have no reason to change on the way, each at most once in a message (RFC 5322 §3.6, RFC 2045 §3), in
# lower case. A letter's own names come last, so that all before them is digested once for many letters.
SEALED: Final = (
    b"date",
    b"subject",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"cc",
    b"sender",
    b"reply-to",
    b"in-reply-to",
    b"references",
    b"content-id",
    b"content-description",
    b"content-disposition",
    b"content-language",
    b"from",
    b"to",
)

_TOKEN: Final = re.compile(
    rb"([0-9a-f]{8})\.([0-9]{1,5})\.([0-9]{8,10})\.([0-9a-f]{4})([0-9a-f]{16})([0-9a-f]{4})"
)
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")
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
    found = _proved(fields)
    if found is None:
        return None
    whole = (
        fields.get(_ID) == MESSAGE_ID + b": <%b@%b>" % (found.text, MESSAGE_ID_DOMAIN)
        and _token_field_kept(found.text, fields, header)
        and found.digest == _digest(sealing(body, fields, found.mask))
    )
    return Found(found.token, whole)


def identify(header: bytes) -> Token | None:
    """The token in the header of a message (more may follow), None where there is none."""
    found = _proved(fields_of(split(header)[0]))
    return found.token if found else None


def _token_field_kept(text: bytes, fields: dict[bytes, bytes], header: bytes) -> bool:
    """True where the X- field is as it was or was taken away, without a trace of its name or a second token."""
    line = fields.get(_NAME)
    if line is None:
        return header.count(text) == 1 and TOKEN_FIELD not in header
    return line == TOKEN_FIELD + b": " + text


def _proved(fields: dict[bytes, bytes]) -> _Proved | None:
    """The token of the X- field, or else of the Message-ID, whose check is right."""
    for name in (_NAME, _ID):
        found = _TOKEN.search(fields.get(name, b""))
        if found and crc_hqx(found[0][:-4], 0) == int(found[6], 16):
            token = Token(found[1].decode(), int(found[2]), int(found[3]))
            return _Proved(found[0], token, int(found[4], 16), found[5])
    return None


def split(content: bytes) -> tuple[bytes, bytes]:
    """Header and body, without the empty line between them, all lines ended by CRLF.

    Where the empty line is one of CRLF, an LF alone ends no line; otherwise all lines end in LF.
    """
    header, empty_line, body = content.partition(b"\r\n\r\n")
    if empty_line:
        return header, body
    header, _, body = content.partition(b"\n\n")
    return header.replace(b"\n", b"\r\n"), body.replace(b"\n", b"\r\n")


def fields_of(header: bytes) -> dict[bytes, bytes]:
    """Name in lower case -> its line, unfolded, as it is written; of equal names the last.

    Source: RFC 5322 §2.2.3 (unfolding takes away the line ends and nothing else).
    """
    lines = _FOLD.sub(b"", header).split(b"\r\n")
    if header.count(b"\n") != header.count(b"\r\n"):
        # Some stores put fields that end in LF before a message that they keep as it came.
        lines = [line.rpartition(b"\n")[2] for line in lines]
    return {line.partition(b":")[0].lower(): line for line in lines}


def mask_of(names: Collection[bytes]) -> int:
    """A bit for each of `SEALED` that is among the names, which are in lower case."""
    return sum(1 << bit for bit, name in enumerate(SEALED) if name in names)


def told(fields: Mapping[bytes, bytes], mask: int) -> bytes:
    """The lines of the sealed fields, in the order of `SEALED`; where one is missing there is an empty line."""
    return b"".join(fields.get(name, b"") + b"\r\n" for bit, name in enumerate(SEALED) if mask >> bit & 1)


def seal_body(body: bytes) -> bytes:
    """Sixteen octets that stand for a body with lines in CRLF, without its last line ends and mbox's quoting."""
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    kept = body[:end]
    if b">From " in kept:
        kept = _QUOTED_FROM.sub(b"", kept)
    return blake2b(kept, digest_size=16).digest()


def sealing(body: bytes, fields: Mapping[bytes, bytes], mask: int) -> blake2b:
    """What seals a body and these fields; more fields, in the order of `SEALED`, may be added to a copy of it."""
    return blake2b(seal_body(body) + told(fields, mask), digest_size=8)


def _digest(seal: blake2b) -> bytes:
    return hexlify(seal.digest())


def origin(run: str, worker: int) -> bytes:
    """How the tokens of all messages of one worker begin."""
    return b"%b.%d." % (run.encode(), worker)


def stamp(origin: bytes, slot: int, mask: int, sealing: blake2b, names: bytes) -> bytes:
    """The token of a message.

    Args:
        mask: All that is sealed.
        sealing: What seals it but for its names.
        names: The rest, as in `told`.
    """
    seal = sealing.copy()
    seal.update(names)
    text = b"%b%08d.%04x%b" % (origin, slot, mask, hexlify(seal.digest()))
    return text + hexlify(crc_hqx(text, 0).to_bytes(2))
