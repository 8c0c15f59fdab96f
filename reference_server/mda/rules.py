"""A user's own rules, applied to one message (RFC 5228)."""

import functools
import secrets
from dataclasses import dataclass, field
from typing import assert_never

from reference_server.context import Context
from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.mda import vacations
from reference_server.mda.addresses import Addresses, Local
from reference_server.mda.plan import Refusal, Reply
from reference_server.mda.sieve import (
    Action,
    Discard,
    FileInto,
    Keep,
    Redirect,
    Reject,
    Script,
    SieveError,
    SieveMessage,
    Vacation,
    compile_script,
    rejection_notice,
    run,
    unanswered_because,
    vacation_reply,
)
from reference_server.store import INBOX

__all__ = ["Decision", "Rules"]

# Ours: what fits a reply line (RFC 5321 §4.5.3.1.5) beside code and address.
_REASON_OCTETS = 300


@dataclass
class Decision:
    """Where a message goes by the rules.

    Attributes:
        mailboxes: Each with the flags that the message gets there; without any of the others it is discarded.
    """

    mailboxes: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    refusal: Refusal | None = None
    steps: list[str] = field(default_factory=list)


@functools.lru_cache(maxsize=256)
def _compiled(source: str) -> Script | SieveError:
    try:
        return compile_script(source)
    except SieveError as exc:
        return exc


@dataclass
class Rules:
    """One message for one mailbox, held against its user's script."""

    context: Context
    local: Local
    envelope: Envelope
    asked: Recipient
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        self._decision = Decision()
        self._user = self.local.user
        self._from = self.envelope.reverse_path.decode("utf-8", "replace")
        self._to = self.asked.address.decode("utf-8", "replace")

    def decide(self) -> Decision:
        """Without a script, or with one that cannot be run, the message is kept (RFC 5228 §2.10.2)."""
        if not self._user.sieve.strip():
            return self.keep_it()
        script = _compiled(self._user.sieve)
        if isinstance(script, SieveError):
            return self.keep_it(f"the rules of {self._user.address} are broken ({script}): kept")
        message = SieveMessage(self.content)
        result = run(
            script,
            message,
            envelope_from=self._from,
            envelope_to=self._to,
            now=self.context.clock.now(),
            separator=self.context.site.separator_of(self._user),
            mailbox_exists=self.mailbox_exists,
        )
        if result.error is not None:
            return self.keep_it(f"the rules of {self._user.address} failed ({result.error}): kept")
        for action in result.actions:
            self.perform(action, message)
        return self._decision

    def keep_it(self, step: str = "") -> Decision:
        self._decision.mailboxes.append((INBOX, frozenset()))
        if step:
            self._decision.steps.append(step)
        return self._decision

    def mailbox_exists(self, name: str) -> bool:
        found = self.context.store.mailbox(self._user.name, name)
        return found is not None and found.selectable

    def perform(self, action: Action, message: SieveMessage) -> None:
        """Turn one action of the script into part of the decision."""
        decision = self._decision
        match action:
            case Keep(flags, implicit):
                decision.mailboxes.append((INBOX, frozenset(flags)))
                self.tell("keep", told=not implicit)
            case FileInto(mailbox, flags):
                decision.mailboxes.append((mailbox, frozenset(flags)))
                self.tell(f"file into {mailbox!r}")
            case Redirect(address):
                decision.redirects.append(address)
                self.tell(f"redirect to {address}")
            case Reject():
                self.tell("reject")
                self.reject(action, message)
            case Discard():
                self.tell("discard")
            case Vacation():
                self.answer(action, message)
            case _:
                assert_never(action)

    def reject(self, action: Reject, message: SieveMessage) -> None:
        """By the reply; a reason that no reply can carry goes to the sender in a notice (RFC 5429 §2.2)."""
        notice = None
        if not action.extended and not action.reason.isascii():
            notice = rejection_notice(
                action,
                message,
                envelope_from=self._from,
                envelope_to=self._to,
                now=self.context.clock.now(),
                message_id=self.message_id(),
                reporting_host=self.context.hostname,
            )
        if notice is None:
            self._decision.refusal = Refusal(550, "5.7.1", one_line(action.reason))
        else:
            self._decision.replies.append(Reply(None, self.back_to_the_sender(notice), notice))

    def message_id(self) -> str:
        return f"<{secrets.token_hex(12)}@{self.context.hostname}>"

    def back_to_the_sender(self, content: bytes) -> Envelope:
        """From nobody, and not to be answered."""
        to = Recipient(self.envelope.reverse_path, frozenset({Notify.NEVER}))
        return Envelope(
            b"",
            (to,),
            body=Body.SEVEN_BIT if content.isascii() else Body.EIGHT_BIT,
            smtputf8=not self.envelope.reverse_path.isascii(),
        )

    def tell(self, what: str, *, told: bool = True) -> None:
        if told:
            self._decision.steps.append(f"the rules of {self._user.address} say: {what}")

    def answer(self, action: Vacation, message: SieveMessage) -> None:
        """RFC 5230 §4: at most one answer to a sender in so many days; to the reverse-path, from nobody."""
        own = (self._user.address, *Addresses(self.context.site).aliases_of(self._user))
        if why := unanswered_because(
            action, message, envelope_from=self._from, own_addresses=(self._to, *own)
        ):
            self.tell(f"vacation, but no answer is sent: {why}")
            return
        key = vacations.Key(self._user.name, action.response, self._from.lower())
        if vacations.answered(self.context.store, key, now=self.context.clock.now()):
            self.tell("vacation, but the sender had this answer lately")
            return
        reply = vacation_reply(
            action,
            message,
            envelope_from=self._from,
            envelope_to=self._to,
            own_addresses=own,
            now=self.context.clock.now(),
            message_id=self.message_id(),
        )
        if reply is not None:
            self.tell(f"vacation: {self._from} is answered")
            answer = vacations.Answer(key, action.days)
            self._decision.replies.append(Reply(answer, self.back_to_the_sender(reply), reply))


def one_line(reason: str) -> str:
    """A reason in words that any reply line takes (RFC 5321 §4.2)."""
    text = " ".join(reason.split()).encode("ascii", "replace")
    return "".join(chr(octet) if 32 <= octet < 127 else "?" for octet in text[:_REASON_OCTETS]) or "Refused"
