"""Deviations of POP3's maildrop: its commands and what becomes of the messages (RFC 1939 §5 to §11)."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from harness.wire.pop3.commands import Command
from harness.wire.pop3.responses import encode_status
from reference_server.faults import fault
from reference_server.pop3.core import Response, error
from reference_server.pop3.maildrop import Maildrop
from reference_server.pop3.session import Pop3Session


@contextmanager
def _without_marks(maildrop: Maildrop) -> Iterator[None]:
    marked = set(maildrop.marked)
    maildrop.marked.clear()
    try:
        yield
    finally:
        maildrop.marked |= marked


@fault("pop3.any-number-is-the-last")
class AnyNumberIsTheLast(Pop3Session):
    """A number that no message ever had names the last one."""

    def number(self, argument: bytes) -> int:
        with _without_marks(self.drop()):
            known = self.drop().numbers()
        if known and argument not in {b"%d" % number for number in known}:
            return known[-1]
        return super().number(argument)


@fault("pop3.no-byte-stuffing")
class NoByteStuffing(Pop3Session):
    """Lines that begin with a dot are sent as they are, but for the single dot."""

    def multi_line(self, text: bytes, content: bytes) -> bytes:
        lines = [b".." if line == b"." else line for line in content.split(b"\r\n")]
        return encode_status(True, text) + b"\r\n".join(lines) + b".\r\n"


@fault("pop3.first-number-missing")
class FirstNumberMissing(Maildrop):
    """Messages are numbered from 2."""

    def open(self) -> bool:
        opened = super().open()
        self._rows[:0] = self._rows[:1]
        self.unmark_all()
        return opened

    def unmark_all(self) -> None:
        self.marked = {1}

    def removals(self) -> set[int]:
        return super().removals() - {1}


@fault("pop3.stat-has-two-spaces")
class StatHasTwoSpaces(Pop3Session):
    """A drop listing has two spaces before the size."""

    def drop_listing(self, count: int, octets: int) -> str:
        return f"{count}  {octets}"


@fault("pop3.stat-says-more")
class StatSaysMore(Pop3Session):
    """A drop listing goes on after the size."""

    def drop_listing(self, count: int, octets: int) -> str:
        return f"{super().drop_listing(count, octets)} octets"


@fault("pop3.list-has-two-spaces")
class ListHasTwoSpaces(Pop3Session):
    """A scan listing has two spaces before the size."""

    def scan_listing(self, number: int) -> bytes:
        return super().scan_listing(number).replace(b" ", b"  ")


@fault("pop3.list-says-more")
class ListSaysMore(Pop3Session):
    """A scan listing goes on after the size."""

    def scan_listing(self, number: int) -> bytes:
        return super().scan_listing(number) + b" octets"


@fault("pop3.list-of-nothing-err")
class ListOfNothingErr(Pop3Session):
    """LIST in an empty maildrop is answered -ERR."""

    def do_list(self, command: Command) -> Response:
        return super().do_list(command) if self.drop().numbers() else error("No messages")


@fault("pop3.retr-shows-the-marked")
class RetrShowsTheMarked(Pop3Session):
    """RETR of a message marked as deleted gives it."""

    def do_retr(self, command: Command) -> Response:
        with _without_marks(self.drop()):
            return super().do_retr(command)


@fault("pop3.dele-marks-twice")
class DeleMarksTwice(Pop3Session):
    """DELE of a message marked as deleted is answered +OK."""

    def do_dele(self, command: Command) -> Response:
        with _without_marks(self.drop()):
            return super().do_dele(command)


@fault("pop3.list-names-the-marked")
class ListNamesTheMarked(Pop3Session):
    """LIST with the number of a message marked as deleted is answered +OK."""

    def do_list(self, command: Command) -> Response:
        if not command.arguments:
            return super().do_list(command)
        with _without_marks(self.drop()):
            return super().do_list(command)


@fault("pop3.stat-counts-the-marked")
class StatCountsTheMarked(Pop3Session):
    """STAT counts messages marked as deleted."""

    def counted(self) -> list[int]:
        return [*super().counted(), *self.drop().marked]


@fault("pop3.uidl-lists-the-marked")
class UidlListsTheMarked(Pop3Session):
    """UIDL lists messages marked as deleted."""

    def identified(self) -> list[int]:
        return [*super().identified(), *self.drop().marked]


@fault("pop3.rset-keeps-marks")
class RsetKeepsMarks(Maildrop):
    """RSET is answered +OK and takes no mark away."""

    def unmark_all(self) -> None:
        pass


@fault("pop3.second-rset-keeps-marks")
class SecondRsetKeepsMarks(Maildrop):
    """RSET takes marks away once in a session."""

    resets = 0

    def unmark_all(self) -> None:
        self.resets += 1
        if self.resets == 1:
            super().unmark_all()


@fault("pop3.noop-takes-marks-away")
class NoopTakesMarksAway(Pop3Session):
    """NOOP does what RSET does."""

    def do_noop(self, command: Command) -> Response:
        self.drop().unmark_all()
        return super().do_noop(command)


@fault("pop3.retr-turns-tabs-into-spaces")
class RetrTurnsTabsIntoSpaces(Maildrop):
    """Every tab of a message is shown as a space."""

    def content(self, number: int) -> bytes:
        return super().content(number).replace(b"\t", b" ")


@fault("pop3.lost-session-updates")
class LostSessionUpdates(Pop3Session):
    """A session that ends without QUIT removes what is marked."""

    def lost(self) -> None:
        if self.maildrop is not None:
            self.maildrop.update()
        super().lost()


@fault("pop3.quit-removes-nothing")
class QuitRemovesNothing(Maildrop):
    """QUIT is answered +OK and removes nothing."""

    def removals(self) -> set[int]:
        return set()


@fault("pop3.quit-removes-a-neighbour")
class QuitRemovesANeighbour(Maildrop):
    """QUIT removes the messages beside the marked ones too."""

    def removals(self) -> set[int]:
        beside = {near for number in self.marked for near in (number - 1, number + 1)}
        return self.marked | (beside & set(self.numbers()))


@fault("pop3.top-needs-no-lines")
class TopNeedsNoLines(Pop3Session):
    """TOP without a number of lines gives none."""

    def read_command(self, line: bytes) -> Command:
        words = line.split(b" ")
        return super().read_command(line + b" 0" if words[0].upper() == b"TOP" and len(words) == 2 else line)


@fault("pop3.top-gives-a-line-more")
class TopGivesALineMore(Maildrop):
    """TOP gives one line more than was asked for."""

    def top(self, number: int, lines: int) -> bytes:
        return super().top(number, lines + 1)


@fault("pop3.uid-of-80-octets")
class UidOf80Octets(Maildrop):
    """Unique-ids have 80 octets."""

    def unique_id(self, number: int) -> bytes:
        return super().unique_id(number).ljust(80, b"x")


@fault("pop3.uid-per-session")
class UidPerSession(Maildrop):
    """Unique-ids are new in each session."""

    def open(self) -> bool:
        self.salt = secrets.token_hex(4).encode()
        return super().open()

    def unique_id(self, number: int) -> bytes:
        return super().unique_id(number) + b"." + self.salt


@fault("pop3.uid-is-the-number")
class UidIsTheNumber(Maildrop):
    """The unique-id is the message's number, and is used again."""

    def unique_id(self, number: int) -> bytes:
        return b"%d" % number


@fault("pop3.size-counts-lf")
class SizeCountsLf(Maildrop):
    """Sizes count one octet for each line's end."""

    def octets(self, number: int) -> int:
        return super().octets(number) - self.content(number).count(b"\r\n")


@fault("pop3.size-counts-stuffing")
class SizeCountsStuffing(Maildrop):
    """Sizes count the dots that transparency adds."""

    def octets(self, number: int) -> int:
        return super().octets(number) + self.content(number).count(b"\r\n.")
