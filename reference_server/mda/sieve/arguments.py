"""The arguments of one command or test, handed out as its grammar asks for them (RFC 5228 §2.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.execution import Command, Test
from reference_server.mda.sieve.strings import Template, read_template
from reference_server.mda.sieve.syntax import Argument, Node, Number, Strings, Tag

__all__ = ["Arguments", "Choice", "CommandWords", "Scope", "StringList", "TestWords", "Words"]

StringList = tuple[Template, ...]

T = TypeVar("T")

_START: Final = Place(0, 0)


@dataclass(frozen=True)
class Scope:
    """What a script has switched on with `require`, and how the tests and blocks within are compiled."""

    extensions: frozenset[str]
    compile_test: Callable[[Node], Test]
    compile_block: Callable[[tuple[Node, ...]], tuple[Command, ...]]

    def demand(self, extension: str | None, what: str, place: Place) -> None:
        """Raises `SieveError` where the extension was not asked for (RFC 5228 §2.10.5)."""
        if extension is not None and extension not in self.extensions:
            raise SieveError(place, f'{what} needs: require "{extension}";')


@dataclass(frozen=True, slots=True)
class Choice:
    """One tag of several that exclude each other, and the extension it needs."""

    tag: str
    extension: str | None = None


@dataclass
class Arguments:
    """Tagged arguments are asked for first, by name; then positional ones, in their order; then tests and block.

    What was not asked for is refused by `done`.
    """

    node: Node
    scope: Scope
    _rest: list[Argument] = field(init=False)
    _known: set[str] = field(default_factory=set)
    _last_tag: Place = _START
    _tests_taken: bool = False
    _block_taken: bool = False

    def __post_init__(self) -> None:
        self._rest = list(self.node.arguments)

    @property
    def place(self) -> Place:
        return self.node.place

    def error(self, problem: str, place: Place | None = None) -> SieveError:
        return SieveError(place or self.place, f"{self.node.name}: {problem}")

    # Tagged arguments.

    def flag(self, tag: str, extension: str | None = None) -> bool:
        """A tag that has no value of its own."""
        return self._take_tag(tag, extension) is not None

    def choice(self, *options: Choice) -> Tag | None:
        """The one that is there; two exclude each other (RFC 5228 §2.6)."""
        taken: Tag | None = None
        for option in options:
            found = self._find(option.tag, option.extension)
            if found is None:
                continue
            if taken is not None:
                raise self.error(f"{taken.name} and {option.tag} exclude each other", self._rest[found].place)
            taken = self._remove(found)
        return taken

    def tag_string(self, tag: str, extension: str | None = None) -> Template | None:
        found = self._tag_value(tag, extension)
        return None if found is None else self._single(found, f"{tag} takes a string")

    def tag_strings(self, tag: str, extension: str | None = None) -> StringList | None:
        found = self._tag_value(tag, extension)
        return None if found is None else self._list(found, f"{tag} takes strings")

    def tag_number(self, tag: str, extension: str | None = None) -> int | None:
        found = self._tag_value(tag, extension)
        if found is None:
            return None
        if not isinstance(found, Number):
            raise self.error(f"{tag} takes a number", found.place)
        return found.value

    def value_of(self, tag: Tag) -> Template:
        """The string behind a tag that `choice` has taken."""
        return self._single(self._behind(tag), f"{tag.name} takes a string")

    def values_of(self, tag: Tag) -> StringList:
        """The strings behind a tag that `choice` has taken."""
        return self._list(self._behind(tag), f"{tag.name} takes strings")

    def _tag_value(self, tag: str, extension: str | None) -> Argument | None:
        taken = self._take_tag(tag, extension)
        return None if taken is None else self._behind(taken)

    def _behind(self, tag: Tag) -> Argument:
        index = next((i for i, each in enumerate(self._rest) if each.place > tag.place), None)
        if index is None:
            raise self.error(f"{tag.name} takes a value", tag.place)
        value = self._rest.pop(index)
        self._last_tag = max(self._last_tag, value.place)
        return value

    def _take_tag(self, tag: str, extension: str | None) -> Tag | None:
        found = self._find(tag, extension)
        return None if found is None else self._remove(found)

    def _find(self, tag: str, extension: str | None) -> int | None:
        for index, argument in enumerate(self._rest):
            if isinstance(argument, Tag) and argument.name == tag:
                self.scope.demand(extension, tag, argument.place)
                return index
        return None

    def _remove(self, index: int) -> Tag:
        tag = self._rest.pop(index)
        assert isinstance(tag, Tag)
        self._known.add(tag.name)
        self._last_tag = max(self._last_tag, tag.place)
        return tag

    # Positional arguments.

    @property
    def left(self) -> int:
        """How many positional arguments there are still."""
        return len(self._rest)

    def string(self) -> Template:
        return self._single(self._positional("a string"), "a string is expected")

    def strings(self) -> StringList:
        return self._list(self._positional("a string list"), "a string list is expected")

    def number(self) -> int:
        found = self._positional("a number")
        if not isinstance(found, Number):
            raise self.error("a number is expected", found.place)
        return found.value

    def _positional(self, what: str) -> Argument:
        if not self._rest:
            raise self.error(f"{what} is missing")
        argument = self._rest.pop(0)
        if isinstance(argument, Tag):
            raise self._stray(argument)
        if argument.place < self._last_tag:
            raise self.error("tags come before the other arguments", argument.place)
        return argument

    def _stray(self, tag: Tag) -> SieveError:
        problem = f"{tag.name} is given twice" if tag.name in self._known else f"there is no tag {tag.name}"
        return self.error(problem, tag.place)

    def _list(self, argument: Argument, problem: str) -> StringList:
        if not isinstance(argument, Strings):
            raise self.error(problem, argument.place)
        return tuple(read_template(text, self.scope.extensions) for text in argument.items)

    def _single(self, argument: Argument, problem: str) -> Template:
        if not isinstance(argument, Strings) or argument.bracketed:
            raise self.error(problem, argument.place)
        return read_template(argument.items[0], self.scope.extensions)

    def literal(self, template: Template, what: str) -> bytes:
        """The value of a string that may not depend on variables."""
        if template.constant is None:
            raise self.error(f"{what} cannot hold variables", template.place)
        return template.constant

    # Tests and blocks.

    def test(self) -> Test:
        """Exactly one, not in parentheses."""
        if self.node.tests is None or self.node.listed:
            raise self.error("one test is expected, without parentheses")
        self._tests_taken = True
        return self.scope.compile_test(self.node.tests[0])

    def tests(self) -> tuple[Test, ...]:
        """A list in parentheses."""
        if self.node.tests is None or not self.node.listed:
            raise self.error("tests in parentheses are expected")
        self._tests_taken = True
        return tuple(map(self.scope.compile_test, self.node.tests))

    def block(self) -> tuple[Command, ...]:
        if self.node.block is None:
            raise self.error("a block is expected")
        self._block_taken = True
        return self.scope.compile_block(self.node.block)

    def done(self) -> None:
        """Raises `SieveError` for anything that is left."""
        if self._rest:
            extra = self._rest[0]
            raise (
                self._stray(extra)
                if isinstance(extra, Tag)
                else self.error("too many arguments", extra.place)
            )
        if self.node.tests is not None and not self._tests_taken:
            raise self.error("takes no test; is a semicolon missing?", self.node.tests[0].place)
        if self.node.block is not None and not self._block_taken:
            raise self.error("takes no block")


# What a module adds to the language: word -> the extension it needs, and how its arguments are read.
Words = Mapping[str, tuple[str | None, Callable[[Arguments], T]]]
CommandWords = Words[Command]
TestWords = Words[Test]
