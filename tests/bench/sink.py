"""A host that takes mail and forgets it, in a process of its own: ``python sink.py ADDRESS PORT``.

It says what Postfix's smtp-sink says, for machines that have none.
"""

import asyncio
import sys
from typing import Final

EHLO: Final = b"250-sink.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
REPLIES: Final = {
    b"EHLO": EHLO,
    b"HELO": b"250 sink.example.net\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


class Sink(asyncio.Protocol):
    """One session: verbs are answered, content is not looked at."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""
        self.in_data = False
        transport.write(b"220 sink.example.net ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        replies = []
        while (reply := self.next_reply()) is not None:
            replies.append(reply)
        self.transport.write(b"".join(replies))

    def next_reply(self) -> bytes | None:
        """What answers the next command or message, None where it is not here yet."""
        if self.in_data:
            _, end, rest = self.waiting.partition(b"\r\n.\r\n")
            if not end:
                return None
            self.waiting, self.in_data = rest, False
            return b"250 2.0.0 Ok\r\n"
        line, end, rest = self.waiting.partition(b"\r\n")
        if not end:
            return None
        self.waiting = rest
        verb = line[:4].upper()
        self.in_data = verb == b"DATA"
        return REPLIES.get(verb, b"502 5.5.1 Not here\r\n")


async def main(address: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, address, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
