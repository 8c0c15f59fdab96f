"""The reader at the keyboard: a prompt, and single letters, as mail programs have had them since the first."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from harness.errors import RunFailed, UsageError
from harness.mua.box import Box
from harness.mua.opened import Opener, SealedLetter
from harness.mua.saving import message_path, parse_numbers, save_attachments, write_new
from harness.mua.screen import line
from harness.mua.show import print_attachments, print_letter, print_listing

__all__ = ["Shell"]

# Ours: messages of one listing.
PAGE: Final = 20

_HELP: Final = """\
N            read message N           Enter, n   read the next
h [N]        list, from N on          / TEXT     list those that say TEXT
d [N-M …]    delete                   u [N-M …]  keep after all
s [N] FILE   save as a file           a [N [DIR]] attachments: list, or save
r [N]        reply                    c          look for new mail
q            quit: what was deleted is gone, what was read is kept as read
x            leave everything as it was"""


class Shell:
    """One session at the keyboard.

    Args:
        ask: Shows a prompt and returns a line; raises `EOFError` at the end.
        reply: Answers a message, in an editor; whether it was sent. None where nothing can be sent.
        opener: Opens what is sealed; without it, there are no keys to do it with.
    """

    def __init__(
        self,
        box: Box,
        console: Console,
        ask: Callable[[str], str],
        reply: Callable[[SealedLetter], bool] | None = None,
        opener: Callable[[bytes], SealedLetter] | None = None,
    ) -> None:
        self._box = box
        self._console = console
        self._ask = ask
        self._reply = reply
        self._open = opener or Opener()
        self._current = 0
        self._deleted: set[int] = set()
        self._read: set[int] = set()
        self._commands: Mapping[str, Callable[[list[str]], None]] = {
            "h": self._list,
            "n": self._next,
            "": self._next,
            "p": self._print,
            "d": self._delete,
            "u": self._keep,
            "s": self._save,
            "a": self._attachments,
            "r": self._answer,
            "c": self._check,
            "/": self._search,
            "?": self._help,
        }

    def run(self) -> None:
        """Until ``q``, ``x`` or the end of input. Network trouble ends it, and nothing is deleted then."""
        box = self._box
        unread = box.unread() if box.count else []
        start = unread[0] if unread else max(1, box.count - PAGE + 1)
        self._current = start - 1
        self._list([str(start)] if box.count else [])
        while True:
            try:
                words = self._ask("& ").split()
            except EOFError:
                words = ["q"]
            if words in (["q"], ["x"]):
                leave = words == ["x"]
                told = box.finish(deleted=() if leave else self._deleted, read=() if leave else self._read)
                if told:
                    self._say(told)
                return
            try:
                self._do(words)
            except (UsageError, RunFailed) as exc:
                self._say(str(exc))

    def _do(self, words: list[str]) -> None:
        word, *rest = words or [""]
        if word.startswith("/"):
            word, rest = "/", [word[1:], *rest]
        if word.isdecimal():
            word, rest = "p", words
        if word not in self._commands:
            raise UsageError(f"{line(word, 40)}: no such command; ? lists them")
        self._commands[word](rest)

    def _say(self, text: str) -> None:
        self._console.print(Text(line(text), "dim"), soft_wrap=True)

    def _numbers(self, words: Sequence[str]) -> list[int]:
        """The messages named, else the current one."""
        if words:
            return parse_numbers(words, self._box.count)
        return [self._box.check(self._current)]

    # The commands

    def _list(self, words: list[str]) -> None:
        count = self._box.count
        start = parse_numbers(words, count)[0] if words else max(1, count - PAGE + 1)
        self._show(range(start, min(count, start + PAGE - 1) + 1))

    def _show(self, numbers: Sequence[int]) -> None:
        entries = self._box.entries(numbers) if numbers else []
        print_listing(self._console, self._box, entries, deleted=self._deleted)

    def _print(self, words: list[str]) -> None:
        for number in self._numbers(words):
            read = self._open(self._box.content(number))
            self._current = number
            print_letter(self._console, number, read)
            self._read.add(number)
            self._box.mark_read(number)

    def _next(self, _words: list[str]) -> None:
        later = [n for n in range(self._current + 1, self._box.count + 1) if n not in self._deleted]
        if not later:
            raise UsageError("no more messages")
        self._print([str(later[0])])

    def _delete(self, words: list[str]) -> None:
        numbers = self._numbers(words)
        self._deleted |= set(numbers)
        self._say(f"{len(numbers)} to be deleted at q; u takes it back")

    def _keep(self, words: list[str]) -> None:
        self._deleted -= set(self._numbers(words))

    def _save(self, words: list[str]) -> None:
        if not words:
            raise UsageError("s [N] FILE: say which file")
        *numbers, to = words
        for number in self._numbers(numbers):
            path = write_new(message_path(Path(to).expanduser(), number), self._box.content(number))
            self._say(f"message {number} is in {path}")

    def _attachments(self, words: list[str]) -> None:
        (number, *_) = self._numbers(words[:1])
        found = self._open(self._box.content(number)).letter.attachments
        if len(words) < 2:
            print_attachments(self._console, number, found)
            return
        for path in save_attachments(found, Path(words[1]).expanduser()):
            self._say(f"saved {path}")

    def _answer(self, words: list[str]) -> None:
        if self._reply is None:
            raise UsageError("nothing can be sent from here")
        (number, *_) = self._numbers(words)
        if self._reply(self._open(self._box.content(number))):
            self._box.mark_answered(number)

    def _check(self, _words: list[str]) -> None:
        new = self._box.refresh()
        if new:
            self._show(range(self._box.count - new + 1, self._box.count + 1))
        else:
            self._say("no new messages")

    def _search(self, words: list[str]) -> None:
        text = " ".join(words).strip()
        if not text:
            raise UsageError("/ TEXT: say what to look for")
        self._show(self._box.search(text, range(1, self._box.count + 1)))

    def _help(self, _words: list[str]) -> None:
        self._console.print(Text(_HELP))
