"""What a milter does to a message at its end, one response at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from reference_server.envelope import Notify, Recipient
from reference_server.filters.fields import Header
from reference_server.filters.milter import wire
from reference_server.filters.milter.wire import Action, MilterFault, Packet, Response
from reference_server.filters.model import Mail
from reference_server.filters.stages import shown

__all__ = ["Changes"]

# What each response needs to have been agreed on.
_NEEDS: Final[Mapping[Response, Action]] = {
    Response.ADD_RCPT: Action.ADD_RCPT,
    Response.ADD_RCPT_PAR: Action.ADD_RCPT_PAR,
    Response.DEL_RCPT: Action.DEL_RCPT,
    Response.REPLACE_BODY: Action.CHANGE_BODY,
    Response.CHANGE_FROM: Action.CHANGE_FROM,
    Response.ADD_HEADER: Action.ADD_HEADERS,
    Response.INSERT_HEADER: Action.ADD_HEADERS,
    Response.CHANGE_HEADER: Action.CHANGE_HEADERS,
    Response.QUARANTINE: Action.QUARANTINE,
}
# Ours: twice what a server takes by default.
_MAX_BODY_OCTETS: Final = 64 * 1024 * 1024


class Changes:
    """Takes the changes of one message.

    Attributes:
        allowed: What was agreed on.
        leading_space: Whether a value has the space behind the colon itself.
        made: What was changed, a line each.
        quarantine: Why the message is to be held; None where it is not.
    """

    def __init__(self, mail: Mail) -> None:
        self.allowed = wire.ALL_ACTIONS
        self.leading_space = False
        self.made: list[str] = []
        self.quarantine: str | None = None
        self._mail = mail
        self._header = Header(mail.content)
        self._body: bytearray | None = None
        self._edited = False

    @property
    def mail(self) -> Mail:
        """The message with the changes; its octets are the old ones where nothing was changed."""
        if self._body is not None:
            self._header.body = bytes(self._body)
        if self._edited or self._body is not None:
            return self._mail.with_content(self._header.encode())
        return self._mail

    def take(self, answer: Packet) -> bool:
        """Make a change; False where the response is none.

        Raises:
            MilterFault: It was not agreed on, or cannot be read.
        """
        needed = _NEEDS.get(answer.response)
        if needed is None:
            return False
        if needed not in self.allowed:
            raise MilterFault(f"sends {answer.response.name}, which was not agreed on")
        match answer.response:
            case Response.REPLACE_BODY:
                self._replace_body(answer.data)
            case Response.QUARANTINE:
                self.quarantine = shown(wire.texts(answer.data)[0]) or "held"
            case Response.ADD_RCPT | Response.ADD_RCPT_PAR:
                self._add_recipient(*wire.texts(answer.data))
            case Response.DEL_RCPT:
                self._delete_recipient(wire.texts(answer.data)[0])
            case Response.CHANGE_FROM:
                self._change_sender(*wire.texts(answer.data))
            case _:
                self._change_header(answer)
        return True

    def _change_header(self, answer: Packet) -> None:
        """An added field is the last; the place of one that is inserted counts from the receiver's own Received.

        That stays on top, so place 0 and 1 are the top of what the milter saw, as with Sendmail and Postfix.
        """
        self._edited = True
        if answer.response is Response.ADD_HEADER:
            name, value = wire.named_field(answer.data)
            self._header.add(name, self._value(value))
            self.made.append(f"added {shown(name + b': ' + value)}")
            return
        index, name, value = wire.indexed_field(answer.data)
        if answer.response is Response.INSERT_HEADER:
            self._header.insert(max(index - 1, 0), name, self._value(value))
            self.made.append(f"inserted {shown(name + b': ' + value)}")
        elif self._header.change(name, max(index, 1), self._value(value) if value else b""):
            self.made.append(f"changed {shown(name + b': ' + value)}" if value else f"removed {shown(name)}")
        elif value:  # there are not so many: it is added (smfi_chgheader)
            self._header.add(name, self._value(value))
            self.made.append(f"added {shown(name + b': ' + value)}")

    def _value(self, value: bytes) -> bytes:
        return value if self.leading_space else b" " + value

    def _replace_body(self, chunk: bytes) -> None:
        if self._body is None:
            self._body = bytearray()
            self.made.append("replaced the body")
        self._body += chunk
        if len(self._body) > _MAX_BODY_OCTETS:
            raise MilterFault("replaces the body without end")

    def _add_recipient(self, path: bytes, *words: bytes) -> None:
        address, said = _address(path), _parameters(words)
        recipients = self._mail.envelope.recipients
        if address not in {each.address for each in recipients}:
            notify = frozenset(_notify(word) for word in said.get(b"NOTIFY", b"").split(b",") if word)
            self._set_recipients((*recipients, Recipient(address, notify, said.get(b"ORCPT"))))
            self.made.append(f"added the recipient {shown(address)}")

    def _delete_recipient(self, path: bytes) -> None:
        """In any case of its letters, as milters lower them."""
        address = _address(path).lower()
        kept = tuple(r for r in self._mail.envelope.recipients if r.address.lower() != address)
        if len(kept) < len(self._mail.envelope.recipients):
            self._set_recipients(kept)
            self.made.append(f"took the recipient {shown(address)} off")

    def _set_recipients(self, recipients: tuple[Recipient, ...]) -> None:
        self._mail = replace(self._mail, envelope=replace(self._mail.envelope, recipients=recipients))

    def _change_sender(self, path: bytes, *words: bytes) -> None:
        address, said = _address(path), _parameters(words)
        envelope = replace(self._mail.envelope, reverse_path=address)
        if b"ENVID" in said:
            envelope = replace(envelope, envid=said[b"ENVID"])
        if b"RET" in said:
            envelope = replace(envelope, ret="HDRS" if said[b"RET"].upper() == b"HDRS" else "FULL")
        self._mail = replace(self._mail, envelope=envelope)
        self.made.append(f"made the sender <{shown(address)}>")


def _parameters(words: Iterable[bytes]) -> dict[bytes, bytes]:
    """``NAME=value`` by the name in upper case."""
    pairs = (word.partition(b"=") for text in words for word in text.split())
    return {name.upper(): value for name, _, value in pairs}


def _notify(word: bytes) -> Notify:
    try:
        return Notify(word.decode("ascii", "replace").upper())
    except ValueError as exc:
        raise MilterFault(f"wants NOTIFY={shown(word)}, which is no word of it") from exc


def _address(path: bytes) -> bytes:
    return path.strip().removeprefix(b"<").removesuffix(b">")
