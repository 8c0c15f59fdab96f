"""mutt, a mail reader that everybody has had once, finds the same messages.

It is told by keys: tag all messages, copy them to a new Maildir, leave.
"""

import datetime as dt
import os
import pty
import select
import shutil
import time
from pathlib import Path

import pytest

from reference_server.mda.files import deliver_to_maildir, deliver_to_mbox, read_mbox

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

pytestmark = pytest.mark.skipif(shutil.which("mutt") is None, reason="mutt is not installed")

MESSAGES = [
    b"From: a@example.org\r\nSubject: plain\r\n\r\nFrom here\r\n>From there\r\n\r\nthe end\r\n",
    b"From: a@example.org\r\nSubject: unended\r\nContent-Length: 9999\r\n\r\n8 bit \xfc\xff",
    b"From: a@example.org\r\nSubject: empty\r\n\r\n",
]
_SETTINGS = """
set folder="{home}" mbox_type=maildir confirmappend=no confirmcreate=no copy=no move=no wait_key=no quit=yes
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{copy}<enter><exit>"
"""
_PATIENCE_S = 30.0


def copied_by_mutt(box: Path, home: Path) -> list[bytes]:
    """The bodies that mutt finds in a mailbox, sorted."""
    copy, settings = home / "copy", home / "muttrc"
    settings.write_text(_SETTINGS.format(home=home, copy=copy))
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "LC_ALL": "C"}
        os.execvpe("mutt", ["mutt", "-n", "-F", str(settings), "-f", str(box)], environment)  # noqa: S606,S607 - mutt
    try:
        watch(terminal)
    finally:
        os.close(terminal)  # hangs up, which ends a mutt that still waits for keys
        _, status = os.waitpid(pid, 0)
    assert status == 0
    return sorted(path.read_bytes().partition(b"\n\n")[2] for path in copy.glob("[cn]*/*"))


def watch(terminal: int) -> None:
    """Read what mutt shows until it leaves."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if ready:
            try:
                if not os.read(terminal, 65536):
                    return
            except OSError:  # how Linux says that the other side of a terminal is closed
                return
    raise AssertionError(f"mutt did not leave within {_PATIENCE_S} s")


def test_mutt_finds_every_message_of_an_mbox_file(tmp_path: Path) -> None:
    for number, message in enumerate(MESSAGES):
        sender = ["a@example.org", '"a b"@example.org', ""][number]
        deliver_to_mbox(tmp_path / "eric", message, sender=sender, date=NOON)

    found = copied_by_mutt(tmp_path / "eric", tmp_path)

    # mutt shows the quotes of an mbox file as they stand.
    assert found == [b"", b"8 bit \xfc\xff\n", b">From here\n>>From there\n\nthe end\n"]
    assert len(read_mbox(tmp_path / "eric")) == 3


def test_mutt_finds_every_message_of_a_maildir(tmp_path: Path) -> None:
    for second, message in enumerate(MESSAGES):
        deliver_to_maildir(tmp_path / "Maildir", message, date=NOON + dt.timedelta(seconds=second))

    found = copied_by_mutt(tmp_path / "Maildir", tmp_path)

    assert found == [b"", b"8 bit \xfc\xff\n", b"From here\n>From there\n\nthe end\n"]
