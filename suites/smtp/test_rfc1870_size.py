"""RFC 1870 §6: SIZE."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from suites.covers import covers, proves
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, needs, smtp_offers
from suites.smtp.steps import ask, content, finish, judged, sent, take_content

# Ours, octets: taken where there is no limit.
_UNLIMITED: Final = 10**7


def _limit(target: LiveTarget) -> int:
    """The limit that EHLO gives, 0 for none."""
    parameter = target.smtp().extensions["SIZE"]
    return int(parameter) if parameter.isdigit() else 0


@covers("RFC1870-7-c", "RFC1870-6.1-a", "RFC1870-6.3-d", fault="smtp.declared-size-ignored")
@needs(smtp_offers("SIZE"), accounts(1))
@given(beyond=st.integers(1, 10**9))
def test_a_declared_size_above_the_limit_is_refused(target: LiveTarget, beyond: int) -> None:
    if not (limit := _limit(target)):
        raise NotOffered("SIZE is without a limit")
    smtp = target.smtp()

    mail = judged(smtp.mail(reverse_path(target), b"SIZE=%d" % (limit + beyond)))
    refused_at_rcpt = mail.klass == 2 and smtp.rcpt(forward_path(target)).code in (452, 552)
    with proves("RFC1870-6.3-d"):
        ask(refused_at_rcpt, "RCPT was not refused for the declared size")
    with proves("RFC1870-7-c", "RFC1870-6.1-a"):
        taken = mail.klass == 2 and not refused_at_rcpt
        assert not taken, f"SIZE={limit + beyond} was answered {mail}, the limit is {limit}"
    with proves("RFC1870-6.1-a"):
        assert mail.klass == 5, f"SIZE={limit + beyond} was answered {mail}, the limit is {limit}"


@covers("RFC1870-7-nk1", fault="smtp.size-on-mail-limited-to-10000")
@needs(smtp_offers("SIZE"))
@given(share=st.sampled_from([0, 1, 100]) | st.integers(0, 100))
def test_a_declared_size_within_the_limit_changes_nothing(target: LiveTarget, share: int) -> None:
    size = (_limit(target) or _UNLIMITED) * share // 100
    plain = target.smtp().mail(reverse_path(target))

    reply = judged(target.smtp().mail(reverse_path(target), b"SIZE=%d" % size))

    assert reply.klass == plain.klass, f"SIZE={size} was answered {reply}, without it {plain}"


@covers("RFC1870-6-e", "RFC1870-6.1-f", fault="smtp.size-ends-data")
@needs(smtp_offers("SIZE"), accounts(1))
@given(declared=st.integers(1, 200))
def test_the_declared_size_does_not_end_the_data(target: LiveTarget, declared: int) -> None:
    smtp = target.smtp()
    for reply in (
        smtp.mail(reverse_path(target), b"SIZE=%d" % declared),
        smtp.command(b"RCPT TO:" + forward_path(target)),
    ):
        if reply.klass != 2:
            raise Unclear(f"a transaction with SIZE={declared} was refused: {reply}")

    reply = take_content(target, smtp, content(target, body=b"NOOP\r\n" * 100))
    unasked = finish(smtp)

    with proves("RFC1870-6-e"):
        assert not unasked, (
            f"a message larger than SIZE={declared} had {len(unasked) + 1} replies: {unasked[0]}"
        )
    with proves("RFC1870-6.1-f"):
        ask(reply.klass == 2, f"a message larger than declared was answered {reply}")


@covers("RFC1870-6.3-a", fault="smtp.declared-size-refused-after-data")
@needs(smtp_offers("SIZE"), accounts(1))
@given(lines=st.integers(0, 50), spare=st.integers(0, 1000))
def test_a_message_of_its_declared_size_is_not_too_large(target: LiveTarget, lines: int, spare: int) -> None:
    message = content(target, body=b"x\r\n" * lines)

    reply = sent(target, message, b"SIZE=%d" % (len(message) + spare))

    assert reply.code != 552, (
        f"{len(message)} octets, declared as {len(message) + spare}, were answered {reply}"
    )
