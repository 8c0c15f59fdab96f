"""RFC 5161: ENABLE."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from harness.wire.imap.responses import Capability, Enabled
from harness.wire.imap.results import Result
from suites.covers import covers, proves
from suites.imap.dialogue import case_variants
from suites.needs import Need, accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

# What ENABLE is known to switch on, by the RFC that says so.
_SWITCHES: Final = (b"CONDSTORE", b"IMAP4rev2", b"QRESYNC", b"UTF8=ACCEPT")


def _enable_is_offered() -> Need:
    """ENABLE, or IMAP4rev2, which it is a part of."""

    def need(target: LiveTarget) -> None:
        if "IMAP4REV2" not in target.abilities.names("imap", "imap logged in"):
            imap_offers("ENABLE")(target)

    return need


_OFFERED: Final = _enable_is_offered()


def _enabled(result: Result) -> set[str]:
    return {name.upper() for response in result.of(Enabled) for name in response.capabilities}


def _switch(target: LiveTarget) -> bytes:
    """Something that the target offers and ENABLE switches on."""
    offered = target.abilities.names("imap", "imap logged in")
    for switch in _SWITCHES:
        if switch.decode().upper() in offered:
            return switch
    raise NotOffered("nothing that ENABLE switches on is offered")


@covers(
    "RFC5161-3.1-a",
    "RFC5161-3.1-d",
    "RFC9051-6.3.1-a",
    "RFC9051-6.3.1-d",
    fault="imap.enable-refuses-strangers",
)
@needs(_IMAP, accounts(1), _OFFERED)
@given(name=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=", max_size=10))
def test_enable_passes_over_unknown_names(target: LiveTarget, name: str) -> None:
    unknown = f"XMP{name}"

    result = target.imap().command(b"ENABLE " + unknown.encode())

    with proves("RFC5161-3.1-a", "RFC9051-6.3.1-a"):
        assert result.ok, f"ENABLE {unknown} was answered {result.tagged}"
        assert unknown not in _enabled(result), f"ENABLE {unknown} was answered {result.raw!r}"
    with proves("RFC5161-3.1-d", "RFC9051-6.3.1-d"):
        assert len(result.of(Enabled)) == 1, f"ENABLE {unknown} was answered {result.raw!r}"


@covers("RFC5161-3.1-b", fault="imap.enable-takes-idle")
@needs(_IMAP, accounts(1), _OFFERED)
@given(name=st.sampled_from([b"IDLE", b"NAMESPACE", b"IMAP4REV1", b"ID", b"LITERAL+"]))
def test_enable_passes_over_what_needs_no_enabling(target: LiveTarget, name: bytes) -> None:
    result = target.imap().command(b"ENABLE", name)

    assert result.ok, f"ENABLE {name.decode()} was answered {result.tagged}"
    assert not _enabled(result), f"ENABLE {name.decode()} was answered {result.raw!r}"


@covers("RFC5161-3.1-c", "RFC5161-4-a", fault="imap.enable-in-capitals")
@needs(_IMAP, accounts(1), _OFFERED)
@given(data=st.data())
def test_enable_switches_on_in_any_case(target: LiveTarget, data: st.DataObject) -> None:
    switch = data.draw(case_variants(_switch(target)), label="name")

    result = target.imap().command(b"ENABLE", switch)

    assert result.ok, f"ENABLE {switch.decode()} was answered {result.tagged}"
    assert switch.decode().upper() in _enabled(result), (
        f"ENABLE {switch.decode()} was answered {result.raw!r}"
    )


def _capabilities(imap: ImapClient) -> set[str]:
    listings = imap.command(b"CAPABILITY").of(Capability)
    return {name.upper() for listing in listings for name in listing.capabilities}


@covers("RFC5161-3.1-h", "RFC9051-6.3.1-h", fault="imap.capability-after-enable")
@needs(_IMAP, accounts(1), _OFFERED)
def test_capability_is_the_same_after_enable(target: LiveTarget) -> None:
    imap = target.imap()
    before = _capabilities(imap)

    imap.command(b"ENABLE", _switch(target))

    after = _capabilities(imap)
    assert before == after, f"ENABLE changed CAPABILITY by {', '.join(sorted(before ^ after))}"


@covers("RFC5161-3.1-g", fault="imap.enabled-repeats")
@needs(_IMAP, accounts(1), _OFFERED)
def test_enabled_names_only_what_this_enable_switched_on(target: LiveTarget) -> None:
    imap = target.imap()
    switch = _switch(target)
    imap.command(b"ENABLE", switch)

    result = imap.command(b"ENABLE XMAILPROOF")

    assert not _enabled(result), (
        f"ENABLE XMAILPROOF after ENABLE {switch.decode()} was answered {result.raw!r}"
    )
