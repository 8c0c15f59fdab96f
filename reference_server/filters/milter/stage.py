"""A milter as a stage of the chain."""

from dataclasses import replace

from reference_server.filters.line import FilterLine
from reference_server.filters.milter.session import Answered, MilterSession
from reference_server.filters.milter.wire import Response
from reference_server.filters.model import Finding, Mail, StageFailed
from reference_server.filters.stages import Stage
from reference_server.world.filters import Verdict

__all__ = ["Milter"]


class Milter(Stage):
    """Shows a milter the whole transaction, when its content is here.

    The replies to MAIL and RCPT are given by then: a recipient that the milter refuses is refused in the reply to the
    message where that holds for all, and has a bounce, or in LMTP a reply of its own, where others are taken.
    """

    def look(self, mail: Mail) -> Finding:
        if self.settings.at is None:
            raise StageFailed("no milter is named")
        with FilterLine(self.settings.at, self.settings.timeout_s) as line:
            session = self.session(line, mail)
            answered = session.run()
        return self.finding(mail, session, answered)

    def session(self, line: FilterLine, mail: Mail) -> MilterSession:
        return MilterSession(line, mail, self.settings.timeout_s)

    def finding(self, mail: Mail, session: MilterSession, answered: Answered) -> Finding:
        """What the answer comes to, with the changes that were made before it."""
        said = answered.response.name.lower().replace("_", " ")
        if answered.step:
            said = f"{said} at {answered.step}"
        heard = bytes(session.heard)
        if answered.refusal is not None:
            refusal = answered.refusal
            verdict = Verdict.REJECT if refusal.code >= 500 else Verdict.TRY_LATER
            said = f"{said}: {refusal.code} {refusal.status} {refusal.text}"
            return Finding(verdict, mail, said, refusal, heard=heard)
        if answered.response is Response.DISCARD:
            return Finding(Verdict.DISCARD, mail, said, heard=heard)
        changes = session.changes
        changed = self.without_refused(changes.mail, session)
        if changes.quarantine is not None:
            verdict, said = Verdict.QUARANTINE, changes.quarantine
        else:
            verdict = Verdict.REWRITE if changes.made else Verdict.ACCEPT
        return Finding(
            verdict, changed, said, refused=session.refused, changes=tuple(changes.made), heard=heard
        )

    @staticmethod
    def without_refused(mail: Mail, session: MilterSession) -> Mail:
        left = tuple(each for each in mail.envelope.recipients if each not in session.refused)
        return replace(mail, envelope=replace(mail.envelope, recipients=left))
