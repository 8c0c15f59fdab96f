"""Connections to an LDAP server: bind, search, and nothing that waits without an end."""

import secrets
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, LifoQueue
from typing import Final, TypeVar
from urllib.parse import urlsplit

from harness.errors import UsageError
from reference_server.accounts.deadline import cut_off
from reference_server.accounts.directory import BackEndDown, BackEndUnavailable
from reference_server.accounts.scram import prepared
from reference_server.world.accounts import LdapAccounts

try:
    with warnings.catch_warnings():
        # ldap3 asks pyasn1 for names that it has given others.
        warnings.simplefilter("ignore", DeprecationWarning)
        import ldap3
        from ldap3.core import results
except ImportError as exc:
    raise UsageError(
        f"accounts in LDAP need {exc.name}: install it with 'pip install mailproof[ldap]'"
    ) from exc

__all__ = ["Entry", "LdapConnection", "LdapServer", "escape_dn", "escape_filter"]

T = TypeVar("T")

# RFC 4511 §A.2: what says that name and password do not belong together, and nothing else. Every other code that is
# not success is the server's trouble, or the operator's.
_REFUSED: Final = frozenset(
    {
        results.RESULT_INVALID_CREDENTIALS,
        results.RESULT_INAPPROPRIATE_AUTHENTICATION,
        results.RESULT_NO_SUCH_OBJECT,
    }
)
# RFC 4511 §4.5.1.4: more than two answers of a search for one entry need not be sent.
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """What a search found; attributes by their names in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[str]]


def escape_dn(text: str) -> str:
    """A value as it may stand in a distinguished name, whatever is in it (RFC 4514 §2.4)."""
    return _escape(text)


def escape_filter(text: str) -> str:
    """A value as it may stand in a filter, whatever is in it (RFC 4515 §3)."""
    return _escape(text)


def _escape(text: str) -> str:
    """All but letters and digits as the hexadecimal of their octets: both grammars allow it for every octet."""
    return "".join(
        each if each.isalnum() else "".join(f"\\{octet:02x}" for octet in each.encode()) for each in text
    )


class LdapConnection:
    """One conversation."""

    def __init__(self, url: str, connection: ldap3.Connection) -> None:
        self._url = url
        self._connection = connection

    def bind(self, dn: str, password: str) -> bool:
        """Whether an entry has this password.

        Raises:
            BackEndUnavailable: The server says neither yes nor no.
        """
        # A bind with nothing succeeds (RFC 4513 §5.1.2), and a server may find that nothing is left of a password.
        if not dn or not prepared(password):
            return False
        # Octets, as they are: a text ldap3 would prepare, and refuse what RFC 4013 does not allow.
        secret = password.encode()
        with self._speaking():
            self._connection.rebind(
                user=dn, password=secret, authentication=ldap3.SIMPLE, read_server_info=False
            )
            code = self._connection.result["result"]
        if code in _REFUSED:
            return False
        self._expect(code, results.RESULT_SUCCESS)
        return True

    def find(self, base: str, wanted: str, attributes: Sequence[str]) -> Entry | None:
        """The one entry at or below `base` that a filter finds.

        Raises:
            BackEndUnavailable: There are several, or the search fails.
        """
        return self._one(base, wanted, ldap3.SUBTREE, attributes)

    def read(self, dn: str, wanted: str, attributes: Sequence[str]) -> Entry | None:
        """An entry, where a filter holds of it."""
        return self._one(dn, wanted, ldap3.BASE, attributes)

    def open(self, *, start_tls: bool) -> None:
        with self._speaking():
            self._connection.open(read_server_info=False)
            if start_tls:
                self._connection.start_tls(read_server_info=False)

    def cut(self) -> None:
        """Shut the socket down, from another thread; who waits for it gets an error."""
        if (open_socket := self._connection.socket) is not None:
            with suppress(OSError):
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(Exception):  # a last word that does not get through is no matter
            self._connection.unbind()
        # ldap3 forgets the socket of a connection that it could not open.
        if (left_open := self._connection.socket) is not None:
            left_open.close()

    def _one(self, base: str, wanted: str, scope: str, attributes: Sequence[str]) -> Entry | None:
        with self._speaking():
            self._connection.search(base, wanted, scope, attributes=list(attributes), size_limit=_TWO)
            code = self._connection.result["result"]
            found = [
                Entry(
                    each["dn"],
                    {n.lower(): [v.decode() for v in vs] for n, vs in each["raw_attributes"].items()},
                )
                for each in self._connection.response or ()
                if each["type"] == "searchResEntry"
            ]
        # Whoever may not see an entry is told that there is none (RFC 4511 §A.2).
        if code == results.RESULT_NO_SUCH_OBJECT:
            return None
        if len(found) > 1:
            raise BackEndUnavailable(f"the filter {wanted} finds more than one entry below {base}")
        self._expect(code, results.RESULT_SUCCESS)
        return found[0] if found else None

    def _expect(self, code: int, wanted: int) -> None:
        if code != wanted:
            result = self._connection.result
            raise BackEndUnavailable(f"{self._url}: {result['description']} ({result['message'] or code})")

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Whatever ldap3 raises, it had no answer to read: it has no one kind of error for what is not LDAP."""
        try:
            yield
        except Exception as exc:
            raise BackEndDown(f"{self._url}: {self._connection.last_error or repr(exc)}") from exc


