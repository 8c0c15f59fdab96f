"""`mailproof queue`: look after the queues of a world, while it runs or stands still."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final, cast
from typing import Protocol as Shape

import msgspec
import typer

from harness.cli.options import load_server
from harness.errors import UsageError
from harness.results.waiting import WaitingMessage, WaitingRecipient
from reports.text import number, one_line, plural, printable

__all__ = ["Action", "listing", "queue"]


class Action(StrEnum):
    """What is done."""

    LIST = "list"
    SHOW = "show"
    FLUSH = "flush"
    HOLD = "hold"
    RELEASE = "release"
    REMOVE = "remove"


_DONE: Final = {
    Action.FLUSH: "due now",
    Action.HOLD: "held",
    Action.RELEASE: "released",
    Action.REMOVE: "removed",
}


class _QueueFiles(Shape):
    def waiting(self, ids: Collection[str] = (), *, quarantine: bool = False) -> list[WaitingMessage]: ...
    def content(self, queue_id: str) -> bytes: ...
    def change(self, change: str, ids: Collection[str] = ()) -> list[str]: ...


class _OpenQueues(Shape):
    def __call__(self, directory: Path, host: str | None = None) -> AbstractContextManager[_QueueFiles]: ...


def queue(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The data directory of `mailproof serve --data`.")
    ],
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Queue ids; list and flush take all where none is given."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="This host's queue alone; default: every host's.")
    ] = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Only what a filter has put into quarantine.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Hold, release or remove everything there is.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Write what there is, or the ids, as JSON.")] = False,
) -> None:
    """See the mail that waits, try it now, hold it back, let it go, or throw it away.

    Mail in quarantine is let go or thrown away by its ids, or by --all with --quarantine. What is let go is not
    shown to the filters again.

    A message that is removed is gone, for all its recipients and without a report to its sender.

    Exit codes: 0 done; 2 no such directory, host or id, and nothing was changed.
    """
    chosen = tuple(dict.fromkeys(ids or ()))
    if chosen and every:
        raise UsageError("give ids or --all, not both")
    if not chosen and not every and action not in (Action.LIST, Action.FLUSH):
        raise UsageError(f"queue {action}: say which messages, by their ids, or --all")
    open_queues = cast("_OpenQueues", load_server("queue"))
    with open_queues(data, host) as files:
        if action in (Action.LIST, Action.SHOW):
            waiting = files.waiting(chosen, quarantine=quarantine)
            typer.echo(written(waiting) if json else listing(waiting, datetime.now(UTC)))
            for message in waiting if action is Action.SHOW and not json else ():
                typer.echo(f"\n{message.queue_id}\n" + shown(files.content(message.queue_id)))
            return
        if quarantine:
            chosen = tuple(message.queue_id for message in files.waiting(chosen, quarantine=True))
        changed = files.change(action.value, chosen) if chosen or not quarantine else []
        typer.echo(written(changed) if json else f"{plural(len(changed), 'message')} {_DONE[action]}")


def shown(content: bytes) -> str:
    """A message's octets for a terminal: line by line, what is not printable escaped."""
    text = content.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "\n".join(f"  {line}".rstrip() for line in printable(text).split("\n"))


def written(records: list[WaitingMessage] | list[str]) -> str:
    """JSON for tools, one array."""
    return msgspec.json.format(msgspec.json.encode(records), indent=2).decode()


def listing(waiting: Iterable[WaitingMessage], now: datetime) -> str:
    """What waits, for people, host by host; everything that came from outside is made printable."""
    lines = [
        line
        for host, messages in groupby(waiting, lambda m: m.host)
        for line in _of_host(host, list(messages), now)
    ]
    return "\n".join(lines) or "nothing waits"


def _of_host(host: str, messages: list[WaitingMessage], now: datetime) -> Iterator[str]:
    yield f"{host}: {plural(len(messages), 'message')}"
    for message in messages:
        yield (
            f"  {message.queue_id}  {_time(message.arrived)}  {number(message.octets)} octets"
            f"  from <{one_line(message.sender)}>"
        )
        for recipient in message.recipients:
            yield from _of_recipient(recipient, now)


def _of_recipient(recipient: WaitingRecipient, now: datetime) -> Iterator[str]:
    when = "now" if recipient.next_attempt <= now else _time(recipient.next_attempt)
    state = "held" if recipient.state == "held" else f"next try {when}"
    hop = f"{recipient.transport} to {one_line(recipient.next_hop)}"
    tries = plural(recipient.attempts, "attempt")
    yield f"    <{one_line(recipient.address)}>  {hop}, {tries}, {state}"
    if recipient.status:
        who = f"{one_line(recipient.remote)}: " if recipient.remote else ""
        yield f"      {who}{one_line(recipient.reason)} ({one_line(recipient.status)})"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
