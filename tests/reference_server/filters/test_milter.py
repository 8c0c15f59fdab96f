"""The MTA's side of the milter protocol, against a milter of ours that answers by a script."""

import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.filters.milter import Milter, wire
from reference_server.filters.milter.wire import Action, Command, MilterFault, Options, Response, Step
from reference_server.filters.model import StageFailed
from reference_server.world.filters import StageKind, Verdict

ALL = 0x1FF
CONTINUE, ACCEPT = (Response.CONTINUE, b""), (Response.ACCEPT, b"")


def packet(response: Response, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data) + 1) + response.value + data


def refusal(text: str) -> tuple[Response, bytes]:
    return Response.REPLY_CODE, text.encode() + b"\0"


def change(response: Response, number: int, name: bytes, value: bytes) -> tuple[Response, bytes]:
    return response, struct.pack("!I", number) + name + b"\0" + value + b"\0"


@dataclass
class MilterOfOurs:
    """Continues, but where the script says otherwise.

    Attributes:
        script: By command, the responses to it, of RCPT the first for the first; the last is repeated.
        heard: Every command with its data, macros too.
        ended: The connection is over, everything is heard.
    """

    script: dict[Command, list] = field(default_factory=dict)
    actions: int = ALL
    steps: int = 0
    version: int = 6
    lists: bytes = b""
    heard: list[tuple[Command, bytes]] = field(default_factory=list)
    counts: dict[Command, int] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def __call__(self, connection) -> None:
        stream = connection.makefile("rb")
        while head := stream.read(4):
            octets = stream.read(struct.unpack("!I", head)[0])
            command, data = Command(octets[:1]), octets[1:]
            self.heard.append((command, data))
            if command is Command.QUIT:
                self.ended.set()
                return
            connection.sendall(b"".join(packet(*each) for each in self.answers(command)))

    def answers(self, command: Command) -> list:
        if command in (Command.MACRO, Command.ABORT):
            return []
        if command is Command.OPTNEG:
            return self.script.get(
                command,
                [(Response.OPTNEG, struct.pack("!III", self.version, self.actions, self.steps) + self.lists)],
            )
        place = self.counts.get(command, 0)
        self.counts[command] = place + 1
        said = self.script.get(command, [CONTINUE])
        if command is Command.END_OF_BODY:
            return said
        return [said[min(place, len(said) - 1)]]

    def said(self, command: Command) -> list[bytes]:
        return [data for each, data in self.heard if each is command]


@pytest.fixture
def look(tools, daemon):
    def ask(milter: MilterOfOurs, mail=None, **settings):
        settings.setdefault("timeout_s", 10)
        stage = Milter(tools.stage(StageKind.MILTER, at=daemon(milter), **settings))
        finding = stage.look(mail or tools.mail())
        assert milter.ended.wait(10)
        return finding

    return ask


def test_the_whole_transaction_is_told_step_by_step(tools, look) -> None:
    milter = MilterOfOurs()
    finding = look(milter, tools.mail(tools.HAM, "bob@example.test", "carol@example.test"))
    assert (finding.verdict, finding.mail.content) == (Verdict.ACCEPT, tools.HAM)
    steps = [command for command, _ in milter.heard if command is not Command.MACRO]
    assert steps == [
        Command.OPTNEG,
        Command.CONNECT,
        Command.HELO,
        Command.MAIL,
        Command.RCPT,
        Command.RCPT,
        Command.DATA,
        *[Command.HEADER] * 4,
        Command.END_OF_HEADER,
        Command.BODY,
        Command.END_OF_BODY,
        Command.QUIT,
    ]
    assert milter.said(Command.CONNECT) == [b"[192.0.2.7]\x004\x00\x00192.0.2.7\0"]
    assert milter.said(Command.HELO) == [b"client.example.org\0"]
    assert milter.said(Command.MAIL) == [b"<alice@example.test>\0SIZE=%d\0" % len(tools.HAM)]
    assert milter.said(Command.RCPT) == [b"<bob@example.test>\0", b"<carol@example.test>\0"]
    assert milter.said(Command.HEADER)[0] == b"From\0Alice <alice@example.test>\0"
    assert milter.said(Command.HEADER)[3] == b"X-Odd\0  folded\n\t oddly  \0"
    assert b"".join(milter.said(Command.BODY)) == tools.HAM.partition(b"\r\n\r\n")[2]


