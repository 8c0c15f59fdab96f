"""After-queue filters, batches and quarantine: accepted mail is always somewhere, and passes nothing twice."""

import json
import smtplib
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace

import pytest

from harness.cli import main
from harness.target import Protocol
from reference_server import Server
from reference_server.relay.model import Transport
from reference_server.world.filters import Place, StageKind, Verdict
from reference_server.world.model import RelayLimits

BOUND_S = 30
QUICK = {"relay": RelayLimits(retry_s=(0.2,), timeout_s=5, connect_s=2)}


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + BOUND_S
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def free_place() -> Place:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Place("127.0.0.1", listener.getsockname()[1])


def send(server: Server, content: bytes, *recipients: str, sender: str = "alice@example.test") -> dict:
    endpoint = server.target.endpoints[Protocol.SMTP]
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=BOUND_S) as client:
        return client.sendmail(sender, recipients or ("bob@example.test",), content)


class AfterQueue(threading.Thread):
    """An after-queue filter: takes mail by SMTP or LMTP and hands it to the place that it was told.

    Attributes:
        seen: The content of every message.
        refuses: What is in a message that is refused with 554.
        dies: What is in a message in whose midst the filter closes the connection.
    """

    def __init__(
        self, back: Place, place: Place | None = None, *, lmtp: bool = False, dies: bytes = b"DIE"
    ) -> None:
        super().__init__()
        self._back, self._lmtp = back, lmtp
        self.seen: list[bytes] = []
        self.refuses, self.dies = b"REFUSE", dies
        self._listener = socket.create_server((place.host, place.port) if place else ("127.0.0.1", 0))
        self.place = Place("127.0.0.1", self._listener.getsockname()[1])

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb", buffering=0) as stream:
                connection.settimeout(BOUND_S)
                try:
                    self.serve(stream)
                except OSError:
                    continue

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()

    def serve(self, stream) -> None:
        sender, recipients = "", []
        stream.write(b"220 filter\r\n")
        while line := stream.readline():
            verb, _, argument = line.decode().strip().partition(" ")
            match verb.upper():
                case "MAIL":
                    sender, recipients = argument.partition("<")[2].partition(">")[0], []
                case "RCPT":
                    recipients.append(argument.partition("<")[2].partition(">")[0])
                case "DATA":
                    if self.data(stream, sender, recipients):
                        continue
                    return
                case "QUIT":
                    stream.write(b"221 bye\r\n")
                    return
            stream.write(b"250 OK\r\n")

    def data(self, stream, sender: str, recipients: list[str]) -> bool:
        stream.write(b"354 go on\r\n")
        lines = []
        while (line := stream.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        content = b"".join(lines)
        self.seen.append(content)
        if self.dies in content:
            return False
        if self.refuses in content:
            reply = b"554 5.7.1 refused by the filter\r\n"
        else:
            with smtplib.SMTP(self._back.host, self._back.port, timeout=BOUND_S) as client:
                client.sendmail(sender, recipients, b"X-Filtered: yes\r\n" + content)
            reply = b"250 2.0.0 taken\r\n"
        stream.write(reply * (len(recipients) if self._lmtp else 1))
        return True


@contextmanager
def filtering(*arguments, **settings):
    running = AfterQueue(*arguments, **settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("lmtp", [False, True])
def test_mail_goes_to_the_filter_and_comes_back_once(tools, running, lmtp) -> None:
    back = free_place()
    with filtering(back, lmtp=lmtp) as amavis:
        server = running(
            tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=amavis.place, take_back=back, lmtp=lmtp),
            world=QUICK,
        )
        send(server, tools.HAM, "bob@example.test", "carol@example.test")
        until(lambda: tools.inbox(server.store, "bob") and tools.inbox(server.store, "carol"))
        until(lambda: not server.hosts[tools.HOST].context.queue.entries())
        server.stop()
    assert len(amavis.seen) == 1


def test_what_the_filter_gives_back_has_every_trace_field_and_the_same_octets(tools, running) -> None:
    back = free_place()
    with filtering(back) as amavis:
        server = running(
            tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=amavis.place, take_back=back), world=QUICK
        )
        send(server, tools.HAM)
        until(lambda: tools.inbox(server.store))
        (kept,) = tools.inbox(server.store)
        server.stop()
    assert kept.endswith(b"\r\n" + tools.HAM)
    assert kept.count(b"Received: from") == 2
    assert kept.count(b"X-Filtered: yes") == 1


def test_mail_to_elsewhere_is_taken_back_too(tools, running) -> None:
    back = free_place()
    with filtering(back) as amavis:
        server = running(
            tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=amavis.place, take_back=back), world=QUICK
        )
        send(server, tools.HAM, "away@example.test")
        # Nobody in this world answers for the domain, which the host learns when it relays.
        until(lambda: tools.inbox(server.store, "alice"))
        assert b"example.org" in tools.inbox(server.store, "alice")[0]
        server.stop()


