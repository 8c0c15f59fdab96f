"""Who takes part in a run: which processes there are, which are ready, and which have fallen silent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from loadtests.control.messages import Hello, Report

__all__ = ["SILENT_S", "Member", "Roll", "Standing"]

# Ours: three reports in a row that did not come. A worker that only was away for so long comes back by itself.
SILENT_S: Final = 3.0

# Who listens was away itself where it asks later than this; what was said meanwhile it has yet to hear.
_LISTENING_S: Final = 0.5


class Standing(StrEnum):
    """What the director makes of a worker."""

    PREPARING = "preparing"
    READY = "ready"
    LOST = "lost"
    REFUSED = "refused"


@dataclass
class Member:
    """One worker.

    Attributes:
        number: From 0; never given twice, so that its messages' tokens stay its own.
        who: Locust's name for the process.
        silent_s: How long it has said nothing, while somebody listened.
        report: Its last one of this run.
        missed: Reports that were lost on the way.
    """

    number: int
    who: str
    host: str
    silent_s: float = 0.0
    standing: Standing = Standing.PREPARING
    report: Report | None = None
    missed: int = 0
    problem: str = ""

    @property
    def living(self) -> bool:
        return self.standing in (Standing.PREPARING, Standing.READY)


@dataclass
class Roll:
    """All workers that ever came."""

    _by_who: dict[str, Member] = field(default_factory=dict)
    _asked_s: float | None = None

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_who.values())

    def __getitem__(self, number: int) -> Member:
        return next(member for member in self if member.number == number)

    @property
    def ready(self) -> list[Member]:
        """Those who can be given work, by number."""
        return [member for member in self if member.standing is Standing.READY]

    @property
    def living(self) -> list[Member]:
        return [member for member in self if member.living]

    def greet(self, who: str, hello: Hello) -> tuple[Member, bool]:
        """The process that calls itself `who`, and whether it is new."""
        known = self._by_who.get(who)
        if known is not None:
            known.silent_s = 0.0
            return known, False
        member = Member(len(self._by_who), who, hello.host)
        self._by_who[who] = member
        return member, True

    def by_who(self, who: str) -> Member | None:
        return self._by_who.get(who)

    def renew(self) -> None:
        """Another run begins: who is still there makes ready again."""
        for member in self:
            member.report = None
            member.missed = 0
            if member.standing is not Standing.LOST:
                member.standing, member.silent_s = Standing.PREPARING, 0.0

    def heard(self, report: Report) -> tuple[Member, Standing]:
        """Take note of a report.

        Returns:
            The member, and what was made of it before.
        """
        member = self[report.worker]
        before = member.standing
        expected = 0 if member.report is None else member.report.serial + 1
        member.missed += max(0, report.serial - expected)
        member.silent_s, member.report = 0.0, report
        if report.stage == "refused":
            member.standing, member.problem = Standing.REFUSED, report.problem
        else:
            member.standing = Standing.PREPARING if report.stage == "preparing" else Standing.READY
        return member, before

    def silent(self, now_s: float) -> list[Member]:
        """Those who have fallen silent since this was last asked; they are lost from now on."""
        listened_s = 0.0 if self._asked_s is None else min(now_s - self._asked_s, _LISTENING_S)
        self._asked_s = now_s
        for member in self.ready:
            member.silent_s += listened_s
        gone = [member for member in self.ready if member.silent_s > SILENT_S]
        for member in gone:
            member.standing = Standing.LOST
        return gone

    def left(self, who: str) -> Member | None:
        """A process said that it goes; the member that is lost with it, where it was one until now."""
        member = self._by_who.get(who)
        if member is None or not member.living:
            return None
        was_ready = member.standing is Standing.READY
        member.standing = Standing.LOST
        return member if was_ready else None