def test_what_mail_and_rcpt_said_besides_is_told(tools, look) -> None:
    mail = tools.mail(tools.HAM)
    recipient = Recipient(
        b"bob@example.test", frozenset({Notify.DELAY, Notify.FAILURE}), b"rfc822;b@example.test"
    )
    envelope = Envelope(
        b"alice@example.test", (recipient,), Body.EIGHT_BIT, smtputf8=True, ret="FULL", envid=b"id+2B"
    )
    milter = MilterOfOurs()
    look(milter, replace(mail, envelope=envelope))
    (said,) = milter.said(Command.MAIL)
    assert said.split(b"\0")[2:-1] == [b"BODY=8BITMIME", b"SMTPUTF8", b"RET=FULL", b"ENVID=id+2B"]
    (said,) = milter.said(Command.RCPT)
    assert said.split(b"\0")[1:-1] == [b"NOTIFY=DELAY,FAILURE", b"ORCPT=rfc822;b@example.test"]


def test_macros_go_before_their_command_and_only_those_that_are_wanted(tools, look) -> None:
    plain, asking = MilterOfOurs(), MilterOfOurs(lists=struct.pack("!I", 2) + b"i {mail_addr} {nonsense}\0")
    look(plain)
    look(asking)
    macros = {data[:1]: data[1:].split(b"\0") for data in plain.said(Command.MACRO)}
    assert macros[b"C"][:2] == [b"j", b"mail.example.test"]
    assert b"{rcpt_addr}" in macros[b"R"]
    assert (b"M" + b"i\0abc\0{mail_addr}\0alice@example.test\0") in asking.said(Command.MACRO)
    order = [command for command, _ in plain.heard]
    assert order.index(Command.MACRO) == order.index(Command.CONNECT) - 1


def test_steps_that_are_not_wanted_are_left_out(tools, look) -> None:
    every = Step.NO_CONNECT | Step.NO_HELO | Step.NO_MAIL | Step.NO_RCPT | Step.NO_DATA
    every |= Step.NO_HEADERS | Step.NO_END_OF_HEADER | Step.NO_BODY
    milter = MilterOfOurs(steps=every)
    look(milter)
    assert {command for command, _ in milter.heard} == {
        Command.OPTNEG,
        Command.MACRO,
        Command.END_OF_BODY,
        Command.QUIT,
    }


def test_steps_that_are_not_answered_are_not_waited_for(tools, daemon, look) -> None:
    class Quiet(MilterOfOurs):
        def answers(self, command: Command) -> list:
            quiet = command not in (Command.OPTNEG, Command.END_OF_BODY)
            return [] if quiet else super().answers(command)

    steps = Step.NO_REPLY_CONNECT | Step.NO_REPLY_HELO | Step.NO_REPLY_MAIL | Step.NO_REPLY_RCPT
    steps |= Step.NO_REPLY_DATA | Step.NO_REPLY_HEADER | Step.NO_REPLY_END_OF_HEADER | Step.NO_REPLY_BODY
    milter = Quiet(steps=steps)
    assert look(milter).verdict is Verdict.ACCEPT
    assert len(milter.said(Command.HEADER)) == 4


def test_the_space_behind_the_colon_is_the_milters_where_it_wants_it(tools, look) -> None:
    milter = MilterOfOurs(
        steps=Step.LEADING_SPACE,
        script={Command.END_OF_BODY: [(Response.ADD_HEADER, b"X-A\0  two\0"), CONTINUE]},
    )
    finding = look(milter)
    assert milter.said(Command.HEADER)[0] == b"From\0 Alice <alice@example.test>\0"
    assert b"\r\nX-A:  two\r\n\r\n" in finding.mail.content


def test_an_old_milter_is_spoken_to_as_it_can(tools, look) -> None:
    milter = MilterOfOurs(version=2, actions=0x3F)
    assert look(milter).verdict is Verdict.ACCEPT
    assert not milter.said(Command.DATA)


def test_the_rest_of_the_body_is_skipped_where_the_milter_says_so(tools, look) -> None:
    milter = MilterOfOurs(steps=Step.SKIP, script={Command.BODY: [(Response.SKIP, b"")]})
    finding = look(milter, tools.mail(b"A: b\r\n\r\n" + b"x" * 300_000))
    assert finding.verdict is Verdict.ACCEPT
    assert [len(each) for each in milter.said(Command.BODY)] == [wire.MAX_BODY_CHUNK]


