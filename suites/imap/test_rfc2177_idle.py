"""RFC 2177: IDLE, how it begins and ends; RFC 9051 §6.3.13."""

from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.responses import Continuation, Response, Tagged
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import answers, case_variants, tagged
from suites.imap.scratch import carried_out
from suites.needs import Need, accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _idle() -> Need:
    """IDLE, or IMAP4rev2, which it is a part of."""

    def need(target: LiveTarget) -> None:
        if "IMAP4REV2" not in target.abilities.names("imap", "imap logged in"):
            imap_offers("IDLE")(target)

    return need


def _begin(imap: ImapClient) -> list[Response]:
    """IDLE up to its continuation request or its completion."""
    imap.raw(b"MP1 IDLE\r\n")
    came = [imap.read_response()]
    while not isinstance(came[-1], Continuation | Tagged):
        came.append(imap.read_response())
    return came


@covers("RFC2177-3-nk2", fault="imap.idle-ends-at-once")
@needs(_IMAP, accounts(1), _idle())
def test_idle_is_continued_until_done(target: LiveTarget) -> None:
    for selected in (False, True):
        imap = target.imap()
        if selected:
            carried_out(imap, b"EXAMINE INBOX")

        came = _begin(imap)
        if selected:
            came += imap.responses_within(target.quiet_s)

        where = "with a mailbox selected" if selected else "with no mailbox selected"
        told = [str(response) for response in came]
        assert any(isinstance(response, Continuation) for response in came), (
            f"IDLE {where} was answered {told}"
        )
        assert not tagged(came), f"IDLE {where}, before DONE, was answered {told}"


@covers("RFC2177-3-d", "RFC9051-6.3.13-b", fault="imap.done-in-capitals", also=("imap.idle-ends-at-once",))
@needs(_IMAP, accounts(1), _idle())
@given(selected=st.booleans(), done=case_variants(b"DONE"))
def test_done_ends_idle_and_commands_go_on(target: LiveTarget, selected: bool, done: bytes) -> None:
    imap = target.imap()
    if selected:
        carried_out(imap, b"EXAMINE INBOX")
    assume(not tagged(_begin(imap)))

    came = answers(imap, done + b"\r\nMP2 NOOP\r\n")

    found = [(response.tag, response.status) for response in tagged(came)]
    assert found == [(b"MP1", Answer.OK), (b"MP2", Answer.OK)], (
        f"{done.decode()} and NOOP were answered {found}"
    )