def test_mail_waits_in_the_queue_while_the_filter_is_down_and_in_mid_message(tools, running) -> None:
    back, place = free_place(), free_place()
    server = running(tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=place, take_back=back), world=QUICK)
    queue = server.hosts[tools.HOST].context.queue
    send(server, tools.HAM)
    until(lambda: queue.entries() and queue.entries()[0].recipients[0].attempts)
    assert not tools.inbox(server.store)
    with filtering(back, place, dies=b"To: bob") as amavis:
        until(lambda: amavis.seen)
        assert not tools.inbox(server.store)
        assert queue.entries()
        amavis.dies = b"DIE"
        until(lambda: tools.inbox(server.store))
        until(lambda: not queue.entries())
        server.stop()


def test_what_the_filter_refuses_goes_back_to_the_sender(tools, running) -> None:
    back = free_place()
    with filtering(back) as amavis:
        server = running(
            tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=amavis.place, take_back=back), world=QUICK
        )
        send(server, b"Subject: x\r\n\r\nREFUSE\r\n")
        until(lambda: tools.inbox(server.store, "alice"))
        (bounce,) = tools.inbox(server.store, "alice")
        assert not tools.inbox(server.store)
        server.stop()
    assert b"5.7.1 refused by the filter" in bounce


# Batches


def test_a_batch_is_scanned_and_released(tools, running) -> None:
    server = running(
        tools.stage(StageKind.BATCH, name="nightly", verdict=Verdict.QUARANTINE, interval_s=0.2, most=3),
        tools.stage(StageKind.BUILT_IN, batch="nightly", verdict=Verdict.QUARANTINE),
        world=QUICK,
    )
    queue = server.hosts[tools.HOST].context.queue
    for content in (tools.HAM, tools.with_file(tools.EICAR), tools.HAM):
        send(server, content)
    until(lambda: len(tools.inbox(server.store)) == 2)
    until(lambda: [e.recipients[0].next_hop.transport for e in queue.entries()] == [Transport.QUARANTINE])
    (held,) = queue.entries()
    assert held.recipients[0].last.diagnostic.startswith("Eicar-Test-Signature")
    for kept in tools.inbox(server.store):
        assert kept.endswith(b"\r\n" + tools.HAM)


def test_spam_of_a_batch_is_tagged_below_the_trace_field(tools, running) -> None:
    server = running(
        tools.stage(StageKind.BATCH, name="nightly", interval_s=0.1),
        tools.stage(StageKind.BUILT_IN, batch="nightly"),
        world=QUICK,
    )
    send(server, tools.sealed(tools.letter(tools.GTUBE.decode() + "\n")))
    until(lambda: tools.inbox(server.store))
    (kept,) = tools.inbox(server.store)
    assert kept.index(b"Received: from") < kept.index(b"X-Spam-Flag: YES")


SCANNER = """
import pathlib, sys
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
hits = [file for file in files if b"LAB-VIRUS" in file.read_bytes()]
print(*(f"{file}: Lab.Virus FOUND" for file in hits), sep="\\n")
sys.exit(2 if any(b"BREAK" in file.read_bytes() for file in files) else bool(hits))
"""


def test_a_scanner_is_run_on_the_directory(tools, running, tmp_path) -> None:
    server = running(
        tools.stage(
            StageKind.BATCH,
            name="scan",
            verdict=Verdict.QUARANTINE,
            interval_s=0.2,
            timeout_s=20,
            directory=tmp_path / "hold",
            command=(sys.executable, "-c", SCANNER, "{directory}"),
        ),
        world=QUICK,
    )
    queue = server.hosts[tools.HOST].context.queue
    send(server, tools.HAM)
    send(server, b"Subject: x\r\n\r\nLAB-VIRUS\r\n")
    until(lambda: tools.inbox(server.store))
    until(lambda: [e.recipients[0].next_hop.transport for e in queue.entries()] == [Transport.QUARANTINE])
    assert queue.entries()[0].recipients[0].last.diagnostic == "Lab.Virus"
    assert not list((tmp_path / "hold").iterdir())


@pytest.mark.parametrize("command", [("/nowhere/scanner",), (sys.executable, "-c", "raise SystemExit(2)")])
def test_a_batch_whose_scanner_fails_waits_in_the_queue(tools, running, command) -> None:
    server = running(
        tools.stage(StageKind.BATCH, name="scan", interval_s=0.1, timeout_s=20, command=command), world=QUICK
    )
    queue = server.hosts[tools.HOST].context.queue
    send(server, tools.HAM)
    until(lambda: queue.entries() and queue.entries()[0].recipients[0].attempts)
    assert not tools.inbox(server.store)
    assert queue.entries()[0].recipients[0].last.status == "4.7.1"