class _Tls(ldap3.Tls):  # type: ignore[misc] # ldap3 ships no types
    """TLS as Python has it today: ldap3 makes its contexts by names that are going."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        # TLS writes in small pieces, each of which would wait for the other side's acknowledgement.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


@dataclass
class LdapServer:
    """Where connections come from; those of who searches are kept.

    Raises:
        UsageError: The file of the authorities cannot be read.
    """

    settings: LdapAccounts
    _kept: "LifoQueue[LdapConnection]" = field(default_factory=LifoQueue, init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.settings.url)
        # Of an entry that cannot be: nobody knows its name before.
        self.nobody = f"cn={secrets.token_hex(16)},{self.settings.base}"
        self._tls = _Tls(_context(self.settings))
        self._address = parts.hostname, parts.port or (636 if parts.scheme == "ldaps" else 389)

    @contextmanager
    def connection(self) -> Iterator[LdapConnection]:
        """A new connection, nobody's yet; ends with the block, and with the time there is."""
        connection = self._new()
        try:
            with cut_off(self.settings.timeout_s, connection.cut):
                connection.open(start_tls=self.settings.start_tls)
                yield connection
        finally:
            connection.close()

    def ask(self, look: Callable[[LdapConnection], T]) -> T:
        """Ask as who searches, by a connection that was kept; where the server has closed that one, by a new one."""
        try:
            kept = self._kept.get_nowait()
        except Empty:
            pass
        else:
            try:
                return self._asked(kept, look)
            except BackEndDown:
                self.close()
        return self._asked(self._new(), self._as_searcher(look))

    def close(self) -> None:
        """Forget the connections that are kept."""
        with suppress(Empty):
            while True:
                self._kept.get_nowait().close()

    def _as_searcher(self, look: Callable[[LdapConnection], T]) -> Callable[[LdapConnection], T]:
        """What begins with a bind."""
        settings = self.settings

        def bound(connection: LdapConnection) -> T:
            connection.open(start_tls=settings.start_tls)
            if settings.bind_dn and not connection.bind(settings.bind_dn, settings.bind_password):
                raise BackEndUnavailable(f"{settings.url}: bind_dn and bind_password are refused")
            return look(connection)

        return bound

    def _asked(self, connection: LdapConnection, look: Callable[[LdapConnection], T]) -> T:
        try:
            with cut_off(self.settings.timeout_s, connection.cut):
                answer = look(connection)
        except BackEndUnavailable:
            connection.close()
            raise
        self._kept.put(connection)
        return answer

    def _new(self) -> LdapConnection:
        host, port = self._address
        # Each its own: ldap3 notes in it which of its addresses is the one in use.
        server = ldap3.Server(
            host,
            port=port,
            use_ssl=self.settings.url.startswith("ldaps:"),
            tls=self._tls,
            get_info=ldap3.NONE,
            # ldap3 leaves it on the socket, so that it bounds every wait.
            connect_timeout=self.settings.timeout_s,
        )
        connection = ldap3.Connection(
            server, check_names=False, auto_referrals=False, raise_exceptions=False, read_only=True
        )
        return LdapConnection(self.settings.url, connection)


def _context(settings: LdapAccounts) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except OSError as exc:
        raise UsageError(f"accounts.ldap.ca: {settings.ca} holds no certificates ({exc})") from exc
