"""RFC 5321 §4.1.4: any commands in any order, beside a model of what a session remembers."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.target import Protocol
from harness.wire.smtp.replies import Reply
from harness.wire.smtp.states import State
from suites.covers import covers
from suites.machine import CheckMachine, run_machine, step
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import content, judged


class Session(CheckMachine):
    """A session, and what it should know: nothing, a sender, or recipients too."""

    smtp: SmtpClient

    def start(self) -> None:
        self.smtp = self.target.smtp()
        self.state = State.READY

    def say(self, line: bytes) -> Reply:
        return judged(self.smtp.command(line))

    @rule()
    @step
    def mail(self) -> None:
        reply = self.say(b"MAIL FROM:" + reverse_path(self.target))
        if self.state is State.READY:
            assert reply.code != 503, f"MAIL, with no transaction open, was answered {reply}"
        if reply.klass == 2:
            # Within a transaction it may be taken as a new beginning.
            self.state = State.MAIL
        elif self.state is State.READY:
            raise Unclear(f"MAIL was answered {reply}")

    @rule()
    @step
    def rcpt(self) -> None:
        reply = self.say(b"RCPT TO:" + forward_path(self.target))
        if self.state is State.READY:
            assert reply.klass == 5, f"RCPT without MAIL was answered {reply}"
            return
        assert reply.klass == 2, f"RCPT behind MAIL was answered {reply}"
        self.state = State.RCPT

    @rule()
    @step
    def data(self) -> None:
        reply = self.say(b"DATA")
        if self.state is State.RCPT:
            assert reply.klass == 3, f"DATA with a recipient was answered {reply}"
        elif reply.klass == 3:
            raise Unclear(f"DATA without a recipient was answered {reply}")
        if reply.klass == 3:
            self.smtp.raw(content(self.target) + b".\r\n")
            judged(self.smtp.read_reply())
            self.state = State.READY

    @rule(hello=st.sampled_from([b"EHLO [127.0.0.1]", b"HELO client.example.test", b"RSET"]))
    @step
    def begin_anew(self, hello: bytes) -> None:
        if self.say(hello).klass == 2:
            self.state = State.READY

    @rule(
        line=st.sampled_from([b"NOOP", b"VRFY postmaster", b"HELP", b"XMAILPROOF", b"MAIL", b"RCPT TO:<a b>"])
    )
    @step
    def pass_the_time(self, line: bytes) -> None:
        self.say(line)


@covers("RFC5321-4.1.4-n", fault="smtp.second-mail-ends-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_session_remembers_sender_and_recipients(target: LiveTarget) -> None:
    run_machine(Session, target)
