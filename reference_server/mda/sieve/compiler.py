"""From the tree of a script to what can be run: every word, argument and extension is checked (RFC 5228 §2.10.6)."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, NoReturn, TypeVar

from reference_server.mda.sieve.arguments import Arguments, CommandWords, Scope, TestWords, Words
from reference_server.mda.sieve.body import BODY_TESTS
from reference_server.mda.sieve.commands import COMMANDS, Branch, If
from reference_server.mda.sieve.comparators import COMPARATORS
from reference_server.mda.sieve.dates import DATE_TESTS
from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.execution import Command, Test
from reference_server.mda.sieve.flags import FLAG_COMMANDS, FLAG_TESTS
from reference_server.mda.sieve.mailboxes import MAILBOX_TESTS
from reference_server.mda.sieve.syntax import Node, parse
from reference_server.mda.sieve.tests import TESTS
from reference_server.mda.sieve.vacation import VACATION_COMMANDS
from reference_server.mda.sieve.variables import VARIABLE_COMMANDS, VARIABLE_TESTS

__all__ = ["CAPABILITIES", "Script", "compile_script"]

# Ours: far above what people write, small enough to compile in no time.
MAX_SCRIPT_OCTETS: Final = 256 * 1024

T = TypeVar("T")

_COMMANDS: Final[CommandWords] = {**COMMANDS, **FLAG_COMMANDS, **VARIABLE_COMMANDS, **VACATION_COMMANDS}
_TESTS: Final[TestWords] = {
    **TESTS, **BODY_TESTS, **DATE_TESTS, **FLAG_TESTS, **MAILBOX_TESTS, **VARIABLE_TESTS,
}  # fmt: skip

_CHAIN: Final = ("if", "elsif", "else")
_CONTROLS: Final = (*_CHAIN, "require")

CAPABILITIES: Final = frozenset(
    {extension for extension, _ in (*_COMMANDS.values(), *_TESTS.values()) if extension is not None}
    | {f"comparator-{name}" for name in COMPARATORS}
    | {"copy", "encoded-character", "index", "relational", "subaddress"}
)


@dataclass(frozen=True, slots=True)
class Script:
    """A script that can be run.

    Attributes:
        extensions: What it requires.
        end: Where it ends, which is where an implicit keep stands.
    """

    commands: tuple[Command, ...] = field(repr=False)
    extensions: frozenset[str]
    end: Place


def compile_script(source: str) -> Script:
    """Read and check a script; nothing is run of one that is not right as a whole.

    Args:
        source: The script; octets that were no UTF-8 as ``surrogateescape`` has them.

    Raises:
        SieveError: The first thing that is wrong.
    """
    source = source.removeprefix("\ufeff")
    if len(source.encode("utf-8", "surrogatepass")) > MAX_SCRIPT_OCTETS:
        raise SieveError(Place(1, 1), f"a script of more than {MAX_SCRIPT_OCTETS} octets")
    nodes = parse(source)
    requires = next((i for i, node in enumerate(nodes) if node.name != "require"), len(nodes))
    extensions = frozenset(name for node in nodes[:requires] for name in _required(node))
    lines = source.split("\n")
    end = Place(len(lines), len(lines[-1]) + 1)
    return Script(_Compiler(extensions).block(nodes[requires:]), extensions, end)


def _required(node: Node) -> list[str]:
    """The capabilities of one `require` (RFC 5228 §3.2); their names are taken as they are, case and all."""
    arguments = Arguments(node, Scope(frozenset(), _no_test, _no_block))
    names = []
    for template in arguments.strings():
        name = template.source.decode("utf-8", "replace")
        if name not in CAPABILITIES:
            raise SieveError(template.place, f"there is no extension {name!r}{_meant(name, CAPABILITIES)}")
        names.append(name)
    arguments.done()
    return names


def _no_test(node: Node) -> NoReturn:
    raise SieveError(node.place, "require takes no test")


def _no_block(_nodes: tuple[Node, ...]) -> NoReturn:
    raise AssertionError("require asks for no block")


class _Compiler:
    def __init__(self, extensions: frozenset[str]) -> None:
        self.scope = Scope(extensions, self.test, self.block)

    def block(self, nodes: tuple[Node, ...]) -> tuple[Command, ...]:
        """Each ``if`` takes the ``elsif`` and ``else`` behind it (RFC 5228 §3.1)."""
        commands: list[Command] = []
        at = 0
        while at < len(nodes):
            if nodes[at].name != "if":
                commands.append(self.command(nodes[at]))
                at += 1
                continue
            end = at + 1
            while end < len(nodes) and nodes[end].name in ("elsif", "else") and nodes[end - 1].name != "else":
                end += 1
            commands.append(If(tuple(map(self.branch, nodes[at:end]))))
            at = end
        return tuple(commands)

    def branch(self, node: Node) -> Branch:
        arguments = Arguments(node, self.scope)
        test = None if node.name == "else" else arguments.test()
        branch = Branch(test, arguments.block())
        arguments.done()
        return branch

    def command(self, node: Node) -> Command:
        if node.name in _CHAIN:
            raise SieveError(node.place, f"{node.name} stands behind an if or elsif")
        if node.name == "require":
            raise SieveError(node.place, "require stands before all other commands")
        return self.read(node, _COMMANDS, "command", _CONTROLS)

    def test(self, node: Node) -> Test:
        return self.read(node, _TESTS, "test")

    def read(self, node: Node, words: Words[T], what: str, others: tuple[str, ...] = ()) -> T:
        found = words.get(node.name)
        if found is None:
            meant = _meant(node.name, (*words, *others))
            raise SieveError(node.place, f"there is no {what} {node.name[:40]!r}{meant}")
        extension, reader = found
        self.scope.demand(extension, node.name, node.place)
        arguments = Arguments(node, self.scope)
        compiled = reader(arguments)
        arguments.done()
        return compiled


def _meant(name: str, known: frozenset[str] | tuple[str, ...]) -> str:
    close = get_close_matches(name[:40], known, 1)
    return f"; is {close[0]!r} meant?" if close else ""
