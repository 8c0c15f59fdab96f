"""How a client's command goes over the wire: in pieces, cut where the server's ``+`` is awaited."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.imap.encode import Literal
from harness.wire.lines import CRLF

__all__ = ["SECRET", "Piece", "cut_command"]

# A part of a command; the parts are put together with spaces.
Piece = bytes | Literal

# What a transcript keeps in a secret's place.
SECRET: Final = b"<secret>"


def cut_command(pieces: Sequence[Piece], shown: bytes | None = None) -> Iterator[bytes]:
    """The octets of a command, cut where the server's ``+`` is awaited; the last ends with CRLF.

    Args:
        pieces: The tag first; encoded but for literals.
        shown: What an error says in place of a piece that holds a secret.

    Raises:
        LocalProtocolError: A piece holds CR or LF.

    Source: RFC 3501 §2.2.1, §4.3; RFC 7888 §3.
    """
    chunk = b""
    for number, piece in enumerate(pieces):
        chunk += b" " * bool(number)
        if isinstance(piece, bytes):
            if b"\r" in piece or b"\n" in piece:
                told = piece[:80] if shown is None else shown
                raise LocalProtocolError(f"a command cannot hold CR or LF but in a literal: {told!r}")
            chunk += piece
            continue
        chunk += piece.announcement
        if piece.sync:
            yield chunk
            chunk = b""
        chunk += piece.octets
    yield chunk + CRLF
