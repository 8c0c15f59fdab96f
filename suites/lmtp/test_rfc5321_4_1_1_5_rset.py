"""RFC 5321 §4.1.1.5, in LMTP: RSET ends a transaction and not the session."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from suites import expect
from suites.covers import covers
from suites.mail import open_transaction, reverse_path


@covers("RFC5321-4.1.1.5-nk1", fault="lmtp.rset-forgets-lhlo")
@given(transactions=st.integers(1, 3))
def test_a_transaction_may_begin_after_rset(target: LiveTarget, transactions: int) -> None:
    lmtp = target.lmtp()
    for _ in range(transactions):
        open_transaction(target, lmtp)
        expect.accepted(lmtp.rset(), about="RSET in a transaction")
        reply = expect.not_temporary(lmtp.mail(reverse_path(target)), about="MAIL after RSET")
        assert reply.klass == 2, f"MAIL was taken after LHLO; after RSET it was answered {reply}"
        lmtp.rset()
