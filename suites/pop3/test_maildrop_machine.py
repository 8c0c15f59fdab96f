"""The maildrop of a session beside a model of it (RFC 1939 §5)."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.pop3.responses import MultiLine, Response, Status
from suites.covers import covers, proves
from suites.machine import CheckMachine, run_machine, step
from suites.needs import endpoint, needs
from suites.pop3.maildrop import STOCK, ended, must_be_ok, open_stock

_places = st.integers(0, len(STOCK) - 1)


class Maildrop(CheckMachine):
    """The sizes of all messages as they were at login, and a set that says which ones are marked.

    Other mail in the maildrop is listed and never touched.
    """

    def start(self) -> None:
        drop = open_stock(self.target)
        self.pop3 = drop.pop3
        self.numbers = drop.numbers
        self.contents = {number: self.pop3.retr(number) for number in self.numbers}
        self.sizes = dict(self.pop3.list_())
        self.marked: set[int] = set()

    def left(self) -> dict[int, int]:
        return {number: octets for number, octets in self.sizes.items() if number not in self.marked}

    def answered(self, place: int, line: bytes) -> tuple[int, Response]:
        """The number at this place of the stock, and the response to a command with it, which must fit the marks."""
        number = self.numbers[place]
        (response,) = self.pop3.pipeline([line % number])
        status = response if isinstance(response, Status) else response.status
        # A message that a RSET has set free is there again; one that is marked is not.
        with proves("RFC1939-5-nk1" if number in self.marked else "RFC1939-5-nk2"):
            assert status.ok == (number not in self.marked), f"{line % number!r} was answered {status}"
        return number, response

    @rule(place=_places)
    @step
    def dele(self, place: int) -> None:
        number, _ = self.answered(place, b"DELE %d")
        self.marked.add(number)

    @rule(place=_places)
    @step
    def retr(self, place: int) -> None:
        number, response = self.answered(place, b"RETR %d")
        with proves("RFC1939-5-nk1"):
            whole = not isinstance(response, MultiLine) or response.octets == self.contents[number]
            assert whole or number in self.marked, f"RETR {number} gives another message than before"

    @rule(place=_places)
    @step
    def list_one(self, place: int) -> None:
        self.answered(place, b"LIST %d")

    @rule()
    @step
    def list_all(self) -> None:
        listed = dict(self.pop3.list_())
        with proves("RFC1939-5-nk4"):
            assert listed == self.left(), f"LIST has {listed}, messages {sorted(self.marked)} are marked"

    @rule()
    @step
    def stat(self) -> None:
        told = self.pop3.stat()
        left = self.left()
        with proves("RFC1939-5-nk4"):
            assert told == (len(left), sum(left.values())), f"STAT says {told} of {left}"

    @rule()
    @step
    def noop(self) -> None:
        with proves("RFC1939-5-nk3"):
            must_be_ok(self.pop3.command(b"NOOP"), b"NOOP")

    @rule()
    @step
    def rset(self) -> None:
        with proves("RFC1939-5-nk2"):
            must_be_ok(self.pop3.command(b"RSET"), b"RSET")
        self.marked.clear()

    def teardown(self) -> None:
        if not self.over:
            ended(self.pop3)
        super().teardown()


@covers(
    "RFC1939-5-nk1",
    "RFC1939-5-nk2",
    "RFC1939-5-nk3",
    "RFC1939-5-nk4",
    fault="pop3.second-rset-keeps-marks",
    also=(
        "pop3.no-noop",
        "pop3.noop-takes-marks-away",
        "pop3.rset-keeps-marks",
        "pop3.stat-counts-the-marked",
        "pop3.list-names-the-marked",
        "pop3.retr-shows-the-marked",
        "pop3.dele-marks-twice",
    ),
)
@needs(endpoint(Protocol.POP3, Protocol.POP3S))
def test_a_maildrop_changes_as_its_commands_say(target: LiveTarget) -> None:
    run_machine(Maildrop, target)
