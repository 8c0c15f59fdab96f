"""What a worker's ledger tells the book at a time: columns of slots, what became of older ones, and finds."""

import sys
from array import array
from struct import Struct
from typing import Final

import msgspec

__all__ = ["FIND", "SETTLED", "Batch", "column", "column_octets", "decode", "encode"]

# Slot, state, when it was accepted.
SETTLED: Final = Struct("<IBI")
# Worker, number, the mailbox it was found in, when, since when at most it may have been there, how, damaged.
FIND: Final = Struct("<HIIIIB?")


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """
    Attributes:
        number: Counts the batches of a worker, from 0.
        first: The slot that the columns begin with.
        latest_ms: When the last message was accepted so far, 0 where none was.
        settled: Records of `SETTLED`, about slots that an earlier batch told of.
        finds: Records of `FIND`.
        deletes_from: Mailboxes that this worker's readers may take messages from, from now on.
    """

    worker: int
    number: int
    first: int
    mailboxes: bytes
    marks: bytes
    accepted: bytes
    latest_ms: int
    settled: bytes
    finds: bytes
    deletes_from: list[int]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    return _ENCODER.encode(batch)


def decode(octets: bytes) -> Batch:
    """
    Raises:
        msgspec.MsgspecError: These are not the octets of a batch.
    """
    return _DECODER.decode(octets)


def column(octets: bytes) -> "array[int]":
    """A column off the wire, where it is little-endian."""
    values = array("I", octets)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def column_octets(values: "array[int]") -> bytes:
    """A column for the wire."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()
