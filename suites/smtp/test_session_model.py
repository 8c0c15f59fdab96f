"""RFC 5321 §4.1.4: any commands in any order, beside a model of what a session remembers."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import ConnectionLost, Unclear
from harness.target import Protocol
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import Reply
from harness.wire.smtp.states import State
from suites.covers import covers
from suites.machine import CheckMachine, run_machine, step
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import content, judged

# Ours: servers close after a few errors, and that is policy (RFC 5321 §7.8).
_MAX_ERRORS: Final = 2

_MAIL: Final = b"MAIL FROM:"
_RCPT: Final = b"RCPT TO:"
_DATA: Final = b"DATA"
_ANEW: Final = (b"RSET", b"EHLO [127.0.0.1]", b"HELO client.example.test")
_NEUTRAL: Final = (b"NOOP", b"VRFY postmaster", b"HELP")
_ERRORS: Final = (b"XMAILPROOF", b"MAIL", b"RCPT")

# Where a command is in order; the others always are, but for those that are errors.
_IN_ORDER: Final = {
    _MAIL: {State.READY},
    _RCPT: {State.MAIL, State.RCPT},
    _DATA: {State.RCPT},
    **{line: set[State]() for line in _ERRORS},
}

# MAIL and RCPT come oftener, so that most dialogues open a transaction; DATA does not, for each message is work.
_commands: Final = st.sampled_from([*[_MAIL, _RCPT] * 3, _DATA, *_ANEW, *_NEUTRAL, *_ERRORS])


class Session(CheckMachine):
    """A session, and what it should know: nothing, a sender, or recipients too."""

    smtp: SmtpClient
    state = State.READY
    errors = 0

    def start(self) -> None:
        self.smtp = self.target.smtp()

    @rule(command=_commands)
    @step
    def say(self, command: bytes) -> None:
        in_order = self.state in _IN_ORDER.get(command, {self.state})
        if not in_order and self.errors == _MAX_ERRORS:
            return
        paths = {_MAIL: reverse_path(self.target), _RCPT: forward_path(self.target)}
        try:
            reply = judged(self.smtp.command(command + paths.get(command, b"")))
        except ConnectionLost:
            self.over = True  # for too many commands or errors, which is policy as well
            return
        self.errors += reply.klass == 5
        self.weigh(command, in_order, reply)

    def weigh(self, command: bytes, in_order: bool, reply: Reply) -> None:
        """Hold the reply against the model, and follow."""
        said = f"{command.decode()} in the state {self.state.value!r} was answered {reply}"
        if command == _RCPT and not in_order:
            assert reply.klass == 5, said
        elif command in (_MAIL, _RCPT, _DATA) and in_order:
            assert reply.code != 503, said
            if reply.klass == 5:
                raise Unclear(said)
        if command == _DATA and reply.klass == 3:
            self.send_content(in_order)
        elif reply.klass == 2:
            # MAIL within a transaction may be refused, or taken as a new beginning.
            follows = {_MAIL: State.MAIL, _RCPT: State.RCPT} | dict.fromkeys(_ANEW, State.READY)
            self.state = follows.get(command, self.state)

    def send_content(self, in_order: bool) -> None:
        """Answer a 354; without a recipient it proves nothing here."""
        if not in_order:
            raise Unclear("DATA without a recipient was answered 354")
        self.smtp.raw(encode_data(content(self.target)))
        judged(self.smtp.read_reply())
        self.state = State.READY


@covers("RFC5321-4.1.4-n", fault="smtp.out-of-order-ends-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_session_remembers_sender_and_recipients(target: LiveTarget) -> None:
    run_machine(Session, target)
