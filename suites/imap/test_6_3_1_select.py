"""RFC 3501 §6.3.1 and §6.3.2: SELECT and EXAMINE; §9: INBOX; RFC 9051 §6.3.2."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.encode import Literal, encode_astring, encode_quoted
from harness.wire.imap.responses import Condition, ListData
from harness.wire.imap.results import SelectResult, found
from suites.covers import covers, proves
from suites.imap.dialogue import case_variants, code_name
from suites.imap.scratch import carried_out, examine, message, messages, name_for, scratch
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

_SEEN: Final = ("\\Seen",)
_contents: Final = st.lists(st.sampled_from([(), _SEEN, ("\\Flagged",)]), max_size=3)


@covers(
    "RFC3501-6.3.1-b",
    "RFC9051-7.2.2-e",
    "RFC3501-6.3.1-a",
    fault="imap.select-as-in-rev2",
    also=("imap.select-without-uidnext",),
)
@needs(_IMAP, accounts(1))
@given(flags=_contents)
def test_select_tells_all_there_is_to_know(target: LiveTarget, flags: list[tuple[str, ...]]) -> None:
    with scratch(target, messages(target, flags)) as box:
        selected = SelectResult.read(box.ask(b"SELECT", encode_astring(box.name)))

    told = {
        "FLAGS": selected.flags,
        "EXISTS": selected.exists,
        "RECENT": selected.recent,
        "PERMANENTFLAGS": selected.permanentflags,
        "UIDNEXT": selected.uidnext,
        "UIDVALIDITY": selected.uidvalidity,
    }
    if any("\\Seen" not in each for each in flags):
        told["UNSEEN"] = selected.unseen
    missing = [name for name, value in told.items() if value is None]
    assert not missing, f"SELECT of {len(flags)} messages did not tell {', '.join(missing)}"


@covers("RFC3501-6.3.1-b", fault="imap.select-without-uidnext")
@needs(_IMAP, accounts(1))
def test_select_of_inbox_tells_uidnext_and_uidvalidity(target: LiveTarget) -> None:
    selected = SelectResult.read(carried_out(target.imap(), b"SELECT INBOX"))

    for name, value in {"UIDNEXT": selected.uidnext, "UIDVALIDITY": selected.uidvalidity}.items():
        assert value is not None, f"SELECT INBOX did not tell {name}"


@covers("RFC3501-6.3.1-nk2", fault="imap.unseen-counts")
@needs(_IMAP, accounts(1))
@given(flags=_contents.filter(lambda flags: flags[-1] != _SEEN if flags else False))
def test_unseen_names_the_first_message_not_seen(target: LiveTarget, flags: list[tuple[str, ...]]) -> None:
    with scratch(target, messages(target, flags)) as box:
        selected = SelectResult.read(box.ask(b"SELECT", encode_astring(box.name)))

    first = next(number for number, each in enumerate(flags, 1) if "\\Seen" not in each)
    assert selected.unseen in (None, first), f"of {flags} SELECT says UNSEEN {selected.unseen}"


@covers("RFC3501-6.3.1-d", fault="imap.select-without-read-write")
@needs(_IMAP, accounts(1))
def test_the_ok_of_select_says_read_write(target: LiveTarget) -> None:
    with scratch(target) as box:
        result = box.ask(b"SELECT", encode_astring(box.name))

    assert code_name(result) == "READ-WRITE", f"SELECT was answered {result.tagged}"


@covers("RFC3501-6.3.1-nk1", fault="imap.failed-select-keeps-the-mailbox")
@needs(_IMAP, accounts(1))
@given(
    verb=st.sampled_from([b"SELECT", b"EXAMINE"]),
    then=st.sampled_from([b"FETCH 1 FLAGS", b"SEARCH ALL", b"CHECK", b"UID FETCH 1 FLAGS"]),
)
def test_a_failed_select_leaves_no_mailbox_selected(target: LiveTarget, verb: bytes, then: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        failed = box.imap.command(verb, encode_astring(name_for(target, "missing")))
        assert not failed.ok, f"{verb.decode()} of a mailbox that does not exist was answered {failed.tagged}"

        result = box.imap.command(then)

        assert not result.ok, f"{then.decode()} after a failed {verb.decode()} was answered {result.tagged}"


@covers("RFC3501-6.3.2-c", "RFC9051-6.3.3-c", fault="imap.examine-says-read-write")
@needs(_IMAP, accounts(1))
def test_the_ok_of_examine_says_read_only(target: LiveTarget) -> None:
    with scratch(target) as box:
        result = box.ask(b"EXAMINE", encode_astring(box.name))

    assert code_name(result) == "READ-ONLY", f"EXAMINE was answered {result.tagged}"


_changes: Final = st.sampled_from(
    [
        b"FETCH 1 BODY[]", b"FETCH 1 RFC822", b"FETCH 1:* (FLAGS BODY[TEXT])", b"STORE 1 +FLAGS (\\Seen)",
        b"STORE 1 +FLAGS.SILENT (\\Deleted)", b"UID STORE 1:* FLAGS (\\Flagged)", b"EXPUNGE", b"NOOP", b"CHECK",
    ]
)  # fmt: skip


@covers("RFC3501-6.3.2-b", fault="imap.examine-sets-seen")
@needs(_IMAP, accounts(1))
@given(commands=st.lists(_changes, min_size=1, max_size=4), close=st.booleans())
def test_examine_changes_nothing(target: LiveTarget, commands: list[bytes], close: bool) -> None:
    with scratch(target, messages(target, [(), ("\\Deleted",)])) as box:
        box.ask(b"EXAMINE", encode_astring(box.name))
        for command in commands:
            box.imap.command(command)
        if close:
            box.imap.command(b"CLOSE")

        box.ask(b"EXAMINE", encode_astring(box.name))
        flags = box.flags()

    sent = ", ".join(command.decode() for command in commands) + (", CLOSE" if close else "")
    assert flags == [frozenset(), frozenset({"\\deleted"})], f"after EXAMINE, {sent} the flags are {flags}"


@covers("RFC3501-6.3.2-b", fault="imap.examine-takes-recent")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_examine_leaves_recent(target: LiveTarget) -> None:
    with scratch(target) as box:
        box.ask(b"EXAMINE INBOX")
        carried_out(target.imap(), b"APPEND", encode_astring(box.name), Literal(message(target).content))
        first, second = (examine(target.imap(), box.name).recent for _ in range(2))

    assert first == second, f"EXAMINE told {first} RECENT, and the next one {second}"


_forms: Final = st.sampled_from([bytes, encode_quoted, Literal])


@covers("RFC3501-9-n", fault="imap.inbox-in-capitals")
@needs(_IMAP, accounts(1))
@given(name=case_variants(b"INBOX"), form=_forms)
def test_inbox_is_the_inbox_in_any_case(
    target: LiveTarget, name: bytes, form: "type[bytes | Literal]"
) -> None:
    imap = target.imap()
    inbox = examine(imap, b"INBOX")

    result = imap.command(b"EXAMINE", form(name))

    assert result.ok, f"EXAMINE {name.decode()} was answered {result.tagged}"
    found = SelectResult.read(result).uidvalidity
    assert found == inbox.uidvalidity, f"{name.decode()} has UIDVALIDITY {found}, INBOX {inbox.uidvalidity}"


# IMAP4rev2


@covers(
    "RFC9051-6.3.2-c",
    "RFC9051-6.3.2-d",
    fault="imap.rev2-select-without-list",
    also=("imap.select-without-uidnext",),
)
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
def test_select_in_rev2_tells_the_mailbox_by_list(target: LiveTarget) -> None:
    imap = target.imap()
    carried_out(imap, b"ENABLE IMAP4REV2")
    with scratch(target) as box:
        result = carried_out(imap, b"SELECT", encode_astring(box.name))

    selected = SelectResult.read(result)
    names = [listed.name for listed in result.of(ListData)]
    with proves("RFC9051-6.3.2-d"):
        assert names == [box.name], f"SELECT {box.name.decode()} in IMAP4rev2 told LIST of {names}"
    codes = {
        "FLAGS": selected.flags,
        "EXISTS": selected.exists,
        "PERMANENTFLAGS": selected.permanentflags,
        "UIDNEXT": selected.uidnext,
        "UIDVALIDITY": selected.uidvalidity,
    }
    missing = [name for name, value in codes.items() if value is None]
    assert not missing, f"SELECT in IMAP4rev2 did not tell {', '.join(missing)}"


@covers("RFC9051-6.3.2-g", fault="imap.leaves-without-closed", also=("imap.failed-select-keeps-the-mailbox",))
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
@given(verb=st.sampled_from([b"SELECT", b"EXAMINE"]), missing=st.booleans())
def test_leaving_a_mailbox_by_select_is_told_by_closed(
    target: LiveTarget, verb: bytes, missing: bool
) -> None:
    imap = target.imap()
    carried_out(imap, b"ENABLE IMAP4REV2")
    carried_out(imap, b"EXAMINE INBOX")
    name = encode_astring(name_for(target, "missing")) if missing else b"INBOX"

    result = imap.command(verb, name)

    codes = [response.code.name for response in result.of(Condition) if response.code is not None]
    assert "CLOSED" in codes, (
        f"{verb.decode()} {name.decode()} with INBOX selected was answered {result.raw!r}"
    )


_SYSTEM_FLAGS: Final = frozenset(
    {"\\seen", "\\answered", "\\flagged", "\\deleted", "\\draft", "\\recent", "\\*"}
)


@covers("RFC3501-9-m", fault="imap.system-flag-of-its-own")
@needs(_IMAP, accounts(1))
def test_the_server_makes_up_no_system_flags(target: LiveTarget) -> None:
    imap = target.imap()
    with scratch(target, [message(target)]) as box:
        told = [examine(imap, b"INBOX"), box.selected]

    for selected in told:
        flags = {*(selected.flags or ()), *(selected.permanentflags or ())}
        strange = {flag for flag in flags if flag.startswith("\\") and flag.lower() not in _SYSTEM_FLAGS}
        assert not strange, f"SELECT told the flags {', '.join(sorted(strange))}"


@covers("RFC3501-2.3.1.1-b2", "RFC3501-2.3.1.1-c", fault="imap.other-uids-under-examine")
@needs(_IMAP, accounts(1))
@given(number=st.integers(1, 3))
def test_uids_stay_between_sessions(target: LiveTarget, number: int) -> None:
    with scratch(target, messages(target, [()] * number)) as box:
        first = box.uids()
        later = target.imap()
        selected = examine(later, box.name)
        second = sorted(found(carried_out(later, b"UID SEARCH ALL")))

    before, now = box.selected.uidvalidity, selected.uidvalidity
    told = f"UIDs were {first} with UIDVALIDITY {before}, in the next session {second} with {now}"
    with proves("RFC3501-2.3.1.1-c"):
        assert first == second or before != now, told
    with proves("RFC3501-2.3.1.1-b2"):
        assert first == second, told
