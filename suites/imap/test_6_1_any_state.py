"""RFC 3501 §6.1: CAPABILITY, NOOP and LOGOUT; §7.2.1 and RFC 9051 §7.2.2: what is listed."""

from collections.abc import Callable, Iterator
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.imap.codes import Code
from harness.wire.imap.responses import Capability, Condition
from harness.wire.imap.states import Answer
from suites.covers import covers, proves
from suites.imap.scratch import carried_out
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _before_login(target: LiveTarget) -> ImapClient:
    return target.imap(login=False)


def _logged_in(target: LiveTarget) -> ImapClient:
    return target.imap()


def _selected(target: LiveTarget) -> ImapClient:
    imap = target.imap()
    carried_out(imap, b"EXAMINE INBOX")
    return imap


_STATES: Final[dict[str, Callable[[LiveTarget], ImapClient]]] = {
    "before login": _before_login,
    "logged in": _logged_in,
    "with a mailbox selected": _selected,
}
_states: Final = st.sampled_from(list(_STATES))


def _coded(code: Code | None) -> list[str]:
    """What a CAPABILITY code lists, nothing for another code."""
    return [name.upper() for name in code.words] if code is not None and code.name == "CAPABILITY" else []


def _listings(target: LiveTarget) -> Iterator[tuple[str, list[str]]]:
    """Every listing of capabilities that a session brings: by CAPABILITY and in response codes."""
    imap = target.imap(login=False)
    if imap.greeting is not None and (names := _coded(imap.greeting.code)):
        yield "the greeting", names
    for state, enter in _STATES.items():
        for listing in enter(target).command(b"CAPABILITY").of(Capability):
            yield f"CAPABILITY {state}", [name.upper() for name in listing.capabilities]
    account = target.account()
    result = imap.login(account.user, account.password)
    if names := _coded(result.code):
        yield "the OK of LOGIN", names


@covers("RFC3501-6.1.1-b", "RFC9051-6.1.1-b", "RFC3501-6.1.1-a", fault="imap.capability-twice")
@needs(_IMAP, accounts(1))
@given(state=_states)
def test_capability_sends_one_listing_before_its_ok(target: LiveTarget, state: str) -> None:
    result = _STATES[state](target).command(b"CAPABILITY")

    assert result.ok, f"CAPABILITY {state} was answered {result.tagged}"
    found = result.of(Capability)
    assert len(found) == 1, f"CAPABILITY {state} brought {len(found)} listings"


@covers("RFC3501-7.2.1-a", fault="imap.hides-rev1-after-login")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_each_listing_has_imap4rev1(target: LiveTarget) -> None:
    for where, names in _listings(target):
        assert "IMAP4REV1" in names, f"{where} lists {' '.join(names)}"


@covers("RFC9051-7.2.2-a", fault="imap.hides-rev2-after-login")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
def test_each_listing_has_imap4rev2(target: LiveTarget) -> None:
    for where, names in _listings(target):
        assert "IMAP4REV2" in names, f"{where} lists {' '.join(names)}"


# IMAP Capabilities registry as of 2026-10; a name that ends in "=" stands for all that begin so.
_REGISTERED: Final = frozenset(
    """
    ACL ANNOTATE-EXPERIMENT-1 APPENDLIMIT BINARY CATENATE CHILDREN CONDSTORE CONVERT
    CREATE-SPECIAL-USE ENABLE ESEARCH ESORT FILTERS ID IDLE IMAP4 IMAP4REV1 IMAP4REV2 INPROGRESS
    JMAPACCESS LANGUAGE LIST-EXTENDED LIST-METADATA LIST-MYRIGHTS LIST-STATUS LITERAL+ LITERAL-
    LOGIN-REFERRALS LOGINDISABLED MAILBOX-REFERRALS METADATA METADATA-SERVER MOVE MULTIAPPEND
    MULTISEARCH NAMESPACE NOTIFY OBJECTID PARTIAL PREVIEW QRESYNC QUOTA QUOTASET REPLACE SASL-IR
    SAVEDATE SEARCHRES SORT SPECIAL-USE STARTTLS THREAD UIDBATCHES UIDONLY UIDPLUS UNAUTHENTICATE
    UNSELECT URL-PARTIAL URLAUTH WITHIN
    """.split()  # noqa: SIM905 (a list of a hundred quoted words is no easier to check)
)
_REGISTERED_PREFIXES: Final = (
    "ACL2=", "APPENDLIMIT=", "AUTH=", "COMPRESS=", "CONTEXT=", "I18NLEVEL=", "IMAPSIEVE=", "MESSAGELIMIT=",
    "OBJECTID", "PARTIAL=", "QUOTA=", "RIGHTS=", "SAVELIMIT=", "SEARCH=", "SORT=", "STATUS=", "THREAD=",
    "URLAUTH=", "UTF8=",
)  # fmt: skip


# Names that RFC 8970 had in its drafts; what it registered is PREVIEW.
_NEVER_REGISTERED: Final = frozenset({"PREVIEW=FUZZY", "SNIPPET=FUZZY"})


@covers("RFC3501-7.2.1-f", fault="imap.unregistered-capability")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_capabilities_are_registered_or_private(target: LiveTarget) -> None:
    listed = {name for _, names in _listings(target) for name in names}

    dropped = ", ".join(sorted(listed & _NEVER_REGISTERED))
    assert not dropped, f"{dropped} listed, which drafts had and the registry has not"
    strange = {name for name in listed - _REGISTERED if not name.startswith(("X", *_REGISTERED_PREFIXES))}
    if strange:
        raise Unclear(
            f"{', '.join(sorted(strange))} listed, which the registry may have got since our list was made"
        )


@covers("RFC3501-6.1.2-nk1", fault="imap.noop-needs-login")
@needs(_IMAP, accounts(1))
@given(state=_states)
def test_noop_succeeds_in_every_state(target: LiveTarget, state: str) -> None:
    result = _STATES[state](target).command(b"NOOP")

    assert result.ok, f"NOOP {state} was answered {result.tagged}"


@covers("RFC3501-3.4-a", "RFC3501-6.1.3-b", "RFC3501-6.1.3-a", fault="imap.logout-without-bye")
@needs(_IMAP, accounts(1))
@given(state=_states)
def test_logout_says_bye_and_ok_and_closes(target: LiveTarget, state: str) -> None:
    imap = _STATES[state](target)

    result = imap.command(b"LOGOUT")

    byes = [response for response in result.of(Condition) if response.status is Answer.BYE]
    assert byes, f"LOGOUT {state} was answered {result.raw!r}"
    assert result.ok, f"LOGOUT {state} was answered {result.raw!r}"
    with proves("RFC3501-6.1.3-b"):
        closed = imap.at_eof(target.limits.timeout_s)
        assert closed, f"{target.limits.timeout_s:g} s after LOGOUT {state} the connection is still open"
