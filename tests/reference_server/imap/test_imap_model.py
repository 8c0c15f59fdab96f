"""Two sessions change one mailbox; what each client works out from its responses is what the store holds."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Exists, Expunge, Fetch, Tagged, Vanished
from harness.wire.imap.states import Answer
from reference_server import ONE_SERVER
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.imap.session import ImapSession
from reference_server.store import INBOX, Store
from reference_server.tls import HostTls
from reference_server.world import Site

flags = st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "work"])
either = st.integers(0, 1)
changes = st.sampled_from(
    [b"+FLAGS", b"-FLAGS", b"FLAGS", b"+FLAGS.SILENT", b"-FLAGS.SILENT", b"FLAGS.SILENT"]
)
looks = st.sampled_from([b"FETCH 1:* (UID FLAGS)", b"UID FETCH 1:* FLAGS", b"SEARCH ALL", b"UID SEARCH 1:*"])

SITE = Site(ONE_SERVER, ONE_SERVER.hosts[0])
TLS = HostTls.made_for("localhost")


class Client:
    """Flags and UIDs by message number, None where the server has not told them."""

    def __init__(self, session: ImapSession) -> None:
        self.session = session
        self.reader = ResponseReader()
        self.flags: list[frozenset[str] | None] = []
        self.uids: list[int | None] = []
        self.told: set[int] = set()
        self.reader.feed(session.greet())

    def send(self, command: bytes) -> None:
        """Run a command and learn from all that it brings."""
        self.told = set()
        for response in self.reader.feed(self.session.receive(b"t " + command + b"\r\n")):
            match response:
                case Exists():
                    self.grow(response.count)
                case Expunge():
                    assert command.split()[0] not in (b"FETCH", b"STORE", b"SEARCH")
                    self.forget(response.number - 1)
                case Vanished():
                    for uid in response.uids.expand():
                        self.forget(self.uids.index(uid))
                case Fetch():
                    self.learn(response)
                case Tagged():
                    assert response.status is not Answer.BAD, (command, response)

    def learn_uids(self) -> None:
        """VANISHED names UIDs, so a client of QRESYNC must know whose they are; this may move numbers."""
        if None in self.uids:
            self.send(b"UID FETCH 1:* UID")

    def grow(self, count: int) -> None:
        new = count - len(self.flags)
        assert new >= 0
        self.flags += [None] * new
        self.uids += [None] * new

    def forget(self, at: int) -> None:
        del self.flags[at], self.uids[at]

    def learn(self, response: Fetch) -> None:
        at, data = response.number - 1, response.data
        if data.flags is not None:
            self.flags[at] = frozenset(data.flags) - {"\\Recent"}
            self.told.add(response.number)
        if data.uid is not None:
            assert self.uids[at] in (None, data.uid)
            self.uids[at] = data.uid

    def set_silently(self, number: int, mode: bytes, flag: str) -> None:
        """What a client makes of its STORE .SILENT, unless the server told it better."""
        before = self.flags[number - 1]
        if before is None or number in self.told:
            return
        after = {b"+": before | {flag}, b"-": before - {flag}, b"": frozenset({flag})}
        self.flags[number - 1] = after[mode]


class Mailbox(RuleBasedStateMachine):
    """Messages come, go and change by two sessions, each with extensions of its own."""

    def __init__(self) -> None:
        super().__init__()
        clock = Clock()
        self.mail = Store(":memory:", clock)
        self.context = Context.make(SITE, self.mail, TLS, clock=clock)
        self.clients: list[Client] = []

    @initialize(extensions=st.tuples(*[st.sampled_from([b"NOTHING", b"CONDSTORE", b"QRESYNC"])] * 2))
    def log_in(self, extensions: tuple[bytes, bytes]) -> None:
        mailbox = self.mail.mailbox("alice", INBOX)
        assert mailbox is not None
        self.mailbox_id = mailbox.id
        for _ in range(4):
            self.mail.append(mailbox.id, b"x")
        for extension in extensions:
            client = Client(ImapSession(self.context))
            for command in (
                b"LOGIN alice secret",
                b"ENABLE " + extension,
                b"SELECT INBOX",
                b"UID FETCH 1:* FLAGS",
            ):
                client.send(command)
            self.clients.append(client)

    def teardown(self) -> None:
        for client in self.clients:
            self.compare(client)
        self.mail.close()

    @rule(who=either)
    def append(self, who: int) -> None:
        self.clients[who].send(b"APPEND INBOX {1+}\r\nx")
        self.clients[who].send(b"UID FETCH 1:* FLAGS")

    @rule(who=either, choice=st.integers(0, 9), change=changes, flag=flags)
    def store(self, who: int, choice: int, change: bytes, flag: str) -> None:
        client = self.clients[who]
        if client.flags:
            number = 1 + choice % len(client.flags)
            client.send(b"STORE %d %s (%s)" % (number, change, flag.encode()))
            if change.endswith(b".SILENT"):
                client.set_silently(number, change.partition(b"FLAGS")[0], flag)
            client.learn_uids()

    @rule(who=either, choice=st.integers(0, 9))
    def remove(self, who: int, choice: int) -> None:
        client = self.clients[who]
        if client.flags:
            number = 1 + choice % len(client.flags)
            client.send(b"STORE %d +FLAGS (\\Deleted)" % number)
            client.learn_uids()
            client.send(b"EXPUNGE")
            client.learn_uids()

    @rule(who=either, command=looks)
    def look(self, who: int, command: bytes) -> None:
        if self.clients[who].flags:
            self.clients[who].send(command)
            self.clients[who].learn_uids()

    @rule(who=either)
    def noop(self, who: int) -> None:
        self.compare(self.clients[who])

    def compare(self, client: Client) -> None:
        """NOOP brings all that is new."""
        client.send(b"NOOP")
        rows = self.mail.messages(self.mailbox_id)
        assert len(client.flags) == len(rows)
        for row, known, uid in zip(rows, client.flags, client.uids, strict=True):
            assert uid in (None, row.uid)
            assert known in (None, row.flags)
        client.learn_uids()


TestMailbox = Mailbox.TestCase
TestMailbox.settings = settings(max_examples=60, stateful_step_count=20)
