"""The dialogue of a load run's SMTP, submission or LMTP session, but for its messages."""

from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.errors import LocalProtocolError, ProtocolError, TransportError
from harness.target import Account
from harness.wire import sasl
from loadtests.users.base import MailSession
from loadtests.users.connection import Connection
from loadtests.users.errors import OperationFailed, reply_class
from loadtests.users.smtp_replies import GOING_AWAY, Replies, extensions, text

if TYPE_CHECKING:
    from loadtests.users.smtp import SmtpUser

__all__ = ["DONE", "GO_ON", "Operations", "SmtpDialogue", "operations"]

# The first octet of a reply: done, and go on (RFC 5321 §4.2.1).
DONE, GO_ON = b"23"

_EHLO_NAME: Final = b"[127.0.0.1]"


class Operations(NamedTuple):
    """The names that operations are counted under."""

    connect: str
    ehlo: str
    starttls: str
    auth: str
    mail: str
    rcpt: str
    unknown: str
    unknown_taken: str
    data: str
    message: str
    rset: str
    quit: str

    def envelope(self, recipients: int) -> tuple[str, ...]:
        """What the commands of an envelope are counted under when all goes well."""
        return _envelope(self, recipients)


@lru_cache
def _envelope(names: Operations, recipients: int) -> tuple[str, ...]:
    return (names.mail, *[names.rcpt] * recipients, names.data)


@lru_cache
def operations(prefix: str) -> Operations:
    words = (
        "connect", "ehlo", "starttls", "auth", "mail", "rcpt", "rcpt-unknown", "rcpt-unknown-taken", "data",
        "message", "rset", "quit",
    )  # fmt: skip
    return Operations(*(f"{prefix}.{word}" for word in words))


class SmtpDialogue(MailSession):
    """A session, from its greeting to QUIT.

    Every command is counted, refusals by their reply. What is refused raises `OperationFailed` and leaves the session
    open, but for a 421; trouble with the connection closes it.

    Attributes:
        extensions: What the last EHLO or LHLO offered: keyword in upper case -> its parameters.
        pipelining: MAIL, RCPT and DATA go out in one write, and behind the content of the message before them.
    """

    user: "SmtpUser"

    def __init__(self, user: "SmtpUser", connection: Connection) -> None:
        super().__init__(user, connection)
        self.names: Final = operations(user.prefix)
        self.extensions: dict[str, str] = {}
        self.pipelining = False
        self.lmtp: Final = user.lmtp
        self.replies: Final = Replies(connection.receive)

    # Before the first message

    def read_greeting(self, since_s: float) -> None:
        """The greeting: ``connect`` is counted from `since_s`."""
        self._read(self.names.connect, since_s)

    def hello(self) -> None:
        """EHLO or LHLO."""
        verb = b"LHLO" if self.lmtp else b"EHLO"
        reply = self.command(self.names.ehlo, b"%b %b\r\n" % (verb, _EHLO_NAME))
        self.extensions = extensions(reply)
        self.pipelining = self.user.traffic.pipelining and "PIPELINING" in self.extensions

    def start_tls(self) -> None:
        """STARTTLS, the handshake, and EHLO again (RFC 3207 §4.2).

        Raises:
            OperationFailed: Of class ``tls`` also where it is not offered.
        """
        name, since_s = self.names.starttls, monotonic()
        if "STARTTLS" not in self.extensions:
            raise self.failed(name, since_s, "tls", "STARTTLS is not offered")
        reply = self._exchange(name, since_s, b"STARTTLS\r\n")
        if reply[0] != DONE:
            raise self._refused(name, since_s, reply)
        self.replies.forget()
        try:
            self.user.start_tls(self.connection)
        except TransportError as exc:
            raise self._broken(name, since_s, exc) from exc
        self.recorder.ok(name, since_s)
        self.hello()

    def log_in(self, account: Account) -> None:
        """AUTH: PLAIN, or LOGIN where only that is offered (RFC 4954 §4)."""
        mechanism = self._mechanism(account)
        self.connection.hide(*_secrets(account))
        name, since_s = self.names.auth, monotonic()
        line, shown = b"AUTH " + mechanism.name.encode(), b"AUTH " + mechanism.name.encode()
        if (initial := mechanism.initial()) is not None:
            line, shown = line + b" " + sasl.encode_initial(initial), shown + b" ***"
        reply = self._exchange(name, since_s, line + b"\r\n", shown + b"\r\n")
        while reply[0] == GO_ON:
            try:
                response = sasl.encode(mechanism.respond(sasl.decode(reply[4:])))
            except (sasl.SaslError, LocalProtocolError):
                response = sasl.CANCEL
            reply = self._exchange(name, since_s, response + b"\r\n", b"***\r\n")
        self._done(name, since_s, reply)

    def _mechanism(self, account: Account) -> sasl.ClientMechanism:
        offered = self.extensions.get("AUTH", "").upper().split()
        if "LOGIN" in offered and "PLAIN" not in offered:
            return sasl.LoginClient(account.user, account.password)
        return sasl.PlainClient(account.user, account.password)

    def quit(self) -> None:
        """QUIT, and close."""
        if not self.connection.closed:
            self.command(self.names.quit, b"QUIT\r\n")
            self.close()

    def read_farewell(self, since_s: float) -> None:
        """The reply to a QUIT that was sent with what went before it; and close."""
        self._read(self.names.quit, since_s)
        self.close()

    # One command

    def command(self, name: str, line: bytes) -> bytes:
        """Send a line and return its reply, which says that it was done."""
        since_s = monotonic()
        try:
            self.connection.send(line)
            reply = self.replies.next()
        except (TransportError, ProtocolError) as exc:
            raise self._broken(name, since_s, exc) from exc
        if reply[0] != DONE:
            raise self._refused(name, since_s, reply)
        self.recorder.ok(name, since_s)
        return reply

    def _read(self, name: str, since_s: float) -> bytes:
        """A reply that is due, which says that it was done."""
        try:
            reply = self.replies.next()
        except (TransportError, ProtocolError) as exc:
            raise self._broken(name, since_s, exc) from exc
        return self._done(name, since_s, reply)

    def _exchange(self, name: str, since_s: float, line: bytes, shown: bytes | None = None) -> bytes:
        try:
            self.connection.send(line, shown=shown)
            return self.replies.next()
        except (TransportError, ProtocolError) as exc:
            raise self._broken(name, since_s, exc) from exc

    def _done(self, name: str, since_s: float, reply: bytes) -> bytes:
        if reply[0] != DONE:
            raise self._refused(name, since_s, reply)
        self.recorder.ok(name, since_s)
        return reply

    def _refused(self, name: str, since_s: float, reply: bytes) -> OperationFailed:
        """Count a refusal; to be raised."""
        failure = self.failed(name, since_s, reply_class(reply), text(reply))
        if reply.startswith(GOING_AWAY):
            self.close()
        return failure

    def _broken(self, name: str, since_s: float, trouble: TransportError | ProtocolError) -> OperationFailed:
        """Count trouble with the connection, which is closed; to be raised."""
        failure = self.failed(name, since_s, trouble)
        self.close()
        return failure


@lru_cache(maxsize=1024)
def _secrets(account: Account) -> tuple[bytes, ...]:
    """What must never be shown: the password, and all that is sent in its place."""
    password = account.password.encode()
    plain = sasl.PlainClient(account.user, account.password).initial()
    return (password, sasl.encode(password), sasl.encode(plain)) if password else ()
