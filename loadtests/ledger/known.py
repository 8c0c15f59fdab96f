"""Which messages a reader knows already, and how it names those that it asks for."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final

from harness.wire.imap.sequence import SequenceSet

__all__ = ["CHUNK", "Known", "folder_name", "uid_sets"]

# Ours: how many messages one command is about, at most: its line stays below the 8,192 octets of RFC 7162 §4.
CHUNK: Final = 500


class Known:
    """Which messages of a maildrop are known by now: eight octets for each, whatever its unique-id.

    Two messages may have the same unique-id (RFC 1939 §7, of identical ones); each counts.
    """

    def __init__(self) -> None:
        self._digests = array("Q")

    def __len__(self) -> int:
        return len(self._digests)

    def compare(self, listed: Iterable[tuple[int, bytes]]) -> tuple[list[int], list[int]]:
        """The numbers of those that are known and of those that are not, in no certain order.

        Args:
            listed: Number and unique-id of each message.
        """
        known, fresh, at = [], [], 0
        for digest, number in sorted((_digest(uid), number) for number, uid in listed):
            while at < len(self._digests) and self._digests[at] < digest:
                at += 1
            if at < len(self._digests) and self._digests[at] == digest:
                known.append(number)
                at += 1
            else:
                fresh.append(number)
        return known, fresh

    def add(self, uids: Iterable[bytes]) -> None:
        self._digests = array("Q", sorted([*self._digests, *map(_digest, uids)]))


def _digest(uid: bytes) -> int:
    return int.from_bytes(blake2b(uid, digest_size=8).digest())


def uid_sets(uids: Sequence[int]) -> Iterator[bytes]:
    """UIDs as sets for commands, `CHUNK` of them in each."""
    waiting = iter(uids)
    while chunk := list(islice(waiting, CHUNK)):
        yield SequenceSet.of(chunk).encode()


def folder_name(run: str, name: str = "") -> str:
    """What a run's own mailbox is called; all of them begin as the one without a name."""
    return f"mailproof-{run}-{name}"
