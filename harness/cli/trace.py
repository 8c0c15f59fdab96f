"""`mailproof trace`: the life of one message, step by step, with the octets that moved it."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, cast
from typing import Protocol as Shape

import typer
from rich.console import Console

from harness.cli.life_agents import Agent, Party
from harness.cli.options import load_server
from harness.errors import RunFailed, UsageError
from harness.mua.addresses import parse_address
from harness.mua.compose import Draft, compose, new_message_id
from harness.mua.inputs import read_octets
from harness.results.life import (
    Direction,
    Ending,
    Lane,
    LaneKind,
    Life,
    Moved,
    Stage,
    Standing,
    Step,
    encode_life,
    numbered,
)
from reports.life import print_life, render
from reports.life.shown import duration

__all__ = ["trace"]

_SUBJECT: Final = "A message to watch"
_BODY: Final = "Hello,\n\nthis message was sent to see how mail finds its way.\n"

_EXIT_CODES: Final = {Ending.DELIVERED: 0, Ending.UNFINISHED: 3}
_ENDED_BADLY: Final = 1


class _Filed(Shape):
    """A copy of a message in a mailbox."""

    @property
    def address(self) -> str: ...
    @property
    def mailbox(self) -> str: ...
    @property
    def uid(self) -> int: ...
    @property
    def at_us(self) -> int: ...
    @property
    def report(self) -> bool: ...


class _WatchedWorld(Shape):
    """A world that runs and is written down; the reference server's, met by its entry point."""

    @property
    def name(self) -> str: ...
    @property
    def began(self) -> dt.datetime: ...
    @property
    def down(self) -> tuple[str, ...]: ...
    @property
    def slow(self) -> tuple[str, ...]: ...
    @property
    def users(self) -> tuple[str, ...]: ...
    def now_us(self) -> int: ...
    def party(self, address: str) -> Party | None: ...
    def settle(self, timeout_s: float) -> bool: ...
    def filed(self) -> Sequence[_Filed]: ...
    def steps(self) -> list[Step]: ...
    def lanes(self, steps: Iterable[Step], domain: str) -> list[Lane]: ...


class _Watch(Shape):
    def __call__(
        self, path: Path | None, *, down: Iterable[str], slow: Iterable[str]
    ) -> AbstractContextManager[_WatchedWorld]: ...


def trace(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="Who writes: a user of the world.")],
    recipient: Annotated[str, typer.Argument(metavar="TO", help="Who is written to: any address.")],
    world: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The world; without it, one server with alice and bob."),
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host that is down until all else has been tried. Repeatable."),
    ] = None,
    slow: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="A host that answers late. Repeatable.")
    ] = None,
    subject: Annotated[str, typer.Option("--subject", "-s", help="What it is about.")] = _SUBJECT,
    body: Annotated[str | None, typer.Option(help="The text; default: a line about itself.")] = None,
    message: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A whole message in place of subject and text.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it as a page.")] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it for tools; - in place of the text.")
    ] = None,
    pop3: Annotated[bool, typer.Option(help="The recipient reads it over POP3.")] = True,
    imap: Annotated[bool, typer.Option(help="The recipient reads it over IMAP.")] = True,
    octets: Annotated[bool, typer.Option(help="Print what moved, not the steps alone.")] = True,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that all of it may take.")] = 30.0,
) -> None:
    """Send one message through a running world and print its life, step by step, with the octets that moved it.

    The world runs on ports of its own as long as the message is under way. Where mail waits for a later attempt,
    the world's clock is moved on, so that nobody else has to.

    Exit codes: 0 delivered; 1 refused, bounced, held or thrown away; 2 usage; 3 still under way when time was up.
    """
    content = _content(sender, recipient, subject, _BODY if body is None else body, message)
    watch = cast("_Watch", load_server("life"))
    with watch(world, down=down or (), slow=slow or ()) as watched:
        life = _Trace(watched, sender, recipient, content, timeout).run(
            [stage for stage, wanted in ((Stage.POP3, pop3), (Stage.IMAP, imap)) if wanted]
        )
    if html is not None:
        _write(html, render(life).encode())
    if json == Path("-"):
        typer.echo(encode_life(life), nl=False)
    else:
        if json is not None:
            _write(json, encode_life(life))
        print_life(life, Console(highlight=False), octets=octets)
    if code := _EXIT_CODES.get(life.ending, _ENDED_BADLY):
        raise typer.Exit(code)


def _content(sender: str, recipient: str, subject: str, body: str, message: Path | None) -> bytes:
    """The octets to send; lines end with CRLF."""
    author, reader = parse_address(sender), parse_address(recipient)
    if message is not None:
        return re.sub(rb"\r?\n", b"\r\n", read_octets(message))
    domain = sender.rpartition("@")[2].rstrip(">")
    now = dt.datetime.now(dt.UTC)
    return compose(
        Draft(
            sender=author,
            to=[reader],
            subject=subject,
            body=body,
            date=now,
            message_id=new_message_id(domain),
        )
    )


