"""RFC 2033 §4.1: LHLO in the place of HELO and EHLO."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.strategies.addresses import address_literals, domains
from suites import expect
from suites.covers import covers
from suites.mail import open_transaction

commands = st.tuples(st.sampled_from([b"HELO", b"EHLO", b"helo", b"Ehlo"]), domains).map(b" ".join)


@covers("RFC2033-4.1-a", fault="lmtp.ehlo-taken")
@given(command=commands, before=st.booleans())
def test_helo_and_ehlo_get_no_success(target: LiveTarget, command: bytes, before: bool) -> None:
    reply = target.lmtp(hello=not before).command(command)
    assert reply.klass != 2, f"{command.decode()} was answered {reply}"


@covers("RFC2033-4.1-b", fault="lmtp.ehlo-answered-502", also=("lmtp.ehlo-taken",))
@given(command=commands)
def test_helo_and_ehlo_are_answered_500(target: LiveTarget, command: bytes) -> None:
    reply = target.lmtp(hello=False).command(command)
    expect.not_temporary(reply, about=command.decode())
    assert reply.code == 500, f"{command.decode()} was answered {reply}"


@covers("RFC2033-4.1-nk1", fault="lmtp.lhlo-keeps-transaction")
@given(name=domains | address_literals)
def test_lhlo_lists_extensions_and_clears_the_transaction(target: LiveTarget, name: bytes) -> None:
    lmtp = target.lmtp()
    open_transaction(target, lmtp)
    reply = expect.no_policy(lmtp.lhlo(name), about="LHLO")
    assert reply.code == 250, f"LHLO {name.decode()} in a transaction was answered {reply}"
    assert lmtp.extensions, f"LHLO lists no extension: {reply}"
    data = lmtp.command(b"DATA")
    assert data.klass not in {2, 3}, f"DATA after LHLO was answered {data}"
