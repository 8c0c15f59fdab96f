"""One sanity check in front of each area.

Where login or delivery does not work at all, the run says so once, instead of failing a hundred checks.
"""

from collections.abc import Callable, Mapping
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import CheckOutcome, MailproofError, NotOffered, RemoteProtocolError, Unclear
from harness.results import GateRecord
from harness.target import Protocol
from suites.mail import deliver, fetch, plain_message
from suites.peer import peer_of

__all__ = ["GATES", "Gates"]


def smtp_gate(target: LiveTarget) -> None:
    """The MX greets and takes EHLO."""
    target.smtp()


def submission_gate(target: LiveTarget) -> None:
    """It greets and starts TLS; where AUTH PLAIN is offered, the first account logs in."""
    smtp = target.submission(login=False)
    if "PLAIN" in smtp.extensions.get("AUTH", "").upper().split():
        target.log_in(smtp, target.account())


def lmtp_gate(target: LiveTarget) -> None:
    """LMTP greets and takes LHLO."""
    target.lmtp()


def pop3_gate(target: LiveTarget) -> None:
    """The first account logs in and STAT answers."""
    target.pop3().stat()


def imap_gate(target: LiveTarget) -> None:
    """The first account logs in and selects its INBOX."""
    selected = target.imap().select(b"INBOX")
    if not selected.ok:
        raise Unclear(f"SELECT INBOX was answered {selected.result.status} {selected.result.text!r}")


def delivery_gate(target: LiveTarget) -> None:
    """A message goes in by SMTP or LMTP and comes out by IMAP or POP3."""
    token = target.unique()
    deliver(target, plain_message(token, to=target.account().address))
    fetch(target, token)


def relay_gate(target: LiveTarget) -> None:
    """The MX greets and, where the target was told that we are its outside, we can be."""
    target.smtp()
    if target.declared.outside is not None:
        peer_of(target)


def sending_gate(target: LiveTarget) -> None:
    """A message of the first account, submitted, comes to our own exchanger."""
    peer = peer_of(target)
    address = f"{target.unique('gate')}@{peer.domain}"
    client = target.submission()
    for reply in (
        client.mail(b"<%s>" % target.account().address.encode()),
        client.rcpt(b"<%s>" % address.encode()),
    ):
        if reply.klass != 2:
            raise Unclear(f"a plain envelope was answered {reply}")
    if (reply := client.data(plain_message(target.unique(), to=address))).klass != 2:
        raise Unclear(f"a plain message was answered {reply}")
    if not peer.wait_for([address.encode()], target.limits.delivery_s):
        raise Unclear(
            f"a message did not come from the target to {target.declared.outside} within"
            f" {target.limits.delivery_s:g} s: does it ask our DNS, and send to that port?"
        )


def security_gate(target: LiveTarget) -> None:
    """Somebody listens at the first endpoint; what it speaks is for the checks to see."""
    with target.connect(*Protocol, handshake=False):
        pass


def filters_gate(target: LiveTarget) -> None:
    """The target file says what filters do, and clean mail comes through."""
    if target.policy.viruses is None and target.policy.spam is None:
        raise NotOffered("the target file says nothing of filters (policy.viruses, policy.spam)")
    delivery_gate(target)


GATES: Final[Mapping[str, Callable[[LiveTarget], None]]] = {
    "smtp": smtp_gate,
    "submission": submission_gate,
    "lmtp": lmtp_gate,
    "pop3": pop3_gate,
    "imap": imap_gate,
    "delivery": delivery_gate,
    "relay": relay_gate,
    "sending": sending_gate,
    "security": security_gate,
    "filters": filters_gate,
}


class Gates:
    """Tries each area's gate once, when its first check comes up."""

    def __init__(self, target: LiveTarget) -> None:
        self._target = target
        self._tried: dict[str, CheckOutcome | None] = {}

    def pass_through(self, area: str) -> None:
        """Raises what keeps this area from being tried: `NotOffered` or `Unclear`; tries it on the first call."""
        if area not in self._tried:
            self._tried[area] = self._try(area)
        if (closed := self._tried[area]) is not None:
            raise closed

    def try_again(self, area: str) -> None:
        """After trouble in the middle of an area: close it where its gate no longer opens."""
        if self._tried.get(area) is None:
            self._tried[area] = self._try(area)

    def records(self) -> list[GateRecord]:
        """What became of each gate; an area that the target was not said to have has none."""
        return [
            GateRecord(area=area, open=closed is None, reason=closed.reason if closed else "")
            for area, closed in self._tried.items()
            if not isinstance(closed, NotOffered)
        ]

    def closed(self) -> list[str]:
        """Areas that the target was said to have and that could not be tried."""
        return [area for area, closed in self._tried.items() if isinstance(closed, Unclear)]

    def _try(self, area: str) -> CheckOutcome | None:
        self._target.begin()
        try:
            GATES[area](self._target)
        except NotOffered as exc:
            return exc
        except Unclear as exc:
            return Unclear(f"{area} could not be tried: {exc.reason}")
        except RemoteProtocolError as exc:
            return Unclear(f"{area} could not be tried: the target does not speak this protocol: {exc}")
        except MailproofError as exc:
            return Unclear(f"{area} could not be tried: {exc}")
        finally:
            self._target.end()
        return None
