"""An office's sessions, from its people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals.office import flows_of, is_among
from loadtests.plan import Office


def test_specmail_s_numbers_give_specmail_s_rate() -> None:
    """200 users who each send 0.30 messages in the peak hour send one a minute."""
    flows = flows_of(Office(users=200, sent_per_day=2, peak_share=0.15, local_share=0.25))

    assert flows.outside + flows.colleagues == pytest.approx(1 / 60)
    assert flows.colleagues == pytest.approx(0.25 / 60)


def test_checks_are_divided_by_protocol() -> None:
    flows = flows_of(Office(users=3600, checks_per_hour=10, pop3_share=0.3))

    assert (flows.pop3, flows.imap) == pytest.approx((3, 7))
    assert flows.per_s == pytest.approx(10 + flows.outside + flows.colleagues)


@given(share=st.floats(0, 1), first=st.integers(0, 1000), step=st.integers(1, 16))
def test_each_process_has_as_many_of_a_share_as_the_others(share: float, first: int, step: int) -> None:
    mailboxes = range(first, first + 2000 * step, step)

    among = sum(is_among(mailbox, share) for mailbox in mailboxes)

    assert among / len(mailboxes) == pytest.approx(share, abs=0.02)


def test_all_and_none() -> None:
    assert all(is_among(mailbox, 1.0) for mailbox in range(1000))
    assert not any(is_among(mailbox, 0.0) for mailbox in range(1000))
