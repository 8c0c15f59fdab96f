"""`mailproof check`: prove a server."""

import datetime as dt
import secrets
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import TargetFlags, TargetPath, open_target
from harness.cli.progress import progress
from harness.cli.running import RunPlan, run_suites
from harness.cli.selection import areas_of, selector
from harness.errors import UsageError
from harness.results import Verdict, read_run
from harness.results.baseline import Baseline
from reports import write_all
from reports.terminal import print_summary
from suites.plugin import PROFILES

__all__ = ["check"]

_SEED_BITS = 32
_ENDPOINT = "HOST:PORT"


def check(
    target: TargetPath = None,
    smtp: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="Where the MX listens.")] = None,
    submission: Annotated[
        str | None, typer.Option(metavar=_ENDPOINT, help="Submission with STARTTLS.")
    ] = None,
    submissions: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="Submission in TLS.")] = None,
    lmtp: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="LMTP.")] = None,
    pop3: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="POP3.")] = None,
    pop3s: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="POP3 in TLS.")] = None,
    imap: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="IMAP.")] = None,
    imaps: Annotated[str | None, typer.Option(metavar=_ENDPOINT, help="IMAP in TLS.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Who logs in; the password comes from MAILPROOF_PASSWORD or a prompt.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="The domain whose mail is local; default: of --user.")
    ] = None,
    ca: Annotated[
        str | None, typer.Option(metavar="FILE", help="PEM file of the certificate authority.")
    ] = None,
    verify_tls: Annotated[bool, typer.Option(help="Check the target's certificates.")] = True,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SEL", help="Requirement prefix, area or check: RFC5321-4.1, smtp, imap.idle… Repeatable."
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help=f"How much to try: {', '.join(PROFILES)}.")] = "quick",
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a run's generated input.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Known findings that do not count.")] = None,
    out: Annotated[Path, typer.Option(help="Where results and report go.")] = Path("mailproof-report"),
    intrusive: Annotated[bool, typer.Option(help="Also run checks that leave traces or load.")] = False,
    authorized: Annotated[bool, typer.Option(help="The owner of a target on another host agrees.")] = False,
) -> None:
    """Prove a mail server: run the conformance suites and write a report.

    Exit codes: 0 no MUST broken beyond the baseline; 1 a MUST broken or a stale baseline entry; 2 usage or target
    file wrong; 3 target unreachable or the run could not be finished.
    """
    if profile not in PROFILES:
        raise UsageError(f"--profile: {profile!r} is none of {', '.join(PROFILES)}")
    accepted = Baseline.load(baseline) if baseline else Baseline()
    flags = TargetFlags(
        smtp=smtp, submission=submission, submissions=submissions, lmtp=lmtp, pop3=pop3, pop3s=pop3s, imap=imap,
        imaps=imaps, user=user, domain=domain, ca=ca,
    )  # fmt: skip
    with (
        open_target(target, flags, verify_tls=verify_tls, authorized=authorized) as opened,
        progress() as listener,
    ):
        plan = RunPlan(
            target=opened,
            profile_name=profile,
            profile=PROFILES[profile],
            seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
            selection=only or [],
            select=selector(only or [], intrusive=intrusive),
            areas=areas_of(only or []),
            directory=out,
        )
        plugin, end = run_suites(plan, [listener])
    write_all(out)
    run = read_run(out)
    print_summary(run)
    for area in plugin.closed_areas:
        reason = next(gate.reason for gate in plugin.gates if gate.area == area)
        typer.echo(f"mailproof: {reason}", err=True)
    today = dt.datetime.now(dt.UTC).date()
    stale = accepted.stale(run.checks)
    for entry in stale:
        typer.echo(
            f"mailproof: {baseline}: stale: {entry.check} no longer breaks {entry.requirement}; remove the entry",
            err=True,
        )
    new = accepted.new_violations(run.checks, today)
    if baseline:
        typer.echo(f"With the baseline: {len(new)} new, {len(accepted.known)} known, {len(stale)} stale")
    if new or stale:
        raise typer.Exit(1)
    went_wrong = any(f.verdict is Verdict.ERROR for result in run.checks for f in result.findings)
    if not end.finished or plugin.closed_areas or went_wrong:
        raise typer.Exit(3)
