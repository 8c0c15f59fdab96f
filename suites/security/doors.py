"""Where one can log in, and logging in there step by step: submission, POP3 and IMAP, in the clear and inside TLS."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.sasl import SECRET
from harness.errors import CheckOutcome, LocalProtocolError, NotOffered, TransportError, Unclear
from harness.target import Protocol
from harness.wire import sasl
from harness.wire.imap.responses import Condition, Continuation, Tagged
from harness.wire.imap.states import Answer as ImapAnswer
from harness.wire.lines import CRLF
from harness.wire.pop3.commands import MAX_COMMAND_LINE as MAX_POP3_LINE
from harness.wire.pop3.states import Answer as Pop3Answer
from harness.wire.sasl.scram import Binding
from harness.wire.smtp.commands import MAX_COMMAND_LINE as MAX_SMTP_LINE
from harness.wire.tls import TlsFacts

__all__ = ["PLACES", "Door", "Entrance", "Kind", "Place", "Said", "entrances", "open_door", "places", "tour"]

# Ours: how long a line an IMAP server must take is nowhere said.
_MAX_IMAP_LINE: Final = 4096

# RFC 3206 §4, RFC 2449 §8.1; RFC 5530 §3: what is no word on the credentials.
_LATER: Final = frozenset(
    {"SYS/TEMP", "SYS/PERM", "LOGIN-DELAY", "IN-USE", "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"}
)


class Kind(StrEnum):
    """What a server says in an exchange."""

    CHALLENGE = "a challenge"
    IN = "success"
    REFUSED = "a refusal"


@dataclass(frozen=True, slots=True)
class Said:
    """What a server said to AUTH or to a response.

    Attributes:
        challenge: As it stands on the wire, in base64; empty unless it is one.
        words: The whole reply without what names the command it is to.
    """

    kind: Kind
    words: bytes
    challenge: bytes = b""

    @property
    def octets(self) -> bytes:
        """The challenge itself; `Unclear` where it is no base64, which is another check's."""
        try:
            return sasl.decode(self.challenge)
        except sasl.SaslError:
            raise Unclear(f"a challenge is no base64: {self.challenge!r}") from None

    def __str__(self) -> str:
        return repr(self.words)


@dataclass(frozen=True, slots=True)
class Place:
    """A protocol, in the clear or inside TLS."""

    protocol: Protocol
    tls: bool

    def __str__(self) -> str:
        return f"{self.protocol} {'inside TLS' if self.tls else 'in the clear'}"


PLACES: Final = tuple(
    Place(protocol, tls)
    for tls in (True, False)
    for protocol in (Protocol.SUBMISSION, Protocol.POP3, Protocol.IMAP)
)


class Door(ABC):
    """A session before login.

    Attributes:
        offered: The mechanisms listed, in upper case.
        takes_initial: Whether an initial response may come with the command.
        takes_passwords: Whether the protocol's own login is there: USER in POP3, LOGIN in IMAP; True in SMTP, which
            has none.
    """

    place: Place
    offered: tuple[str, ...]
    takes_initial = True
    takes_passwords = True
    _longest: int

    @property
    @abstractmethod
    def facts(self) -> TlsFacts | None:
        """What is known of its TLS."""

    @abstractmethod
    def begin(self, name: str, initial: bytes | None = None) -> Said:
        """The command, and what is said to it.

        Args:
            initial: The initial response as it stands on the wire.

        Raises:
            Unclear: A reply that is temporary or that says nothing on this login.
        """

    @abstractmethod
    def answer(self, line: bytes) -> Said:
        """A response as it stands on the wire, or ``*``; raises as `begin`."""

    @abstractmethod
    def leave(self) -> None:
        """End the session politely, so that it holds nothing any more."""

    def first(self, name: str, message: bytes) -> Said:
        """Begin with the client's first message: in the command where it may be, else to the empty challenge.

        Raises:
            Unclear: As `begin`; or there is no empty challenge.
        """
        line = sasl.encode_initial(message)
        if self.takes_initial and len(name) + len(line) + len("AUTHENTICATE  ") + len(CRLF) < self._longest:
            return self.begin(name, line)
        said = self.begin(name)
        if said.kind is not Kind.CHALLENGE or said.challenge:
            raise Unclear(f"{name} at {self.place} without an initial response was answered {said}")
        return self.answer(sasl.encode(message))

    def respond(self, message: bytes) -> Said:
        """`answer` with this message."""
        return self.answer(sasl.encode(message))

    def go_on(self, mechanism: sasl.ClientMechanism, said: Said) -> Said:
        """Answer a challenge; `Unclear`, as `begin`, or where the mechanism has no answer to it."""
        try:
            message = mechanism.respond(said.octets)
        except (sasl.SaslError, LocalProtocolError) as exc:
            raise Unclear(f"{mechanism.name} at {self.place}: {exc}") from exc
        return self.respond(message)

    def run(self, mechanism: sasl.ClientMechanism) -> list[Said]:
        """A whole exchange, what was said at each step; what cannot be answered, or believed, is cancelled.

        Raises:
            Unclear: As `first`.
        """
        message = mechanism.initial()
        heard = [self.begin(mechanism.name) if message is None else self.first(mechanism.name, message)]
        while heard[-1].kind is Kind.CHALLENGE:
            try:
                line = sasl.encode(mechanism.respond(heard[-1].octets))
            except (sasl.SaslError, LocalProtocolError):
                line = sasl.CANCEL
            heard.append(self.answer(line))
            if line == sasl.CANCEL and heard[-1].kind is Kind.CHALLENGE:
                raise Unclear(f"* at {self.place} was answered {heard[-1]}")
        return heard


