"""A script as a tree, before anybody asks what its words mean (RFC 5228 §8.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.lexer import Kind, Token, tokens

__all__ = ["Argument", "Node", "Number", "Strings", "Tag", "Text", "parse"]

# Of blocks and tests together; RFC 5228 §2.10.7 asks for 15 levels of blocks and 15 of test lists at least.
MAX_NESTING: Final = 64


@dataclass(frozen=True, slots=True)
class Text:
    """One string."""

    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class Strings:
    """A string list; one without brackets is a list of one (RFC 5228 §2.4.2.1)."""

    items: tuple[Text, ...]
    bracketed: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Number:
    value: int
    place: Place


@dataclass(frozen=True, slots=True)
class Tag:
    """`name` in lower case, colon included."""

    name: str
    place: Place


Argument = Strings | Number | Tag


@dataclass(frozen=True, slots=True)
class Node:
    """A command or a test.

    Attributes:
        name: In lower case.
        tests: None where there are none; `listed` tells whether they stood in parentheses.
        block: None where a semicolon ended the command, and for tests.
    """

    name: str
    place: Place
    arguments: tuple[Argument, ...]
    tests: tuple["Node", ...] | None
    listed: bool
    block: tuple["Node", ...] | None


def parse(source: str) -> tuple[Node, ...]:
    """The commands of a script.

    Raises:
        SieveError: Where the grammar of RFC 5228 §8 is not kept, or more than `MAX_NESTING` levels are open.
    """
    return _Parser(tokens(source)).script()


class _Parser:
    def __init__(self, source: Iterator[Token]) -> None:
        self._source = source
        self._next = next(source)
        self._depth = 0

    def script(self) -> tuple[Node, ...]:
        commands = self._commands()
        if self._next.kind is not Kind.END:
            raise self._unexpected("a command")
        return commands

    def _take(self) -> Token:
        token = self._next
        if token.kind is not Kind.END:
            self._next = next(self._source)
        return token

    def _sees(self, separator: str) -> bool:
        return self._next.kind is Kind.SEPARATOR and self._next.text == separator

    def _expect(self, separator: str, wanted: str | None = None) -> Token:
        if not self._sees(separator):
            raise self._unexpected(wanted or repr(separator))
        return self._take()

    def _unexpected(self, wanted: str) -> SieveError:
        return SieveError(self._next.place, f"{wanted} is expected, {self._next} is there")

    def _deeper(self, place: Place) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise SieveError(place, f"nested more than {MAX_NESTING} levels deep")

    def _commands(self) -> tuple[Node, ...]:
        commands = []
        while self._next.kind is Kind.IDENTIFIER:
            commands.append(self._command())
        return tuple(commands)

    def _command(self) -> Node:
        word = self._take()
        arguments = self._arguments()
        tests, listed = self._tests()
        block = None
        if self._sees("{"):
            block = self._block()
        else:
            self._expect(";", "';' or a block")
        return Node(word.text, word.place, arguments, tests, listed, block)

    def _block(self) -> tuple[Node, ...]:
        self._deeper(self._take().place)
        commands = self._commands()
        self._expect("}", "a command or '}'")
        self._depth -= 1
        return commands

    def _test(self) -> Node:
        if self._next.kind is not Kind.IDENTIFIER:
            raise self._unexpected("a test")
        word = self._take()
        self._deeper(word.place)
        arguments = self._arguments()
        tests, listed = self._tests()
        self._depth -= 1
        return Node(word.text, word.place, arguments, tests, listed, None)

    def _tests(self) -> tuple[tuple[Node, ...] | None, bool]:
        if self._next.kind is Kind.IDENTIFIER:
            return (self._test(),), False
        if not self._sees("("):
            return None, False
        self._take()
        tests = [self._test()]
        while self._sees(","):
            self._take()
            tests.append(self._test())
        self._expect(")", "',' or ')'")
        return tuple(tests), True

    def _arguments(self) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        while (argument := self._argument()) is not None:
            arguments.append(argument)
        return tuple(arguments)

    def _argument(self) -> Argument | None:
        token = self._next
        match token.kind:
            case Kind.STRING:
                text = self._text()
                return Strings((text,), False, text.place)
            case Kind.NUMBER:
                self._take()
                return Number(token.number, token.place)
            case Kind.TAG:
                self._take()
                return Tag(token.text, token.place)
            case _ if self._sees("["):
                return self._list()
        return None

    def _text(self) -> Text:
        if self._next.kind is not Kind.STRING:
            raise self._unexpected("a string")
        token = self._take()
        return Text(token.text, token.place)

    def _list(self) -> Strings:
        place = self._take().place
        items = [self._text()]
        while self._sees(","):
            self._take()
            items.append(self._text())
        self._expect("]", "',' or ']'")
        return Strings(tuple(items), True, place)
