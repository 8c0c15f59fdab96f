"""`mailproof send`: compose a message and hand it over."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from harness.cli.agent import (
    AccountNumber,
    Auth,
    CaFile,
    Domain,
    LmtpFlag,
    Mechanism,
    RequireTls,
    ShowWire,
    SmtpFlag,
    SubmissionFlag,
    SubmissionsFlag,
    Timeout,
    Tls,
    User,
    VerifyTls,
    asked_of_tls,
    chosen_account,
    exchanger_context,
    mechanism_named,
    open_agent_target,
    recorder,
    terms_for,
)
from harness.cli.options import TargetFlags, TargetPath
from harness.cli.sealing import CertFiles, KeyFiles, KeysDirectory, Sealing
from harness.clients.dns import DnsClient
from harness.errors import UsageError
from harness.mua.addresses import Address, parse_address, parse_addresses, parse_reverse_path
from harness.mua.choice import sending_endpoint
from harness.mua.compose import Draft, compose, new_message_id
from harness.mua.envelope import Envelope, Outcome
from harness.mua.inputs import read_attachments, read_header, read_octets, read_text
from harness.mua.mx import Road, send_by_mx
from harness.mua.screen import line
from harness.mua.sent_view import exit_code, outcome_line, outcomes_as_data
from harness.mua.session import Manner
from harness.mua.submit import submit
from harness.mua.terms import AuthMode, Terms, TlsMode
from harness.target import Limits, Policy, Protocol, SocketAddress, Target
from harness.wire.smtp.address import Mailbox
from harness.wire.smtp.xtext import encode_xtext

__all__ = ["send"]

_DNS_PORT: Final = 53
_Texts = list[str] | None


def send(
    target: TargetPath = None,
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="Who writes; default: the account's address.")
    ] = "",
    to: Annotated[_Texts, typer.Option("--to", metavar="ADDRESS", help="Repeatable, or with commas.")] = None,
    cc: Annotated[_Texts, typer.Option("--cc", metavar="ADDRESS", help="Who gets a copy.")] = None,
    bcc: Annotated[
        _Texts, typer.Option("--bcc", metavar="ADDRESS", help="Who gets a copy that nobody sees.")
    ] = None,
    subject: Annotated[str, typer.Option("--subject", "-s", help="What it is about.")] = "",
    body: Annotated[str | None, typer.Option("--body", help="The text.")] = None,
    body_file: Annotated[
        Path | None,
        typer.Option("--body-file", metavar="FILE", help="The text's file; - for standard input."),
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", "-a", metavar="FILE", help="A file to go along. Repeatable."),
    ] = None,
    header: Annotated[
        _Texts, typer.Option("--header", metavar="'X: y'", help="A header field, or one in place of ours.")
    ] = None,
    raw: Annotated[
        Path | None, typer.Option("--raw", metavar="FILE", help="A whole message, its octets as they are.")
    ] = None,
    reverse_path: Annotated[
        str | None, typer.Option("--sender", metavar="ADDRESS", help="The envelope's sender; <> for nobody.")
    ] = None,
    mx: Annotated[
        bool, typer.Option("--mx", help="Straight to each recipient's own servers, by DNS.")
    ] = False,
    dns: Annotated[
        str | None, typer.Option("--dns", metavar="HOST[:PORT]", help="The DNS that --mx asks.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="What stands for 25 with --mx.")] = 25,
    via: Annotated[
        Protocol | None,
        typer.Option("--via", metavar="PROTOCOL", help="smtp, submission, submissions or lmtp."),
    ] = None,
    smtp: SmtpFlag = None,
    submission: SubmissionFlag = None,
    submissions: SubmissionsFlag = None,
    lmtp: LmtpFlag = None,
    account: AccountNumber = None,
    user: User = None,
    domain: Domain = None,
    ca: CaFile = None,
    verify_tls: VerifyTls = True,
    tls: Tls = TlsMode.AUTO,
    require_tls: RequireTls = False,
    auth: Auth = AuthMode.AUTO,
    mechanism: Mechanism = None,
    helo: Annotated[str | None, typer.Option("--helo", metavar="NAME", help="What EHLO says.")] = None,
    mail_param: Annotated[
        _Texts, typer.Option("--mail-param", metavar="K[=V]", help="A parameter of MAIL. Repeatable.")
    ] = None,
    rcpt_param: Annotated[
        _Texts, typer.Option("--rcpt-param", metavar="K[=V]", help="A parameter of every RCPT. Repeatable.")
    ] = None,
    notify: Annotated[
        str | None, typer.Option("--notify", metavar="WHEN", help="never, or of success,failure,delay.")
    ] = None,
    ret: Annotated[
        str | None, typer.Option("--ret", metavar="WHAT", help="What a bounce brings back: full or hdrs.")
    ] = None,
    envid: Annotated[str | None, typer.Option("--envid", help="The envelope's name in a bounce.")] = None,
    pipeline: Annotated[bool, typer.Option("--pipeline", help="Commands in groups, where offered.")] = False,
    chunking: Annotated[bool, typer.Option("--chunking", help="BDAT for DATA, where offered.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign it with the key of --from.")] = False,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Only its recipients can read it.")] = False,
    smime: Annotated[bool, typer.Option("--smime", help="Sign, encrypt: by S/MIME.")] = False,
    openpgp: Annotated[bool, typer.Option("--openpgp", help="Sign, encrypt: by OpenPGP.")] = False,
    key: KeyFiles = None,
    cert: CertFiles = None,
    keys: KeysDirectory = None,
    timeout: Timeout = None,
    show_wire: ShowWire = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of it as JSON.")] = False,
) -> None:
    """Send a message: to a target, or straight to the mail exchangers of its recipients.

    Exit codes: 0 accepted for everybody; 1 refused for somebody; 2 usage; 3 somebody could not be reached.
    """
    flags = TargetFlags(
        smtp=smtp, submission=submission, submissions=submissions, lmtp=lmtp, user=user, domain=domain, ca=ca
    )
    message = _Message(
        sender=parse_address(sender) if sender else None,
        to=parse_addresses(to or ()), cc=parse_addresses(cc or ()), blind=parse_addresses(bcc or ()),
        subject=subject, body=body, body_file=body_file, attach=attach or [],
        headers=[read_header(text) for text in header or ()], raw=raw,
        sealing=Sealing.of_flags(
            sign=sign, encrypt=encrypt, smime=smime, openpgp=openpgp, directory=keys, keys=key, certs=cert
        ),
    )  # fmt: skip
    screen = Console(highlight=False, stderr=as_json)
    terms = Terms(
        tls=asked_of_tls(tls, required=require_tls),
        auth=auth,
        mechanism=mechanism_named(mechanism),
        record=recorder(screen, shown=show_wire),
    )
    manner = Manner(_words("--helo", [helo])[0] if helo else None, pipeline=pipeline, chunking=chunking)
    options = _Options(
        reverse_path=reverse_path,
        mail=(*_dsn(ret, envid), *_words("--mail-param", mail_param)),
        rcpt=_words("--rcpt-param", rcpt_param),
        notify=_words("--notify", [notify])[0].upper() if notify else b"",
    )
    if mx:
        known = Target.load(target) if target else None
        terms = replace(terms, context=exchanger_context(known, ca, checked=require_tls and verify_tls))
        way = _straight(known, dns, port, terms, timeout, manner, screen if show_wire else None)
    else:
        flags = TargetFlags(
            smtp=smtp, submission=submission, submissions=submissions, lmtp=lmtp, user=user,
            domain=domain, ca=ca,
        )  # fmt: skip
        way = _by_target(target, flags, verify_tls, account, via, message, terms, timeout, manner)
    with way as road:
        letter = message.sealed(road)
        outcomes = road.deliver(options.envelope(letter), letter.content)
    if as_json:
        typer.echo(json.dumps(_report(letter, outcomes)))
    else:
        for outcome in outcomes:
            screen.print(outcome_line(outcome), soft_wrap=True)
    raise typer.Exit(exit_code(outcomes))


@dataclass(frozen=True, slots=True)
class _Letter:
    """What goes: the octets, who they are from and for, and whether they need SMTPUTF8."""

    sender: Mailbox
    recipients: tuple[Mailbox, ...]
    content: bytes
    smtputf8: bool
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What the flags say of the message."""

    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    blind: tuple[Address, ...]
    subject: str
    body: str | None
    body_file: Path | None
    attach: list[Path]
    headers: list[tuple[str, str]]
    raw: Path | None
    sealing: Sealing

    @property
    def domain(self) -> str | None:
        """The domain of a recipient, for a target that is given by its endpoints alone."""
        names = [each.mailbox.domain.decode() for each in (*self.to, *self.cc, *self.blind)]
        return next((name for name in names if name and not name.startswith("[")), None)

    def sealed(self, road: "_Road") -> _Letter:
        """The message as it goes on its road: signed, encrypted, as the flags have it.

        Raises:
            UsageError: As in `letter`; or a key is missing.
        """
        if self.sealing.encrypts and self.blind:
            raise UsageError(
                "--bcc: everybody can see for whom an encrypted message is made; send a blind copy by itself"
            )
        letter = self.letter(road.default_sender)
        content = self.sealing.apply(
            letter.content,
            sender=letter.sender.encode().decode(),
            recipients=[each.encode().decode() for each in letter.recipients],
            of_target=road.keys,
        )
        return replace(letter, content=content)

    def letter(self, default_sender: str) -> _Letter:
        """Read what is to be read, ask the editor where there is no text, and compose.

        Raises:
            UsageError: Something given cannot be sent.
        """
        sender = self.sender or parse_address(default_sender)
        draft = Draft(
            sender=sender,
            to=self.to,
            cc=self.cc,
            blind=self.blind,
            subject=self.subject,
            body="" if self.raw else read_text(self.body, self.body_file),
            attachments=read_attachments(self.attach),
            headers=self.headers,
            date=dt.datetime.now().astimezone(),
            message_id=new_message_id(sender.mailbox.domain.decode() or "localhost"),
            signed=self.sealing.signs,
        )
        if not draft.recipients:
            raise UsageError("--to: say who it is for")
        if self.raw is None:
            content = compose(draft)
            return _Letter(sender.mailbox, draft.recipients, content, draft.needs_smtputf8, draft.message_id)
        if self.body is not None or self.body_file or self.attach or self.headers or self.subject:
            raise UsageError(
                "--raw: the file is the whole message; --body, --attach and the like do not go with it"
            )
        return _Letter(sender.mailbox, draft.recipients, read_octets(self.raw), False, "")