def _to_judge(place: Place, said: Said, *codes: str | None) -> Said:
    """What a refusal tells of the login, unless a code says that it tells nothing."""
    if said.kind is Kind.REFUSED and _LATER.intersection(code.upper() for code in codes if code):
        raise Unclear(f"{place} answered {said}: temporary, or of something else")
    return said


class _SmtpDoor(Door):
    _longest = MAX_SMTP_LINE

    def __init__(self, target: LiveTarget, place: Place) -> None:
        self.place = place
        self._smtp = target.submission(login=False) if place.tls else target.smtp(Protocol.SUBMISSION)
        self.offered = tuple(self._smtp.extensions.get("AUTH", "").upper().split())

    @property
    def facts(self) -> TlsFacts | None:
        return self._smtp.transport.tls_facts

    def begin(self, name: str, initial: bytes | None = None) -> Said:
        return self._said(b"AUTH " + name.encode(), initial)

    def answer(self, line: bytes) -> Said:
        return self._said(line, shown=line if line == sasl.CANCEL else SECRET)

    def _said(self, line: bytes, initial: bytes | None = None, *, shown: bytes | None = None) -> Said:
        if initial is not None:
            line, shown = line + b" " + initial, line + b" " + SECRET
        reply = self._smtp.command(line, shown=shown)
        match reply.klass:
            case 2:
                return Said(Kind.IN, reply.raw)
            case 3:
                return Said(Kind.CHALLENGE, reply.raw, reply.lines[-1])
            case 5:
                return Said(Kind.REFUSED, reply.raw)
        raise Unclear(f"{self.place} answered {reply}: temporary, not judged")

    def leave(self) -> None:
        self._smtp.command(b"QUIT")


class _Pop3Door(Door):
    _longest = MAX_POP3_LINE

    def __init__(self, target: LiveTarget, place: Place) -> None:
        self.place = place
        self._pop3 = target.pop3(login=False, tls=place.tls)
        if self._pop3.transport.tls and not place.tls:
            raise NotOffered("there is no POP3 in the clear")
        if place.tls and not self._pop3.transport.tls:
            endpoint = target.endpoint(Protocol.POP3)
            if not self._pop3.stls(target.tls_context, target.server_name(endpoint)).ok:
                raise NotOffered("POP3 has no TLS")
        listed = self._pop3.multiline(b"CAPA")
        words = [line.decode("latin-1").upper().split() for line in listed.lines] if listed.ok else []
        told = {first: tuple(rest) for first, *rest in filter(None, words)}
        self.offered = told.get("SASL", ())
        self.takes_passwords = "USER" in told or not told

    @property
    def facts(self) -> TlsFacts | None:
        return self._pop3.transport.tls_facts

    def begin(self, name: str, initial: bytes | None = None) -> Said:
        line = b"AUTH " + name.encode()
        return (
            self._said(line) if initial is None else self._said(line + b" " + initial, line + b" " + SECRET)
        )

    def answer(self, line: bytes) -> Said:
        return self._said(line, line if line == sasl.CANCEL else SECRET)

    def _said(self, line: bytes, shown: bytes | None = None) -> Said:
        status = self._pop3.command(line, shown=shown)
        match status.answer:
            case Pop3Answer.CHALLENGE:
                return Said(Kind.CHALLENGE, status.raw, status.text)
            case Pop3Answer.OK:
                return Said(Kind.IN, status.raw)
        return _to_judge(self.place, Said(Kind.REFUSED, status.raw), status.code)

    def leave(self) -> None:
        self._pop3.command(b"QUIT")


