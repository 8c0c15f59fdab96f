"""A run as a real server leaves it: every verdict, generated inputs, TLS, long and hostile octets."""

from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path

import pytest

from harness.results.model import (
    CheckResult,
    Counterexample,
    EntryRecord,
    Finding,
    GateRecord,
    RunEnd,
    RunHeader,
    Seen,
    TargetFacts,
    TranscriptRecord,
    verdict,
)
from harness.results.store import Run, RunWriter, read_run
from harness.spec.model import Level, Party, Register, Requirement, Ruling
from reports.overview import Overview, overview

# What a server would say to run in a reader's browser or terminal.
HOSTILE = b"</script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\xff\xfe\r\n"

_WEIGHTY = (Level.MUST, Level.MUST_NOT)
_REASONS = {
    Seen.KEPT: "",
    Seen.BROKEN: "expected 5yz, got 250 2.1.0 Ok",
    Seen.UNCLEAR: "450 4.2.0 greylisted: come back in 300 s",
    Seen.NOT_OFFERED: "EHLO offers no CHUNKING",
    Seen.FAILED: "ValueError in the check: not enough values to unpack",
}
_DIALOGUE = (
    ("received", b"220 mx.example.test ESMTP Postfix\r\n"),
    ("sent", b"EHLO client.example.org\r\n"),
    ("received", b"250-mx.example.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n"),
    ("sent", b"STARTTLS\r\n"),
    ("received", b"220 2.0.0 Ready to start TLS\r\n"),
    ("note", b"TLSv1.3, TLS_AES_256_GCM_SHA384, certificate checked"),
    ("sent", b"MAIL FROM:<\"a\\\\b\"@example.org>\r\n"),
    ("received", b"250 2.1.0 Ok\r\n"),
    ("sent", b"RCPT TO:<alice@example.test>\r\n"),
    ("received", b"250 2.1.5 Ok\r\n"),
    ("sent", b"DATA\r\n"),
    ("received", b"354 End data with <CR><LF>.<CR><LF>\r\n"),
    ("sent", b"Subject: \xc3\xa9t\xc3\xa9\r\n\r\nx\n.\nNOOP\r\n" + b"long " * 300 + b"\r\n.\r\n"),
    ("received", b"250 2.0.0 Ok: queued as 4Xyz\r\n"),
    ("sent", b"QUIT\r\n"),
    ("received", b"221 2.0.0 Bye\r\n"),
)  # fmt: skip


def transcript(label: str, *extra: bytes) -> TranscriptRecord:
    """One connection that turns to TLS at its sixth entry."""
    entries = [*_DIALOGUE, *(("received", octets) for octets in extra)]
    return TranscriptRecord(
        label=label,
        entries=[
            EntryRecord(at_us=index * 1741 + 212, direction=direction, octets=octets, tls=index >= 5)
            for index, (direction, octets) in enumerate(entries)
        ],
    )


def result(requirement: Requirement, seen: Seen, *extra: bytes) -> CheckResult:
    """A check of its own for one requirement."""
    broken = seen is Seen.BROKEN
    name = requirement.id.lower().replace("-", "_").replace(".", "_")
    return CheckResult(
        check=f"{requirement.area}.{name}",
        title=requirement.text.rstrip(".").lower(),
        area=requirement.area,
        module=f"suites.{requirement.area}.test_sessions",
        findings=[
            Finding(
                requirement=requirement.id,
                level=requirement.weight.value,
                seen=seen,
                verdict=verdict(seen, requirement.weight),
                reason=_REASONS[seen],
            )
        ],
        duration_s=0.173,
        examples=25,
        property_based=True,
        counterexample=Counterexample(
            message="AssertionError: LF dot LF ended the message\nassert not [Reply(250)]",
            arguments={"before": repr(b""), "after": repr(HOSTILE)},
            choices=[b"\x01\x02"],
        )
        if broken
        else None,
        transcripts=[transcript(f"{requirement.area} #{number}", *extra) for number in (1, 2)],
        error="Traceback (most recent call last):\nValueError" if seen is Seen.FAILED else None,
    )


def header(
    target: str = "Postfix 3.7 + Dovecot 2.3", greeting: str = "mx.example.test ESMTP Postfix"
) -> RunHeader:
    """The first record of a run."""
    return RunHeader(
        mailproof_version="0.1.0",
        started="2026-11-24T13:05:09Z",
        seed=20261124,
        profile="quick",
        selection=[],
        target=TargetFacts(
            name=target,
            domain="example.test",
            endpoints={"smtp": "127.0.0.1:20025", "imap": "127.0.0.1:20043"},
            products={"smtp": greeting, "imap": "Dovecot"},
        ),
    )


