"""A mail server with a few people, and scenarios run against it in processes of their own."""

import imaplib
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.target import Account, Protocol, Target
from loadtests.arrivals.course import planned_phases
from loadtests.plan import PLAN_VARIABLE, Plan
from loadtests.profile import load_profile, scenario_file
from reference_server import ONE_SERVER, Server, User

PEOPLE = 6

# Whatever a profile says, a test is over soon and asks for no speed.
QUICK: dict[str, object] = {
    "duration_s": 2.0,
    "rate_per_s": 8.0,
    "limits": [],
    "parts": 1,
    "drain_s": 20.0,
    "content": {"pool": 10, "max_octets": 20_000},
    "traffic": {"stay_s": 1.0, "think_s": 0.1},
    "audit": {"wait_s": 20.0},
}


@dataclass(frozen=True)
class Ran:
    """What became of a run."""

    code: int
    log: str
    summary: dict[str, Any] | None
    plan: Plan


Scenario = Callable[..., Ran]


@pytest.fixture(scope="session")
def people_server() -> Iterator[Target]:
    users = tuple(User(f"user{n}", "secret", f"user{n}@example.test") for n in range(PEOPLE))
    domain = replace(ONE_SERVER.domains[0], aliases={"postmaster": (users[0].address,)})
    with Server(replace(ONE_SERVER, users=users, domains=(domain,))) as server:
        yield server.target


@pytest.fixture
def scenario(people_server: Target, tmp_path: Path) -> Scenario:
    """Runs a scenario, or a locustfile of one's own: with changes to its profile, without some of the endpoints."""

    def run(
        name: str | Path, changes: Mapping[str, object] | None = None, *, without: tuple[Protocol, ...] = ()
    ) -> Ran:
        endpoints = {p: e for p, e in people_server.endpoints.items() if p not in without}
        ca = tmp_path / "ca.pem"
        ca.write_text(people_server.ca_pem or "")
        target = tmp_path / "target.toml"
        target.write_text(replace(people_server, endpoints=endpoints).with_ca(ca).to_toml())
        own = isinstance(name, Path)
        file = name if own else scenario_file(name)
        profile = file.with_suffix(".toml") if own and file.with_suffix(".toml").exists() else None
        settings = load_profile(None if own else name, profile, merged(QUICK, changes or {}))
        plan = Plan(
            scenario=file.stem,
            run=os.urandom(4).hex(),
            seed=1,
            target=str(target),
            out=str(tmp_path / "out"),
            settings=settings,
            phases=planned_phases(settings, settings.rate_per_s, settings.duration_s),
        )
        return ran(file, plan, tmp_path)

    return run


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    both = dict(below)
    for key, value in above.items():
        inner = both.get(key)
        both[key] = (
            merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
        )
    return both


def ran(file: Path, plan: Plan, directory: Path) -> Ran:
    (directory / "plan.json").write_bytes(msgspec.json.encode(plan))
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--only-summary"],
        env={**os.environ, PLAN_VARIABLE: str(directory / "plan.json")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        timeout=120,
        check=False,
    )
    summary = Path(plan.out) / "summary.json"
    return Ran(
        done.returncode, done.stdout, json.loads(summary.read_text()) if summary.exists() else None, plan
    )


@contextmanager
def logged_in(target: Target, account: Account) -> Iterator[imaplib.IMAP4_SSL]:
    """A second opinion of a mailbox."""
    context = ssl.create_default_context(cadata=target.ca_pem)
    endpoint = target.endpoints[Protocol.IMAPS]
    with imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=context) as imap:
        imap.login(account.user, account.password)
        yield imap


@pytest.fixture
def strangers(people_server: Target) -> Iterator[Callable[[], dict[str, list[bytes]]]]:
    """Puts a message of somebody else into each INBOX, marked as deleted, and shows what is there, with flags."""
    for account in people_server.accounts:
        with logged_in(people_server, account) as imap:
            imap.append("INBOX", r"(\Deleted \Flagged)", None, b"Subject: mine\r\n\r\nlet it be\r\n")

    def shown() -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for account in people_server.accounts:
            with logged_in(people_server, account) as imap:
                folders = [re.split(rb'"? ', line)[-1] for line in imap.list()[1]]
                imap.select("INBOX")
                lines = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                # That it was seen is what this look does to it.
                found[account.user] = [
                    *folders,
                    *(
                        part[0].replace(rb" \Recent", b"") + part[1]
                        for part in lines
                        if isinstance(part, tuple)
                    ),
                ]
        return found

    yield shown
    for account in people_server.accounts:
        with logged_in(people_server, account) as imap:
            imap.select("INBOX")
            imap.expunge()
