"""Messages without their tokens: made up in the sizes of a distribution, or read from a directory."""

import re
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from random import Random
from typing import Final

from harness.errors import UsageError
from loadtests.content.mime import structure
from loadtests.content.sizes import drawn
from loadtests.ledger.token import MESSAGE_ID, SEALED, TOKEN_FIELD, fields_of
from loadtests.plan import Content

__all__ = ["Form", "Pool", "pool_of"]

# Ours: what one generator process may hold of messages.
MAX_POOL_OCTETS: Final = 512 * 1024 * 1024
# RFC 5321 §4.5.3.1.6: a line and its CRLF.
MAX_LINE: Final = 1000

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_FIELD: Final = re.compile(rb"([!-9;-~]+):[^\n]*\n(?:[ \t][^\n]*\n)*")
_OURS: Final = {TOKEN_FIELD.lower(), MESSAGE_ID.lower()}
_ADDRESSES: Final = {b"from", b"to", b"cc", b"sender", b"reply-to"}


@dataclass(frozen=True, slots=True)
class Form:
    """A message without its token, its Message-ID and, where it is made up, without names.

    Attributes:
        before: Lines of the header before the Message-ID, each ended by CRLF.
        after: Those behind it.
        body: Lines ended by CRLF.
        named: A letter puts From and To before all this.
        sealed: The names, in lower case, of the fields here that must arrive as they are.
    """

    before: bytes
    after: bytes
    body: bytes
    named: bool
    sealed: frozenset[bytes]

    @property
    def needs_8bit(self) -> bool:
        """True where SMTP must be asked for 8BITMIME (RFC 6152 §3)."""
        return not self.body.isascii()

    @property
    def long_lines(self) -> bool:
        """True where a line is longer than every server must take (RFC 5321 §4.5.3.1.6)."""
        lines = (self.before + self.after + self.body).split(b"\r\n")
        return max(map(len, lines)) + 2 > MAX_LINE


@dataclass(frozen=True, slots=True)
class Pool:
    """The forms of a run, and what is to be said about them."""

    forms: tuple[Form, ...]
    notes: tuple[str, ...] = ()


def pool_of(content: Content, seed: int, overhead: int) -> Pool:
    """The same for the same content and seed, but for the date.

    Args:
        overhead: Octets that a letter adds to a form.

    Raises:
        UsageError: The directory has no message, or the pool would not fit into memory.
    """
    rng = Random(f"{seed}/content")  # noqa: S311 - a seed makes a run repeatable
    return _directory(content, rng) if content.sizes == "directory" else _made(content, rng, overhead)


def _made(content: Content, rng: Random, overhead: int) -> Pool:
    sizes = drawn(content, rng)
    if sum(sizes) > MAX_POOL_OCTETS:
        raise UsageError(
            f"content: {content.pool} messages of {sum(sizes) // content.pool:,} octets each do not fit into "
            f"{MAX_POOL_OCTETS:,}; make pool or max_octets smaller"
        )
    date = formatdate().encode()
    return Pool(tuple(_form(size - overhead, date, rng) for size in sizes))


def _form(octets: int, date: bytes, rng: Random) -> Form:
    before = b"Date: %b\r\nSubject: Load %06x\r\n" % (date, rng.getrandbits(24))
    header, body = structure(octets - len(before), rng)
    return Form(before, header, body, True, frozenset(fields_of(before + header)))


def _directory(content: Content, rng: Random) -> Pool:
    """All messages below a directory, or as many as the pool holds, drawn evenly."""
    directory = Path(content.directory or "")
    if not content.directory or not directory.is_dir():
        raise UsageError(f"content.directory: {content.directory!r} is not a directory of messages")
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    chosen = sorted(rng.sample(paths, content.pool)) if len(paths) > content.pool else paths
    return _read(directory, chosen, content.max_octets)


def _read(directory: Path, paths: list[Path], max_octets: int) -> Pool:
    forms: list[Form] = []
    left_out: list[Path] = []
    total = 0
    for path in paths:
        if (form := _form_of(path, max_octets)) is None:
            left_out.append(path)
            continue
        forms.append(form)
        if (total := total + len(form.body)) > MAX_POOL_OCTETS:
            raise UsageError(
                f"content.directory: {directory} has more than {MAX_POOL_OCTETS:,} octets of messages"
            )
    if not forms:
        raise UsageError(f"content.directory: {directory} has no message of at most {max_octets:,} octets")
    remarks = {
        f"are left out, too large or no message: {', '.join(each.name for each in left_out[:3])}": len(
            left_out
        ),
        "hold octets above 127: a server must offer 8BITMIME": sum(form.needs_8bit for form in forms),
        "have lines over 998 octets: servers may refuse or break them": sum(
            form.long_lines for form in forms
        ),
    }
    notes = (f"{directory}: {count} of {len(paths)} files {what}" for what, count in remarks.items() if count)
    return Pool(tuple(forms), tuple(notes))


def _form_of(path: Path, max_octets: int) -> Form | None:
    try:
        return read_form(path.read_bytes()) if path.stat().st_size <= max_octets else None
    except OSError as exc:
        raise UsageError(f"content.directory: {path} cannot be read ({exc.strerror})") from exc


def read_form(octets: bytes) -> Form | None:
    """A message of a file, as it is but for its line ends, its Message-ID and a token of an earlier run.

    A store may take one Message-ID for one message and keep it once; so each letter gets its own.

    Returns:
        None where it has no header, or one that is not ASCII alone (RFC 5322 §2.2): 8BITMIME is for the body
        (RFC 6152 §3), and not every server that has it has SMTPUTF8 too.
    """
    if octets.startswith(b"From "):
        octets = octets.partition(b"\n")[2]  # the line of an mbox
    header, _, body = _LINE_END.sub(b"\r\n", octets).partition(b"\r\n\r\n")
    header = header.removesuffix(b"\r\n") + b"\r\n"
    fields = [(found[1].lower(), found[0]) for found in _FIELD.finditer(header)]
    if sum(len(line) for _, line in fields) != len(header) or not header.isascii():
        return None
    kept = [(name, line) for name, line in fields if name not in _OURS]
    body += b"" if body.endswith(b"\r\n") else b"\r\n"
    return Form(b"", b"".join(line for _, line in kept), body, False, _sealed(kept))


def _sealed(fields: list[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """What must arrive as it is; not what occurs twice, nor lists of addresses, which agents fold and space anew."""
    names = [name for name, _ in fields]
    return frozenset(
        name
        for name, line in fields
        if name in SEALED and names.count(name) == 1 and not (name in _ADDRESSES and b"," in line)
    )
