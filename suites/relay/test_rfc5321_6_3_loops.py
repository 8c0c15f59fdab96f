"""RFC 5321 §6.3: a message that comes back again and again is stopped."""

from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.delivery.letters import letter
from suites.mail import transact
from suites.needs import endpoint, needs
from suites.peer import Received, outside, peer_of
from suites.relay.forwards import forward, forwards, of_token, sent_on

# Ours: each round puts one Received field on at our side and one at least at the target's. §6.3 would have a server
# that counts them stop at a large number, normally 100 or more; none lets three times as many pass.
_ROUNDS: Final = 150

_HOP: Final = (
    b"Received: from there ([127.0.0.1])\r\n\tby loop.example.org with ESMTP;"
    b" Tue, 24 Nov 2026 12:00:00 +0000\r\n"
)


@covers("RFC5321-6.3-b", fault="relay.loops-go-on")
@needs(endpoint(Protocol.SMTP), outside(), forwards())
def test_a_loop_by_way_of_a_forward_ends(target: LiveTarget) -> None:
    address, ours = forward(target)
    peer = peer_of(target)
    sent = letter(target)
    (came,) = sent_on(target, [sent], sender=b"<sender@%s>" % peer.domain.encode())
    for rounds in range(2, _ROUNDS):
        replies = transact(
            target.smtp(), b"<%s>" % came.reverse_path, [b"<%s>" % address], _HOP + came.content
        )
        if replies[-1].klass == 4:
            raise Unclear(f"in round {rounds} the message was answered {replies[-1]}")
        if replies[-1].klass == 5:
            return

        def came_again(messages: list[Received], number: int = rounds) -> bool:
            return len(of_token(messages, sent.token)) >= number or told(messages)

        def told(messages: list[Received]) -> bool:
            return any(m.reverse_path == b"" and sent.token.encode() in m.content for m in messages)

        if not peer.wait_until(came_again, target.limits.delivery_s) or told(peer.received()):
            return
        came = of_token(peer.received(), sent.token)[-1]
        target.end()
    raise AssertionError(
        f"a message for {address.decode()}, which leads to {ours.decode()}, was sent back {_ROUNDS} times and still"
        " comes again"
    )
