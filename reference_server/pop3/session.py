"""The commands of the TRANSACTION state, and the session on its trio stream."""

from dataclasses import dataclass

import trio

from harness.target import Protocol
from harness.wire.pop3.commands import Command, CommandError, parse_number
from harness.wire.pop3.responses import encode_lines, encode_multi_line
from harness.wire.pop3.states import Answer
from reference_server.carrier import StreamCarrier
from reference_server.context import Context
from reference_server.errand import trio_result
from reference_server.pop3.core import Pop3Core, Response, error, ok
from reference_server.pop3.maildrop import Maildrop

__all__ = ["Pop3Session", "serve_pop3"]


@dataclass
class Pop3Session(Pop3Core):
    """A POP3 session: octets in by `receive`, octets out; see `Pop3Core` for the carrier."""

    def drop(self) -> Maildrop:
        """The open maildrop; the state table lets no command of this module come without one."""
        if self.maildrop is None:
            raise RuntimeError("no maildrop is open")
        return self.maildrop

    def number(self, argument: bytes) -> int:
        """A message number that exists and is not marked.

        Raises:
            CommandError: It is none.
        """
        number = parse_number(argument)
        if not self.drop().has(number):
            raise CommandError(0, "RFC 1939 §5", "no such message")
        return number

    def reply_to_bad_line(self, exc: CommandError) -> Response:
        if exc.problem == "no such message":
            return error("No such message")
        return super().reply_to_bad_line(exc)

    def do_stat(self, command: Command) -> Response:
        """RFC 1939 §5: how many, and their octets; marked ones are not counted."""
        numbers = self.counted()
        return ok(self.drop_listing(len(numbers), sum(self.drop().octets(number) for number in numbers)))

    def counted(self) -> list[int]:
        """The messages that STAT counts."""
        return self.drop().numbers()

    def drop_listing(self, count: int, octets: int) -> str:
        """RFC 1939 §5: ``count octets``."""
        return f"{count} {octets}"

    def scan_listing(self, number: int) -> bytes:
        """RFC 1939 §5: ``number octets``."""
        return b"%d %d" % (number, self.drop().octets(number))

    def do_list(self, command: Command) -> Response:
        if command.arguments:
            return ok(self.scan_listing(self.number(command.arguments[0])).decode())
        lines = [self.scan_listing(number) for number in self.drop().numbers()]
        return Response(Answer.OK, encode_lines(b"%d messages" % len(lines), lines))

    def do_uidl(self, command: Command) -> Response:
        """RFC 1939 §7."""
        if command.arguments:
            number = self.number(command.arguments[0])
            return ok(f"{number} {self.drop().unique_id(number).decode()}")
        lines = [b"%d %s" % (number, self.drop().unique_id(number)) for number in self.identified()]
        return Response(Answer.OK, encode_lines(b"Unique ids", lines))

    def identified(self) -> list[int]:
        """The messages that UIDL lists."""
        return self.drop().numbers()

    def do_retr(self, command: Command) -> Response:
        number = self.number(command.arguments[0])
        text = b"%d octets" % self.drop().octets(number)
        return Response(Answer.OK, self.multi_line(text, self.drop().content(number)))

    def do_top(self, command: Command) -> Response:
        """RFC 1939 §7; the number of lines is required."""
        number = self.number(command.arguments[0])
        content = self.drop().top(number, parse_number(command.arguments[1]))
        return Response(Answer.OK, self.multi_line(b"Top of message", content))

    def multi_line(self, text: bytes, content: bytes) -> bytes:
        """Dot-stuffed, ended by CRLF dot CRLF (RFC 1939 §3)."""
        return encode_multi_line(text, content)

    def do_dele(self, command: Command) -> Response:
        """RFC 1939 §5: marked now, removed in UPDATE."""
        number = self.number(command.arguments[0])
        self.drop().mark(number)
        return ok("Marked")

    def do_noop(self, command: Command) -> Response:
        return ok()

    def do_rset(self, command: Command) -> Response:
        """RFC 1939 §5: every mark is taken back."""
        self.drop().unmark_all()
        return ok(f"{len(self.drop().numbers())} messages")

    def do_quit(self, command: Command) -> Response:
        """RFC 1939 §6: UPDATE, but only from TRANSACTION."""
        if self.maildrop is not None:
            self.maildrop.update()
            self.maildrop.close()
            self.maildrop = None
        self.closing = True
        return ok("Bye")


async def serve_pop3(
    stream: trio.abc.Stream, context: Context, *, implicit_tls: bool, peer: str = ""
) -> None:
    """Serve one connection to its end."""
    carrier = context.variant(StreamCarrier)(stream)
    session = context.variant(Pop3Session)(context, tls=implicit_tls, peer=peer)
    tls = context.tls.of(Protocol.POP3S if implicit_tls else Protocol.POP3)
    try:
        if implicit_tls:
            session.tls_facts = await carrier.start_tls(tls)
        await carrier.write(session.greet())
        while not session.closing:
            data = await carrier.read(context.world.limits.pop3_idle_s)
            if not data:
                break  # gone, or silent too long: closed without a word (RFC 1939 §3)
            await carrier.write(session.receive(data))
            while (errand := session.errand) is not None:
                result = await trio_result(errand.workers.submit(errand.run))
                await carrier.write(session.errand_done(result))
            if session.wants_tls:
                session.tls_facts = await carrier.start_tls(tls)
                session.tls_started()
    finally:
        session.lost()
        await carrier.close()
