"""IMAP sessions that are logged in and as good as new, kept for the next example.

A login is what costs most with a real server: often a process of its own. A session goes on only where nothing of the
last example can show in the next one: no raw octets, nothing enabled, nothing outstanding.
"""

import re
from typing import Final

from harness.clients.imap import ImapClient
from harness.clients.transcript import Transcript
from harness.errors import ConnectionLost, ProtocolError, TransportError
from harness.wire.imap.states import State

__all__ = ["ImapPool"]

# What changes how a session goes on (RFC 5161 §3.1; RFC 7162 §3.1; RFC 5465 §3), or asks for a fresh one.
_LASTING: Final = re.compile(
    rb"\b(ENABLE|CONDSTORE|QRESYNC|MODSEQ|HIGHESTMODSEQ|CHANGEDSINCE|UNCHANGEDSINCE|NOTIFY|COMPRESS|SAVE|ID)\b",
    re.IGNORECASE,
)


class ImapPool:
    """At most one idle session an account and endpoint."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], ImapClient] = {}

    def take(self, endpoint: str, user: str, transcript: Transcript) -> ImapClient | None:
        """A session of this user, its further octets going to `transcript`; None where none is kept."""
        client = self._idle.pop((endpoint, user), None)
        if client is not None:
            client.transport.transcript = transcript
            transcript.note(f"a session that {user} logged in before", tls=client.transport.tls)
        return client

    def keep(self, endpoint: str, user: str, client: ImapClient) -> bool:
        """Keep the session for `take`; False where it is not as good as new, and the caller closes it."""
        if client.closed or (endpoint, user) in self._idle or not client.settled:
            return False
        if _LASTING.search(client.transcript.sent()) or not self._unselected(client):
            return False
        self._idle[endpoint, user] = client
        return True

    @staticmethod
    def _unselected(client: ImapClient) -> bool:
        """Leave the mailbox without expunging anything (RFC 3691 §2)."""
        if client.state is State.AUTHENTICATED:
            return True
        if client.state is not State.SELECTED or "UNSELECT" not in client.capabilities:
            return False
        try:
            return client.unselect().ok and client.settled
        except (TransportError, ProtocolError):
            return False

    def close(self) -> None:
        """End every idle session, politely where the server still listens."""
        while self._idle:
            _, client = self._idle.popitem()
            try:
                client.logout()
            except ConnectionLost:
                continue  # it has ended already
            finally:
                client.close()
