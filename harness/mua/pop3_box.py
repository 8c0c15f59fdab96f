"""A maildrop on a POP3 server."""

from collections.abc import Collection, Sequence

from harness.clients.pop3 import Pop3Client, Pop3Refused
from harness.errors import RunFailed
from harness.mua.box import Box, Entry, checked_size, entry_of
from harness.mua.login import choose_mechanism
from harness.mua.screen import wire_text
from harness.mua.terms import Declined, Terms, connect
from harness.target import Endpoint
from harness.wire.pop3.responses import Status

__all__ = ["Pop3Box", "open_pop3"]


def open_pop3(endpoint: Endpoint, terms: Terms) -> Pop3Client:
    """A session that is greeted, in TLS and logged in as the terms say.

    Raises:
        Declined: The server, or the terms, said no.
        TransportError, ProtocolError: As `Pop3Client`.
    """
    client = Pop3Client(connect(endpoint, terms), timeout_s=terms.timeout_s)
    try:
        _accepted(endpoint, "the greeting", client.read_greeting())
        offered = _capabilities(client)
        if terms.wants_starttls(client.transport, endpoint, offered="STLS" in offered):
            _accepted(endpoint, "STLS", client.stls(terms.context, terms.name_of(endpoint)))
            offered = _capabilities(client)
        _log_in(client, endpoint, terms, offered.get("SASL", []))
    except BaseException:
        client.close()
        raise
    return client


def _capabilities(client: Pop3Client) -> dict[str, list[str]]:
    """RFC 2449 §5: a server may know no CAPA."""
    try:
        return client.capa()
    except Pop3Refused:
        return {}


def _accepted(endpoint: Endpoint, what: str, status: Status) -> None:
    if not status.ok:
        raise Declined(str(endpoint), what, f"{what} was answered {wire_text(status.raw)}")


def _log_in(client: Pop3Client, endpoint: Endpoint, terms: Terms, mechanisms: list[str]) -> None:
    mechanism = choose_mechanism(terms, client.transport, endpoint, mechanisms)
    account = terms.account if mechanism else terms.login(client.transport, endpoint)
    if account is None:
        raise Declined(str(endpoint), "login", "nobody logs in, so there is nothing to read; give --user")
    status = client.authenticate(mechanism) if mechanism else client.login(account.user, account.password)
    _accepted(endpoint, f"login of {account.user}", status)


class Pop3Box(Box):
    """The maildrop as it was at the login; POP3 knows of no marks."""

    def __init__(self, client: Pop3Client, name: str) -> None:
        self._client = client
        self.name = name
        self._sizes = dict(client.list_())

    @property
    def count(self) -> int:
        return max(self._sizes, default=0)

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        return [
            entry_of(number, self._header(number), self._sizes[number], ())
            for number in numbers
            if number in self._sizes
        ]

    def _header(self, number: int) -> bytes:
        try:
            return self._client.top(number, 0)
        except Pop3Refused:
            return self.content(number)  # TOP is optional (RFC 1939 §7)

    def content(self, number: int) -> bytes:
        if number not in self._sizes:
            raise RunFailed(f"{self.name}: message {number} is gone")
        checked_size(self.name, number, self._sizes[number])
        return self._client.retr(number)

    def unread(self) -> list[int]:
        return sorted(self._sizes)

    def finish(self, *, deleted: Collection[int], read: Collection[int]) -> str:  # noqa: ARG002 (no marks here)
        """Deleted at QUIT, and only where the server confirms it (RFC 1939 §6)."""
        refused = [number for number in sorted(deleted) if not self._client.dele(number).ok]
        status = self._client.quit()
        if not status.ok or refused:
            raise RunFailed(
                f"{self.name}: not everything was deleted: QUIT was answered {wire_text(status.raw)}"
            )
        return f"{len(deleted)} deleted" if deleted else ""

    def close(self) -> None:
        self._client.close()
