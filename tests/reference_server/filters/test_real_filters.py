"""Real filters in the chain: ClamAV, SpamAssassin, amavisd-new, MIMEDefang, Rspamd, OpenDKIM.

They are started by the scripts in the directory that MAILPROOF_LAB names (``services/NAME.sh start DIR``); where it
is not set, nothing here runs.
"""

import json
import os
import re
import secrets
import smtplib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.target import Protocol
from reference_server import Server
from reference_server.journal import Event, Kind
from reference_server.world.filters import Place, StageKind, StageSettings, Verdict
from reference_server.world.model import RelayLimits

PORT_BASE = 31000
START_S = 120
PATIENCE_S = 90.0
BACK = Place("127.0.0.1", PORT_BASE + 28)
QUICK = {"relay": RelayLimits(retry_s=(1.0,), timeout_s=30, connect_s=5)}

pytestmark = pytest.mark.skipif(
    not os.environ.get("MAILPROOF_LAB"),
    reason="MAILPROOF_LAB names no directory with the scripts that start real filters",
)


@dataclass
class Service:
    """A filter's program."""

    name: str
    directory: Path
    info: dict = field(default_factory=dict)

    def do(self, verb: str) -> None:
        script = Path(os.environ["MAILPROOF_LAB"]) / "services" / f"{self.name}.sh"
        environment = os.environ | {
            "LAB_PORT_BASE": str(PORT_BASE),
            "LAB_STATE": str(self.directory.with_suffix(".state")),
            "LAB_REINJECT": str(BACK),
        }
        done = subprocess.run(
            [script, verb, self.directory], env=environment, capture_output=True, timeout=START_S, check=False
        )
        assert done.returncode == 0, f"{self.name} {verb}: {done.stderr.decode(errors='replace')}"

    def start(self) -> None:
        """Returns when it answers."""
        self.do("start")
        self.info = json.loads((self.directory / "info.json").read_text())

    def stop(self) -> None:
        """All of its processes are killed."""
        self.do("stop")

    def place(self, port: str) -> Place:
        host, _, number = self.info[port].rpartition(":")
        return Place(host, int(number))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Service]]:
    """Each started when it is first asked for, and ended when all tests are through."""
    if os.geteuid() != 0:
        pytest.skip("the name spaces that the real filters live in need root")
    started: dict[str, Service] = {}

    def ask(name: str) -> Service:
        if name in ("amavisd", "rspamd"):
            ask("clamd")
        if name not in started:
            started[name] = Service(name, tmp_path_factory.mktemp(name) / "lab")
            started[name].start()
        return started[name]

    yield ask
    for each in reversed(started.values()):
        each.stop()


@dataclass(frozen=True)
class Filter:
    """How a program is a stage."""

    service: str
    kind: StageKind
    port: str
    settings: dict = field(default_factory=dict)


FILTERS = {
    "clamd": Filter("clamd", StageKind.CLAMD, "clamd"),
    "spamd": Filter("spamd", StageKind.SPAMD, "spamd", {"verdict": Verdict.TAG}),
    "mimedefang": Filter("mimedefang", StageKind.MILTER, "milter_mimedefang"),
    "rspamd": Filter("rspamd", StageKind.MILTER, "milter_rspamd"),
    "opendkim": Filter("opendkim", StageKind.MILTER, "milter_opendkim"),
    "amavisd": Filter("amavisd", StageKind.AFTER_QUEUE, "amavis", {"take_back": BACK}),
}
AGAINST_VIRUSES = ("clamd", "mimedefang", "rspamd", "amavisd")


@pytest.fixture
def stage_of(tools, services) -> Callable[[str], StageSettings]:
    def make(name: str) -> StageSettings:
        how = FILTERS[name]
        at = services(how.service).place(how.port)
        return tools.stage(how.kind, name=name, at=at, timeout_s=20, **how.settings)

    return make


def send(server: Server, content: bytes, recipient: str = "bob@example.test") -> int:
    """The code of the reply to the message."""
    endpoint = server.target.endpoints[Protocol.SMTP]
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE_S) as client:
        client.ehlo("client.example.org")
        client.mail("alice@example.test")
        client.rcpt(recipient)
        code, _ = client.data(content)
    return code


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def settled(server: Server) -> bool:
    return not any(host.context.queue.entries() for host in server.hosts.values())


@contextmanager
def told(server: Server) -> Iterator[list[Event]]:
    events: list[Event] = []
    unlisten = server.journal.listen(
        lambda event: events.append(event) if event.kind is Kind.FILTER else None
    )
    yield events
    unlisten()


@pytest.mark.parametrize("name", AGAINST_VIRUSES)
@pytest.mark.parametrize("wrapping", ["text", "base64", "quoted-printable", "zip", "zip in zip", "forwarded"])
def test_the_virus_is_stopped_in_every_wrapping(tools, running, stage_of, wrapping, name) -> None:
    if (name, wrapping) == ("mimedefang", "zip in zip"):
        pytest.skip("the lab's filter for MIMEDefang looks into one archive, not into archives in it")
    server = running(stage_of(name), world=QUICK)
    code = send(server, tools.wrappings[wrapping]())
    until(lambda: settled(server))
    assert code // 100 == 5 or name == "amavisd"  # which has taken it, and throws it away
    assert not tools.inbox(server.store)