@dataclass(frozen=True, slots=True)
class _Options:
    """What the flags say of the envelope."""

    reverse_path: str | None
    mail: tuple[bytes, ...]
    rcpt: tuple[bytes, ...]
    notify: bytes

    def envelope(self, letter: _Letter) -> Envelope:
        return Envelope(
            letter.sender if self.reverse_path is None else parse_reverse_path(self.reverse_path),
            letter.recipients,
            letter.smtputf8,
            self.mail,
            self.rcpt,
            self.notify,
        )


@dataclass(frozen=True, slots=True)
class _Road:
    """A way for a message to go, who is taken to send it where nobody says, and where the target's keys are."""

    default_sender: str
    deliver: Callable[[Envelope, bytes], list[Outcome]]
    keys: Path | None


@contextmanager
def _by_target(
    path: Path | None,
    flags: TargetFlags,
    verify_tls: bool,
    account: int | None,
    via: Protocol | None,
    message: _Message,
    terms: Terms,
    timeout_s: float | None,
    manner: Manner,
) -> Iterator[_Road]:
    with open_agent_target(path, flags, verify_tls=verify_tls, some_domain=message.domain) as target:
        address = message.sender.mailbox.encode().decode() if message.sender else ""
        who = None if terms.auth is AuthMode.NONE else chosen_account(target, account, flags["user"], address)
        whole = terms_for(target, who, terms, timeout_s)
        endpoint = sending_endpoint(target, whole, via)
        yield _Road(
            who.address if who else target.policy.sender,
            lambda envelope, content: submit(endpoint, envelope, content, whole, manner),
            target.keys,
        )