class _ImapDoor(Door):
    _longest = _MAX_IMAP_LINE

    def __init__(self, target: LiveTarget, place: Place) -> None:
        self.place = place
        self._imap = target.imap(login=False, tls=place.tls)
        self._tag = b""
        if self._imap.transport.tls and not place.tls:
            raise NotOffered("there is no IMAP in the clear")
        if place.tls and not self._imap.transport.tls:
            endpoint = target.endpoint(Protocol.IMAP)
            if not self._imap.starttls(target.tls_context, target.server_name(endpoint)).ok:
                raise NotOffered("IMAP has no TLS")
        listed = self._imap.capability()
        self.offered = tuple(sorted(name[5:] for name in listed if name.startswith("AUTH=")))
        self.takes_initial = "SASL-IR" in listed
        self.takes_passwords = "LOGINDISABLED" not in listed

    @property
    def facts(self) -> TlsFacts | None:
        return self._imap.transport.tls_facts

    def begin(self, name: str, initial: bytes | None = None) -> Said:
        words = [b"AUTHENTICATE", name.encode()]
        if initial is None:
            self._tag = self._imap.send(*words)
        else:
            self._tag = self._imap.send(*words, initial, shown=b" ".join([*words, SECRET]))
        return self._read()

    def answer(self, line: bytes) -> Said:
        self._imap.transport.send(line + CRLF, shown=(line if line == sasl.CANCEL else SECRET) + CRLF)
        return self._read()

    def _read(self) -> Said:
        while True:
            response = self._imap.read_response()
            match response:
                case Continuation():
                    return Said(Kind.CHALLENGE, response.raw, response.text)
                case Condition(status=ImapAnswer.BYE):
                    raise Unclear(f"{self.place} answered {response}")
                case Tagged(tag=tag) if tag == self._tag:
                    self._imap.put_back([response])
                    result = self._imap.wait_tagged(self._tag)
                    words = response.raw.removeprefix(self._tag).lstrip()
                    kind = Kind.IN if result.ok else Kind.REFUSED
                    code = result.code.name if result.code is not None else None
                    return _to_judge(self.place, Said(kind, words), code)

    def leave(self) -> None:
        self._imap.command(b"LOGOUT")


_DOORS: Final[dict[Protocol, type[_SmtpDoor] | type[_Pop3Door] | type[_ImapDoor]]] = {
    Protocol.SUBMISSION: _SmtpDoor,
    Protocol.POP3: _Pop3Door,
    Protocol.IMAP: _ImapDoor,
}


def open_door(target: LiveTarget, place: Place) -> Door:
    """A session there; `NotOffered` where there is none."""
    return _DOORS[place.protocol](target, place)


@dataclass(frozen=True, slots=True)
class Entrance:
    """A mechanism at a place that lists it."""

    place: Place
    name: str

    def __str__(self) -> str:
        return f"{self.name} at {self.place}"

    def open(self, target: LiveTarget) -> Door:
        """A session there."""
        return open_door(target, self.place)


@functools.cache
def places(target: LiveTarget) -> dict[Place, tuple[str, ...]]:
    """Each place that the target has, with all that is listed there."""
    found = {}
    for place in PLACES:
        try:
            found[place] = open_door(target, place).offered
        except (CheckOutcome, TransportError):
            continue
    return found


def entrances(target: LiveTarget, names: Iterable[str]) -> list[Entrance]:
    """Where these mechanisms are listed and can be tried with the first account.

    What shows a secret is not tried in the clear over a network.

    Raises:
        NotOffered: Nowhere.
    """
    account, wanted = target.account(), tuple(names)
    has = {"OAUTHBEARER": account.token, "XOAUTH2": account.token}
    found = [
        Entrance(place, name)
        for place, listed in places(target).items()
        for name in wanted
        if name in listed
        and has.get(name, account.password)
        and (place.tls or name not in sasl.SHOWS_SECRET or target.declared.on_this_host)
        and (name not in sasl.NEEDS_TLS or _can_bind(target, place))
    ]
    if not found:
        raise NotOffered(f"none of {', '.join(wanted)} is offered where it can be tried")
    return found


@functools.cache
def _can_bind(target: LiveTarget, place: Place) -> bool:
    return place.tls and Binding.best(open_door(target, place).facts) is not None


def tour(target: LiveTarget, names: Iterable[str]) -> list[Entrance]:
    """As `entrances`, no more of them than it takes for each mechanism and each place to come up."""
    every = entrances(target, names)
    chosen: list[Entrance] = []
    for place in dict.fromkeys(entrance.place for entrance in every):
        here = [entrance for entrance in every if entrance.place == place]
        met = {entrance.name for entrance in chosen}
        chosen.append(next((entrance for entrance in here if entrance.name not in met), here[0]))
    for entrance in every:
        if entrance.name not in {each.name for each in chosen}:
            chosen.append(entrance)
    return chosen
