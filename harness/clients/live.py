"""A target one can talk to: opens sessions, keeps what they said, and cleans up after the run."""

import itertools
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from ssl import SSLContext
from typing import Final, TypeVar

from harness.clients.imap import ImapClient
from harness.clients.pop3 import Pop3Client
from harness.clients.probe import Abilities, read_abilities
from harness.clients.reuse import ImapPool
from harness.clients.sasl import identity_of
from harness.clients.smtp import SmtpClient
from harness.clients.tls import client_context
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import NotOffered, TransportError, Unclear
from harness.target import Account, Endpoint, Limits, Policy, Protocol, Target
from harness.wire import sasl

__all__ = ["CLIENT_NAME", "LiveTarget"]

Client = TypeVar("Client", SmtpClient, Pop3Client, ImapClient)
T = TypeVar("T")

# RFC 5321 §4.1.1.1 allows the client's address literal where it has no name of its own.
CLIENT_NAME: Final = b"[127.0.0.1]"


class LiveTarget:
    """Opens clients on a target's endpoints and remembers their transcripts, one example at a time.

    Every client is closed by `begin` (or `end`) at the latest, so a check that fails half-way leaves no connection.

    Attributes:
        declared: What the target file says.
        token: Marks every folder and message of this run; nothing without it is touched.
    """

    def __init__(self, declared: Target, *, token: str | None = None) -> None:
        self.declared = declared
        self.token = token or f"mp{secrets.token_hex(5)}"
        self.transcripts: list[Transcript] = []
        self._open: list[SmtpClient | Pop3Client | ImapClient] = []
        self._numbers = itertools.count(1)
        self._pool = ImapPool()
        self._logged_in: dict[ImapClient, tuple[str, str]] = {}
        self._kept = ExitStack()

    @property
    def domain(self) -> str:
        return self.declared.domain

    @property
    def limits(self) -> Limits:
        return self.declared.limits

    @property
    def policy(self) -> Policy:
        return self.declared.policy

    @property
    def quiet_s(self) -> float:
        """How long silence lasts before a check says that no reply comes."""
        return self.declared.limits.quiet_s

    def account(self, index: int = 0) -> Account:
        """The account at `index` of the target file; `NotOffered` where it has fewer."""
        accounts = self.declared.accounts
        if index >= len(accounts):
            raise NotOffered(f"needs {index + 1} account(s), the target file has {len(accounts)}")
        return accounts[index]

    def unique(self, word: str = "m") -> str:
        """A name nobody else uses: ``m-TOKEN-17``. Letters, digits and hyphens."""
        return f"{word}-{self.token}-{next(self._numbers)}"

    @cached_property
    def tls_context(self) -> SSLContext:
        return client_context(self.declared)

    @cached_property
    def abilities(self) -> Abilities:
        """What the target offers in each state; asked once, on first use, outside any transcript."""
        return read_abilities(LiveTarget(self.declared, token=self.token))

    def begin(self) -> None:
        """Start an example: close what the last one left open and forget what was said."""
        self.end()
        self.transcripts = []

    def end(self) -> None:
        """Close every client still open, but for IMAP sessions that can go on; the transcripts stay."""
        while self._open:
            client = self._open.pop()
            if not (isinstance(client, ImapClient) and self._keep(client)):
                client.transport.close()

    def _keep(self, client: ImapClient) -> bool:
        place = self._logged_in.get(client)
        if place is not None and self._pool.keep(*place, client):
            return True
        self._logged_in.pop(client, None)
        return False

    def close(self) -> None:
        """End everything, the sessions kept for later too."""
        self.end()
        self._pool.close()
        self._kept.close()

    def keep(self, context: AbstractContextManager[T]) -> T:
        """Enter a context that `close` leaves."""
        return self._kept.enter_context(context)

    def endpoint(self, *protocols: Protocol) -> Endpoint:
        """The first of these that the target has; `NotOffered` where it has none."""
        for protocol in protocols:
            if protocol in self.declared.endpoints:
                return self.declared.endpoints[protocol]
        raise NotOffered(f"the target file has no endpoint for {' or '.join(protocols)}")

    def connect(self, *protocols: Protocol, handshake: bool = True) -> Transport:
        """A bare connection to the first of these endpoints, greeting unread; TLS where it is implicit.

        The caller closes it, and starts TLS where `handshake` is False. Raises `ConnectFailed`, `TlsFailed`,
        `NotOffered`.
        """
        endpoint = self.endpoint(*protocols)
        transcript = Transcript(f"{endpoint} #{len(self.transcripts) + 1}")
        self.transcripts.append(transcript)
        return Transport.connect(
            endpoint,
            timeout_s=self.limits.timeout_s,
            transcript=transcript,
            tls_context=self.tls_context if handshake and endpoint.implicit_tls else None,
            server_hostname=self.server_name(endpoint),
        )

    def server_name(self, endpoint: Endpoint) -> str:
        """The name that the certificate at this endpoint must carry."""
        return self.declared.server_name or endpoint.host

    def _client(self, make: Callable[[Transport], Client], *protocols: Protocol) -> Client:
        client = make(self.connect(*protocols))
        self._open.append(client)
        return client

    # SMTP, submission, LMTP

    def smtp(self, protocol: Protocol = Protocol.SMTP, *, hello: bool = True) -> SmtpClient:
        """An SMTP client with the greeting read and, with `hello`, EHLO (LMTP: LHLO) accepted.

        Raises:
            Unclear: The greeting or the EHLO was refused, by a reply of 4yz or 5yz.
        """
        client = self.greeted(protocol)
        if client.greeting.klass != 2:
            raise Unclear(f"{self.endpoint(protocol)} greets with {client.greeting}")
        if hello:
            self.hello(client)
        return client

    def greeted(self, protocol: Protocol) -> SmtpClient:
        """An SMTP or LMTP client with the greeting read, whatever it says."""
        lmtp = protocol is Protocol.LMTP
        client = self._client(lambda t: SmtpClient(t, timeout_s=self.limits.timeout_s, lmtp=lmtp), protocol)
        client.read_greeting()
        return client

    def hello(self, client: SmtpClient) -> None:
        """EHLO or LHLO that must be accepted; `Unclear` where it is not."""
        reply = client.lhlo(CLIENT_NAME) if client.lmtp else client.ehlo(CLIENT_NAME)
        if reply.klass != 2:
            raise Unclear(f"EHLO was answered {reply.code} {reply.text}")

    def lmtp(self, *, hello: bool = True) -> SmtpClient:
        """An LMTP client, as `smtp`."""
        return self.smtp(Protocol.LMTP, hello=hello)

    def submission(self, *, tls: bool = True, login: bool = True, account: int = 0) -> SmtpClient:
        """A submission client: over submissions or STARTTLS where `tls`, logged in where `login`.

        Raises:
            NotOffered: No submission endpoint, no TLS or no AUTH there that we can use.
            Unclear: The login was refused.
        """
        has_starttls = Protocol.SUBMISSION in self.declared.endpoints
        client = self.smtp(Protocol.SUBMISSION if has_starttls else Protocol.SUBMISSIONS)
        if tls and not client.transport.tls:
            self.start_tls(client)
        if login:
            self.log_in(client, self.account(account))
        return client

    def start_tls(self, client: SmtpClient) -> None:
        """STARTTLS and a fresh EHLO; `NotOffered` where STARTTLS is not offered, `Unclear` where refused."""
        if "STARTTLS" not in client.extensions:
            raise NotOffered("STARTTLS is not offered")
        reply = client.starttls(self.tls_context, self.declared.server_name or "localhost")
        if reply.klass != 2:
            raise Unclear(f"STARTTLS was answered {reply.code} {reply.text}")
        self.hello(client)

    def log_in(self, client: SmtpClient, account: Account) -> None:
        """AUTH that must succeed: by PLAIN, or by the strongest mechanism where that is not offered.

        Raises:
            NotOffered: Nothing is offered that the account can log in by.
            Unclear: The login was refused.
        """
        offered = client.extensions.get("AUTH", "").upper().split()
        facts = client.transport.tls_facts
        identity = identity_of(account, certificate=self.declared.shows_certificate)
        plain = "PLAIN" in offered and account.password
        name = "PLAIN" if plain else sasl.choose(offered, identity, facts)
        if name is None:
            raise NotOffered(
                f"AUTH offers {' '.join(offered) or 'nothing'}, and the account has nothing for it"
            )
        reply = client.authenticate(sasl.client_mechanism(name, identity, offered=offered, facts=facts))
        if reply.klass != 2:
            raise Unclear(f"login of {account.user} was answered {reply.code} {reply.text}")

    # POP3

    def pop3(self, *, login: bool = True, account: int = 0, tls: bool = False) -> Pop3Client:
        """A POP3 client with the greeting read; logged in by USER and PASS where `login`.

        Raises:
            NotOffered: No endpoint, or fewer accounts than asked for.
            Unclear: The greeting or the login was refused.
        """
        order = (Protocol.POP3S, Protocol.POP3) if tls else (Protocol.POP3, Protocol.POP3S)
        client = self._client(lambda t: Pop3Client(t, timeout_s=self.limits.timeout_s), *order)
        greeting = client.read_greeting()
        if not greeting.ok:
            raise Unclear(f"the greeting is {greeting.raw!r}")
        if login:
            who = self.account(account)
            status = client.login(who.user, who.password)
            if not status.ok:
                raise Unclear(f"login of {who.user} was answered {status.raw!r}")
        return client

    # IMAP

    def imap(self, *, login: bool = True, account: int = 0, tls: bool = False) -> ImapClient:
        """An IMAP client with the greeting read; logged in by LOGIN where `login`.

        Raises:
            NotOffered: No endpoint, or fewer accounts than asked for.
            Unclear: The greeting or the login was refused.
        """
        order = (Protocol.IMAPS, Protocol.IMAP) if tls else (Protocol.IMAP, Protocol.IMAPS)
        if login and (kept := self._kept_imap(self.endpoint(*order), self.account(account))) is not None:
            return kept
        client = self._client(lambda t: ImapClient(t, timeout_s=self.limits.timeout_s), *order)
        greeting = client.read_greeting()
        if greeting.status == "BYE":
            raise Unclear(f"the greeting is {greeting.raw!r}")
        if login:
            self.protect(client)
            who = self.account(account)
            result = client.login(who.user, who.password)
            if not result.ok:
                raise Unclear(f"login of {who.user} was answered {result.status} {result.text!r}")
            self._logged_in[client] = (str(self.endpoint(*order)), who.user)
        return client

    def protect(self, client: ImapClient) -> None:
        """STARTTLS where a password may not be given in the clear (RFC 3501 §6.2.3); `Unclear` where it fails."""
        if client.transport.tls or "LOGINDISABLED" not in client.capabilities:
            return
        result = client.starttls(self.tls_context, self.server_name(self.endpoint(Protocol.IMAP)))
        if not result.ok:
            raise Unclear(f"LOGINDISABLED is listed, and STARTTLS was answered {result.tagged}")

    def _kept_imap(self, endpoint: Endpoint, who: Account) -> ImapClient | None:
        transcript = Transcript(f"{endpoint} #{len(self.transcripts) + 1}")
        client = self._pool.take(str(endpoint), who.user, transcript)
        if client is not None:
            self.transcripts.append(transcript)
            self._open.append(client)
        return client

    def products(self) -> dict[str, str]:
        """By protocol, what the target says it is: greeting text, IMAP ID, POP3 IMPLEMENTATION."""
        try:
            return dict(self.abilities.products)
        except (TransportError, Unclear):
            return {}
