"""Faults of LMTP: what RFC 2033 asks for, broken."""

from collections.abc import Mapping

from harness.wire.smtp.commands import Command
from harness.wire.smtp.states import State, Verb
from reference_server.faults import fault
from reference_server.mda.plan import Refusal
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession
from reference_server.smtp.transaction import Recipient


@fault("lmtp.ehlo-taken")
class EhloTaken(SmtpSession):
    """LMTP takes HELO and EHLO too."""

    def known_verbs(self) -> frozenset[Verb]:
        return super().known_verbs() | {Verb.HELO, Verb.EHLO}


@fault("lmtp.ehlo-answered-502")
class EhloAnswered502(SmtpSession):
    """LMTP answers HELO and EHLO with 502."""

    def reply_to_missing_verb(self, verb: Verb) -> Answer:
        return answer(502, "5.5.1", "Command not implemented")


@fault("lmtp.lhlo-keeps-transaction")
class LhloKeepsTransaction(SmtpSession):
    """LHLO leaves an open transaction as it is."""

    def begin_session(self, command: Command, *, extended: bool) -> None:
        if self.state is not State.RCPT:
            super().begin_session(command, extended=extended)

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if (self.state, verb) == (State.RCPT, Verb.LHLO):
            return State.RCPT
        return super().state_after(verb, reply)


@fault("lmtp.rset-forgets-lhlo")
class RsetForgetsLhlo(SmtpSession):
    """RSET asks for another LHLO."""

    def state_after(self, verb: Verb, reply: Answer) -> State:
        after = super().state_after(verb, reply)
        return State.FRESH if self.role is Role.LMTP and verb is Verb.RSET else after


@fault("lmtp.data-without-recipient-554")
class DataWithoutRecipient554(SmtpSession):
    """DATA without a recipient is answered 554 in LMTP."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if self.role is Role.LMTP and verb is Verb.DATA:
            return answer(554, "5.5.1", "No valid recipients")
        return super().reply_to_wrong_sequence(verb)


@fault("lmtp.one-reply-for-all")
class OneReplyForAll(SmtpSession):
    """A message is answered once, as in SMTP."""

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        return [reply]


@fault("lmtp.one-reply-to-refused-content")
class OneReplyToRefusedContent(SmtpSession):
    """Content that is refused is answered once."""

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        return super().final_replies(reply, recipients if reply.klass == 2 else recipients[:1])


@fault("lmtp.one-reply-for-a-mailbox")
class OneReplyForAMailbox(SmtpSession):
    """A mailbox that is named twice gets one reply."""

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        return super().final_replies(
            reply, list({recipient.path.mailbox: recipient for recipient in recipients}.values())
        )


@fault("lmtp.replies-in-reverse")
class RepliesInReverse(SmtpSession):
    """The last recipient is answered first."""

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        return super().final_replies(reply, recipients)[::-1]


@fault("lmtp.first-recipient-only")
class FirstRecipientOnly(SmtpSession):
    """All recipients are answered 250 and one gets the message."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return super().deliver(recipients[:1], content)


@fault("lmtp.one-reply-to-the-last-chunk")
class OneReplyToTheLastChunk(SmtpSession):
    """BDAT LAST is answered once."""

    def content_complete(self) -> list[Answer]:
        chunk = self._chunk
        replies = super().content_complete()
        return replies if chunk is None else replies[:1]


@fault("lmtp.a-reply-for-each-recipient-of-a-chunk")
class AReplyForEachRecipientOfAChunk(SmtpSession):
    """Every chunk is answered once for each recipient."""

    def content_complete(self) -> list[Answer]:
        chunk = self._chunk
        replies = super().content_complete()
        return replies if chunk is None or chunk.last else replies * len(self.recipients)


@fault("lmtp.pipelined-commands-lost")
class PipelinedCommandsLost(SmtpSession):
    """Of two RCPT that come at once LMTP hears one."""

    def receive(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        together = [number for number, line in enumerate(lines) if line.startswith(b"RCPT TO:")]
        if self.role is Role.LMTP and len(together) > 1:
            del lines[together[1]]
        return super().receive(b"\r\n".join(lines))


class _Without(SmtpSession):
    """Does not offer one extension in LMTP."""

    keyword = ""

    def extensions(self) -> dict[str, str]:
        offered = super().extensions()
        if self.role is Role.LMTP:
            offered.pop(self.keyword, None)
        return offered


@fault("lmtp.no-pipelining")
class NoPipelining(_Without):
    """LMTP does not offer PIPELINING."""

    keyword = "PIPELINING"


@fault("lmtp.no-8bitmime")
class No8BitMime(_Without):
    """LMTP does not offer 8BITMIME."""

    keyword = "8BITMIME"
