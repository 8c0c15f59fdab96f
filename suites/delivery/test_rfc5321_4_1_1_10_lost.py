"""RFC 5321 §4.1.1.10: a connection that is lost in the middle of a message."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers
from suites.delivery.letters import arrived, entrance, letter, letters, overdue, post, posted
from suites.mail import fetch_all, open_transaction
from suites.needs import needs, reader


@covers("RFC5321-4.1.1.10-d", "RFC5321-4.1.1.5-d", fault="delivery.cut-off-message-delivered")
@needs(reader())
@given(reset=st.booleans(), share=st.sampled_from([0.5, 0.9, 1.0]))
def test_a_message_that_is_cut_off_does_not_arrive(target: LiveTarget, reset: bool, share: float) -> None:
    first, cut = letters(target, [b"First.\r\n", b"Cut off.\r\n" * 50])
    client = entrance(target)
    if post(target, client, first.content).klass != 2:
        raise Unclear("a plain message was refused")
    open_transaction(target, client)
    if (reply := client.data_open()).klass != 3:
        raise Unclear(f"DATA was answered {reply}")
    client.raw(cut.content[: int(len(cut.content) * share)])
    client.transport.reset() if reset else client.transport.close()
    later = letter(target)
    posted(target, [later])
    arrived(target, [later])
    arrived(target, [first])
    came = fetch_all(target, cut.token, 0)
    assert not came, f"the connection was lost in DATA, and {len(came[0])} octets of the message arrived"


@covers("RFC5321-4.1.1.10-d", "RFC5321-4.1.1.5-d", fault="delivery.cut-off-undoes-the-earlier")
@needs(reader())
def test_a_message_before_the_cut_stands(target: LiveTarget) -> None:
    first = letter(target)
    client = entrance(target)
    if post(target, client, first.content).klass != 2:
        raise Unclear("a plain message was refused")
    open_transaction(target, client)
    client.transport.close()
    late = overdue(target, [first])
    assert not late, "a message was accepted, the connection was lost, and it did not arrive"
