"""``[[filters]]`` in a world file: as it is written, and read into stages; what cannot be meant is refused."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from harness.errors import WorldFileError
from reference_server.world.filters import (
    OnFailure,
    Place,
    Rule,
    StageKind,
    StageSettings,
    Verdict,
    Way,
)

__all__ = ["FilterTable", "read_filters"]

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Octets = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PLACE: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>\d{1,5})")
_UNIX: Final = "unix:"
_FIELD_NAME: Final = re.compile(r"[!-9;-~]+")
_FIELD_VALUE: Final = re.compile(r"[ -~]{0,900}")

_VIRUS: Final = (Verdict.REJECT, Verdict.QUARANTINE, Verdict.DISCARD, Verdict.TAG)
_SPAM: Final = (Verdict.TAG, Verdict.REWRITE, Verdict.QUARANTINE, Verdict.REJECT, Verdict.DISCARD)

# What may become of what a stage finds, the default first; a stage that is missing says it itself.
_VERDICTS: Final[Mapping[StageKind, tuple[Verdict, ...]]] = {
    StageKind.BUILT_IN: _VIRUS,
    StageKind.CLAMD: _VIRUS,
    StageKind.SPAMD: _SPAM,
    StageKind.BATCH: _VIRUS,
}
# Behind the reply nobody can be refused: a bounce of a virus would go to somebody who never sent it.
_LATE_VIRUS: Final = Verdict.QUARANTINE

_BUILT_IN: Final = (StageKind.BUILT_IN, StageKind.RULES, StageKind.BATCH)
_IN_BATCH: Final = (StageKind.BUILT_IN, StageKind.CLAMD, StageKind.SPAMD, StageKind.RULES)

# Keys that have a meaning with some stages only.
_GOES_WITH: Final[Mapping[str, tuple[StageKind, ...]]] = {
    "at": (StageKind.CLAMD, StageKind.MILTER, StageKind.SPAMD, StageKind.AFTER_QUEUE),
    "verdict": tuple(_VERDICTS),
    "on_failure": tuple(kind for kind in StageKind if kind not in (StageKind.BATCH, StageKind.AFTER_QUEUE)),
    "largest_octets": tuple(
        kind for kind in StageKind if kind not in (StageKind.BATCH, StageKind.AFTER_QUEUE)
    ),
    "protocol": (StageKind.AFTER_QUEUE,),
    "take_back": (StageKind.AFTER_QUEUE,),
    "batch": _IN_BATCH,
    "directory": (StageKind.BATCH,),
    "interval_s": (StageKind.BATCH,),
    "most": (StageKind.BATCH,),
    "command": (StageKind.BATCH,),
    "rules": (StageKind.RULES,),
    "down_while": tuple(kind for kind in StageKind if kind not in (StageKind.BATCH, StageKind.AFTER_QUEUE)),
}
_NEEDED: Final[Mapping[StageKind, tuple[str, ...]]] = {
    StageKind.CLAMD: ("at",),
    StageKind.MILTER: ("at",),
    StageKind.SPAMD: ("at",),
    StageKind.AFTER_QUEUE: ("at", "take_back"),
    StageKind.RULES: ("rules",),
}

Refuse = Callable[[Path | str, str, str], WorldFileError]


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key that is not known is a mistake, never ignored."""


class RuleTable(_Table, frozen=True):
    """As `Rule`."""

    verdict: Verdict
    header: str = ""
    matches: str = ""
    larger_than: _Octets | None = None
    sender: str = ""
    recipient: str = ""
    text: str = ""
    fields: dict[str, str] = {}


class FilterTable(_Table, frozen=True):
    """As `StageSettings`; None is the default of the stage."""

    stage: StageKind
    name: str | None = None
    host: str | list[str] | None = None
    listeners: list[Way] | None = None
    at: str | None = None
    timeout_s: _Seconds = 10.0
    verdict: Verdict | None = None
    on_failure: OnFailure | None = None
    largest_octets: _Octets | None = None
    protocol: Literal["smtp", "lmtp"] | None = None
    take_back: str | None = None
    batch: str | None = None
    directory: str | None = None
    interval_s: _Seconds | None = None
    most: _Count | None = None
    command: list[str] | None = None
    rules: list[RuleTable] | None = None
    down_while: str | None = None


def read_filters(
    tables: Sequence[FilterTable], hosts: Sequence[str], source: Path | str, base: Path, refuse: Refuse
) -> tuple[StageSettings, ...]:
    """The stages of a world file.

    Args:
        hosts: The names of the world's hosts.
        base: Where relative paths of sockets start.

    Raises:
        WorldFileError: Made by `refuse`.
    """
    reader = _Reader(hosts, source, base, refuse)
    stages = [reader.stage(f"filters[{i}]", table) for i, table in enumerate(tables)]
    for key, problem in _between(stages):
        raise refuse(source, key, problem)
    return tuple(stages)


