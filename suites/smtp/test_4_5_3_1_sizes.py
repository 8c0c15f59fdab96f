"""RFC 5321 §4.5.3.1: sizes that a server must take, and what it says beyond its own."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from suites.covers import covers, proves
from suites.mail import forward_path, open_transaction, plain_message, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import ask, content, judged, open_data, sent

# Octets; RFC 5321 §4.5.3.1.3 (brackets included), §4.5.3.1.4 and §4.5.3.1.6 (CRLF included), §4.5.3.1.7.
_PATH: Final = 256
_COMMAND_LINE: Final = 512
_TEXT_LINE: Final = 1000
_MESSAGE: Final = 64 * 1024

# RFC 5321 §4.5.3.1.8
_RECIPIENTS: Final = 100
# Ours: with more no limit is looked for.
_MANY_RECIPIENTS: Final = 1100
# Ours, octets: most limits are above it.
_LARGE: Final = 3_000_000
# Ours: RCPTs in one group.
_GROUP: Final = 50

# Letters and digits only: a refusal must be for the length.
_local_parts: Final = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=63, max_size=63).map(
    lambda text: b"m" + text.encode()
)
_labels: Final = st.integers(0, 9).map(lambda digit: b"d%d" % digit)


def _not_too_long(reply: Reply, what: str) -> None:
    assert reply.code not in (500, 501), f"{what} was answered {reply}"


def _after_a_plain_mail(target: LiveTarget) -> SmtpClient:
    """A new session; `Unclear` where a plain MAIL is refused in another."""
    if (plain := target.smtp().mail(reverse_path(target))).klass != 2:
        raise Unclear(f"a plain MAIL was answered {plain}")
    return target.smtp()


@covers("RFC5321-4.5.3.1-a", fault="smtp.local-part-of-63-octets")
@needs(endpoint(Protocol.SMTP))
@given(local_part=_local_parts)
def test_a_local_part_of_64_octets_is_taken(target: LiveTarget, local_part: bytes) -> None:
    reply = judged(_after_a_plain_mail(target).mail(b"<" + local_part + b"@example.org>"))

    _not_too_long(reply, f"MAIL FROM:<{local_part.decode()}@example.org>")


@covers("RFC5321-4.5.3.1-a", fault="smtp.path-of-255-octets")
@needs(endpoint(Protocol.SMTP))
@given(label=_labels)
def test_a_path_of_256_octets_is_taken(target: LiveTarget, label: bytes) -> None:
    local_part = 64 * b"m"
    domain = b".".join([label.ljust(63, b"x"), label.ljust(63, b"y")]) + b".example.org"
    room = _PATH - len(b"<@.>" + local_part + domain)
    path = b"<" + local_part + b"@" + label.ljust(room, b"z") + b"." + domain + b">"

    reply = judged(_after_a_plain_mail(target).mail(path))

    _not_too_long(reply, f"MAIL with a path of {len(path)} octets")


@covers("RFC5321-4.5.3.1-a", fault="smtp.command-line-of-511-octets")
@needs(endpoint(Protocol.SMTP))
@given(octets=st.integers(_COMMAND_LINE - 8, _COMMAND_LINE) | st.just(_COMMAND_LINE))
def test_a_command_line_of_512_octets_is_taken(target: LiveTarget, octets: int) -> None:
    smtp = target.smtp()
    if (plain := smtp.command(b"NOOP mailproof")).klass != 2:
        raise Unclear(f"NOOP with a short argument was answered {plain}")

    reply = judged(smtp.command(b"NOOP ".ljust(octets - 2, b"x")))

    _not_too_long(reply, f"a NOOP of {octets} octets")


@covers("RFC5321-4.5.3.1-a", fault="smtp.text-line-of-999-octets")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(first=st.sampled_from([b"x", b".", b" "]))
def test_a_text_line_of_1000_octets_is_taken(target: LiveTarget, first: bytes) -> None:
    line = first.ljust(_TEXT_LINE - 2, b"x") + b"\r\n"

    reply = judged(sent(target, content(target, body=line)))

    _not_too_long(reply, f"a message with a line of {len(line)} octets")


@covers("RFC5321-4.5.3.1.7-a", fault="smtp.message-of-60000-octets")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_message_of_64k_is_taken(target: LiveTarget) -> None:
    to, token = target.account().address, target.unique()
    room = _MESSAGE - len(plain_message(token, to=to, body=b""))
    body = (64 * b"x" + b"\r\n") * (room // 66)
    message = plain_message(token, to=to, body=body + b"y" * (room - len(body) - 2) + b"\r\n")

    reply = judged(sent(target, message))

    assert reply.code != 552, f"a message of {len(message)} octets was answered {reply}"
    if reply.klass != 2:
        raise Unclear(f"a message of {len(message)} octets was answered {reply}")


def _group(target: LiveTarget, smtp: SmtpClient, number: int) -> list[Reply]:
    """So many RCPTs for the first account, one after the other where PIPELINING is not offered."""
    lines = [b"RCPT TO:" + forward_path(target)] * number
    if "PIPELINING" in smtp.extensions:
        return smtp.pipeline(lines)
    return [smtp.command(line) for line in lines]


@covers("RFC5321-4.5.3.1.8-a", fault="smtp.99-recipients")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_transaction_takes_100_recipients(target: LiveTarget) -> None:
    smtp = _after_a_plain_mail(target)
    smtp.mail(reverse_path(target))

    for reply in [*_group(target, smtp, _GROUP), *_group(target, smtp, _RECIPIENTS - _GROUP)]:
        if reply.code in (421, 450, 451, 550):
            raise Unclear(f"a recipient within the first hundred was answered {reply}")
        assert reply.klass == 2, f"a recipient within the first hundred was answered {reply}"
    smtp.rset()


@covers("RFC5321-4.5.3.1.10-b", "RFC5321-4.5.3.1.10-c", fault="smtp.too-many-recipients-get-451")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_recipients_beyond_the_limit_get_452(target: LiveTarget) -> None:
    smtp = _after_a_plain_mail(target)
    smtp.mail(reverse_path(target))

    for _ in range(_MANY_RECIPIENTS // _GROUP):
        refused = [reply for reply in _group(target, smtp, _GROUP) if reply.klass != 2]
        if refused:
            break
    else:
        raise NotOffered(f"{_MANY_RECIPIENTS} recipients are no limit")

    reply = refused[0]
    with proves("RFC5321-4.5.3.1.10-c"):
        ask(reply.klass == 5, f"a recipient beyond the limit was answered {reply}")
    with proves("RFC5321-4.5.3.1.10-b"):
        if reply.klass == 5:
            raise Unclear(f"a recipient was answered {reply}: the site's own limit")
        assert reply.code == 452, f"a recipient beyond the limit was answered {reply}"


@covers("RFC5321-4.5.3.1.7-b", fault="smtp.limit-without-size")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_limit_on_messages_is_told_by_size(target: LiveTarget) -> None:
    smtp = target.smtp()
    if "SIZE" in smtp.extensions:
        return

    open_transaction(target, smtp)
    open_data(target, smtp)
    smtp.raw(content(target))
    smtp.raw(b"x\r\n" * (_LARGE // 3), shown=b"(%d octets)\r\n" % _LARGE)
    smtp.raw(b".\r\n")
    reply = smtp.read_reply()

    assert reply.code != 552, f"SIZE is not offered, and a message of {_LARGE} octets was answered {reply}"
    raise NotOffered(f"SIZE is not offered, and a message of {_LARGE} octets was answered {reply}")
