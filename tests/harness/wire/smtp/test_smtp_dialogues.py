"""The example dialogues of RFC 5321 §D, RFC 2033 §4, RFC 2920 §4, RFC 3030 §4 and RFC 4954 §4.1, names replaced.

Both streams go through the cores: replies through the reader, commands through the parser, content through its
reader, and every step through the state table.
"""

from collections import deque
from pathlib import Path

import pytest

from harness.wire.lines import LineBuffer
from harness.wire.smtp.commands import parse_auth, parse_bdat, parse_command, parse_mail, parse_rcpt
from harness.wire.smtp.data import ChunkReader, DataReader
from harness.wire.smtp.replies import Reply, ReplyReader
from harness.wire.smtp.states import LMTP_VERBS, SMTP_VERBS, State, Verb, in_sequence, next_state, verb_of

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))

GRAMMAR = {b"MAIL": parse_mail, b"RCPT": parse_rcpt, b"BDAT": parse_bdat, b"AUTH": parse_auth}


def said_by(who: str, dialogue: Path) -> bytes:
    lines = dialogue.read_text("ascii").splitlines()
    return b"".join(line[3:].encode() + b"\r\n" for line in lines if line.startswith(f"{who}:"))


class Walk:
    """A server's view: takes the client's octets in order and moves by the replies of the example."""

    def __init__(self, octets: bytes, replies: list[Reply]) -> None:
        self.buffer = LineBuffer(1024)
        self.buffer.feed(octets)
        self.replies = deque(replies)
        self.state = State.FRESH
        self.accepted = 0
        self.content = b""
        self.lmtp = False

    def run(self) -> None:
        assert self.replies.popleft().code == 220
        while self.state is not State.CLOSED:
            match self.state:
                case State.DATA:
                    self.read_data()
                case State.TLS:
                    self.state = next_state(self.state, Verb.TLS_HANDSHAKE, 2)
                case State.AUTH:
                    assert self.buffer.next_line()
                    self.state = next_state(self.state, Verb.AUTH_RESPONSE, self.replies.popleft().klass)
                case _:
                    self.read_command()
        assert not self.replies
        assert not self.buffer.pending

    def read_command(self) -> None:
        line = self.buffer.next_line()
        assert line is not None
        command, verb = parse_command(line), verb_of(line)
        assert verb is not None
        if command.verb in GRAMMAR:
            GRAMMAR[command.verb](command.argument)
        if command.verb == b"BDAT":
            self.read_chunk(parse_bdat(command.argument).octets)
        self.lmtp |= verb is Verb.LHLO
        assert verb in (LMTP_VERBS if self.lmtp else SMTP_VERBS)
        self.move(verb, self.replies.popleft())

    def move(self, verb: Verb, reply: Reply) -> None:
        if in_sequence(self.state, verb):
            self.state = next_state(self.state, verb, reply.klass)
            self.accepted += verb is Verb.RCPT and reply.klass == 2
        else:
            # RFC 5321 §3.3: a server may take DATA although no recipient stands, and refuse the content.
            assert verb is Verb.DATA
            self.state = State.DATA if reply.klass == 3 else self.state

    def read_data(self) -> None:
        reader = DataReader()
        self.content += reader.feed(self.buffer.take_up_to(self.buffer.pending))
        assert reader.ended
        assert not reader.faults
        self.buffer.feed(reader.rest)
        answers = [self.replies.popleft() for _ in range(self.accepted if self.lmtp else 1)]
        self.state = next_state(self.state, Verb.END_OF_DATA, answers[-1].klass)

    def read_chunk(self, octets: int) -> None:
        reader = ChunkReader(octets)
        self.content += reader.feed(self.buffer.take_up_to(self.buffer.pending))
        assert reader.ended
        self.buffer.feed(reader.rest)


def walked(dialogue: Path) -> Walk:
    replies = ReplyReader().feed(said_by("S", dialogue))
    walk = Walk(said_by("C", dialogue), replies)
    walk.run()
    return walk


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda path: path.stem)
def test_the_dialogue_is_read_without_a_fault_and_ends_closed(dialogue: Path) -> None:
    replies = ReplyReader().feed(said_by("S", dialogue))
    assert not [reply.faults for reply in replies if reply.faults]
    assert walked(dialogue).state is State.CLOSED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rfc5321-d1", b"Blah blah blah...\r\n...etc. etc. etc.\r\n"),
        ("rfc2033-example", b"Blah blah blah...\r\n...etc. etc. etc.\r\n"),
        ("rfc3030-binarymime", b"First octets of the message\r\nBDAT 5 LAST\r\n"),
        ("rfc2920-refused-late", b""),
    ],
)
def test_the_content_is_what_the_client_meant(name: str, content: bytes) -> None:
    (dialogue,) = (path for path in DIALOGUES if path.stem == name)
    assert walked(dialogue).content == content


def test_all_dialogues_are_here() -> None:
    assert len(DIALOGUES) == 15
