"""RFC 1939 §11 and RFC 3501 §6.4.5: one message, read by POP3 and by IMAP."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import Unclear
from harness.strategies.messages import bodies
from harness.target import Protocol
from harness.wire.imap.fetch import FetchData
from harness.wire.lines import CRLF
from suites.covers import covers, proves
from suites.delivery.letters import Letter, arrived, letters, posted
from suites.mail import TOKEN_HEADER, token_of
from suites.needs import endpoint, needs

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)
_IMAP = endpoint(Protocol.IMAP, Protocol.IMAPS)

# Ours: messages that have just arrived are among the newest, and a search may read every message.
_NEWEST = 20
_ITEMS = b"(RFC822.SIZE BODY.PEEK[])"


def delivered(target: LiveTarget, drawn: list[bytes]) -> list[Letter]:
    sent = letters(target, drawn)
    posted(target, sent)
    arrived(target, sent)
    return sent


def by_pop3(pop3: Pop3Client, sent: list[Letter]) -> dict[str, tuple[int, bytes]]:
    """Token -> the size that LIST says, and what RETR gives; newest looked at first."""
    wanted = {each.token for each in sent}
    found: dict[str, tuple[int, bytes]] = {}
    for number, octets in reversed(pop3.list_()):
        if wanted == set(found):
            break
        content = pop3.retr(number)
        if (token := token_of(content)) in wanted:
            found[token] = octets, content
    if wanted != set(found):
        raise Unclear("what IMAP has is not in the maildrop of POP3")
    return found


def by_imap(target: LiveTarget, sent: list[Letter]) -> dict[str, tuple[int, bytes]]:
    """Token -> RFC822.SIZE and BODY[]."""
    imap = target.imap()
    exists = imap.examine(b"INBOX").exists or 0
    found = _measured(imap.fetch(b"%d:*" % max(1, exists - _NEWEST), _ITEMS))
    missing = [each.token for each in sent if each.token not in found]
    for token in missing:
        uids = imap.uid_search(b"HEADER %s %s" % (TOKEN_HEADER, token.encode()))
        found |= _measured(imap.uid_fetch(b",".join(b"%d" % uid for uid in uids), _ITEMS)) if uids else {}
    if not {each.token for each in sent} <= set(found):
        raise Unclear("FETCH gave no RFC822.SIZE and BODY[]")
    return found


def _measured(fetched: Mapping[int, FetchData]) -> dict[str, tuple[int, bytes]]:
    found = {}
    for data in fetched.values():
        size, content = data.items.get("RFC822.SIZE"), data.body()
        if isinstance(size, int) and content is not None:
            found[token_of(content)] = size, content
    return found


@covers("RFC1939-11-nk1", "RFC3501-6.4.5-nk4", fault="delivery.sizes-differ")
@needs(_POP3, _IMAP)
@given(drawn=st.lists(bodies, min_size=1, max_size=3))
def test_sizes_agree_with_the_octets_that_come(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = delivered(target, drawn)
    pop3 = target.pop3()
    listed = by_pop3(pop3, sent)
    pop3.command(b"QUIT")
    fetched = by_imap(target, sent)
    for each in sent:
        octets, content = listed[each.token]
        with proves("RFC1939-11-nk1"):
            assert octets == len(content), f"LIST says {octets} octets, RETR gives {len(content)}"
        size, body = fetched[each.token]
        with proves("RFC3501-6.4.5-nk4"):
            assert size == len(body), f"RFC822.SIZE is {size}, BODY[] has {len(body)} octets"


@covers("RFC1939-5-nk6", fault="delivery.pop3-shows-less")
@needs(_POP3, _IMAP)
@given(drawn=st.lists(bodies, min_size=1, max_size=3))
def test_pop3_gives_the_body_that_imap_gives(target: LiveTarget, drawn: list[bytes]) -> None:
    sent = delivered(target, [body + b"the last line\r\n" for body in drawn])
    pop3 = target.pop3()
    listed = by_pop3(pop3, sent)
    pop3.command(b"QUIT")
    fetched = by_imap(target, sent)
    for each in sent:
        mine, other = (
            content.partition(CRLF + CRLF)[2] for content in (listed[each.token][1], fetched[each.token][1])
        )
        assert mine == other, (
            f"RETR gives a body of {len(mine)} octets, BODY[] one of {len(other)}: {mine[-40:]!r}"
        )
