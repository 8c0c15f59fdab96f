"""RFC 3501 §6.3.6, §6.3.7 and §6.3.9: SUBSCRIBE, UNSUBSCRIBE, LSUB."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.encode import encode_astring
from suites.covers import covers
from suites.imap.dialogue import create, listed, tree
from suites.imap.scratch import carried_out, name_for
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


@covers("RFC3501-6.3.6-nk1", fault="imap.unsubscribe-forgets-nothing")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
@given(taken=st.sets(st.sampled_from("ab"), min_size=1), given_up=st.sets(st.sampled_from("ab"), min_size=1))
def test_lsub_lists_what_is_subscribed(target: LiveTarget, taken: set[str], given_up: set[str]) -> None:
    root = name_for(target, "sub")
    names = {letter: root + b"-" + letter.encode() for letter in "ab"}
    imap = target.imap()
    create(imap, *names.values())
    for letter in sorted(taken):
        carried_out(imap, b"SUBSCRIBE", encode_astring(names[letter]))
    # What was not subscribed may be refused.
    for letter in sorted(given_up):
        imap.command(b"UNSUBSCRIBE", encode_astring(names[letter]))

    found = {each.name for each in listed(imap, root + b"*", verb=b"LSUB")}
    for letter in sorted(taken - given_up):
        imap.command(b"UNSUBSCRIBE", encode_astring(names[letter]))

    subscribed = {names[letter] for letter in taken - given_up}
    assert found == subscribed, f"subscribed are {subscribed}, LSUB lists {found}"


@covers("RFC3501-6.3.6-b", "RFC9051-6.3.7-b", "RFC3501-6.3.9-c", fault="imap.delete-unsubscribes")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
def test_a_name_stays_subscribed_when_its_mailbox_goes(target: LiveTarget) -> None:
    name = name_for(target)
    imap = target.imap()
    create(imap, name)
    carried_out(imap, b"SUBSCRIBE", encode_astring(name))
    carried_out(imap, b"DELETE", encode_astring(name))

    found = [each.name for each in listed(imap, name, verb=b"LSUB")]
    imap.command(b"UNSUBSCRIBE", encode_astring(name))

    assert found == [name], f"{name.decode()} was subscribed and deleted, LSUB lists {found}"


@covers("RFC3501-6.3.9-b", fault="imap.lsub-hides-superiors")
@needs(_IMAP, accounts(1), imap_offers("IMAP4REV1"))
@given(path=st.sampled_from(["a", "a/b", "a/b/c"]))
def test_lsub_with_percent_shows_the_superior_of_a_subscribed_name(target: LiveTarget, path: str) -> None:
    names = tree(target, path)
    imap = target.imap()
    create(imap, names[path])
    carried_out(imap, b"SUBSCRIBE", encode_astring(names[path]))

    superior = names[""]
    prefix = superior[: superior.index(b"tree-")]
    shown = {each.name: each for each in listed(imap, prefix + b"%", verb=b"LSUB")}
    imap.command(b"UNSUBSCRIBE", encode_astring(names[path]))

    assert superior in shown, f"{names[path].decode()} is subscribed, LSUB % lists {sorted(shown)}"
    assert shown[superior].has("\\Noselect"), f"LSUB % lists {shown[superior]}"
