"""Before a load run: is everybody there whom the scenario talks to, is it them, and do they let us in?

One connection to each endpoint and one login where the protocol has one. What is wrong is told in one line now, and
not as ten thousand errors of a run.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client, Pop3Refused
from harness.clients.smtp import SmtpClient
from harness.errors import CheckOutcome, RemoteProtocolError, TlsFailed, UnreachableTarget, UsageError
from harness.target import Account, Endpoint, Protocol, Target
from loadtests.plan import Settings
from reports.text import one_line

__all__ = ["chosen_endpoints", "endpoints_of", "greetings_of"]

TlsWish = Literal["auto", "off", "required"]

# RFC 5530 §3, RFC 3206 §4, RFC 2449 §8.1: the password is not what these refusals are about.
_NOT_THE_PASSWORD: Final = re.compile(
    rb"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|SYS/TEMP|SYS/PERM|IN-USE|LOGIN-DELAY)\b"
)


def chosen_endpoints(target: Target, needs: Sequence[Sequence[Protocol]]) -> list[Endpoint]:
    """The endpoints that a scenario will talk to: of each group the first that the target has.

    A scenario that needs nothing by name may talk to all of them.

    Raises:
        UsageError: The target has none of a group.
    """
    chosen = []
    for group in needs or [[protocol] for protocol in target.endpoints]:
        found = next((target.endpoints[protocol] for protocol in group if protocol in target.endpoints), None)
        if found is None:
            raise UsageError(
                f"{target.name} has no {' or '.join(group)}, which the scenario talks to; add it to [endpoints]"
            )
        chosen.append(found)
    return chosen


def endpoints_of(target: Target, settings: Settings) -> list[Endpoint]:
    """The endpoints that a run will talk to: the scenario's, and the one that mailboxes are read at.

    Raises:
        UsageError: The target has none of those that the scenario needs.
    """
    chosen = chosen_endpoints(target, settings.needs)
    if settings.audit.enabled or settings.reading.mode != "none":
        readers = settings.reading.protocols
        chosen += [target.endpoints[protocol] for protocol in readers if protocol in target.endpoints][:1]
    return list(dict.fromkeys(chosen))


def greetings_of(target: Target, endpoints: Sequence[Endpoint], *, tls: TlsWish = "auto") -> dict[str, str]:
    """Greet each endpoint, and log in with the first account where there is a login.

    Returns:
        protocol -> the text of its greeting, as it came.

    Raises:
        UsageError: The login is refused, or there is no account for it.
        UnreachableTarget: An endpoint turns us away, or speaks something else.
        TransportError: It is not there, or its certificate is not the one that was asked for.
    """
    live = LiveTarget(target)
    greetings = {}
    with closing(live):
        for endpoint in endpoints:
            caller = _Caller(live, endpoint, tls, target.accounts[0] if target.accounts else None)
            try:
                greetings[str(endpoint.protocol)] = _CALLS[endpoint.protocol](caller)
            except CheckOutcome as exc:
                raise UnreachableTarget(f"{endpoint}: {one_line(exc.reason)}") from exc
            except TlsFailed as exc:
                hint = "server_name, ca and verify_tls in the target file say what is right"
                raise TlsFailed(exc.where, f"{exc.problem.rstrip('.')}; {hint}") from exc
            except RemoteProtocolError as exc:
                raise UnreachableTarget(f"{endpoint}: does not speak this protocol: {exc}") from exc
            finally:
                live.end()
    return greetings


@dataclass(frozen=True, slots=True)
class _Caller:
    """One call at one endpoint."""

    live: LiveTarget
    endpoint: Endpoint
    tls: TlsWish
    account: Account | None

    @property
    def server_name(self) -> str:
        return self.live.server_name(self.endpoint)

    def smtp(self) -> str:
        """SMTP and LMTP, which nobody logs in to."""
        return self._greeted(starts_tls=self.tls == "required").greeting.text

    def submission(self) -> str:
        client = self._greeted(starts_tls=self.tls != "off")
        offered = client.extensions.get("AUTH", "").upper().split()
        for mechanism, log_in in (("PLAIN", client.auth_plain), ("LOGIN", client.auth_login)):
            if mechanism in offered:
                account = self._who()
                reply = log_in(account.user, account.password)
                if reply.klass != 2:
                    self._refused(account, reply.raw, for_now=reply.klass == 4)
                break
        return client.greeting.text

    def _greeted(self, *, starts_tls: bool) -> SmtpClient:
        client = self.live.smtp(self.endpoint.protocol)
        offered = "STARTTLS" in client.extensions
        if starts_tls and not client.transport.tls and (offered or self.tls == "required"):
            if not offered or client.starttls(self.live.tls_context, self.server_name).klass != 2:
                raise UnreachableTarget(f"{self.endpoint}: has no STARTTLS, and TLS is required")
            self.live.hello(client)
        return client

    def pop3(self) -> str:
        client = self._pop3()
        account = self._who()
        status = client.login(account.user, account.password)
        if not status.ok:
            self._refused(account, status.raw)
        client.quit()  # a maildrop is ours alone until then (RFC 1939 §4)
        return client.greeting.text.decode("latin-1")

    def _pop3(self) -> Pop3Client:
        client = self.live.pop3(login=False, tls=self.endpoint.implicit_tls)
        if not client.transport.tls and self._wants_tls(lambda: _offers_stls(client)):
            status = client.stls(self.live.tls_context, self.server_name)
            if not status.ok:
                raise UnreachableTarget(f"{self.endpoint}: has no STLS, and TLS is required")
        return client

    def imap(self) -> str:
        client = self.live.imap(login=False, tls=self.endpoint.implicit_tls)
        if not client.transport.tls and self._wants_tls(lambda: "STARTTLS" in client.capabilities):
            self._start_tls(client)
        self.live.protect(client)
        account = self._who()
        result = client.login(account.user, account.password)
        if not result.ok:
            self._refused(account, result.tagged.raw)
        return "" if client.greeting is None else client.greeting.text.decode("latin-1")

    def _start_tls(self, client: ImapClient) -> None:
        if not client.starttls(self.live.tls_context, self.server_name).ok:
            raise UnreachableTarget(f"{self.endpoint}: has no STARTTLS, and TLS is required")

    def _wants_tls(self, offered: Callable[[], bool]) -> bool:
        """As the users of the run have it where people log in."""
        return self.tls == "required" or (self.tls == "auto" and offered())

    def _who(self) -> Account:
        if self.account is None:
            raise UsageError(
                f"{self.endpoint}: the scenario logs in, and there is no account; "
                "add [[accounts]] to the target file or give --accounts"
            )
        return self.account

    def _refused(self, account: Account, answer: bytes, *, for_now: bool = False) -> None:
        said = one_line(answer.decode("latin-1"))
        if for_now or _NOT_THE_PASSWORD.search(answer):
            raise UnreachableTarget(f"{self.endpoint}: does not let {account.user} in now: {said}")
        raise UsageError(
            f"{self.endpoint}: refuses the login of {account.user}: {said}; check user and password"
        )


def _offers_stls(client: Pop3Client) -> bool:
    try:
        return "STLS" in client.capa()
    except Pop3Refused:
        return False


_CALLS: Final[Mapping[Protocol, Callable[[_Caller], str]]] = {
    Protocol.SMTP: _Caller.smtp,
    Protocol.LMTP: _Caller.smtp,
    Protocol.SUBMISSION: _Caller.submission,
    Protocol.SUBMISSIONS: _Caller.submission,
    Protocol.POP3: _Caller.pop3,
    Protocol.POP3S: _Caller.pop3,
    Protocol.IMAP: _Caller.imap,
    Protocol.IMAPS: _Caller.imap,
}
