"""RFC 3501 §6.3.10: STATUS; RFC 9051 §6.3.11; RFC 3501 §2.3.1.1: UIDNEXT."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.responses import StatusData
from suites.covers import covers, proves
from suites.imap.scratch import Scratch, append, carried_out, message, messages, scratch
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)

_SEEN: Final = ("\\Seen",)
_contents: Final = st.lists(st.sampled_from([(), _SEEN, ("\\Flagged",)]), max_size=3)
_items: Final = st.lists(
    st.sampled_from(["MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"]), min_size=1, unique=True
)


def _status(box: Scratch, items: bytes, *, apart: bool = False) -> dict[str, int]:
    """STATUS of the mailbox, in its session or `apart` from it."""
    imap = box.target.imap() if apart else box.imap
    result = carried_out(imap, b"STATUS", encode_astring(box.name), b"(" + items + b")")
    found = result.of(StatusData)
    assert len(found) == 1, f"STATUS was answered {result.raw!r}"
    return dict(found[0].items)


@covers("RFC3501-6.3.10-nk1", fault="imap.status-counts-all-as-unseen")
@needs(_IMAP, accounts(1))
@given(flags=_contents, items=_items)
def test_status_tells_what_was_asked_for(
    target: LiveTarget, flags: list[tuple[str, ...]], items: list[str]
) -> None:
    with scratch(target, messages(target, flags)) as box:
        told = _status(box, " ".join(items).encode(), apart=True)

    assert set(told) == set(items), f"STATUS ({' '.join(items)}) told {told}"
    model = {
        "MESSAGES": len(flags),
        "UNSEEN": sum("\\Seen" not in each for each in flags),
        "UIDNEXT": box.selected.uidnext,
        "UIDVALIDITY": box.selected.uidvalidity,
    }
    wrong = {item: told[item] for item in told if model.get(item, told[item]) not in (told[item], None)}
    assert not wrong, f"STATUS told {wrong} of a mailbox with {model}"


@covers("RFC3501-6.3.10-a", fault="imap.status-takes-recent")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_status_takes_recent_from_no_message(target: LiveTarget) -> None:
    with scratch(target) as box:
        box.ask(b"EXAMINE INBOX")
        append(target.imap(), box.name, message(target))

        first, second = (_status(box, b"RECENT", apart=True)["RECENT"] for _ in range(2))

    assert first == second, f"STATUS told {first} RECENT, and the next one {second}"


@covers("RFC3501-6.3.10-a", fault="imap.status-deselects")
@needs(_IMAP, accounts(1))
def test_status_leaves_the_selected_mailbox_selected(target: LiveTarget) -> None:
    with scratch(target, [message(target)]) as box:
        carried_out(box.imap, b"STATUS INBOX (MESSAGES)")

        result = box.imap.command(b"FETCH 1 (UID)")

    assert result.ok, f"FETCH after STATUS of another mailbox was answered {result.tagged}"


@covers("RFC9051-6.3.11-c", fault="imap.status-refuses-the-selected")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV2"))
@given(items=_items)
def test_status_works_on_the_selected_mailbox(target: LiveTarget, items: list[str]) -> None:
    with scratch(target) as box:
        result = box.imap.command(b"STATUS", encode_astring(box.name), b"(" + " ".join(items).encode() + b")")

    assert result.ok, f"STATUS of the selected mailbox was answered {result.tagged}"


@covers("RFC9051-6.3.11-e", fault="imap.status-size-in-kilobytes")
@needs(_IMAP, accounts(1), imap_offers("STATUS=SIZE"))
@given(bodies=st.lists(st.integers(0, 3000), max_size=3))
def test_status_size_is_not_below_the_messages_sizes(target: LiveTarget, bodies: list[int]) -> None:
    stored = [message(target, body=b"x" * octets + b"\r\n") for octets in bodies]
    with scratch(target, stored) as box:
        size = _status(box, b"SIZE")["SIZE"]

    least = sum(len(each.content) for each in stored)
    assert size >= least, f"STATUS SIZE is {size}, the messages have {least} octets"


_STAYS: Final = ("RFC3501-2.3.1.1-e", "RFC3501-2.3.1.1-d")
_RISES: Final = ("RFC3501-2.3.1.1-e2", "RFC3501-2.3.1.1-nk1")

_changes: Final = st.sampled_from(["APPEND", "STORE", "EXPUNGE", "NOOP", "SEARCH"])
_COMMANDS: Final = {
    "STORE": b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)",
    "EXPUNGE": b"EXPUNGE",
    "NOOP": b"NOOP",
    "SEARCH": b"SEARCH ALL",
}


@covers(*_STAYS, *_RISES, fault="imap.uidnext-follows-the-count")
@needs(_IMAP, accounts(1))
@given(changes=st.lists(_changes, min_size=1, max_size=6))
def test_uidnext_moves_when_messages_are_added(target: LiveTarget, changes: list[str]) -> None:
    with scratch(target, [message(target)]) as box:
        before = _status(box, b"UIDNEXT", apart=True)["UIDNEXT"]
        for number, change in enumerate(changes, 1):
            if change == "APPEND":
                append(box.imap, box.name, message(target))
            else:
                box.ask(_COMMANDS[change])
            now = _status(box, b"UIDNEXT", apart=True)["UIDNEXT"]
            told = f"UIDNEXT was {before}, and is {now} after {', '.join(changes[:number])}"
            with proves(*(_RISES if change == "APPEND" else _STAYS)):
                assert (now > before) if change == "APPEND" else (now == before), told
            before = now