def test_every_change_at_the_end_is_made(tools, look) -> None:
    milter = MilterOfOurs(
        script={
            Command.END_OF_BODY: [
                (Response.PROGRESS, b""),
                (Response.ADD_HEADER, b"X-Last\0yes\0"),
                change(Response.INSERT_HEADER, 0, b"X-First", b"a\n\tb"),
                change(Response.INSERT_HEADER, 3, b"X-Third", b"3"),
                change(Response.CHANGE_HEADER, 1, b"subject", b"[x]"),
                change(Response.CHANGE_HEADER, 1, b"X-Odd", b""),
                change(Response.CHANGE_HEADER, 9, b"X-Far", b"added"),
                (Response.REPLACE_BODY, b"new "),
                (Response.REPLACE_BODY, b"body\r\n"),
                (Response.ADD_RCPT, b"<carol@example.test>\0"),
                (Response.ADD_RCPT_PAR, b"<dan@example.test>\0NOTIFY=NEVER\0"),
                (Response.DEL_RCPT, b"<BOB@example.test>\0"),
                (Response.CHANGE_FROM, b"<bounces@example.test>\0RET=HDRS ENVID=x\0"),
                CONTINUE,
            ]
        }
    )
    finding = look(milter)
    assert finding.verdict is Verdict.REWRITE
    assert finding.mail.content == (
        b"X-First: a\r\n\tb\r\nFrom: Alice <alice@example.test>\r\nX-Third: 3\r\nTo: bob@example.test\r\n"
        b"subject: [x]\r\nX-Last: yes\r\nX-Far: added\r\n\r\nnew body\r\n"
    )
    envelope = finding.mail.envelope
    assert envelope.reverse_path == b"bounces@example.test"
    assert [each.address for each in envelope.recipients] == [b"carol@example.test", b"dan@example.test"]
    assert [each.notify for each in envelope.recipients] == [frozenset(), frozenset({Notify.NEVER})]
    assert (envelope.ret, envelope.envid) == ("HDRS", b"x")
    assert len(finding.changes) == 11


@pytest.mark.parametrize(
    ("at", "answer", "verdict", "reply"),
    [
        (Command.CONNECT, (Response.REJECT, b""), Verdict.REJECT, "550 5.7.1 Command rejected"),
        (Command.HELO, (Response.TEMPFAIL, b""), Verdict.TRY_LATER, "451 4.7.1 Service unavailable"),
        (Command.MAIL, refusal("553 5.1.8 no %%"), Verdict.REJECT, "553 5.1.8 no %"),
        (Command.DATA, refusal("450 later"), Verdict.TRY_LATER, "450 4.7.1 later"),
        (Command.HEADER, refusal("550-5.7.0 one\r\n550 5.7.0 two"), Verdict.REJECT, "550 5.7.0 one two"),
        (Command.END_OF_HEADER, (Response.DISCARD, b""), Verdict.DISCARD, ""),
        (Command.BODY, (Response.SHUTDOWN, b""), Verdict.TRY_LATER, "421 4.7.0"),
        (Command.RCPT, (Response.DISCARD, b""), Verdict.DISCARD, ""),
        (Command.CONNECT, ACCEPT, Verdict.ACCEPT, ""),
        (Command.MAIL, ACCEPT, Verdict.ACCEPT, ""),
    ],
)
def test_a_milter_may_decide_at_every_step(tools, look, at, answer, verdict, reply) -> None:
    milter = MilterOfOurs(script={at: [answer]})
    finding = look(milter)
    assert finding.verdict is verdict
    said = f"{finding.reply.code} {finding.reply.status} {finding.reply.text}" if finding.reply else ""
    assert said.startswith(reply)
    assert [command for command, _ in milter.heard][-2:] == [Command.ABORT, Command.QUIT]


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([ACCEPT], Verdict.ACCEPT),
        ([(Response.REJECT, b"")], Verdict.REJECT),
        ([(Response.DISCARD, b"")], Verdict.DISCARD),
        ([(Response.QUARANTINE, b"odd\0"), CONTINUE], Verdict.QUARANTINE),
        ([(Response.QUARANTINE, b"odd\0"), refusal("451 no")], Verdict.TRY_LATER),
        ([(Response.ADD_HEADER, b"A\0b\0"), refusal("550 no")], Verdict.REJECT),
    ],
)
def test_a_milter_decides_at_the_end(tools, look, answers, verdict) -> None:
    finding = look(MilterOfOurs(script={Command.END_OF_BODY: answers}))
    assert finding.verdict is verdict
    assert finding.mail.content == tools.HAM
    if verdict is Verdict.QUARANTINE:
        assert finding.said == "odd"


def test_recipients_are_refused_one_by_one(tools, look) -> None:
    milter = MilterOfOurs(
        script={Command.RCPT: [CONTINUE, refusal("550 5.1.1 nobody"), refusal("451 later")]}
    )
    finding = look(milter, tools.mail(tools.HAM, "a@example.test", "b@example.test", "c@example.test"))
    assert finding.verdict is Verdict.ACCEPT
    assert [each.address for each in finding.mail.envelope.recipients] == [b"a@example.test"]
    assert {r.address: each.code for r, each in finding.refused.items()} == {
        b"b@example.test": 550,
        b"c@example.test": 451,
    }


