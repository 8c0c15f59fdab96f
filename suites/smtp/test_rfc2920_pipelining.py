"""RFC 2920 §3.2: groups of commands."""

from collections.abc import Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import ConnectionLost, TimedOut, Unclear
from harness.wire.smtp.replies import Reply
from suites.covers import covers
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, needs, smtp_offers
from suites.smtp.steps import ACCOUNT

# RFC 2920 §3.1: these may stand anywhere in a group, others only at its end.
_INNER: Final = [b"RSET", b"MAIL FROM:<>", b"MAIL FROM:<sender@example.org>", b"RCPT TO:" + ACCOUNT]
_LAST: Final = [*_INNER, b"NOOP", b"VRFY postmaster", b"EHLO [127.0.0.1]"]
_groups: Final = st.tuples(
    st.lists(st.sampled_from(_INNER), min_size=2, max_size=4), st.sampled_from(_LAST)
).map(lambda parts: [*parts[0], parts[1]])


def _send(target: LiveTarget, smtp: SmtpClient, group: Sequence[bytes], cut: int = 0) -> None:
    """The group in one write, or in two."""
    octets = b"".join(line.replace(ACCOUNT, forward_path(target)) + b"\r\n" for line in group)
    for piece in (octets[:cut], octets[cut:]):
        if piece:
            smtp.raw(piece)


def _read(smtp: SmtpClient, number: int) -> list[Reply]:
    return [smtp.read_reply() for _ in range(number)]


def _codes(replies: Sequence[Reply]) -> list[int]:
    codes = [reply.code for reply in replies]
    if any(reply.klass == 4 for reply in replies):
        raise Unclear(f"answered {codes}: not judged")
    return codes


@covers("RFC2920-2-nk1", fault="smtp.rset-in-a-group-gets-503")
@needs(smtp_offers("PIPELINING"), accounts(1))
@given(group=_groups, cut=st.integers(0, 60))
def test_a_group_does_what_its_commands_do(target: LiveTarget, group: list[bytes], cut: int) -> None:
    alone = target.smtp()
    try:
        one_by_one = _codes([alone.command(line.replace(ACCOUNT, forward_path(target))) for line in group])
    except ConnectionLost:
        return  # closed for the number of errors, which is policy (RFC 5321 §7.8)
    smtp = target.smtp()

    _send(target, smtp, group, cut)
    grouped = _codes(_read(smtp, len(group)))

    sent = b", ".join(group).decode()
    assert grouped == one_by_one, f"{sent}: {one_by_one} one by one, {grouped} in a group"


@covers("RFC2920-3.2-a", fault="smtp.group-answered-backwards", also=("smtp.rset-in-a-group-gets-503",))
@needs(smtp_offers("PIPELINING"), accounts(1))
def test_replies_come_in_the_order_of_commands(target: LiveTarget) -> None:
    group = [b"MAIL FROM:" + reverse_path(target), b"RCPT TO:<a b@example.org>", b"RSET", b"XMAILPROOF"]
    alone = target.smtp()
    one_by_one = _codes([alone.command(line) for line in group])
    smtp = target.smtp()

    _send(target, smtp, group)
    grouped = _codes(_read(smtp, len(group)))

    assert grouped == one_by_one, f"{one_by_one} one by one, {grouped} in a group"


@covers("RFC2920-3.2-c", fault="smtp.data-without-recipient-gets-354")
@needs(smtp_offers("PIPELINING"), accounts(1))
@given(nobodies=st.integers(0, 3))
def test_data_in_a_group_waits_for_a_recipient(target: LiveTarget, nobodies: int) -> None:
    smtp = target.smtp()
    nobody = f"RCPT TO:<{target.unique('nobody')}@{target.domain}>".encode()

    _send(target, smtp, [b"MAIL FROM:" + reverse_path(target), *[nobody] * nobodies, b"DATA"])
    mail, *recipients, data = _read(smtp, nobodies + 2)
    if mail.klass != 2 or any(reply.klass == 2 for reply in recipients):
        raise Unclear(f"MAIL was answered {mail}, RCPT for nobody {[reply.code for reply in recipients]}")
    if data.code == 354:
        smtp.raw(b".\r\n")

    assert data.code != 354, f"DATA without a recipient was answered {data}"


def _held_back(target: LiveTarget, group: Sequence[bytes]) -> str:
    """What was held back until more came, ``""`` where all was answered at once.

    Raises:
        Unclear: Replies are missing even then.
    """
    smtp = target.smtp()
    _send(target, smtp, group)
    replies = 0
    try:
        while replies < len(group):
            smtp.read_reply()
            replies += 1
    except TimedOut as exc:
        smtp.raw(b"NOOP\r\n")
        try:
            smtp.read_reply()
        except TimedOut:
            raise Unclear(f"{replies} replies to {len(group)} commands, and none to NOOP") from exc
        sent = b", ".join(group).decode()
        return f"{sent}: {replies} replies came, the others when NOOP was sent"
    return ""


@covers("RFC2920-3.2-e", fault="smtp.vrfy-held-back")
@needs(smtp_offers("PIPELINING"))
@given(last=st.sampled_from([b"VRFY postmaster", b"NOOP", b"DATA", b"EHLO [127.0.0.1]", b"QUIT"]))
def test_replies_to_the_last_of_a_group_are_not_held_back(target: LiveTarget, last: bytes) -> None:
    held = _held_back(target, [b"RSET", b"RSET", last])

    assert not held, held


@covers("RFC2920-3.2-f", fault="smtp.unknown-verb-held-back")
@needs(smtp_offers("PIPELINING"))
def test_replies_to_unknown_commands_are_not_held_back(target: LiveTarget) -> None:
    held = _held_back(target, [b"RSET", b"RSET", b"XMAILPROOF"])

    assert not held, held


@covers("RFC2920-3.2-g", fault="smtp.rset-held-back")
@needs(smtp_offers("PIPELINING"))
@given(number=st.integers(2, 5))
def test_all_replies_come_when_the_input_is_used_up(target: LiveTarget, number: int) -> None:
    held = _held_back(target, [b"RSET"] * number)

    assert not held, held


@covers("RFC2920-3.2-i", fault="smtp.refused-rcpt-drops-the-group")
@needs(smtp_offers("PIPELINING"), accounts(1))
@given(behind=st.integers(1, 5))
def test_a_refused_command_drops_nothing_behind_it(target: LiveTarget, behind: int) -> None:
    held = _held_back(
        target,
        [
            b"MAIL FROM:" + reverse_path(target),
            f"RCPT TO:<{target.unique('nobody')}@{target.domain}>".encode(),
            *[b"RCPT TO:" + ACCOUNT] * behind,
        ],
    )

    assert not held, held
