"""From the word of the filters to the store: on its way, to the next filter, into quarantine, or nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from reference_server.context import Context
from reference_server.filters.chain import queue_stages
from reference_server.filters.model import Judgement
from reference_server.journal import Kind
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.plan import Refusal
from reference_server.relay.model import NextHop, Transport
from reference_server.world.filters import StageKind, Verdict, Way
from reference_server.world.site import Site

__all__ = ["Intake", "next_filter"]

_TRANSPORTS = {StageKind.BATCH: Transport.BATCH, StageKind.AFTER_QUEUE: Transport.FILTER}


def next_filter(site: Site, way: Way | None, after: str = "") -> NextHop | None:
    """The stage that gets a message from the queue; None where there is none.

    Args:
        way: How it came in; None for a message that a stage gives back.
        after: The stage that has seen it already.
    """
    stages = queue_stages(site, way)
    names = [stage.name for stage in stages]
    if after in names:
        stages = stages[names.index(after) + 1 :]
    return NextHop(_TRANSPORTS[stages[0].kind], stages[0].name) if stages else None


@dataclass
class Intake:
    """Takes responsibility for what the filters let in (RFC 5321 §6.1), by the one road of mail."""

    context: Context

    def take(
        self, judgement: Judgement, hop: NextHop | None, *, final: bool = False, each_answered: bool = False
    ) -> Mapping[bytes, Refusal]:
        """Do as a judgement says that neither refuses nor puts off.

        Args:
            hop: The filter that gets the message from the queue.
            final, each_answered: As `Acceptance.accept`.

        Returns:
            Who was refused, and has to be told by the caller.

        Raises:
            StoreFailed: Nothing was taken.
        """
        mail, acceptance = judgement.mail, self.context.variant(Acceptance)(self.context)
        match judgement.verdict:
            case Verdict.DISCARD:
                self.discard(judgement)
                return {}
            case Verdict.QUARANTINE:
                hop = NextHop(Transport.QUARANTINE, judgement.stage)
                why = judgement.why or "held"
            case _:
                why = ""
        if hop is not None:
            return acceptance.set_aside(
                mail.envelope,
                mail.content,
                hop,
                why=why,
                refused=judgement.refused,
                each_answered=each_answered,
            )
        return acceptance.accept(
            mail.envelope,
            mail.content,
            final=final,
            each_answered=each_answered,
            refused=judgement.refused,
            added=judgement.added,
        ).refused

    def discard(self, judgement: Judgement) -> None:
        """The sender is told that it was taken, and nobody gets it: as the stage wants it."""
        text = f"discarded: {judgement.stage} says {judgement.why}"
        self.context.journal.note(self.context.hostname, Kind.FILTER, text, octets=judgement.mail.content)