@pytest.mark.parametrize(
    "milter",
    [
        MilterOfOurs(script={Command.OPTNEG: [(Response.CONTINUE, b"")]}),
        MilterOfOurs(script={Command.OPTNEG: [(Response.OPTNEG, b"\0\0\0\6")]}),
        MilterOfOurs(version=7),
        MilterOfOurs(version=1),
        MilterOfOurs(actions=0x200),
        MilterOfOurs(steps=0x800),
        MilterOfOurs(lists=b"\0\0\0\1no end"),
        MilterOfOurs(script={Command.CONNECT: [(Response.CONN_FAIL, b"")]}),
        MilterOfOurs(script={Command.HELO: [(Response.ADD_HEADER, b"a\0b\0")]}),
        MilterOfOurs(script={Command.MAIL: [(Response.SKIP, b"")]}),
        MilterOfOurs(script={Command.MAIL: [refusal("250 fine")]}),
        MilterOfOurs(actions=0, script={Command.END_OF_BODY: [(Response.ADD_HEADER, b"a\0b\0"), CONTINUE]}),
        MilterOfOurs(script={Command.END_OF_BODY: [(Response.ADD_HEADER, b"a\0"), CONTINUE]}),
        MilterOfOurs(script={Command.END_OF_BODY: [(Response.CHANGE_HEADER, b"\0"), CONTINUE]}),
        MilterOfOurs(script={Command.END_OF_BODY: [(Response.ADD_RCPT, b"no end"), CONTINUE]}),
        MilterOfOurs(
            script={Command.END_OF_BODY: [(Response.ADD_RCPT_PAR, b"<a@b.test>\0NOTIFY=X\0"), CONTINUE]}
        ),
        MilterOfOurs(script={Command.END_OF_BODY: []}),
    ],
    ids=str,
)
def test_a_milter_that_breaks_the_protocol_is_a_failure(tools, look, milter) -> None:
    with pytest.raises(StageFailed):
        look(milter, timeout_s=0.5)


def test_progress_without_end_is_a_failure(tools, daemon) -> None:
    class Busy(MilterOfOurs):
        def __call__(self, connection) -> None:
            try:
                super().__call__(connection)
            except OSError:
                return

        def answers(self, command: Command) -> list:
            endless = [(Response.PROGRESS, b"")] * 20_000
            return endless if command is Command.END_OF_BODY else super().answers(command)

    with pytest.raises(StageFailed):
        Milter(tools.stage(StageKind.MILTER, at=daemon(Busy()))).look(tools.mail())


def test_a_milter_that_does_not_do_its_work_is_a_failure(tools, broken) -> None:
    with pytest.raises(StageFailed):
        Milter(tools.stage(StageKind.MILTER, at=broken)).look(tools.mail())


# The codec


@given(st.lists(st.binary().map(lambda octets: octets.replace(b"\0", b"")), min_size=1))
def test_texts_are_read_as_they_were_written(octets: list[bytes]) -> None:
    assert wire.texts(wire.strings(*octets)) == octets


@given(st.integers(2, 6), st.integers(0, 0x1FF), st.integers(0, 0x1FFFFF))
def test_an_answer_to_the_offer_is_read(version: int, actions: int, steps: int) -> None:
    steps &= ~Step.REJECTED_RCPT
    answer = wire.Packet(Response.OPTNEG, struct.pack("!III", version, actions, steps))
    assert wire.read_optneg(answer) == Options(version, Action(actions), Step(steps))


@given(st.binary(max_size=60))
def test_any_answer_is_read_or_is_a_fault(octets: bytes) -> None:
    for read in (wire.read_packet, wire.indexed_field, wire.named_field, wire.texts):
        try:
            read(octets)
        except MilterFault:
            continue
    with suppress(MilterFault):
        wire.read_optneg(wire.Packet(Response.OPTNEG, octets))
    assert isinstance(wire.decoded(octets), str)


def test_answers_are_told_in_words() -> None:
    octets = packet(Response.OPTNEG, struct.pack("!III", 6, 1, 0)) + packet(*CONTINUE) * 3
    octets += packet(*change(Response.INSERT_HEADER, 1, b"A", b"b\n c")) + packet(
        Response.REPLACE_BODY, b"xy"
    )
    assert wire.decoded(octets).split("\n") == [
        "OPTNEG version 6, actions 0x1, steps 0x0",
        "CONTINUE (3 times)",
        "INSERT_HEADER 1 A b  c",
        "REPLACE_BODY 2 octets",
    ]
