"""`mailproof load`: how much mail a server carries, how long people wait, and whether anything is lost."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.agent import (
    CaFile,
    Domain,
    ImapFlag,
    ImapsFlag,
    LmtpFlag,
    Pop3Flag,
    Pop3sFlag,
    SmtpFlag,
    SubmissionFlag,
    SubmissionsFlag,
    User,
    VerifyTls,
)
from harness.cli.load_clean import clean_run
from harness.cli.load_roles import DEFAULT_WEB, AskedRole, role_of
from harness.cli.load_run import LoadRequest, run_load
from harness.cli.load_scenarios import print_scenarios, scenario_of, settings_of
from harness.cli.load_schedule import Asked, shape_of
from harness.cli.load_target import TargetRequest
from harness.cli.load_worker import run_worker
from harness.cli.options import TargetFlags

__all__ = ["load"]


def load(
    scenario: Annotated[
        str | None,
        typer.Argument(help="What to run, or a locustfile of your own (mine.py); without it, the list."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TARGET.toml]", help="The target file; without it, the embedded reference server."
        ),
    ] = None,
    smtp: SmtpFlag = None,
    submission: SubmissionFlag = None,
    submissions: SubmissionsFlag = None,
    lmtp: LmtpFlag = None,
    pop3: Pop3Flag = None,
    pop3s: Pop3sFlag = None,
    imap: ImapFlag = None,
    imaps: ImapsFlag = None,
    user: User = None,
    domain: Domain = None,
    ca: CaFile = None,
    verify_tls: VerifyTls = True,
    profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own settings over the scenario's (TOML).")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="R", help="Sessions a second that start, whatever the target does.")
    ] = None,
    users: Annotated[
        int | None, typer.Option(metavar="N", help="Closed: so many users, who wait for the target.")
    ] = None,
    think: Annotated[
        str | None, typer.Option(metavar="S", help="With --users: seconds between their sessions; default 1.")
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="S", help="How long sessions start: 90, 15m, 2h; each step, where there are any."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="80,100,120", help="Judge the run at these percentages of the rate."),
    ] = None,
    ramp: Annotated[
        list[str] | None,
        typer.Option(metavar="FROM:TO:S", help="The rate from one to another in S seconds. Repeatable."),
    ] = None,
    find_capacity: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO", help="Search the highest rate between these that holds the limits."),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE|FILE", help="A limit, as 'smtp.message p95 < 5 s', or a file of them. Repeatable."
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Generator processes on this machine.")
    ] = None,
    master: Annotated[bool, typer.Option("--master", help="Lead workers on other machines.")] = False,
    bind: Annotated[
        str | None, typer.Option(metavar="H:P", help="Where the master listens; default 127.0.0.1:5557.")
    ] = None,
    expect_workers: Annotated[
        int | None, typer.Option(metavar="N", help="Workers that the master waits for; default 1.")
    ] = None,
    worker: Annotated[bool, typer.Option("--worker", help="Work for a master.")] = False,
    master_host: Annotated[
        str | None, typer.Option(metavar="H[:P]", help="Where the worker finds its master.")
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help=f"Locust's page while it runs, at {DEFAULT_WEB}.")
    ] = False,
    web_at: Annotated[str | None, typer.Option(metavar="H:P", help="The same page at another place.")] = None,
    pid: Annotated[
        list[int] | None, typer.Option(metavar="PID", help="A process of the target to watch. Repeatable.")
    ] = None,
    accounts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|PATTERN",
            help="Accounts: a CSV file, or 'user{1..200}@example.test' with the password in MAILPROOF_PASSWORD.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a run's schedule and mail.")] = None,
    out: Annotated[Path, typer.Option(help="Where results and page go.")] = Path("mailproof-load"),
    max_rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="The ceiling in sessions/s; default: 100 for a target elsewhere."),
    ] = None,
    authorized: Annotated[bool, typer.Option(help="The owner of a target on another host agrees.")] = False,
    audit: Annotated[
        bool, typer.Option(help="Read the mailboxes at the end, and account for each message.")
    ] = True,
    clean: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Remove the mail of a run (its number or directory) and do nothing else."
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
) -> None:
    """Put load on a mail server: open arrivals, honest latencies, and an audit of every accepted message.

    Exit codes: 0 every limit kept and nothing lost; 1 a limit broken or mail lost; 2 usage, target file, profile or
    password wrong; 3 target unreachable, run unfinished, or the generator was the limit.
    """
    flags = TargetFlags(
        smtp=smtp, submission=submission, submissions=submissions, lmtp=lmtp, pop3=pop3, pop3s=pop3s, imap=imap,
        imaps=imaps, user=user, domain=domain, ca=ca,
    )  # fmt: skip
    if clean is not None:
        # Nothing is run, so that what stands in the scenario's place is the target.
        target = target or (Path(scenario) if scenario else None)
    where = TargetRequest(
        path=target, flags=flags, verify_tls=verify_tls, accounts=accounts, authorized=authorized
    )
    if clean is not None:
        raise typer.Exit(clean_run(clean, where))
    if scenario is None or list_:
        print_scenarios()
        return
    chosen = scenario_of(scenario)
    settings = settings_of(chosen, profile, slo or [], audit=audit)
    asked = Asked(
        rate=rate,
        duration=duration,
        at=at,
        ramps=ramp or (),
        capacity=find_capacity,
        users=users,
        think=think,
    )
    role = role_of(
        AskedRole(
            processes=processes, master=master, bind=bind, expect_workers=expect_workers, worker=worker,
            master_host=master_host, web=web_at or (DEFAULT_WEB if web else None),
        )
    )  # fmt: skip
    run = run_worker if role.worker else run_load
    code = run(
        LoadRequest(
            scenario=chosen, target=where, settings=settings, shape=shape_of(asked, settings), role=role, seed=seed,
            out=out, pids=pid or (), max_rate=max_rate,
        )
    )  # fmt: skip
    if code:
        raise typer.Exit(code)
