"""RFC 8314 §3.3, §3.4 and §4: implicit TLS, and how TLS ends."""

from collections.abc import Callable, Mapping
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.transport import Transport
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from suites.covers import covers, proves

# The port in the clear, and its twin under TLS.
TWINS: Final = {
    Protocol.SUBMISSION: Protocol.SUBMISSIONS,
    Protocol.POP3: Protocol.POP3S,
    Protocol.IMAP: Protocol.IMAPS,
}
SUBMISSION: Final = {Protocol.SUBMISSION, Protocol.SUBMISSIONS}

# What a service that is there says first (RFC 5321 §4.2; RFC 1939 §4; RFC 9051 §7.1).
GREETINGS: Final = {
    Protocol.SUBMISSIONS: (b"220",),
    Protocol.POP3S: (b"+OK",),
    Protocol.IMAPS: (b"* OK", b"* PREAUTH"),
}


@covers("RFC8314-3.3-b", "RFC8314-4-c", fault="submission.no-service-under-implicit-tls")
def test_services_are_there_under_implicit_tls(target: LiveTarget) -> None:
    declared = set(target.declared.endpoints)
    if not declared & SUBMISSION:
        raise NotOffered("the target file has no endpoint for submission")
    with proves("RFC8314-3.3-b"):
        assert declared >= SUBMISSION, f"submission is declared as {' '.join(declared & SUBMISSION)} alone"
        offered = target.smtp(Protocol.SUBMISSION).extensions
        assert "STARTTLS" in offered, f"EHLO on the submission port lists {', '.join(offered)}"
    for clear, implicit in TWINS.items():
        if not declared & {clear, implicit}:
            continue
        with proves("RFC8314-4-c"):
            assert implicit in declared, f"{clear} is declared, {implicit} is not"
        both = ("RFC8314-3.3-b", "RFC8314-4-c") if implicit in SUBMISSION else ("RFC8314-4-c",)
        with proves(*both), target.connect(implicit) as transport:
            greeting = transport.receive(target.limits.timeout_s)
            if not greeting or greeting.startswith(b"4"):
                raise Unclear(f"{implicit} greets with {greeting!r}: is it busy?")
            assert greeting.startswith(GREETINGS[implicit]), f"{implicit} greets with {greeting!r}"


def _quit_submission(target: LiveTarget) -> Transport:
    smtp = target.smtp(Protocol.SUBMISSIONS)
    smtp.quit()
    return smtp.transport


def _quit_pop3(target: LiveTarget) -> Transport:
    pop3 = target.pop3(login=False, tls=True)
    pop3.quit()
    return pop3.transport


def _quit_imap(target: LiveTarget) -> Transport:
    imap = target.imap(login=False, tls=True)
    imap.logout()
    return imap.transport


FAREWELLS: Final[Mapping[Protocol, Callable[[LiveTarget], Transport]]] = {
    Protocol.SUBMISSIONS: _quit_submission,
    Protocol.POP3S: _quit_pop3,
    Protocol.IMAPS: _quit_imap,
}


@covers("RFC8314-3.4-a", fault="submission.tls-cut-off")
def test_a_server_that_closes_tls_says_so(target: LiveTarget) -> None:
    offered = [protocol for protocol in FAREWELLS if protocol in target.declared.endpoints]
    if not offered:
        raise NotOffered("the target file has no endpoint with implicit TLS")
    for protocol in offered:
        transport = FAREWELLS[protocol](target)
        if not transport.closed_within(target.limits.timeout_s):
            raise Unclear(f"{protocol} did not close after the farewell")
        assert not transport.truncated, f"{protocol} closed the connection without close_notify"