@contextmanager
def _straight(
    target: Target | None,
    dns: str | None,
    port: int,
    terms: Terms,
    timeout_s: float | None,
    manner: Manner,
    screen: Console | None,
) -> Iterator[_Road]:
    limits = target.limits if target else Limits()
    stranger = replace(terms, auth=AuthMode.NONE, timeout_s=timeout_s or limits.timeout_s)
    known = target.outside.dns if target and target.outside else None
    server = _dns_server(dns) if dns else known

    def note(text: str) -> None:
        if screen is not None:
            screen.print(Text(f"=== {line(text)}", "dim"), soft_wrap=True)

    road = Road(DnsClient(server, timeout_s=stranger.timeout_s), stranger, manner, port, note)
    yield _Road(
        target.policy.sender if target else Policy.sender,
        lambda envelope, content: send_by_mx(envelope, content, road),
        target.keys if target else None,
    )


def _dns_server(text: str) -> SocketAddress:
    """``HOST`` or ``HOST:PORT``; 53 where no port is given."""
    try:
        return SocketAddress.parse(text if ":" in text else f"{text}:{_DNS_PORT}")
    except ValueError as exc:
        raise UsageError(f"--dns: {exc}") from exc


def _words(flag: str, texts: Sequence[str] | None) -> tuple[bytes, ...]:
    """Words of a command line, as they are, but for what would end it."""
    for text in texts or ():
        if not text or re.search(r"[\r\n]", text):
            raise UsageError(f"{flag}: {text!r} is no word of a command line")
    return tuple(text.encode("utf-8", "surrogateescape") for text in texts or ())


def _dsn(ret: str | None, envid: str | None) -> Iterator[bytes]:
    """RFC 3461 §4.3, §4.4."""
    if ret:
        yield b"RET=" + _words("--ret", [ret])[0].upper()
    if envid:
        yield b"ENVID=" + encode_xtext(envid.encode("utf-8", "surrogateescape"))


def _report(letter: _Letter, outcomes: list[Outcome]) -> dict[str, object]:
    return {
        "message_id": letter.message_id or None,
        "octets": len(letter.content),
        "recipients": outcomes_as_data(outcomes),
    }
