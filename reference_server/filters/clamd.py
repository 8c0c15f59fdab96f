"""ClamAV: a client of clamd's INSTREAM command (clamd(8)), over TCP or a Unix socket."""

import struct
from typing import Final

from reference_server.filters.builtin import virus_field
from reference_server.filters.line import FilterLine
from reference_server.filters.model import Finding, Mail, StageFailed
from reference_server.filters.stages import Stage, Turn, clean, shown

__all__ = ["Clamd"]

# Ours: what one chunk holds.
_CHUNK_OCTETS: Final = 64 * 1024
_CLEAN: Final = b"stream: OK"
_FOUND: Final = b" FOUND"


class Clamd(Stage):
    """Streams the message to clamd. What it cannot look at for its size is a failure, not a clean message."""

    turn = Turn.VIRUS

    def look(self, mail: Mail) -> Finding:
        answer = self.scanned(mail.trace + mail.content)
        if answer == _CLEAN:
            return clean(mail, "clean", heard=answer)
        if answer.startswith(b"stream: ") and answer.endswith(_FOUND):
            virus = shown(answer.removeprefix(b"stream: ").removesuffix(_FOUND))
            return self.found(mail, virus, virus_field(virus), heard=answer)
        raise StageFailed(f"clamd says {shown(answer)!r}")

    def scanned(self, content: bytes) -> bytes:
        """What clamd says of it, ``stream: OK`` or ``stream: NAME FOUND``; the lengths are of four octets."""
        if self.settings.at is None:
            raise StageFailed("no clamd is named")
        with FilterLine(self.settings.at, self.settings.timeout_s) as line:
            line.ask(b"zINSTREAM\0")
            try:
                for at in range(0, len(content), _CHUNK_OCTETS):
                    chunk = content[at : at + _CHUNK_OCTETS]
                    line.send(struct.pack("!I", len(chunk)) + chunk)
                line.ask(struct.pack("!I", 0))
            except StageFailed as exc:
                # Over its limit clamd answers and closes while we still send.
                return self.last_words(line, exc)
            return line.take_until(b"\0")

    @staticmethod
    def last_words(line: FilterLine, failure: StageFailed) -> bytes:
        try:
            return line.take_until(b"\0")
        except StageFailed:
            raise failure from None
