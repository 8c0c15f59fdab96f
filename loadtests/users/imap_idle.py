"""IDLE: waiting for the selected mailbox to grow, for as long as one likes."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from harness.errors import TimedOut
from loadtests.users.imap_answers import Answer
from loadtests.users.imap_dialogue import ImapDialogue

__all__ = ["REISSUE_S", "Idling"]

# RFC 2177 §3: a client ends its IDLE and begins anew at least every 29 minutes.
REISSUE_S: Final = 28 * 60.0


class Idling(ImapDialogue):
    """A session that can wait."""

    def idle(self, wait_s: float, since_s: Callable[[], float | None] = lambda: None) -> bool:
        """Wait until the selected mailbox has more messages.

        Counted as ``imap.idle-start`` (to the server's ``+``), ``imap.idle`` (from when there was something to notice
        until it was noticed) and ``imap.idle-end`` (from DONE to the completion).

        Args:
            since_s: Asked when the mailbox has grown: when the new message was there to be noticed; None where nobody
                knows. Then there is no ``imap.idle``.

        Returns:
            False where nothing came.
        """
        if self.mailbox is None:
            raise ValueError("IDLE waits for a selected mailbox")
        before, until_s = self.mailbox.exists, monotonic() + wait_s
        while True:
            tag = self._start_idle()
            grown = self._grows(tag, before, min(until_s, monotonic() + REISSUE_S))
            if grown and (there_s := since_s()) is not None:
                self.recorder.ok("imap.idle", there_s)
            self._end_idle(tag)
            if grown or monotonic() >= until_s:
                return grown

    def _start_idle(self) -> bytes:
        tag, since_s = self._new_tag(), monotonic()
        with self._during("imap.idle-start", since_s):
            self.connection.send(tag + b"IDLE\r\n")
            refusal = self._go_ahead(tag)
        if refusal is not None:
            raise self._refusal("imap.idle-start", since_s, refusal)
        self.recorder.ok("imap.idle-start", since_s)
        return tag

    def _grows(self, tag: bytes, before: int, until_s: float) -> bool:
        assert self.mailbox is not None
        with self._during("imap.idle", monotonic()):
            while self.mailbox.exists <= before:
                self.connection.expect(until_s - monotonic())
                try:
                    response = self._response()
                except TimedOut:
                    return False
                if response.startswith(tag):
                    raise self._refusal("imap.idle", monotonic(), Answer(response[len(tag) : -2], b""))
                self._hear(response)
        return True

    def _end_idle(self, tag: bytes) -> None:
        since_s = monotonic()
        with self._during("imap.idle-end", since_s):
            self.connection.send(b"DONE\r\n")
            answer = self._answer(tag)
        self._counted("imap.idle-end", since_s, answer)
