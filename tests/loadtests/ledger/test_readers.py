"""The readers find each message exactly once, whatever becomes of their connections, and touch no others."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.imap.sequence import SequenceSet
from loadtests.ledger.known import CHUNK, Known, uid_sets
from reference_server import serve

PROGRAMS = Path(__file__).with_name("reader_programs.py")
RUN, OTHER_RUN = "0123abcd", "fedc9876"

both = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    with serve() as served:
        file = tmp_path / "target.toml"
        ca = tmp_path / "ca.pem"
        ca.write_text(served.ca_pem or "")
        file.write_text(served.with_ca(ca).to_toml())
        yield file


def seen_by(program: str, target: Path, *arguments: str) -> dict[str, Any]:
    done = run([sys.executable, str(PROGRAMS), program, str(target), *arguments])
    assert done.returncode == 0, done.stderr
    saw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return saw


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def clean(run_number: str, target: Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-P", "-m", "loadtests.clean", run_number, str(target)])


def counts(audit: dict[str, Any]) -> dict[str, int]:
    return {key: value for key, value in audit.items() if isinstance(value, int) and value and key != "done"}


@both
def test_every_fate_of_a_message_is_told_exactly(target: Path, protocol: str) -> None:
    saw = seen_by("final", target, protocol)

    assert [set(problems.values()) for problems in saw["problems"]] == [{""}] * 3
    assert counts(saw["audit"]) == {
        "owed": 9,
        "found_once": 5,
        "lost": 1,
        "duplicated": 1,
        "corrupted": 1,
        "misdelivered": 1,
        "accepted_despite_error": 1,
    }
    assert saw["again"] == saw["audit"]
    # Somebody else's message and another run's.
    assert saw["left"] == {"alice@example.test": [2], "bob@example.test": [0], "carol@example.test": [0]}
    assert saw["notes"] == []


@both
def test_a_reading_that_breaks_off_goes_on_and_counts_nothing_twice(target: Path, protocol: str) -> None:
    assert seen_by("cut", target, protocol) == {" 12 0 0": 8}


def test_a_refused_deletion_may_have_deleted_some(target: Path) -> None:
    assert seen_by("refused_deletion", target, "pop3") == ["MAYBE", "MAYBE"]


@both
@pytest.mark.parametrize("mode", ["leave", "delete"])
def test_a_watcher_sees_each_message_and_the_final_reading_agrees(
    target: Path, protocol: str, mode: str
) -> None:
    saw = seen_by("watch", target, protocol, mode)

    assert saw["noticed"]
    assert set(saw["problems"].values()) == {""}
    assert counts(saw["audit"]) == {"owed": 4, "found_once": 4}
    assert saw["audit"]["readable_after_ms"]["count"] == 4
    assert saw["left"] == [9 - 4 * (mode == "delete")]
    assert saw["notes"] == []


def test_mailboxes_of_the_runs_own_are_read_and_removed(target: Path) -> None:
    saw = seen_by("own_folders", target, "imap")

    assert counts(saw["audit"]) == {"owed": 2, "found_once": 2}
    # INBOX, and the mailbox of another run.
    assert saw["left"]["alice@example.test"] == [0, 0]


@pytest.mark.parametrize(("protocol", "removed"), [("imap", 4), ("pop3", 3)])
def test_what_a_run_left_is_cleaned_and_nothing_else(target: Path, protocol: str, removed: int) -> None:
    before = seen_by("deposit", target, "imap")
    lines = target.read_text().splitlines(keepends=True)
    target.write_text("".join(line for line in lines if protocol == "imap" or not line.startswith("imap")))

    first, second, other = clean(RUN, target), clean(RUN, target), clean(OTHER_RUN, target)

    assert before == {"alice@example.test": [4], "bob@example.test": [1], "carol@example.test": [0, 2]}
    # POP3 sees INBOX alone.
    assert first.stdout == f"run {RUN}: {removed} messages removed, 3 mailboxes looked into\n"
    assert second.stdout == f"run {RUN}: 0 messages removed, 3 mailboxes looked into\n"
    assert other.stdout == f"run {OTHER_RUN}: 1 messages removed, 3 mailboxes looked into\n"
    assert (first.returncode, first.stderr) == (0, "")


def test_a_mailbox_that_cannot_be_cleaned_is_told(target: Path) -> None:
    target.write_text(target.read_text().replace('password = "', 'password = "not '))

    done = clean(RUN, target)

    assert done.returncode == 3
    assert "alice@example.test is not clean: imap.login: NO [AUTHENTICATIONFAILED]" in done.stderr


def test_a_target_file_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    done = clean(RUN, tmp_path / "none.toml")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.toml" in done.stderr


uids = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), max_size=12)


@given(uids, uids)
def test_messages_of_one_unique_id_are_told_apart_by_their_number(
    before: list[bytes], after: list[bytes]
) -> None:
    known = Known()
    known.add(before)
    listed = list(enumerate(after, 1))

    old, fresh = known.compare(listed)

    assert sorted(old + fresh) == [number for number, _ in listed]
    for uid in set(after):
        of_it = {number for number, each in listed if each == uid}
        assert len(of_it & set(old)) == min(before.count(uid), after.count(uid))


@given(st.sets(st.integers(1, 2**32 - 1), max_size=1200))
def test_uids_go_out_in_sets_that_a_command_line_holds(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    sets = list(uid_sets(ordered))

    assert [uid for each in sets for uid in SequenceSet.parse(each).in_order()] == ordered
    assert len(sets) == -(-len(ordered) // CHUNK)
    assert all(len(each) < 8000 for each in sets)
