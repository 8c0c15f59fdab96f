"""RFC 3501 §3: which commands each state takes, and how a connection ends; §7.1: the greeting."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, TransportError
from harness.target import Protocol
from harness.wire.imap.responses import Condition
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import case_variants
from suites.needs import accounts, endpoint, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

# Ours: how much of a line without an end a server is sent, in steps, and how long each may take to be answered.
_STEP_OCTETS: Final = 16 * 1024
_STEPS: Final = 64
_STEP_S: Final = 0.01


@covers("RFC3501-7.1-nk1", fault="imap.greets-strangely-inside-tls")
@needs(_IMAP)
def test_the_greeting_is_ok_preauth_or_bye(target: LiveTarget) -> None:
    for protocol in {Protocol.IMAP, Protocol.IMAPS} & set(target.declared.endpoints):
        transport = target.connect(protocol)
        try:
            greeting = transport.receive(target.limits.timeout_s)
        finally:
            transport.close()
        assert greeting.upper().startswith((b"* OK ", b"* PREAUTH ", b"* BYE ")), (
            f"the greeting of {protocol} is {greeting!r}"
        )


_for_the_logged_in: Final = st.sampled_from(
    [
        b"SELECT INBOX", b"EXAMINE INBOX", b"STATUS INBOX (MESSAGES)", b'LIST "" *', b'LSUB "" *',
        b"SUBSCRIBE INBOX", b"FETCH 1 FLAGS", b"SEARCH ALL", b"CLOSE", b"CHECK", b"EXPUNGE", b"UID SEARCH ALL",
    ]
)  # fmt: skip


@covers("RFC3501-3.1-nk1", fault="imap.carries-out-before-login")
@needs(_IMAP)
@given(command=_for_the_logged_in.flatmap(case_variants))
def test_nothing_is_carried_out_before_login(target: LiveTarget, command: bytes) -> None:
    imap = target.imap(login=False)
    if imap.greeting is not None and imap.greeting.status is Answer.PREAUTH:
        raise NotOffered("the greeting is PREAUTH")

    result = imap.command(command)

    assert not result.ok, f"{command.decode()} before login was answered {result.tagged}"


_on_messages: Final = st.sampled_from(
    [
        b"FETCH 1 FLAGS", b"STORE 1 +FLAGS (\\Flagged)", b"SEARCH ALL", b"COPY 1 INBOX", b"CLOSE", b"CHECK",
        b"EXPUNGE", b"UID FETCH 1 FLAGS", b"UID SEARCH ALL",
    ]
)  # fmt: skip


@covers("RFC3501-3.2-nk1", fault="imap.stores-without-a-mailbox")
@needs(_IMAP, accounts(1))
@given(command=_on_messages.flatmap(case_variants))
def test_commands_on_messages_need_a_mailbox(target: LiveTarget, command: bytes) -> None:
    result = target.imap().command(command)

    assert not result.ok, f"{command.decode()} with no mailbox selected was answered {result.tagged}"


@covers("RFC3501-3.4-b", "RFC9051-3.4-b", fault="imap.closes-in-silence")
@needs(_IMAP)
def test_a_line_without_end_is_cut_off_with_bye(target: LiveTarget) -> None:
    imap = target.imap(login=False)
    imap.raw(b"MP1 NOOP ")
    came = []
    try:
        for _ in range(_STEPS):
            imap.raw(b"x" * _STEP_OCTETS)
            came += imap.responses_within(_STEP_S)
            if came and imap.at_eof(_STEP_S):
                break
    except TransportError:
        came += imap.responses_within(_STEP_S)
    if not imap.at_eof(_STEP_S):
        raise NotOffered("the server does not close at a line without end")

    byes = [
        response for response in came if isinstance(response, Condition) and response.status is Answer.BYE
    ]
    assert byes, f"the server closed at a line without end, with {[str(r) for r in came] or 'no word'}"