def test_a_batch_goes_on_after_a_crash_and_loses_nothing(tools, running, tmp_path) -> None:
    """The directory is as a crash in mid-batch leaves it: a file of a message that waits, and one of nobody's."""
    hold = tmp_path / "hold"
    waiting = tools.stage(
        StageKind.BATCH, name="scan", interval_s=0.1, directory=hold, command=("/nowhere/scanner",)
    )
    first = running(waiting, data_dir=tmp_path, world=QUICK)
    send(first, tools.HAM)
    queue = first.hosts[tools.HOST].context.queue
    until(lambda: queue.entries() and queue.entries()[0].recipients[0].attempts)
    first.stop()
    hold.mkdir(exist_ok=True)
    (hold / "ZZZZZZZZZZZZ").write_bytes(b"left over")

    second = running(
        replace(waiting, command=(sys.executable, "-c", SCANNER, "{directory}"), timeout_s=20),
        data_dir=tmp_path,
        world=QUICK,
    )
    until(lambda: tools.inbox(second.store))
    until(lambda: not second.hosts[tools.HOST].context.queue.entries())
    assert len(tools.inbox(second.store)) == 1
    assert not list(hold.iterdir())


def test_mail_goes_from_the_batch_to_the_after_queue_filter(tools, running) -> None:
    back = free_place()
    with filtering(back) as amavis:
        server = running(
            tools.stage(StageKind.AFTER_QUEUE, name="amavis", at=amavis.place, take_back=back),
            tools.stage(StageKind.BATCH, name="nightly", interval_s=0.1),
            tools.stage(StageKind.BUILT_IN, batch="nightly", verdict=Verdict.QUARANTINE),
            world=QUICK,
        )
        send(server, tools.HAM)
        until(lambda: tools.inbox(server.store))
        server.stop()
    assert len(amavis.seen) == 1


# Quarantine


@pytest.fixture
def queue_command(monkeypatch, capsys):
    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mailproof", "queue", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


@pytest.fixture
def held(tools, running, tmp_path):
    """A host with one message in quarantine and one that waits; its store, and the id of the first."""
    server = running(
        tools.stage(StageKind.BUILT_IN, verdict=Verdict.QUARANTINE),
        data_dir=tmp_path,
        world=QUICK,
    )
    send(server, b"X-Held: yes\r\n" + tools.with_file(tools.EICAR), "bob@example.test", "carol@example.test")
    (entry,) = server.hosts[tools.HOST].context.queue.entries()
    return server, entry.queue_id


def test_quarantine_is_listed_with_its_reason_and_shown(queue_command, held, tmp_path) -> None:
    _, queue_id = held
    code, listed = queue_command("list", "--quarantine", "--data", tmp_path)
    assert code == 0
    assert f"{queue_id}  " in listed
    assert "quarantine to built-in" in listed
    assert "Eicar-Test-Signature in part 2 (4.7.1)" in listed
    code, shown = queue_command("show", queue_id, "--data", tmp_path)
    assert code == 0
    assert "\n  Subject: Hello\n" in shown
    (told,) = json.loads(queue_command("list", "--json", "--data", tmp_path)[1])
    assert [r["transport"] for r in told["recipients"]] == ["quarantine", "quarantine"]


def test_what_is_released_goes_its_way_and_is_not_held_again(tools, queue_command, held, tmp_path) -> None:
    server, queue_id = held
    assert queue_command("release", queue_id, "--data", tmp_path) == (0, "1 message released\n")
    until(lambda: tools.inbox(server.store, "bob") and tools.inbox(server.store, "carol"))
    until(lambda: not server.hosts[tools.HOST].context.queue.entries())
    assert b"\r\nX-Held: yes\r\n" in tools.inbox(server.store)[0]


def test_what_is_removed_is_gone(tools, queue_command, held, tmp_path) -> None:
    server, queue_id = held
    assert queue_command("remove", queue_id, "--data", tmp_path) == (0, "1 message removed\n")
    assert not server.hosts[tools.HOST].context.queue.entries()


@pytest.mark.parametrize("action", ["release", "remove"])
def test_all_of_the_queue_is_not_the_quarantine(tools, queue_command, held, tmp_path, action) -> None:
    server, queue_id = held
    assert queue_command(action, "--all", "--data", tmp_path)[1].startswith("0 messages")
    (entry,) = server.hosts[tools.HOST].context.queue.entries()
    assert (entry.queue_id, entry.recipients[0].state) == (queue_id, "held")
    assert queue_command(action, "--all", "--quarantine", "--data", tmp_path)[1].startswith("1 message")


def test_quarantine_outlives_the_server(tools, running, held, tmp_path) -> None:
    server, queue_id = held
    server.stop()
    again = running(tools.stage(StageKind.BUILT_IN), data_dir=tmp_path, world=QUICK)
    (entry,) = again.hosts[tools.HOST].context.queue.entries()
    assert entry.queue_id == queue_id
    assert not tools.inbox(again.store)
