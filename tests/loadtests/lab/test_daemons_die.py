"""Daemons that are killed in the middle of a run and come back: it goes on, and its audit tells lost from late."""

import json
import re
import time
from collections import Counter
from functools import partial
from typing import Any

# A process that was killed leaves its pid file and its dot locks behind; Dovecot waits two minutes for a lock.
_DOVECOT = """
rm -f /srv/run/dovecot/master.pid
find /srv/mail -name '*.lock' -delete
dovecot -c /srv/dovecot.conf </dev/null >>/srv/log 2>&1
"""
_POSTFIX = "postfix -c /srv/postfix start </dev/null >>/srv/log 2>&1"
_FLUSH = "postqueue -c /srv/postfix -f"
_QUEUE = "postqueue -c /srv/postfix -j"

_DURATION_S = 20
_PROFILE = """
rate_per_s = 4
timeout_s = 10
limits = []
[traffic]
messages = [1, 3]
recipients = [1, 3]
unknown = 0
[content]
max_octets = 50_000
[reading]
mailboxes = 100
[audit]
late_after_s = 3
wait_s = 40
delete = false
"""

# What clients see of a server that dies, is not there, or comes back.
_GONE = {"refused", "reset", "closed", "timeout"}

# What was delivered without its reply is delivered again.
_REDELIVERED = {"duplicated"}

_TOKEN = re.compile(rb"^X-Mailproof-Token: (\S+)", re.MULTILINE)


def _copies(lab) -> Counter[tuple[str, bytes]]:
    """(mailbox, token) -> in how many files of the maildir it is."""
    tokens = ((file.parts[-4], _TOKEN.search(file.read_bytes())) for file in lab.mail())
    return Counter((mailbox, token[1]) for mailbox, token in tokens if token)


def _has(lab, messages: int) -> bool:
    return len(lab.mail()) >= messages


def _queue(lab) -> dict[str, int]:
    """Queue id -> how many recipients wait."""
    return {entry["queue_id"]: len(entry["recipients"]) for entry in _entries(lab)}


def _waiting(lab, seconds: float) -> dict[str, int]:
    """The queue, once the last message in it has waited so long."""
    entries = _entries(lab)
    if not entries or max(entry["arrival_time"] for entry in entries) > time.time() - seconds:
        return {}
    return _queue(lab)


def _entries(lab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lab.run(_QUEUE).splitlines() if line.startswith("{")]


def _holds(ran, lab, lost: int = 0) -> None:
    """Whatever happened: each accepted delivery is what a look into the maildirs says that it is."""
    audit = ran.summary.audit
    copies = _copies(lab)
    assert audit.done, ran.said
    assert audit.undecided == 0, ran.said
    assert ran.accuses.get("lost", 0) == lost, ran.said
    assert len(copies) == audit.owed - lost + audit.accepted_despite_error, ran.said
    assert ran.accuses.get("duplicated", 0) == sum(count > 1 for count in copies.values()), ran.said
    assert not ran.accuses.keys() - {"lost", "duplicated"}, ran.said
    assert ran.ends_with(bool(ran.accuses)), ran.said
    assert audit.found_once + audit.duplicated + audit.lost == audit.owed, ran.said
    assert ran.summary.arrivals.made == ran.summary.arrivals.planned, ran.said


def test_what_waited_for_dovecot_is_late_and_what_the_queue_lost_is_lost(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun("inbound", "--duration", f"{_DURATION_S}", profile=_PROFILE) as run:
        eventually(partial(_has, lab, 60), "mail arrives")
        lab.unwatch()
        assert lab.kill("dovecot") > 1
        eventually(lambda: "auditing" in "".join(run.said), "the audit begins")
        waiting = eventually(partial(_waiting, lab, 10), "mail waits, and nobody finds it")
        gone = list(waiting)[:3]
        lab.run("postsuper -c /srv/postfix -d " + " -d ".join(gone))
        lab.run(_DOVECOT)
        lab.run(_FLUSH)
        ran = run.ended()
    lost = sum(waiting[each] for each in gone)
    _holds(ran, lab, lost)
    assert sum("the reader of" in note for note in ran.summary.notes) < 20, ran.said
    assert sum(waiting.values()) - lost <= ran.summary.audit.late < ran.summary.audit.owed - lost, ran.said
    assert not ran.summary.errors.keys() - _GONE, ran.said


def test_dovecot_comes_back_in_the_run(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun("imap", "--duration", f"{_DURATION_S}", profile=_PROFILE) as run:
        eventually(partial(_has, lab, 10), "mail arrives")
        lab.unwatch()
        lab.kill("dovecot")
        eventually(lambda: _queue(lab), "mail waits")
        lab.run(_DOVECOT)
        lab.run(_FLUSH)
        ran = run.ended()
    assert ran.summary.audit.done, ran.said
    assert not ran.accuses.keys() - _REDELIVERED, ran.said
    assert ran.summary.completed, ran.said
    assert ran.summary.errors, ran.said
    assert not ran.summary.errors.keys() - (_GONE | {"NO [UNAVAILABLE]", "NO [SERVERBUG]"}), ran.said


def test_lmtp_that_is_killed_owes_what_it_accepted(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun("lmtp", "--rate", "30", "--duration", f"{_DURATION_S}", profile=_PROFILE) as run:
        for arrived in range(50, 151, 50):
            eventually(partial(_has, lab, arrived), "mail arrives")
            lab.unwatch()
            lab.kill("dovecot")
            lab.run(_DOVECOT)
        ran = run.ended()
    _holds(ran, lab)
    assert ran.summary.errors, ran.said
    assert not ran.summary.errors.keys() - (_GONE | {"421", "451"}), ran.said


def test_postfix_is_killed_and_owes_what_it_accepted(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun("inbound", "--rate", "20", "--duration", f"{_DURATION_S}", profile=_PROFILE) as run:
        for arrived in range(50, 101, 50):
            eventually(partial(_has, lab, arrived), "mail arrives")
            lab.unwatch()
            lab.kill("master")
            lab.run(_POSTFIX)
        ran = run.ended()
    _holds(ran, lab)
    assert ran.summary.errors, ran.said
    assert not ran.summary.errors.keys() - (_GONE | {"421"}), ran.said


def test_the_whole_host_goes_down_and_comes_back(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun(
        "office", "--duration", f"{_DURATION_S}", profile=f"{_PROFILE}[office]\nusers = 40\n"
    ) as run:
        eventually(partial(_has, lab, 10), "mail arrives")
        lab.stop()
        lab.start()
        ran = run.ended()
    assert ran.summary.audit.done, ran.said
    assert not ran.accuses.keys() - _REDELIVERED, ran.said
    assert ran.summary.errors, ran.said


def test_a_host_that_stays_down_leaves_nobody_accused(postfix, eventually) -> None:
    lab = postfix.lab
    with postfix.begun("inbound", "--duration", f"{_DURATION_S}", profile=_PROFILE) as run:
        eventually(partial(_has, lab, 10), "mail arrives")
        lab.stop()
        ran = run.ended()
    lab.start()
    audit = ran.summary.audit
    assert ran.code == 3, ran.said
    assert ran.summary.verdict == "unfinished", ran.said
    assert not ran.accuses, ran.said
    assert audit.owed == audit.found_once + audit.undecided, ran.said
    assert ran.summary.errors["refused"], ran.said
