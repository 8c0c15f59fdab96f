"""The chain of one listener: its stages one after the other, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reference_server.context import Context
from reference_server.envelope import Recipient
from reference_server.filters.builtin import BuiltInSpam, BuiltInVirus
from reference_server.filters.clamd import Clamd
from reference_server.filters.fields import field
from reference_server.filters.milter import Milter
from reference_server.filters.model import Finding, Judgement, Mail, StageFailed
from reference_server.filters.rules import Rules
from reference_server.filters.spamd import Spamd
from reference_server.filters.stages import Stage, ascii_of, shown
from reference_server.journal import Direction, Kind
from reference_server.mda.plan import Refusal
from reference_server.world.filters import (
    IN_QUEUE,
    OnFailure,
    StageKind,
    StageSettings,
    Verdict,
    Way,
)
from reference_server.world.site import Site

__all__ = ["Chain", "queue_stages", "stages_before_the_reply", "stages_of_batch"]

# The built-in stage is two: its virus comes with the viruses, its spam with the spam.
_LOOKERS: Final[Mapping[StageKind, tuple[type[Stage], ...]]] = {
    StageKind.BUILT_IN: (BuiltInVirus, BuiltInSpam),
    StageKind.CLAMD: (Clamd,),
    StageKind.MILTER: (Milter,),
    StageKind.SPAMD: (Spamd,),
    StageKind.RULES: (Rules,),
}
# Ends the chain: nobody behind is asked any more.
_FINAL: Final = frozenset({Verdict.QUARANTINE, Verdict.REJECT, Verdict.DISCARD, Verdict.TRY_LATER})
_UNCHECKED: Final = b"X-Mailproof-Unchecked"


def stages_before_the_reply(site: Site, way: Way) -> list[StageSettings]:
    """The stages between the end of the data and the reply, for mail that comes in this way."""
    return [stage for stage in _of(site, way) if stage.kind not in IN_QUEUE and not stage.batch]


def stages_of_batch(site: Site, batch: str) -> list[StageSettings]:
    """The stages that look at the mail of a batch."""
    return [stage for stage in _of(site) if stage.batch == batch]


def queue_stages(site: Site, way: Way | None = None) -> list[StageSettings]:
    """The stages that have their turn in the queue, in their order; those for any mail where no way is given."""
    mine = [stage for stage in _of(site, way) if stage.kind in IN_QUEUE]
    return sorted(mine, key=lambda stage: IN_QUEUE.index(stage.kind))


def _of(site: Site, way: Way | None = None) -> list[StageSettings]:
    return [
        stage
        for stage in site.world.filters
        if site.host.name in stage.hosts and (way is None or way in stage.ways)
    ]


@dataclass
class Chain:
    """Shows messages to its stages; blocks, in a worker thread, for as long as their timeouts allow."""

    context: Context
    stages: Sequence[StageSettings]

    def run(self, mail: Mail) -> Judgement:
        """Show the message to each stage until one decides; raises nothing that a filter could cause."""
        judgement = Judgement(Verdict.ACCEPT, mail)
        before = {each.address for each in mail.envelope.recipients}
        for stage in self.made():
            judgement = self.passed(judgement, stage)
            if judgement.verdict is not Verdict.ACCEPT:
                break
        after = {each.address for each in judgement.mail.envelope.recipients}
        return replace(judgement, added=frozenset(after - before))

    def made(self) -> list[Stage]:
        """The stages in their turn, made anew with this server's deviations."""
        lookers = [(looker, settings) for settings in self.stages for looker in _LOOKERS[settings.kind]]
        return [
            self.context.variant(looker)(settings)
            for looker, settings in sorted(lookers, key=lambda each: each[0].turn)
        ]

    def passed(self, so_far: Judgement, stage: Stage) -> Judgement:
        """The judgement after one more stage."""
        mail, settings = so_far.mail, stage.settings
        if settings.largest is not None and len(mail.content) > settings.largest:
            self.tell(settings, f"not asked: {len(mail.content)} octets are more than {settings.largest}")
            return so_far
        where = f" at {settings.at}" if settings.at else ""
        looks_for = f" ({stage.turn.name.lower()})" if settings.kind is StageKind.BUILT_IN else ""
        self.tell(settings, f"{settings.kind}{looks_for}{where}", Direction.SENT)
        try:
            finding = self.asked(stage, mail)
        except StageFailed as exc:
            finding = self.failed(settings, mail, str(exc))
        self.tell_finding(settings, finding)
        return self.judged(so_far, settings, finding)

    def asked(self, stage: Stage, mail: Mail) -> Finding:
        """What a stage says; raises `StageFailed` where it could not look, or is out of service."""
        file = stage.settings.down_while
        if file is not None and file.exists():
            raise StageFailed(f"out of service: {file.name} is there")
        return stage.look(mail)

    def failed(self, settings: StageSettings, mail: Mail, why: str) -> Finding:
        """What becomes of a message that a stage could not look at."""
        said = f"failed: {shown(why.encode())}"
        if settings.on_failure is OnFailure.TRY_LATER:
            return Finding(Verdict.TRY_LATER, mail, said)
        unchecked = field(_UNCHECKED, f"{settings.name}; {said}".encode())
        tagged = mail.with_content(unchecked + mail.content)
        return Finding(Verdict.TAG, tagged, said, changes=(f"added {shown(unchecked)}",))

    def judged(self, so_far: Judgement, settings: StageSettings, finding: Finding) -> Judgement:
        """What a finding adds to the judgement."""
        refused = {**so_far.refused, **finding.refused}
        verdict = finding.verdict if finding.verdict in _FINAL else Verdict.ACCEPT
        reply = finding.reply or self.reply_to(verdict, settings, finding)
        if verdict is Verdict.ACCEPT and not finding.mail.envelope.recipients:
            verdict, reply = self.for_nobody(refused)
        decided = verdict is not Verdict.ACCEPT
        return Judgement(
            verdict,
            finding.mail,
            settings.name if decided else "",
            finding.said if decided else "",
            reply,
            refused,
        )

    def for_nobody(self, refused: Mapping[Recipient, Refusal]) -> tuple[Verdict, Refusal | None]:
        """Nobody is left: all were refused, of whom one that is put off may get it later, or were taken off."""
        if not refused:
            return Verdict.DISCARD, None
        put_off = [refusal for refusal in refused.values() if refusal.code < 500]
        if put_off:
            return Verdict.TRY_LATER, put_off[0]
        return Verdict.REJECT, next(iter(refused.values()))

    def reply_to(self, verdict: Verdict, settings: StageSettings, finding: Finding) -> Refusal | None:
        """RFC 5321 §4.2.5: a refusal of the content; RFC 3463 §3.8: X.7.1, by policy."""
        match verdict:
            case Verdict.REJECT:
                return Refusal(550, "5.7.1", f"Refused by {settings.name}: {ascii_of(finding.said)}")
            case Verdict.TRY_LATER:
                return Refusal(
                    451, "4.7.1", f"{settings.name} cannot look at the message now, try again later"
                )
            case _:
                return None

    # Those who watch

    def tell(
        self,
        settings: StageSettings,
        text: str,
        direction: Direction = Direction.NOTE,
        octets: bytes = b"",
        facts: tuple[str, ...] = (),
    ) -> None:
        self.context.journal.note(
            self.context.hostname,
            Kind.FILTER,
            text,
            peer=settings.name,
            direction=direction,
            octets=octets,
            facts=facts,
        )

    def tell_finding(self, settings: StageSettings, finding: Finding) -> None:
        text = f"{finding.verdict}: {finding.said}"
        facts = finding.changes or ("nothing is changed",)
        refusals = tuple(
            f"refuses {shown(recipient.address)}: {refusal.code} {refusal.status} {refusal.text}"
            for recipient, refusal in finding.refused.items()
        )
        self.tell(settings, text, Direction.RECEIVED, finding.heard, facts + refusals)
