"""Our clients of clamd and spamd, with daemons of ours that answer as they should, and as they should not."""

import struct

import pytest

from reference_server.filters.clamd import Clamd
from reference_server.filters.model import StageFailed
from reference_server.filters.spamd import Spamd, read_answer
from reference_server.world.filters import Place, StageKind, Verdict

VIRUS = b"stream: Eicar-Test-Signature FOUND\0"


class ClamdOfOurs:
    """INSTREAM, with the same answer to everything."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heard = b""

    def __call__(self, connection) -> None:
        stream = connection.makefile("rb")
        assert stream.read(10) == b"zINSTREAM\0"
        while length := struct.unpack("!I", stream.read(4))[0]:
            self.heard += stream.read(length)
        connection.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (b"stream: OK\0", Verdict.ACCEPT, "clean"),
        (VIRUS, Verdict.REJECT, "Eicar-Test-Signature"),
    ],
)
def test_clamd_is_shown_the_message_and_believed(tools, daemon, answer, verdict, said) -> None:
    clamd = ClamdOfOurs(answer)
    message = tools.mail(tools.HAM * 200)  # several chunks
    finding = Clamd(tools.stage(StageKind.CLAMD, at=daemon(clamd), timeout_s=10)).look(message)
    assert (finding.verdict, finding.said, finding.mail) == (verdict, said, message)
    assert clamd.heard == message.trace + message.content


@pytest.mark.parametrize(
    "answer", [b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"stream: \0", b"\0", b"OK\0"]
)
def test_what_clamd_does_not_say_clearly_is_a_failure(tools, daemon, answer) -> None:
    stage = Clamd(tools.stage(StageKind.CLAMD, at=daemon(ClamdOfOurs(answer)), timeout_s=5))
    with pytest.raises(StageFailed):
        stage.look(tools.mail())


def test_clamd_that_answers_in_mid_message_is_heard(tools, daemon) -> None:
    def too_large(connection) -> None:
        connection.recv(100)
        connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")

    stage = Clamd(tools.stage(StageKind.CLAMD, at=daemon(too_large), timeout_s=5))
    with pytest.raises(StageFailed):
        stage.look(tools.mail(b"x" * 30_000_000))


def test_clamd_on_a_unix_socket_that_is_not_there_is_down(tools, tmp_path) -> None:
    stage = Clamd(tools.stage(StageKind.CLAMD, at=Place(path=str(tmp_path / "clamd.ctl"))))
    with pytest.raises(StageFailed, match=r"unix:.*clamd\.ctl cannot be reached"):
        stage.look(tools.mail())


class SpamdOfOurs:
    """Any command, with the same verdict to everything."""

    def __init__(self, spam: str, body: bytes | None = None, *, promised: int = 0) -> None:
        self.spam, self.body, self.promised = spam, body, promised
        self.command, self.message = b"", b""

    def __call__(self, connection) -> None:
        stream = connection.makefile("rb")
        self.command = stream.readline()
        length = int(stream.readline().partition(b":")[2])
        assert stream.readline() == b"\r\n"
        self.message = stream.read(length)
        assert stream.read() == b""  # the end of the question
        body = self.message if self.body is None else self.body
        head = (
            f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(body) + self.promised}\r\nSpam: {self.spam}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)


def look(tools, place, **settings):
    settings.setdefault("verdict", Verdict.TAG)
    return Spamd(tools.stage(StageKind.SPAMD, at=place, timeout_s=10, **settings)).look(tools.mail())


def test_ham_comes_back_as_it_went(tools, daemon) -> None:
    spamd = SpamdOfOurs("False ; 1.2 / 5.0", b"ALL_TRUSTED")
    finding = look(tools, daemon(spamd))
    assert (finding.verdict, finding.mail.content, finding.said) == (
        Verdict.ACCEPT,
        tools.HAM,
        "no spam, 1.2 of 5",
    )
    assert spamd.command == b"SYMBOLS SPAMC/1.5\r\n"
    assert spamd.message == tools.mail().trace + tools.HAM


def test_spam_is_tagged_below_the_trace_field(tools, daemon) -> None:
    finding = look(tools, daemon(SpamdOfOurs("True ; 999.0 / 5.0", b"GTUBE,\x1b[1mX\r\n")))
    assert finding.verdict is Verdict.TAG
    status = b"Yes, score=999.0 required=5.0 tests=GTUBE, [1mX"
    assert finding.mail.content == b"X-Spam-Flag: YES\r\nX-Spam-Status: " + status + b"\r\n" + tools.HAM


def test_spam_is_rewritten_as_spamd_has_it_with_the_trace_field_once(tools, daemon) -> None:
    trace = tools.mail().trace
    made = b"X-Spam-Flag: YES\r\n" + trace + b"Subject: [SPAM]\r\n\r\nbody\r\n"
    spamd = SpamdOfOurs("True ; 9.0 / 5.0", made)
    finding = look(tools, daemon(spamd), verdict=Verdict.REWRITE)
    assert finding.mail.content == made.replace(trace, b"")
    assert spamd.command == b"PROCESS SPAMC/1.5\r\n"


def test_ham_is_not_rewritten(tools, daemon) -> None:
    finding = look(tools, daemon(SpamdOfOurs("False ; 0 / 5", b"X: y\r\n")), verdict=Verdict.REWRITE)
    assert (finding.verdict, finding.mail.content) == (Verdict.ACCEPT, tools.HAM)


def test_an_answer_that_is_cut_short_is_a_failure(tools, daemon) -> None:
    with pytest.raises(StageFailed, match="cut short"):
        look(tools, daemon(SpamdOfOurs("True ; 9.0 / 5.0", b"GTUBE", promised=5)))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"SPAMD/1.1 75 EX_TEMPFAIL",
        b"SPAMD/1.1 0 EX_OK",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: Maybe ; 1 / 2",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; x / 2",
    ],
)
def test_what_spamd_does_not_say_clearly_is_a_failure(head) -> None:
    with pytest.raises(StageFailed):
        read_answer(head, b"")


@pytest.mark.parametrize(("kind", "made"), [(StageKind.CLAMD, Clamd), (StageKind.SPAMD, Spamd)])
def test_a_daemon_that_does_not_do_its_work_is_a_failure(tools, broken, kind, made) -> None:
    with pytest.raises(StageFailed):
        made(tools.stage(kind, at=broken)).look(tools.mail())