@dataclass
class _Trace:
    """One message from end to end."""

    world: _WatchedWorld
    sender: str
    recipient: str
    content: bytes
    timeout_s: float

    def run(self, reading: Sequence[Stage]) -> Life:
        """Send it, let it find its way, read it where it arrived."""
        agent = self.agent(self.sender)
        own = [self.composed(agent), agent.submit(self.content, self.recipient)]
        if own[-1].standing is not Standing.DONE:
            says = f"Refused at submission: {own[-1].answered}."
            return self.life(own, Ending.REFUSED, says, None)
        finished = self.world.settle(self.timeout_s)
        copies = self.world.filed()
        found = self.arrived(copies)
        if found is not None:
            own += self.read(found, copies, reading)
        ending = self.ending(found, finished=finished)
        return self.life(own, ending, self.says(ending, found, own), found)

    def agent(self, address: str) -> Agent:
        party = self.world.party(address)
        if party is None:
            raise UsageError(f"{address} is no user of {self.world.name}: {', '.join(self.world.users)}")
        return Agent(party, self.world.now_us, timeout_s=self.timeout_s)

    def composed(self, agent: Agent) -> Step:
        at_us = self.world.now_us()
        return Step(
            number=0,
            stage=Stage.COMPOSE,
            at_us=at_us,
            lasted_us=0,
            actor=agent.address,
            title=f"{agent.address} writes to {self.recipient}",
            said=f"{len(self.content)} octets",
            moved=(Moved(at_us=at_us, direction=Direction.SENT, octets=self.content),),
        )

    def arrived(self, copies: Sequence[_Filed]) -> _Filed | None:
        """The copy that is read: the recipient's own, else anybody's; where there is none, the last report of why."""
        others = [copy for copy in copies if not copy.report]
        own = [copy for copy in others if copy.address == self.recipient.lower()]
        return next(iter((*own, *others, *reversed(copies))), None)

    def read(self, found: _Filed, copies: Sequence[_Filed], reading: Sequence[Stage]) -> Iterator[Step]:
        """POP3 has one maildrop (RFC 1939 §5), here the inbox; a mailbox of files is read without a server."""
        reader = self.agent(found.address)
        inbox = [copy for copy in copies if (copy.address, copy.mailbox) == (found.address, "INBOX")]
        if Stage.POP3 in reading and reader.reads_by(Stage.POP3) and found in inbox:
            yield reader.read_pop3(inbox.index(found) + 1)
        if Stage.IMAP in reading and reader.reads_by(Stage.IMAP) and found.uid:
            yield reader.read_imap(found.mailbox, found.uid)

    def ending(self, found: _Filed | None, *, finished: bool) -> Ending:
        if found is not None:
            return Ending.BOUNCED if found.report else Ending.DELIVERED
        if not finished:
            return Ending.UNFINISHED
        return Ending.HELD if self.held() else Ending.DROPPED

    def held(self) -> str:
        """What a host says that keeps the message in quarantine; ``""`` where none does."""
        return next(
            (step.said for step in self.world.steps() if step.said.startswith("held in quarantine")), ""
        )

    def says(self, ending: Ending, found: _Filed | None, own: Sequence[Step]) -> str:
        """How it ended, in a sentence."""
        if ending is Ending.UNFINISHED:
            return f"Still under way after {self.timeout_s:g} s."
        if ending is Ending.HELD:
            return f"Accepted, and {self.held()}."
        if found is None:
            return self.says_of_none()
        read = [step.stage.value.upper() for step in own if step.stage in {Stage.POP3, Stage.IMAP}]
        how = f", read over {' and '.join(read)}" if read else ""
        after = duration(found.at_us)
        if ending is Ending.BOUNCED:
            return f"Returned to the sender after {after}: a report of why is in {found.mailbox}{how}."
        whose = "" if found.address == self.recipient.lower() else f" of {found.address}"
        return f"Delivered after {after}{self.detour()}: in {found.mailbox}{whose}{how}."

    def says_of_none(self) -> str:
        if any(step.stage is Stage.DSN for step in self.world.steps()):
            return "Lost: neither the message nor the report to its sender could be delivered."
        return "Accepted, and thrown away: nobody has a copy, and nobody was told."

    def detour(self) -> str:
        """The hosts that kept it for another one."""
        took = [
            step for step in self.world.steps() if step.stage is Stage.SMTP and step.standing is Standing.DONE
        ]
        between = dict.fromkeys(step.peer for step in took[:-1])
        return f", by way of {' and '.join(between)}" if between else ""

    def life(self, own: Sequence[Step], ending: Ending, says: str, found: _Filed | None) -> Life:
        steps = numbered([*self.world.steps(), *own])
        sender = self.sender
        lanes = [Lane(name=sender, short=_short(sender), kind=LaneKind.AGENT, about="writes")]
        lanes += self.world.lanes(steps, self.recipient.rpartition("@")[2])
        if found is not None and found.address != sender:
            short = _short(found.address)
            lanes.append(Lane(name=found.address, short=short, kind=LaneKind.AGENT, about="reads"))
        return Life(
            mailproof_version=version("mailproof"),
            world=self.world.name,
            started=self.world.began.isoformat(timespec="seconds"),
            sender=sender,
            recipient=self.recipient,
            subject=_subject(self.content),
            ending=ending,
            says=says,
            lanes=tuple(lanes),
            steps=steps,
            down=self.world.down,
            slow=self.world.slow,
            arrived_us=None if found is None else found.at_us,
        )


def _short(address: str) -> str:
    return address.partition("@")[0]


def _subject(content: bytes) -> str:
    from email import message_from_bytes, policy

    return str(message_from_bytes(content, policy=policy.default)["Subject"] or "")


def _write(path: Path, octets: bytes) -> None:
    try:
        path.write_bytes(octets)
    except OSError as exc:
        raise RunFailed(f"{path}: cannot be written ({exc.strerror}); choose another file") from exc
