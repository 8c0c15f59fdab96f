"""The whole session: IDLE on top of the rest, and the session on its trio stream."""

import trio

from harness.target import Protocol
from harness.wire.imap.commands import Command, NoArguments
from harness.wire.imap.states import Verb
from reference_server.carrier import StreamCarrier
from reference_server.context import Context
from reference_server.imap.answers import Completion, ok
from reference_server.imap.connection import Alarm, Connection
from reference_server.imap.resync import Resync

__all__ = ["ImapSession", "serve_imap"]


class ImapSession(Resync):
    """An IMAP session: octets in by `receive`, octets out; see `ImapCore` for the carrier."""

    def do_idle(self, command: Command, arguments: NoArguments) -> Completion | None:
        """RFC 2177 §3: what is news already comes at once, the rest by `push`."""
        self.continue_(b"idling")
        self.tell_news(expunges=True)
        self.expect_line(lambda line: self.end_idle(command, line))
        return None

    def end_idle(self, command: Command, line: bytes) -> None:
        """DONE, in any case of letters; anything else ends it too, with BAD."""
        self.expect_line(None)
        done = line.upper() == b"DONE"
        self.go_on(command, Verb.DONE, ok("IDLE completed") if done else self.reply_to_no_done(line))

    def reply_to_no_done(self, line: bytes) -> Completion:
        return Completion("BAD", "DONE expected")


async def serve_imap(
    stream: trio.abc.Stream, context: Context, *, implicit_tls: bool, peer: str = ""
) -> None:
    """Serve one connection to its end."""
    alarm = Alarm()
    session = context.variant(ImapSession)(context, tls=implicit_tls, peer=peer, wake=alarm.ring)
    tls = context.tls.of(Protocol.IMAPS if implicit_tls else Protocol.IMAP)
    connection = Connection(session, context.variant(StreamCarrier)(stream), alarm, tls)
    await connection.run(context.world.limits.imap_idle_s)
