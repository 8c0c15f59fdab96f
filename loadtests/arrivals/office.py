"""How often an organisation of so many people sends, gets and checks mail in its peak hour."""

from typing import Final, NamedTuple

from loadtests.plan import Office

__all__ = ["Flows", "flows_of", "is_among"]

# Multiples of it lie evenly between 0 and 1, in every arithmetic progression too.
_GOLDEN: Final = (5**0.5 - 1) / 2


class Flows(NamedTuple):
    """Sessions a second.

    Attributes:
        outside: With a message from outside.
        colleagues: With a message from one of them to another.
        pop3: In which one of them checks for mail by POP3.
        imap: By IMAP.
    """

    outside: float
    colleagues: float
    pop3: float
    imap: float

    @property
    def per_s(self) -> float:
        return sum(self)


def flows_of(office: Office) -> Flows:
    """SPECmail-style: users x messages a day x the peak hour's share of the day / 3600.

    Of what they send, the local share goes to colleagues; as much as the rest comes from outside, so that they get as
    much as they send.
    """
    sent_per_s = office.users * office.sent_per_day * office.peak_share / 3600
    checks_per_s = office.users * office.checks_per_hour / 3600
    return Flows(
        outside=sent_per_s * (1 - office.local_share),
        colleagues=sent_per_s * office.local_share,
        pop3=checks_per_s * office.pop3_share,
        imap=checks_per_s * (1 - office.pop3_share),
    )


def is_among(mailbox: int, share: float) -> bool:
    """Whether a mailbox belongs to a share of all: the same ones in every process, and as many of each one's own."""
    return mailbox * _GOLDEN % 1 < share