@dataclass(frozen=True, slots=True)
class _Reader:
    hosts: Sequence[str]
    source: Path | str
    base: Path
    refuse: Refuse

    def fail(self, key: str, problem: str) -> WorldFileError:
        return self.refuse(self.source, key, problem)

    def stage(self, key: str, table: FilterTable) -> StageSettings:
        self.held_together(key, table)
        kind, default = table.stage, StageSettings(table.stage, "", ())
        return StageSettings(
            kind=kind,
            name=self.name(f"{key}.name", table.name or kind.value),
            hosts=self.hosts_of(f"{key}.host", table.host),
            ways=default.ways if table.listeners is None else tuple(table.listeners),
            at=self.place(f"{key}.at", table.at, tcp=kind is StageKind.AFTER_QUEUE) if table.at else None,
            timeout_s=table.timeout_s,
            verdict=self.verdict(f"{key}.verdict", table),
            on_failure=table.on_failure or default.on_failure,
            largest=table.largest_octets,
            lmtp=table.protocol == "lmtp",
            take_back=self.take_back(f"{key}.take_back", table.take_back) if table.take_back else None,
            batch=table.batch or "",
            directory=Path(table.directory) if table.directory else default.directory,
            interval_s=table.interval_s or default.interval_s,
            most=table.most or default.most,
            command=tuple(table.command or ()),
            rules=tuple(self.rule(f"{key}.rules[{i}]", each) for i, each in enumerate(table.rules or ())),
            down_while=self.base / table.down_while if table.down_while else None,
        )

    def held_together(self, key: str, table: FilterTable) -> None:
        """Which keys a stage has, and which it needs."""
        if table.batch is not None and table.listeners is not None:
            raise self.fail(f"{key}.listeners", "has no meaning with batch: the batch has its own")
        for name, kinds in _GOES_WITH.items():
            if getattr(table, name) is not None and table.stage not in kinds:
                words = ", ".join(repr(kind.value) for kind in kinds)
                raise self.fail(
                    f"{key}.{name}", f"goes with stage = {words}, and stage is {table.stage.value!r}"
                )
        for name in _NEEDED.get(table.stage, ()):
            if not getattr(table, name):
                raise self.fail(f"{key}.{name}", f"is missing, and stage = {table.stage.value!r} needs it")

    def name(self, key: str, text: str) -> str:
        if not _NAME.fullmatch(text):
            raise self.fail(key, f"{text!r} is not a name of lower-case letters, digits and hyphens")
        return text

    def hosts_of(self, key: str, given: str | list[str] | None) -> tuple[str, ...]:
        """All of the world's where none is given."""
        if given is None:
            return tuple(self.hosts)
        names = tuple(name.lower() for name in ([given] if isinstance(given, str) else given))
        for name in names:
            if name not in self.hosts:
                raise self.fail(
                    key, f"{name} is no host of this world; hosts: {', '.join(sorted(self.hosts))}"
                )
        return names

    def place(self, key: str, text: str, *, tcp: bool = False) -> Place:
        if not tcp and text.startswith(_UNIX) and len(text) > len(_UNIX):
            return Place(path=str(self.base / text.removeprefix(_UNIX)))
        found = _PLACE.fullmatch(text)
        if not found or not 0 < int(found["port"]) <= 65535:
            raise self.fail(
                key, f"{text!r} is not a place such as 127.0.0.1:3310, [::1]:3310 or unix:/run/a.sock"
            )
        return Place(found["six"] or found["host"], int(found["port"]))

    def take_back(self, key: str, text: str) -> Place:
        """Whoever reaches it can send to anybody, so it is on this machine."""
        place = self.place(key, text)
        try:
            loopback = ipaddress.ip_address(place.host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise self.fail(key, f"{text!r} is not a loopback address and a port, as in 127.0.0.1:10025")
        return place

    def verdict(self, key: str, table: FilterTable) -> Verdict:
        allowed = _VERDICTS.get(table.stage, (Verdict.REJECT,))
        late = table.stage is StageKind.BATCH or bool(table.batch)
        if table.verdict is None:
            return _LATE_VIRUS if late and allowed is _VIRUS else allowed[0]
        if table.verdict not in allowed:
            words = ", ".join(each.value for each in allowed)
            raise self.fail(key, f"{table.verdict.value!r} is none of {words}")
        return table.verdict

    def rule(self, key: str, table: RuleTable) -> Rule:
        if table.matches and not table.header:
            raise self.fail(f"{key}.matches", "goes with header")
        try:
            re.compile(table.matches)
        except re.error as exc:
            raise self.fail(f"{key}.matches", f"is not a regular expression: {exc}") from exc
        if table.header and not _FIELD_NAME.fullmatch(table.header):
            raise self.fail(f"{key}.header", f"{table.header!r} is not the name of a field")
        if bool(table.fields) != (table.verdict in (Verdict.TAG, Verdict.REWRITE)):
            raise self.fail(f"{key}.fields", "goes with verdict = 'tag' and 'rewrite', and is needed there")
        for name, value in table.fields.items():
            if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
                raise self.fail(f"{key}.fields", f"{name!r} = {value!r} is not a field of printable ASCII")
        if not table.text.isascii():
            raise self.fail(f"{key}.text", "is said in a reply, which is ASCII")
        return Rule(**msgspec.structs.asdict(table))


def _between(stages: Sequence[StageSettings]) -> Iterator[tuple[str, str]]:
    """What holds between the stages of one host."""
    for index, stage in enumerate(stages):
        key = f"filters[{index}]"
        others = [s for s in stages[:index] if set(s.hosts) & set(stage.hosts)]
        if stage.name in {other.name for other in others}:
            yield (
                f"{key}.name",
                f"another stage of the same host is named {stage.name!r}; give this one its own",
            )
        if stage.take_back and stage.take_back in {other.take_back for other in stages[:index]}:
            yield f"{key}.take_back", f"{stage.take_back} is another stage's already"
        if stage.take_back and len(stage.hosts) > 1:
            yield f"{key}.host", "takes one host: only one can take the mail back"
        batches = [s for s in stages if s.kind is StageKind.BATCH and set(stage.hosts) <= set(s.hosts)]
        if stage.batch and stage.batch not in {batch.name for batch in batches}:
            yield f"{key}.batch", f"no stage = 'batch' of the same hosts is named {stage.batch!r}"
        idle = stage.kind is StageKind.BATCH and not any(other.batch == stage.name for other in stages)
        if idle and not stage.command:
            yield f"{key}.command", f"is missing, and no other stage has batch = {stage.name!r}"
