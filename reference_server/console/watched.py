"""Sessions that are looked at while they go on: subclasses that tell a recorder what goes in and out."""

from typing import ClassVar

from harness.tls.words import described
from harness.wire.smtp.states import State
from reference_server.console.masking import Masking
from reference_server.console.recorder import Recorder, SessionRecord
from reference_server.dialogue import Dialogue
from reference_server.imap.session import ImapSession
from reference_server.journal import Direction
from reference_server.pop3.session import Pop3Session
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession

__all__ = ["watchers"]


class _Watched(Dialogue):
    """In front of a session; what it says of itself is the session's own."""

    recorder: ClassVar[Recorder]
    _record: SessionRecord
    _masking: Masking

    def protocol(self) -> str:
        raise NotImplementedError

    def client(self) -> tuple[str, str]:
        """Its address, and who is logged in; ``""`` where it is not known."""
        raise NotImplementedError

    def has_commands(self) -> bool:
        """Whether what comes now is commands, or answers to a challenge."""
        return True

    def greet(self) -> bytes:
        self._masking = Masking()
        self._record = self.recorder.begin(self.context.hostname, self.protocol(), self.client()[0])
        self._look()
        return self._said(super().greet())

    def receive(self, data: bytes) -> bytes:
        shown = self._masking.received(data) if self.has_commands() else self._masking.content(data)
        self._record.moved(Direction.RECEIVED, shown, tls=self.tls_facts is not None)
        return self._said(super().receive(data))

    def tls_started(self) -> None:
        self._masking = Masking()
        super().tls_started()
        if self.tls_facts is not None:
            self._record.note(f"TLS started: {described(self.tls_facts)}")
        self._look()

    def lost(self) -> None:
        if "_record" in self.__dict__:  # a handshake that fails comes before the greeting
            self._record.moved(Direction.RECEIVED, self._masking.rest(), tls=self.tls_facts is not None)
            self._record.end()
        super().lost()

    def _look(self) -> None:
        tls = described(self.tls_facts) if self.tls_facts is not None else ""
        self._record.knows(user=self.client()[1], tls=tls)

    def _said(self, octets: bytes) -> bytes:
        self._masking.answered(octets, waiting=self.errand is not None)
        self._look()
        self._record.moved(Direction.SENT, octets, tls=self.tls_facts is not None)
        return octets


class _WatchedSmtp(_Watched, SmtpSession):
    def protocol(self) -> str:
        return "smtp" if self.role is Role.MX else self.role.value

    def client(self) -> tuple[str, str]:
        return self.peer, self.user or ""

    def has_commands(self) -> bool:
        return self.state is not State.DATA

    def timed_out(self) -> bytes:
        return self._said(super().timed_out())

    def shut_down(self) -> bytes:
        return self._said(super().shut_down())


class _WatchedPop3(_Watched, Pop3Session):
    def protocol(self) -> str:
        return "pop3"

    def client(self) -> tuple[str, str]:
        return self.peer, self.maildrop.user if self.maildrop is not None else ""


class _WatchedImap(_Watched, ImapSession):
    def protocol(self) -> str:
        return "imap"

    def client(self) -> tuple[str, str]:
        return self.peer, self.user

    def push(self) -> bytes:
        return self._said(super().push())

    def timed_out(self) -> bytes:
        return self._said(super().timed_out())

    def shut_down(self) -> bytes:
        return self._said(super().shut_down())


def watchers(recorder: Recorder) -> tuple[type, ...]:
    """For `Faults.watch`."""
    return tuple(
        type(base.__name__, (base,), {"recorder": recorder})
        for base in (_WatchedSmtp, _WatchedPop3, _WatchedImap)
    )
