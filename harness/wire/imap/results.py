"""What IMAP commands come to: every response up to the completion, and views of them."""

from dataclasses import dataclass
from typing import Self, TypeVar

from harness.errors import ProtocolError
from harness.wire.imap.codes import Code
from harness.wire.imap.fetch import FetchData, FetchValue
from harness.wire.imap.responses import (
    Condition,
    ESearch,
    Exists,
    Fetch,
    Flags,
    Recent,
    Response,
    Search,
    Tagged,
    Untagged,
)
from harness.wire.imap.states import Answer
from harness.wire.lines import WireFault

__all__ = ["ImapRefused", "Result", "SelectResult", "fetched", "found"]

T = TypeVar("T", bound=Response)


@dataclass(frozen=True, slots=True)
class Result:
    """A command's completion and all that came before it.

    Attributes:
        tagged: The completion.
        responses: What came before it, in order, continuations and lines that are no response included.
    """

    tagged: Tagged
    responses: tuple[Response, ...]

    @property
    def tag(self) -> bytes:
        return self.tagged.tag

    @property
    def status(self) -> Answer:
        """OK, NO or BAD."""
        return self.tagged.status

    @property
    def ok(self) -> bool:
        return self.status is Answer.OK

    @property
    def code(self) -> Code | None:
        """The completion's response code."""
        return self.tagged.code

    @property
    def text(self) -> bytes:
        return self.tagged.text

    @property
    def untagged(self) -> tuple[Untagged, ...]:
        return tuple(self.of(Untagged))

    @property
    def raw(self) -> bytes:
        """All octets, from the first response to the completion."""
        return b"".join(response.raw for response in (*self.responses, self.tagged))

    @property
    def faults(self) -> tuple[WireFault, ...]:
        """Of all responses; positions are in the response each is noted on."""
        return tuple(fault for response in (*self.responses, self.tagged) for fault in response.faults)

    def of(self, kind: type[T]) -> list[T]:
        """The responses of one kind, in order."""
        return [response for response in self.responses if isinstance(response, kind)]

    def has_code(self, name: str) -> bool:
        """Whether the completion carries this response code."""
        return self.code is not None and self.code.name == name

    def codes(self) -> dict[str, Code]:
        """Response codes by name, of untagged conditions and the completion; the last of a name counts."""
        codes = [*(condition.code for condition in self.of(Condition)), self.code]
        return {code.name: code for code in codes if code is not None}

    def __str__(self) -> str:
        return str(self.tagged)


class ImapRefused(ProtocolError):
    """A command whose data was asked for was answered NO or BAD; `result` has the whole answer."""

    def __init__(self, command: str, result: Result) -> None:
        self.command = command
        self.result = result
        super().__init__(f"{command} was answered {result}")


@dataclass(frozen=True, slots=True)
class SelectResult:
    """What SELECT or EXAMINE said; None is what it did not say.

    Attributes:
        read_only: By the completion's READ-ONLY or READ-WRITE.
    """

    result: Result
    exists: int | None = None
    recent: int | None = None
    flags: tuple[str, ...] | None = None
    permanentflags: tuple[str, ...] | None = None
    unseen: int | None = None
    uidnext: int | None = None
    uidvalidity: int | None = None
    highestmodseq: int | None = None
    read_only: bool | None = None

    @property
    def ok(self) -> bool:
        return self.result.ok

    @classmethod
    def read(cls, result: Result) -> Self:
        """Gather it; what came before ``[CLOSED]`` is of the mailbox left (RFC 7162 §3.2.11)."""
        responses = result.responses
        closed = [i for i, response in enumerate(responses) if _code_name(response) == "CLOSED"]
        of_this = Result(result.tagged, responses[closed[-1] + 1 :] if closed else responses)
        codes = of_this.codes()
        numbers = {name: code.number for name, code in codes.items()}
        flags = [response.flags for response in of_this.of(Flags)]
        return cls(
            result,
            exists=_last([response.count for response in of_this.of(Exists)]),
            recent=_last([response.count for response in of_this.of(Recent)]),
            flags=flags[-1] if flags else None,
            permanentflags=codes["PERMANENTFLAGS"].words if "PERMANENTFLAGS" in codes else None,
            unseen=numbers.get("UNSEEN"),
            uidnext=numbers.get("UIDNEXT"),
            uidvalidity=numbers.get("UIDVALIDITY"),
            highestmodseq=numbers.get("HIGHESTMODSEQ"),
            read_only={"READ-ONLY": True, "READ-WRITE": False}.get(_code_name(result.tagged)),
        )


def _code_name(response: Response) -> str:
    code = response.code if isinstance(response, Condition | Tagged) else None
    return code.name if code else ""


def _last(counts: list[int]) -> int | None:
    return counts[-1] if counts else None


def fetched(result: Result, *, uid: bool) -> dict[int, FetchData]:
    """FETCH data by message number or UID; several responses for one message are taken together.

    By UID, a response that has no UID is left out: nothing says whose it is.
    """
    items: dict[int, dict[str, FetchValue]] = {}
    for response in result.of(Fetch):
        number = response.data.uid if uid else response.number
        if number is not None:
            items.setdefault(number, {}).update(response.data.items)
    return {number: FetchData(known) for number, known in items.items()}


def found(result: Result) -> list[int]:
    """The numbers that SEARCH or ESEARCH responses list, in the order sent."""
    listed = [number for response in result.of(Search) for number in response.numbers]
    return listed + [number for response in result.of(ESearch) for number in response.numbers]
