"""RFC 5321 §3.3, §4.1.1.3, §4.1.2, §4.5.3.1.8 and RFC 2033 §4.2: whom a message reaches."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, entrance, letter, letters, overdue, posted
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, endpoint, needs, reader


def spelled(local_part: str, marks: list[bool]) -> bytes:
    """A quoted spelling: the characters that are marked have a backslash (RFC 5321 §4.1.2)."""
    pairs = zip(local_part, itertools.cycle(marks), strict=False)
    return b'"%s"' % "".join("\\" * mark + char for char, mark in pairs).encode()


def accepted(client: SmtpClient, sender: bytes, paths: list[bytes], sent: Letter) -> list[bytes]:
    """One transaction; the paths that RCPT accepted. `Unclear` where the content was not taken for all of them."""
    if (reply := client.mail(sender)).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    taken = [path for path in paths if client.rcpt(path).klass == 2]
    if not taken:
        raise Unclear("no recipient was accepted")
    for reply in client.data_replies(sent.content, len(taken) if client.lmtp else 1):
        if reply.klass != 2:
            raise Unclear(f"the content was answered {reply}")
    return taken


def missed(target: LiveTarget, sent: Letter, indices: list[int]) -> list[str]:
    """The accounts among these that do not get the message in time, and do get one that is for them alone."""
    without = [index for index in indices if not came(target, sent, index)]
    if len(without) == len(indices):
        raise Unclear("the message reached nobody in time: delayed, it seems")
    alone = [(index, letters(target, [b"For you alone.\r\n"], account=index)[0]) for index in without]
    for index, own in alone:
        accepted(entrance(target), reverse_path(target), [forward_path(target, index)], own)
    if elsewhere := [index for index, own in alone if not came(target, own, index)]:
        addresses = ", ".join(target.account(index).address for index in elsewhere)
        raise Unclear(f"mail for {addresses} does not arrive there at all: it is sent on, it seems")
    return [target.account(index).address for index in without]


def came(target: LiveTarget, sent: Letter, account: int) -> bool:
    """Whether an account gets the message in time."""
    try:
        arrived(target, [sent], account=account)
    except Unclear:
        return False
    return True


@covers("RFC5321-4.1.2-e", fault="delivery.quoted-to-another-mailbox")
@needs(reader())
@given(marked=st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=2, max_size=4))
def test_quoted_spellings_reach_the_same_mailbox(target: LiveTarget, marked: list[list[bool]]) -> None:
    local_part, _, domain = target.account().address.partition("@")
    sent = letters(target, [b"Hello.\r\n"] * len(marked))
    for each, marks in zip(sent, marked, strict=True):
        path = b"<%s@%s>" % (spelled(local_part, marks), domain.encode())
        accepted(entrance(target), reverse_path(target), [path], each)
    late = overdue(target, sent)
    assert not late, "a message to a quoted spelling did not arrive, a later plain one did"


@covers("RFC5321-4.1.1.3-b2", "RFC5321-3.3-e2", fault="delivery.source-route-followed")
@needs(reader())
def test_a_source_route_is_ignored(target: LiveTarget) -> None:
    sent = letter(target)
    client = entrance(target)
    path = b"<@relay.example.org:" + forward_path(target)[1:]
    if (reply := client.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    reply = client.rcpt(path)
    if reply.klass == 4:
        raise Unclear(f"RCPT TO:{path!r} was answered {reply}")
    assert reply.klass == 2, f"RCPT TO:{path!r} was answered {reply}"
    if (reply := client.data(sent.content)).klass != 2:
        raise Unclear(f"the content was answered {reply}")
    late = overdue(target, [sent])
    assert not late, "a message along a source route did not arrive, a later plain one did"


@covers("RFC5321-4.5.3.1.8-c", fault="delivery.only-the-first-recipient")
@needs(reader(), endpoint(Protocol.SMTP), accounts(2))
@given(nobodies=st.lists(st.integers(0, 3), max_size=2), again=st.booleans())
def test_every_accepted_recipient_gets_the_message(
    target: LiveTarget, nobodies: list[int], again: bool
) -> None:
    ours = [forward_path(target, index) for index in range(len(target.declared.accounts))]
    paths = list(ours)
    for place in nobodies:
        paths.insert(place, b"<nobody-%s@%s>" % (target.unique("x").encode(), target.domain.encode()))
    sent = letter(target)
    taken = accepted(target.smtp(), reverse_path(target), paths + ours * again, sent)
    without = missed(target, sent, [index for index, path in enumerate(ours) if path in taken])
    assert not without, f"RCPT was accepted for {without} and the message did not arrive there"


@covers("RFC2033-4.2-c", fault="delivery.lmtp-only-the-first-recipient")
@needs(reader(), endpoint(Protocol.LMTP), accounts(2))
@given(order=st.permutations([0, 1]), nobody=st.booleans())
def test_lmtp_delivers_to_every_recipient_it_says_so_of(
    target: LiveTarget, order: list[int], nobody: bool
) -> None:
    paths = [forward_path(target, index) for index in order]
    if nobody:
        paths.insert(1, b"<nobody-%s@%s>" % (target.unique("x").encode(), target.domain.encode()))
    sent = letter(target)
    taken = accepted(target.lmtp(), reverse_path(target), paths, sent)
    without = missed(target, sent, [index for index in order if forward_path(target, index) in taken])
    assert not without, f"the content was accepted for {without} and did not arrive there"


@covers("RFC5321-2.1-b", fault="delivery.second-message-lost")
@needs(reader())
@given(number=st.integers(2, 6))
def test_every_message_of_a_connection_arrives(target: LiveTarget, number: int) -> None:
    sent = letters(target, [b"Message %d.\r\n" % index for index in range(number)])
    posted(target, sent)
    late = overdue(target, sent)
    assert not late, f"of {number} messages on one connection one did not arrive, and one sent later did"
