"""`mailproof inbox`: list, read, save, delete mail, on a server or in a file."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

import typer
from rich.console import Console
from rich.text import Text

from harness.cli.agent import (
    AccountNumber,
    Auth,
    CaFile,
    Domain,
    ImapFlag,
    ImapsFlag,
    Mechanism,
    Pop3Flag,
    Pop3sFlag,
    ShowWire,
    SmtpFlag,
    SubmissionFlag,
    SubmissionsFlag,
    Timeout,
    Tls,
    User,
    VerifyTls,
    chosen_account,
    mechanism_named,
    open_agent_target,
    recorder,
    terms_for,
)
from harness.cli.options import TargetFlags
from harness.cli.sealing import CertFiles, KeyFiles, KeysDirectory, known_keys
from harness.errors import UsageError
from harness.mua.addresses import parse_address
from harness.mua.box import Box
from harness.mua.choice import SENDING, reading_endpoint, sending_endpoint
from harness.mua.editor import edit
from harness.mua.envelope import Envelope
from harness.mua.file_box import open_spool
from harness.mua.imap_box import ImapBox, open_imap
from harness.mua.opened import Opener, SealedLetter
from harness.mua.pop3_box import Pop3Box, open_pop3
from harness.mua.reply import draft_reply, quoted, sealed_as
from harness.mua.saving import message_path, parse_numbers, save_attachments, write_new
from harness.mua.screen import line
from harness.mua.sent_view import exit_code, outcome_line
from harness.mua.session import Manner
from harness.mua.shell import Shell
from harness.mua.show import (
    entries_as_data,
    letter_as_data,
    print_attachments,
    print_letter,
    print_listing,
    print_source,
)
from harness.mua.submit import submit
from harness.mua.terms import AuthMode, Terms, TlsMode
from harness.target import Protocol, Target

__all__ = ["inbox"]

_HELP: Final = "list, read N, save N --to FILE, delete N, attachments N [--to DIR], watch; none: a prompt"


def inbox(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET.toml] [COMMAND [N]...]", help=_HELP)
    ] = None,
    via: Annotated[
        Protocol | None, typer.Option("--via", metavar="PROTOCOL", help="imap, imaps, pop3 or pop3s.")
    ] = None,
    spool: Annotated[
        Path | None, typer.Option("--spool", metavar="PATH", help="Read a file or Maildir, and no server.")
    ] = None,
    mbox: Annotated[
        Path | None,
        typer.Option(
            "--mbox", metavar="FILE", help="Where read mail of a spool goes; default: $MBOX or ~/mbox."
        ),
    ] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Leave read mail in the spool.")] = False,
    folder: Annotated[str, typer.Option("--folder", help="The IMAP mailbox.")] = "INBOX",
    unread: Annotated[bool, typer.Option("--unread", help="List those not read.")] = False,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="List those that say this.")] = "",
    last: Annotated[int, typer.Option("--last", min=1, help="List so many of the newest.")] = 30,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Where save and attachments put it.")
    ] = None,
    source: Annotated[bool, typer.Option("--source", help="read: the octets as they came, escaped.")] = False,
    imap: ImapFlag = None,
    imaps: ImapsFlag = None,
    pop3: Pop3Flag = None,
    pop3s: Pop3sFlag = None,
    smtp: SmtpFlag = None,
    submission: SubmissionFlag = None,
    submissions: SubmissionsFlag = None,
    account: AccountNumber = None,
    user: User = None,
    domain: Domain = None,
    ca: CaFile = None,
    verify_tls: VerifyTls = True,
    tls: Tls = TlsMode.AUTO,
    auth: Auth = AuthMode.AUTO,
    mechanism: Mechanism = None,
    key: KeyFiles = None,
    cert: CertFiles = None,
    keys: KeysDirectory = None,
    timeout: Timeout = None,
    show_wire: ShowWire = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a listing, or messages that are read, as JSON.")
    ] = False,
) -> None:
    """Read mail: a listing, one message, a prompt to go through them, on a server or in a file.

    Exit codes: 0 done; 1 read: a signature does not count, or cannot be checked, or an encrypted message stayed
    closed; 2 usage; 3 the mailbox cannot be reached, or what was asked for is not there.
    """
    command = _Command.parse(words or [], to=to, source=source)
    choice = _Choice(unread=unread, search=search, last=last, as_json=as_json)
    screen = Console(highlight=False)
    if spool is not None:
        if command.target is not None:
            raise UsageError("give a target file or --spool, not both")
        kept = None if hold or (command.verb and mbox is None) else _kept(spool, mbox)
        opener = Opener(lambda: known_keys(keys, None, key, cert, address=""))
        with open_spool(spool, kept) as box:
            command.run(box, screen, choice, opener, None)
        raise typer.Exit(command.exit_code(opener))
    flags = TargetFlags(
        imap=imap, imaps=imaps, pop3=pop3, pop3s=pop3s, smtp=smtp, submission=submission,
        submissions=submissions, user=user, domain=domain, ca=ca,
    )  # fmt: skip
    terms = Terms(
        tls=tls,
        auth=auth,
        mechanism=mechanism_named(mechanism),
        record=recorder(Console(highlight=False, stderr=True), shown=show_wire),
    )
    with open_agent_target(command.target, flags, verify_tls=verify_tls) as target:
        who = chosen_account(target, account, user)
        whole = terms_for(target, who, terms, timeout)
        address = who.address if who else ""
        opener = Opener(lambda: known_keys(keys, target.keys, key, cert, address=address))
        with _open(target, whole, folder, via) as box:
            command.run(box, screen, choice, opener, _replier(target, whole, screen, opener))
    raise typer.Exit(command.exit_code(opener))


def _kept(spool: Path, mbox: Path | None) -> Path | None:
    """Where read mail goes at the end; nowhere for a Maildir, which can tell it apart, and for the mbox itself."""
    if mbox is None and spool.is_dir():
        return None
    kept = mbox or Path(os.environ.get("MBOX") or "~/mbox").expanduser()
    return None if kept.exists() and spool.exists() and kept.samefile(spool) else kept


@contextmanager
def _open(target: Target, terms: Terms, folder: str, via: Protocol | None) -> Iterator[Box]:
    endpoint = reading_endpoint(target, terms, via)
    box: Box
    if endpoint.protocol in {Protocol.POP3, Protocol.POP3S}:
        with open_pop3(endpoint, terms) as pop3, Pop3Box(pop3, str(endpoint)) as box:
            yield box
    else:
        with open_imap(endpoint, terms) as imap, ImapBox(imap, folder) as box:
            yield box


_Reply = Callable[[SealedLetter], bool] | None


def _replier(target: Target, terms: Terms, screen: Console, opener: Opener) -> _Reply:
    """What answers a message from the account's address; None where the target takes no mail."""
    account = terms.account
    if account is None or not set(target.endpoints) & SENDING:
        return None

    def reply(read: SealedLetter) -> bool:
        letter = read.letter
        text = edit(quoted(letter))
        if text.strip() in {"", quoted(letter).strip()}:
            raise UsageError("nothing was written, so nothing was sent")
        draft = draft_reply(letter, parse_address(account.address), text, signed=bool(read.seal.encryptions))
        envelope = Envelope(draft.sender.mailbox, draft.recipients, draft.needs_smtputf8)
        content = sealed_as(read.seal, draft, opener.keys)
        outcomes = submit(sending_endpoint(target, terms, None), envelope, content, terms, Manner())
        for outcome in outcomes:
            screen.print(outcome_line(outcome), soft_wrap=True)
        return exit_code(outcomes) == 0

    return reply


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which messages a listing has, and in what form."""

    unread: bool
    search: str
    last: int
    as_json: bool

    def numbers(self, box: Box) -> list[int]:
        chosen = box.unread() if self.unread else list(range(1, box.count + 1))
        if self.search:
            chosen = box.search(self.search, chosen)
        return chosen[-self.last :]


@dataclass(frozen=True, slots=True)
class _Command:
    """What is to be done; without a verb, what the user says at the prompt."""

    target: Path | None
    verb: str
    numbers: list[str]
    to: Path | None
    source: bool

    @classmethod
    def parse(cls, words: list[str], *, to: Path | None, source: bool) -> Self:
        """Words that are no command begin with a target file."""
        target = None
        if words and words[0] not in _VERBS:
            target, words = Path(words[0]), words[1:]
        verb, *numbers = words or [""]
        if verb and verb not in _VERBS:
            raise UsageError(f"{verb!r}: no such command; there are {', '.join(_VERBS)}")
        if verb in {"read", "save", "delete", "attachments"} and not numbers:
            raise UsageError(f"{verb}: say which message, as in {verb} 3")
        if verb == "save" and to is None:
            raise UsageError("save: say where, with --to FILE")
        return cls(target, verb, numbers, to, source)

    def exit_code(self, opener: Opener) -> int:
        """1 where what was read is to be taken with care."""
        return int(self.verb == "read" and opener.wary)

    def run(self, box: Box, screen: Console, choice: _Choice, opener: Opener, reply: _Reply) -> None:
        verb = self.verb
        if not verb and not (choice.unread or choice.search or choice.as_json) and _person():
            Shell(box, screen, _ask, reply, opener).run()
            return
        numbers = _VERBS[verb or "list"](self, box, screen, choice, opener)
        told = box.finish(deleted=numbers if verb == "delete" else (), read=numbers if verb == "read" else ())
        if told:
            screen.print(Text(line(told), "dim"), soft_wrap=True)

    # The verbs; each returns the messages it was about

    def chosen(self, box: Box) -> list[int]:
        return parse_numbers(self.numbers, box.count)

    def listing(self, box: Box, screen: Console, choice: _Choice, _opener: Opener) -> list[int]:
        numbers = choice.numbers(box)
        entries = box.entries(numbers)
        if choice.as_json:
            typer.echo(json.dumps(entries_as_data(entries)))
        else:
            print_listing(screen, box, entries)
        return numbers

    def read(self, box: Box, screen: Console, choice: _Choice, opener: Opener) -> list[int]:
        chosen = self.chosen(box)
        for number in chosen:
            content = box.content(number)
            if self.source:
                print_source(screen, content)
            elif choice.as_json:
                typer.echo(json.dumps(letter_as_data(number, opener(content))))
            else:
                print_letter(screen, number, opener(content))
            box.mark_read(number)
        return chosen

    def save(self, box: Box, screen: Console, _choice: _Choice, _opener: Opener) -> list[int]:
        chosen = self.chosen(box)
        to = self.to or Path()
        if len(chosen) > 1 and not to.is_dir():
            raise UsageError(f"--to {to}: several messages go into a directory")
        for number in chosen:
            path = write_new(message_path(to, number), box.content(number))
            screen.print(Text(f"message {number} is in {path}"), soft_wrap=True)
        return chosen

    def delete(self, box: Box, _screen: Console, _choice: _Choice, _opener: Opener) -> list[int]:
        return self.chosen(box)

    def attachments(self, box: Box, screen: Console, _choice: _Choice, opener: Opener) -> list[int]:
        chosen = self.chosen(box)
        for number in chosen:
            found = opener(box.content(number)).letter.attachments
            if self.to is None:
                print_attachments(screen, number, found)
                continue
            for path in save_attachments(found, self.to):
                screen.print(Text(f"saved {path}"), soft_wrap=True)
        return chosen

    def watch(self, box: Box, screen: Console, _choice: _Choice, _opener: Opener) -> list[int]:
        if not isinstance(box, ImapBox):
            raise UsageError("watch: only an IMAP server tells of new messages by itself")
        screen.print(Text("waiting for new messages; Ctrl-C ends it", "dim"))
        try:
            for number in box.watch():
                print_listing(screen, box, box.entries([number]))
        except KeyboardInterrupt:
            pass
        return []


_VERBS: Final = {
    "list": _Command.listing,
    "read": _Command.read,
    "save": _Command.save,
    "delete": _Command.delete,
    "attachments": _Command.attachments,
    "watch": _Command.watch,
}


def _person() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(prompt: str) -> str:
    """A line from the keyboard; Ctrl-C only throws it away."""
    while True:
        try:
            return input(prompt)
        except KeyboardInterrupt:
            typer.echo()
