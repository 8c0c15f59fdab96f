"""The other side of a target that sends: our exchangers and our DNS, found by entry point and held by these shapes.

```python
@needs(outside())
def test_the_preferred_exchanger_gets_the_message(target: LiveTarget) -> None:
    peer = peer_of(target)
    first, second = peer.exchanger(), peer.exchanger()
    domain = peer.publish(("MX", f"20 {second.name}."), ("MX", f"10 {first.name}."))
    ...
    arrived = peer.wait_for([b"x@" + domain.encode()], target.limits.delivery_s)
```

The peer of a target is started when the first check asks for it, and ends with the target's sessions.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, cast
from typing import Protocol as Shape
from weakref import WeakKeyDictionary

from harness.clients.live import LiveTarget
from harness.clients.transcript import Direction, Transcript
from harness.errors import NotOffered, Unclear
from harness.target import Outside
from suites.needs import Need

__all__ = ["Exchanger", "Peer", "Received", "outside", "peer_of"]


class Received(Shape):
    """One message as one of our exchangers took it.

    Attributes:
        exchanger: Which of them, by name.
        client_name: What EHLO or HELO said.
        extended: It was EHLO.
        reverse_path: Between the brackets; ``b""`` is null.
        recipients: The same; addresses as they came, those that RCPT was accepted for.
        mail_parameters, recipient_parameters: By keyword in upper case; the latter for each recipient.
        chunked: It came by BDAT.
    """

    @property
    def exchanger(self) -> str: ...
    @property
    def client_name(self) -> str: ...
    @property
    def extended(self) -> bool: ...
    @property
    def tls(self) -> bool: ...
    @property
    def reverse_path(self) -> bytes: ...
    @property
    def mail_parameters(self) -> Mapping[str, bytes | None]: ...
    @property
    def recipients(self) -> tuple[bytes, ...]: ...
    @property
    def recipient_parameters(self) -> tuple[Mapping[str, bytes | None], ...]: ...
    @property
    def chunked(self) -> bool: ...
    @property
    def content(self) -> bytes: ...


class Exchanger(Shape):
    """One of our hosts; `name` has an A record, `connections` counts who came."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def connections(self) -> int: ...
    @property
    def commands(self) -> Sequence[bytes]:
        """Every command line that came, of all sessions."""


class Peer(Shape):
    """Our side.

    Attributes:
        domain: Mail for any address at it, or at any name below it that is not published otherwise, comes to us.
        exchanger_name: The host that takes that mail.
    """

    @property
    def domain(self) -> str: ...
    @property
    def exchanger_name(self) -> str: ...

    def exchanger(
        self,
        *,
        without: Collection[str] = (),
        replies: Mapping[str, str] = ...,
        listens: bool = True,
    ) -> Exchanger:
        """A new exchanger on an address of its own.

        Args:
            without: The extensions that it does not offer.
            replies: What a command line that begins so is answered with, ``{"RCPT TO:<no": "550 5.1.1 Unknown"}``;
                ``"greeting"`` and ``"."``, the end of data, are keys too.
            listens: False: connections are refused.

        Raises:
            NotOffered: The declared address is not on loopback, so that there are no others beside it.
        """

    def publish(self, *records: tuple[str, str], trouble: str = "") -> str:
        """A new name below `domain` with these records, ``("MX", "10 mx.example.org.")``; returns it.

        Args:
            trouble: What questions about it are met with, in place of an answer: ``"SERVFAIL"``, ``"NXDOMAIN"``...
        """

    def received(self) -> list[Received]:
        """All messages so far, in their order."""

    def wait_for(self, recipients: Collection[bytes], within_s: float) -> list[Received]:
        """The messages for any of these recipients, once each of them has one or the time is over."""

    def wait_until(self, found: Callable[[list[Received]], bool], within_s: float) -> bool:
        """Whether the messages came to be as `found` wants them within this time."""


class _Open(Shape):
    def __call__(
        self, outside: Outside, token: str, record: Callable[[str], "_Record"]
    ) -> AbstractContextManager[Peer]: ...


@dataclass(frozen=True, slots=True)
class _Record:
    """What is said at one of our exchangers stands beside what we say to the target."""

    transcript: Transcript

    def heard(self, octets: bytes) -> None:
        self.transcript.add(Direction.RECEIVED, octets, tls=False)

    def said(self, octets: bytes) -> None:
        self.transcript.add(Direction.SENT, octets, tls=False)


_peers: Final[WeakKeyDictionary[LiveTarget, Peer]] = WeakKeyDictionary()


def outside() -> Need:
    """The target asks our DNS and sends to our exchangers."""

    def need(target: LiveTarget) -> None:
        if target.declared.outside is None:
            raise NotOffered("the target file does not say that the target asks our DNS (world.dns)")

    return need


def peer_of(target: LiveTarget) -> Peer:
    """The peer of this target, running.

    Raises:
        NotOffered: The target asks another DNS, or no peer is installed.
        Unclear: We cannot listen where the target file says.
    """
    if target not in _peers:
        declared = target.declared.outside
        if declared is None:
            raise NotOffered("the target file does not say that the target asks our DNS (world.dns)")
        found = tuple(entry_points(group="mailproof.servers", name="peer"))
        if not found:
            raise NotOffered("no peer is installed; reinstall mailproof")

        def record(label: str) -> _Record:
            target.transcripts.append(transcript := Transcript(label))
            return _Record(transcript)

        try:
            _peers[target] = target.keep(cast("_Open", found[0].load())(declared, target.token, record))
        except OSError as exc:
            raise Unclear(
                f"we cannot be the outside of the target at {declared.dns}, {declared.mx}: {exc}"
            ) from exc
    return _peers[target]