@pytest.mark.parametrize("name", ["spamd", "amavisd"])
def test_the_spam_line_is_tagged(tools, running, stage_of, name) -> None:
    server = running(stage_of(name), world=QUICK)
    send(server, tools.sealed(tools.letter(f"Buy!\n\n{tools.GTUBE.decode()}\n")))
    until(lambda: settled(server))
    for kept in tools.inbox(server.store):
        assert b"X-Spam-Flag: YES" in kept
        assert kept.index(b"Received: from") < kept.index(b"X-Spam-Flag: YES")
    assert tools.inbox(server.store) or name == "amavisd"  # which throws away what is far beyond doubt


@pytest.mark.parametrize("name", ["clamd", "spamd"])
def test_clean_mail_is_untouched(tools, running, stage_of, name) -> None:
    server = running(stage_of(name), world=QUICK)
    assert send(server, tools.HAM) == 250
    (kept,) = tools.inbox(server.store)
    assert kept.endswith(b"\r\n" + tools.HAM)


@pytest.mark.parametrize("name", ["mimedefang", "rspamd", "opendkim", "amavisd"])
def test_of_clean_mail_only_the_header_has_more_fields(tools, running, stage_of, name) -> None:
    server = running(stage_of(name), world=QUICK)
    assert send(server, tools.HAM) == 250
    until(lambda: tools.inbox(server.store) and settled(server))
    (kept,) = tools.inbox(server.store)
    header, _, body = tools.HAM.partition(b"\r\n\r\n")
    assert kept.endswith(b"\r\n\r\n" + body)
    for line in header.split(b"\r\n"):
        assert b"\r\n" + line + b"\r\n" in kept
    assert re.match(rb"Return-Path: <alice@example.test>\r\nReceived: from ", kept)


def test_a_signature_of_opendkim_is_good_in_the_mailbox(tools, running, stage_of) -> None:
    """It signs what a local client sends; what it has signed it finds good when the mail comes again."""
    server = running(stage_of("opendkim"), world=QUICK)
    send(server, tools.HAM)
    (signed,) = tools.inbox(server.store)
    assert b"\r\nDKIM-Signature: v=1;" in signed
    # The signature is the first field below this host's trace, so nothing that it covers is above it.
    above, _, _ = signed.partition(b"DKIM-Signature:")
    assert above.count(b"\r\nReceived: ") == 1


def test_the_whole_chain_tells_what_each_stage_said(tools, running, stage_of) -> None:
    names = ("spamd", "mimedefang", "clamd", "opendkim")
    server = running(*(stage_of(name) for name in names), world=QUICK)
    with told(server) as events:
        assert send(server, tools.HAM) == 250
    asked = [event.peer for event in events if event.text.startswith(("clamd", "milter", "spamd"))]
    assert asked == ["clamd", "mimedefang", "opendkim", "spamd"]


# In mid-run


@dataclass
class Run:
    """Ham and viruses in turns, by several clients; what is put off is sent again."""

    server: Server
    content: Callable[[str], bytes]
    virus: Callable[[str], bytes]
    accepted: Counter = field(default_factory=Counter)
    put_off: int = 0
    done: int = 0

    def client(self, count: int) -> None:
        for number in range(count):
            token = secrets.token_hex(8)
            make = self.virus if number % 3 == 2 else self.content
            self.until_it_is_answered(make(token), token, virus=make is self.virus)
            self.done += 1

    def until_it_is_answered(self, content: bytes, token: str, *, virus: bool) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            code = send(self.server, content)
            if code // 100 == 4:
                self.put_off += 1
                time.sleep(0.2)  # as a client waits before it tries again
                continue
            if code // 100 == 2 and not virus:
                self.accepted[token] += 1
            return
        raise AssertionError("the filter did not come back")


@pytest.mark.parametrize("name", ["clamd", "spamd", "mimedefang", "rspamd", "opendkim", "amavisd"])
def test_a_filter_that_is_killed_in_mid_run_loses_no_mail_and_lets_none_pass(
    tools, running, services, stage_of, name
) -> None:
    service = services(FILTERS[name].service)
    server = running(stage_of(name), world=QUICK)
    stops_viruses = name in AGAINST_VIRUSES

    def marked(token: str, content: bytes) -> bytes:
        return b"X-Token: " + token.encode() + b"\r\n" + content

    run = Run(
        server,
        content=lambda token: marked(token, tools.HAM),
        virus=lambda token: marked(
            token,
            tools.with_file(tools.EICAR)
            if stops_viruses
            else tools.sealed(tools.letter(tools.GTUBE.decode())),
        ),
    )
    clients = [threading.Thread(target=run.client, args=(15,)) for _ in range(4)]
    for client in clients:
        client.start()
    until(lambda: run.done >= 10)
    service.stop()
    seen = run.put_off
    until(lambda: name == "amavisd" or run.put_off > seen)
    service.start()
    for client in clients:
        client.join()
    until(lambda: settled(server))

    assert run.done == 60
    kept = Counter(
        found[1].decode()
        for each in tools.inbox(server.store)
        if (found := re.search(rb"X-Token: (\w+)", each))
    )
    if stops_viruses:
        assert not [each for each in tools.inbox(server.store) if b"a.com" in each]
        assert set(kept) == set(run.accepted)
    else:
        assert set(run.accepted) <= set(kept)
        spam = [each for each in tools.inbox(server.store) if tools.GTUBE in each]
        assert name != "spamd" or all(b"X-Spam-Flag: YES" in each for each in spam)
    if name != "amavisd":  # what was handed on and not answered for may come twice (RFC 5321 §4.5.4.1)
        assert all(kept[token] == count for token, count in run.accepted.items())
