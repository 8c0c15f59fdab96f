"""What `send` and `inbox` share: the flags that name a target, and on which terms it is talked to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.cli.options import TargetFlags, ask_password, open_target
from harness.clients.tls import client_context, trusting_context
from harness.clients.transcript import Transcript
from harness.errors import UsageError
from harness.mua.terms import AuthMode, Terms, TlsMode
from harness.mua.wire_view import ShownTranscript
from harness.target import Account, Target
from harness.wire.sasl import MECHANISMS

__all__ = [
    "AccountNumber",
    "Auth",
    "CaFile",
    "Domain",
    "ImapFlag",
    "ImapsFlag",
    "LmtpFlag",
    "Mechanism",
    "Pop3Flag",
    "Pop3sFlag",
    "RequireTls",
    "ShowWire",
    "SmtpFlag",
    "SubmissionFlag",
    "SubmissionsFlag",
    "Timeout",
    "Tls",
    "User",
    "VerifyTls",
    "asked_of_tls",
    "chosen_account",
    "exchanger_context",
    "mechanism_named",
    "open_agent_target",
    "recorder",
    "terms_for",
]

_ENDPOINT = "HOST:PORT"

SmtpFlag = Annotated[str | None, typer.Option("--smtp", metavar=_ENDPOINT, help="Where the MX listens.")]
SubmissionFlag = Annotated[
    str | None, typer.Option("--submission", metavar=_ENDPOINT, help="Submission with STARTTLS.")
]
SubmissionsFlag = Annotated[
    str | None, typer.Option("--submissions", metavar=_ENDPOINT, help="Submission in TLS.")
]
LmtpFlag = Annotated[str | None, typer.Option("--lmtp", metavar=_ENDPOINT, help="LMTP.")]
Pop3Flag = Annotated[str | None, typer.Option("--pop3", metavar=_ENDPOINT, help="POP3.")]
Pop3sFlag = Annotated[str | None, typer.Option("--pop3s", metavar=_ENDPOINT, help="POP3 in TLS.")]
ImapFlag = Annotated[str | None, typer.Option("--imap", metavar=_ENDPOINT, help="IMAP.")]
ImapsFlag = Annotated[str | None, typer.Option("--imaps", metavar=_ENDPOINT, help="IMAP in TLS.")]
User = Annotated[
    str | None,
    typer.Option(
        "--user", help="Who logs in; the password is the target file's, MAILPROOF_PASSWORD's, or asked for."
    ),
]
AccountNumber = Annotated[
    int | None, typer.Option("--account", min=1, metavar="N", help="The target file's account to use.")
]
Domain = Annotated[str | None, typer.Option("--domain", help="The target's own domain; default: of --user.")]
CaFile = Annotated[
    str | None, typer.Option("--ca", metavar="FILE", help="PEM file of the certificate authority.")
]
VerifyTls = Annotated[
    bool, typer.Option("--verify-tls/--no-verify-tls", help="Check the target's certificates.")
]
Tls = Annotated[
    TlsMode, typer.Option("--tls", help="auto: as the port implies, and STARTTLS where it is offered.")
]
RequireTls = Annotated[
    bool,
    typer.Option(
        "--require-tls", help="TLS or nothing, as --tls require; with --mx the certificate must be good, too."
    ),
]
Auth = Annotated[AuthMode, typer.Option("--auth", help="How to log in.")]
Mechanism = Annotated[
    str | None,
    typer.Option(
        "--mechanism",
        metavar="NAME",
        help="SASL mechanism, as SCRAM-SHA-256; default: the strongest offered.",
    ),
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0.1, max=600, metavar="S", help="Seconds a reply may take.")
]
ShowWire = Annotated[
    bool, typer.Option("--show-wire", help="Show the dialogue while it goes, octets escaped.")
]


@contextmanager
def open_agent_target(
    path: Path | None, flags: TargetFlags, *, verify_tls: bool, some_domain: str | None = None
) -> Iterator[Target]:
    """The target that was asked for, on whatever host: mail is sent and read in its user's own name.

    Args:
        some_domain: The target's, where flags give its endpoints and nothing tells its domain.

    Raises:
        UsageError: A key or flag is wrong. With a file, `--user` only chooses who logs in.
    """
    given = {name for name, value in flags.items() if value}
    changes: dict[str, str | None] = {}
    if path is not None or given == {"user"}:
        changes = {"user": None, "domain": None}
    elif given and not given & {"user", "domain"}:
        changes = {"domain": some_domain}
    with open_target(path, TargetFlags(flags | changes), verify_tls=verify_tls, authorized=True) as target:
        yield target


def chosen_account(target: Target, number: int | None, user: str | None, sender: str = "") -> Account | None:
    """Who logs in: the one asked for by number or name, else the one that `sender` is the address of, else the first.

    Raises:
        UsageError: There is no such account, and no password for it.
    """
    accounts = target.accounts
    if number is not None:
        if user is not None:
            raise UsageError("give --account or --user, not both")
        if number > len(accounts):
            raise UsageError(f"--account {number}: {target.name} has {len(accounts)} account(s)")
        return accounts[number - 1]
    if user is not None:
        address = user if "@" in user else f"{user}@{target.domain}"
        known = [account for account in accounts if user == account.user or address == account.address]
        return known[0] if known else Account(user, ask_password(user), address)
    return next((account for account in accounts if account.address == sender), next(iter(accounts), None))


def recorder(console: Console, *, shown: bool) -> Callable[[str], Transcript]:
    """What makes transcripts: silent ones, or ones that are shown while the connection lives."""

    def show(text: Text) -> None:
        console.print(text, soft_wrap=True)

    return (lambda label: ShownTranscript(label, show=show)) if shown else Transcript


def mechanism_named(name: str | None) -> str:
    """The name of a mechanism as it is registered, ``""`` for none; `UsageError` where we do not know it."""
    if name is None:
        return ""
    if name.upper() not in MECHANISMS:
        raise UsageError(f"--mechanism {name}: known are {', '.join(MECHANISMS)}")
    return name.upper()


def asked_of_tls(tls: TlsMode, *, required: bool) -> TlsMode:
    """What ``--tls`` and ``--require-tls`` mean together; `UsageError` where they contradict each other."""
    if required and tls is TlsMode.NONE:
        raise UsageError("--require-tls and --tls none: give one of them")
    return TlsMode.REQUIRE if required and tls is TlsMode.AUTO else tls


def exchanger_context(target: Target | None, ca: str | None, *, checked: bool) -> SSLContext:
    """What the certificates of mail exchangers are held against.

    Opportunistic security (RFC 7435) checks none: who is not known beforehand cannot be authenticated, and TLS keeps
    listeners out all the same.

    Raises:
        UsageError: The authority's file holds no certificate.
    """
    file = Path(ca) if ca else target.ca if target else None
    try:
        return trusting_context(
            cafile=str(file) if file else None, cadata=target.ca_pem if target else None, verify=checked
        )
    except OSError as exc:
        raise UsageError(f"--ca {file}: holds no certificate in PEM form ({exc.strerror})") from exc


def terms_for(target: Target, account: Account | None, terms: Terms, timeout_s: float | None) -> Terms:
    """Terms as flags give them, made whole by what the target file says."""
    return replace(
        terms,
        context=client_context(target),
        account=account,
        certificate=target.shows_certificate,
        server_name=target.server_name,
        timeout_s=timeout_s or target.limits.timeout_s,
    )