END = RunEnd(
    wall_s=14.21,
    finished=True,
    reason="",
    gates=[
        GateRecord(area="smtp", open=True, reason=""),
        GateRecord(area="lmtp", open=False, reason="login does not work: 535 5.7.8 \x1b[2Jfailed"),
    ],
)


_USUAL = [Seen.KEPT] * 5
_OBSERVATIONS = [
    found
    for rare in (
        Seen.BROKEN,
        Seen.UNCLEAR,
        Seen.BROKEN,
        Seen.NOT_OFFERED,
        Seen.BROKEN,
        Seen.FAILED,
        Seen.KEPT,
    )
    for found in (rare, *_USUAL)
]


def results(register: Register) -> Iterator[CheckResult]:
    """Checks for six of seven requirements, as a run records them; some found something."""
    observations = cycle(_OBSERVATIONS)
    for index, requirement in enumerate(register.requirements):
        if index % 7 == 5 or requirement.excluded:
            continue
        seen = next(observations)
        if seen is Seen.BROKEN and requirement.weight is Level.MAY:
            seen = Seen.KEPT
        yield result(requirement, seen, *([HOSTILE] if seen is not Seen.KEPT else []))
    # Two findings of one check, and a second check for a requirement that another one kept.
    must, should = (
        next(r for r in register.requirements if r.weight in levels)
        for levels in (_WEIGHTY, (Level.SHOULD, Level.SHOULD_NOT))
    )
    both = result(must, Seen.BROKEN, *[b"250 still here\r\n" * 40] * 60)
    declined = result(should, Seen.BROKEN).findings
    yield CheckResult(
        check="delivery.twice_is_told_twice",
        title="twice is told twice",
        area="delivery",
        module="suites.delivery.test_sizes",
        findings=[*both.findings, *declined],
        duration_s=1.5,
        examples=1,
        property_based=False,
        transcripts=[transcript(f"smtp #{number}") for number in range(1, 9)] + both.transcripts[:1],
    )


def _register() -> Register:
    """A register of the right shape: all levels in all areas, several RFCs, rulings, excluded entries."""
    rulings = {
        name: Ruling(
            id=name,
            title=f"Texts of kind {name}",
            place="RFC 2119 §1",
            reading="It is weighed as MUST where a peer that relies on it would fail.",
            why="A server that departs from it does not speak the protocol.",
        )
        for name in ("R-001", "R-002")
    }
    rfcs = {
        "smtp": (5321, 1870),
        "submission": (6409, 4954),
        "lmtp": (2033,),
        "pop3": (1939,),
        "imap": (3501, 9051),
    }
    requirements = {}
    for area, numbers in rfcs.items():
        for rfc, section, letter in product(numbers, ("4.1.1", "4.1.10", "F.3"), "abcdef"):
            level = list(Level)["abcdef".index(letter)]
            implied = level is Level.IMPLIED
            name = f"RFC{rfc}-{section}-{letter}"
            requirements[name] = Requirement(
                id=name,
                area=area,
                level=level,
                party=Party.SERVER,
                text=f"What §{section} asks of {area} is kept, point {letter}.",
                note="Refusing it is fine; answering twice is not." if letter == "a" else "",
                weighed_as=Level.MUST if implied else None,
                excluded="Only the operator can shorten the clock."
                if (section, letter) == ("F.3", "d")
                else "",
                rulings=("R-001", "R-002") if implied else (),
            )
    return Register(requirements, rulings)


@pytest.fixture(scope="session")
def register() -> Register:
    """Five areas, eight RFCs, 144 requirements."""
    return _register()


WriteRun = Callable[..., Run]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Write checks as a run to disk and read them back."""

    def write(*checks: CheckResult, first: RunHeader | None = None, end: RunEnd | None = END) -> Run:
        with RunWriter(tmp_path / "run", first or header()) as writer:
            for check in checks:
                writer.write(check)
            if end is not None:
                writer.write(end)
        return read_run(tmp_path / "run")

    return write


@pytest.fixture
def run(write_run: WriteRun, register: Register) -> Run:
    """A whole run with every verdict in it."""
    return write_run(*results(register))


@pytest.fixture
def seen(run: Run, register: Register) -> Overview:
    """That run, held against the register."""
    return overview(run, register)


@pytest.fixture(scope="session")
def first_record() -> Callable[..., RunHeader]:
    """Makes the first record of a run, for a target's name and greeting."""
    return header


@pytest.fixture(scope="session")
def check_of_one() -> Callable[..., CheckResult]:
    """Makes a check of one requirement from what it saw and further octets it received."""
    return result
