"""One SMTP or LMTP session from the client's side: greeting, EHLO, STARTTLS, groups of commands, QUIT."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from harness.errors import RemoteProtocolError, TransportError
from harness.wire.lines import CRLF
from harness.wire.smtp.replies import Reply, read_extensions
from reference_server.relay.model import Fate, Outcome
from reference_server.relay.talk import (
    Closing,
    Commands,
    Listen,
    Refused,
    StartTls,
    Talk,
    Unexpected,
    outcome_of,
)
from reference_server.world.model import RelayTls

__all__ = ["CLOSING", "Command", "Session"]

# RFC 2920 §3.1: a group must fit into the TCP window, usually 4 K, so that neither side waits for the other to
# read. One line more than this still fits.
_GROUP_OCTETS: Final = 3072

# RFC 5321 §3.8: the one code that ends the session, whatever it answers.
CLOSING: Final = 421

# A command line without CRLF, and who hears its reply.
Command: TypeAlias = tuple[bytes, Callable[[Reply], None]]


class Session:
    """One session with one peer.

    Args:
        hello: Our name (RFC 5321 §4.1.1.1).
        remote: The peer's name, for outcomes.
        lmtp: LHLO, and a reply for each recipient after the content (RFC 2033 §4.2).
        tls: What is asked of STARTTLS; None: it is not used.

    Attributes:
        extensions: What EHLO or LHLO offered: keyword in upper case -> its parameters.
        alive: The peer listens, and both sides know where the session stands.
    """

    def __init__(
        self,
        *,
        hello: str,
        remote: str,
        lmtp: bool = False,
        tls: RelayTls | None = RelayTls.OPPORTUNISTIC,
    ) -> None:
        self.hello = hello
        self.remote = remote
        self.lmtp = lmtp
        self.tls = tls
        self.extensions: Mapping[str, str] = {}
        self.alive = False
        self._reset_due = False

    @property
    def pipelining(self) -> bool:
        return "PIPELINING" in self.extensions

    def open(self) -> Talk[None]:
        """From the greeting to the point where MAIL may come.

        Raises:
            Refused: The peer said no; QUIT is due where the session is still alive.
            TransportError, RemoteProtocolError: As they were thrown in, or a reply that cannot be.
        """
        self.alive = True
        try:
            yield from self.greeted()
            yield from self.introduce()
            if self.tls is not None:
                yield from self.protect(self.tls)
        except Closing as exc:
            self.alive = False
            raise Refused(self.outcome(exc.reply)) from exc
        except (TransportError, RemoteProtocolError):
            self.alive = False
            raise

    def greeted(self) -> Talk[None]:
        """RFC 5321 §3.1, §4.3.1: nothing is sent before the greeting."""
        (greeting,) = yield Listen("the connection")
        if greeting.code == CLOSING:
            raise Closing(greeting)
        self.require(greeting, "the connection")

    def require(self, reply: Reply, subject: str) -> None:
        """Raises `Refused` unless it is 2yz (RFC 5321 §4.2.1; RFC 7504 §3)."""
        if reply.klass in {4, 5}:
            raise Refused(self.outcome(reply))
        if reply.klass != 2:
            raise Unexpected(subject, reply)

    def introduce(self) -> Talk[None]:
        """EHLO, and HELO for a peer that does not know it (RFC 5321 §3.2); LHLO in LMTP (RFC 2033 §4.1)."""
        verb = "LHLO" if self.lmtp else "EHLO"
        reply = yield from self.ask(verb, self.hello)
        if reply.klass == 5 and not self.lmtp:
            verb = "HELO"
            reply = yield from self.ask(verb, self.hello)
        self.require(reply, verb)
        self.extensions = {} if verb == "HELO" else read_extensions(reply)

    def protect(self, asked: RelayTls) -> Talk[None]:
        """TLS where the peer offers it; where it must be had and is not, no mail goes in this session."""
        if "STARTTLS" in self.extensions:
            yield from self.start_tls(asked)
        else:
            self.go_on_in_the_clear(asked, "not offered")

    def start_tls(self, asked: RelayTls) -> Talk[None]:
        """STARTTLS and EHLO again; the peer may be unable just now (RFC 3207 §4, §4.2)."""
        reply = yield from self.ask("STARTTLS")
        if reply.klass == 2:
            yield StartTls(asked)
            self.extensions = {}
            yield from self.introduce()
        else:
            self.go_on_in_the_clear(
                asked, f"refused: {outcome_of(reply, self.remote, self.taken()).diagnostic}"
            )

    def go_on_in_the_clear(self, asked: RelayTls, why: str) -> None:
        """Raises `Refused` where that is not allowed; RFC 3463 §3.8: 4.7.4, the peer cannot do what security asks."""
        if asked is not RelayTls.OPPORTUNISTIC:
            raise Refused(Outcome(Fate.DEFERRED, "4.7.4", f"TLS is required and was {why}", self.remote))

    def quit(self) -> Talk[None]:
        """RFC 5321 §4.1.1.10; whatever the peer makes of it."""
        try:
            if self.alive:
                yield from self.ask("QUIT")
        except (TransportError, RemoteProtocolError, Closing):
            pass  # gone is what we wanted
        finally:
            self.alive = False

    def ask(self, *words: str) -> Talk[Reply]:
        """One command and its reply."""
        replies: list[Reply] = []
        yield from self.converse([(" ".join(words).encode(), replies.append)])
        return replies[0]

    def converse(self, commands: Iterable[Command]) -> Talk[None]:
        """Send commands, in groups where the peer takes them, and hand each reply to who waits for it.

        Replies are matched by counting alone, and all of them are read (RFC 2920 §3.1). What comes next is asked of
        `commands` only when it can be sent, so that it may depend on the replies so far.

        Raises:
            Closing: A reply is 421. Who waits for it does not hear it.
        """
        for group in self.groups(commands):
            yield Commands(
                b"".join(line + CRLF for line, _ in group), " ".join(_verb(line) for line, _ in group)
            )
            for line, hear in group:
                (reply,) = yield Listen(_verb(line))
                if reply.code == CLOSING:
                    raise Closing(reply)
                hear(reply)

    def groups(self, commands: Iterable[Command]) -> Iterator[Sequence[Command]]:
        """Where PIPELINING is offered, as many commands at once as are safe to send (RFC 2920 §3.1)."""
        group: list[Command] = []
        octets = 0
        for command in commands:
            group.append(command)
            octets += len(command[0]) + len(CRLF)
            if not self.pipelining or octets > _GROUP_OCTETS:
                yield group
                group, octets = [], 0
        if group:
            yield group

    def reset_if_due(self) -> Iterator[Command]:
        """What comes before MAIL: RSET where the transaction before did not end (RFC 5321 §4.1.1.5)."""
        if self._reset_due:
            yield b"RSET", self._heard_reset

    def leave_unfinished(self) -> None:
        """The transaction did not end with its content, so RSET is due."""
        self._reset_due = True

    def _heard_reset(self, reply: Reply) -> None:
        if reply.klass != 2:
            raise Unexpected("RSET", reply)
        self._reset_due = False

    # Outcomes

    def taken(self) -> Fate:
        """What a 250 means: without the DSN extension the duty to report success stays here (RFC 3461 §5.2.2)."""
        return Fate.DELIVERED if "DSN" in self.extensions else Fate.RELAYED

    def outcome(self, reply: Reply) -> Outcome:
        """What a reply means for whom it is about, by its first digit alone (RFC 5321 §4.2.1)."""
        return outcome_of(reply, self.remote, self.taken())

    def lost(self, exc: TransportError | RemoteProtocolError) -> Outcome:
        """RFC 5321 §3.8: a session that broke is as a 451."""
        status = "4.5.0" if isinstance(exc, RemoteProtocolError) else "4.4.2"
        return Outcome(Fate.DEFERRED, status, str(exc), self.remote)


def _verb(line: bytes) -> str:
    return line.partition(b" ")[0].decode()
