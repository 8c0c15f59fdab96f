"""What is kept is bounded, whatever clients do."""

from reference_server.clock import Clock
from reference_server.console import recorder
from reference_server.console.news import News
from reference_server.console.recorder import Recorder
from reference_server.console.watched import watchers
from reference_server.faults import Faults, known_faults
from reference_server.imap.session import ImapSession
from reference_server.journal import Direction
from reference_server.pop3.session import Pop3Session
from reference_server.smtp.session import SmtpSession


def test_the_beginning_of_a_session_is_kept_and_the_rest_counted(monkeypatch) -> None:
    monkeypatch.setattr(recorder, "MAX_OCTETS_A_SESSION", 10)
    kept = Recorder(Clock(), News())
    record = kept.begin("mail.example.test", "smtp", "192.0.2.1")
    for octets in (b"12345678", b"1234", b"1"):
        record.moved(Direction.RECEIVED, octets, tls=False)
    record.end()
    session = kept.session(1)
    assert session is not None
    assert [moved.octets or moved.text for moved in session.moved] == [b"12345678", "closed"]
    assert (session.octets_in, session.left_out) == (13, 5)


def test_the_latest_sessions_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(recorder, "MAX_SESSIONS", 3)
    monkeypatch.setattr(recorder, "MAX_OCTETS", 100)
    kept = Recorder(Clock(), News())
    records = [kept.begin("mail.example.test", "smtp", "") for _ in range(5)]
    assert [session.number for session in kept.sessions()] == [5, 4, 3]
    records[3].moved(Direction.SENT, b"x" * 80, tls=False)
    records[4].moved(Direction.SENT, b"x" * 80, tls=False)
    assert [session.number for session in kept.sessions()] == [5]
    records[0].moved(Direction.SENT, b"a session that is forgotten goes on", tls=False)
    assert kept.session(1) is None


def test_those_that_are_over_are_forgotten_when_asked_for() -> None:
    kept = Recorder(Clock(), News())
    over, going_on = kept.begin("mail.example.test", "smtp", ""), kept.begin("mail.example.test", "imap", "")
    over.end()
    assert kept.open_sessions() == 1
    kept.forget_sessions()
    assert [session.number for session in kept.sessions()] == [going_on.number]


def test_every_fault_of_a_session_can_be_switched_on_while_sessions_are_watched() -> None:
    kept, faults = Recorder(Clock(), News()), Faults()
    faults.watch(*watchers(kept))
    for name in known_faults():
        faults.switch_on(name)
        for base in (SmtpSession, Pop3Session, ImapSession):
            made = faults.variant(base)
            assert issubclass(made, base)
            assert getattr(made, "recorder", None) is kept, name  # what watches is in front of it
        faults.switch_off(name)
