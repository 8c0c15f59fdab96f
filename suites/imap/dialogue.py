"""Steps that checks of sessions and mailbox names share: raw commands, names with levels, LIST."""

import base64
import functools
from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Account
from harness.wire.imap.encode import encode_astring, encode_quoted
from harness.wire.imap.responses import Continuation, ListData, Response, Tagged, Untagged
from harness.wire.imap.results import Result
from suites.imap.scratch import carried_out, name_for

__all__ = [
    "answers",
    "case_variants",
    "challenge",
    "code_name",
    "create",
    "list_names",
    "listed",
    "plain_response",
    "plant",
    "public",
    "secret",
    "separator",
    "tagged",
    "token_only",
    "tree",
]

_SECRET: Final = b"<secret>"


def answers(imap: ImapClient, octets: bytes, *, shown: bytes | None = None) -> list[Response]:
    """All that these octets bring, up to the completion of a NOOP that is sent behind them."""
    imap.raw(octets, shown=shown)
    return list(imap.wait_tagged(imap.send(b"NOOP")).responses)


def tagged(responses: Iterable[Response]) -> list[Tagged]:
    return [response for response in responses if isinstance(response, Tagged)]


def case_variants(octets: bytes) -> SearchStrategy[bytes]:
    """The octets with each letter in either case."""
    upper, lower = octets.upper(), octets.lower()
    choices = st.lists(st.booleans(), min_size=len(octets), max_size=len(octets))
    return choices.map(lambda lows: bytes(lower[i] if low else upper[i] for i, low in enumerate(lows)))


# Logging in


def public(target: LiveTarget) -> ImapClient:
    """A session before login on which a password may be given: in TLS where the cleartext port forbids it."""
    imap = target.imap(login=False)
    target.protect(imap)
    return imap


def challenge(imap: ImapClient, mechanism: bytes) -> bytes:
    """AUTHENTICATE up to the server's ``+``; the command's tag.

    Raises:
        Unclear: It is refused before.
    """
    tag = imap.send(b"AUTHENTICATE " + mechanism)
    response = imap.read_response()
    while isinstance(response, Untagged):
        response = imap.read_response()
    if not isinstance(response, Continuation):
        raise Unclear(f"AUTHENTICATE {mechanism.decode()} was answered {response}")
    return tag


def plain_response(account: Account) -> bytes:
    """What a client says in AUTHENTICATE PLAIN (RFC 4616 §2), in base64."""
    return base64.b64encode(f"\0{account.user}\0{account.password}".encode())


def secret(imap: ImapClient, line: bytes) -> None:
    """A line of an AUTHENTICATE exchange that the transcript must not keep."""
    imap.raw(line + b"\r\n", shown=_SECRET + b"\r\n")


# Names


@functools.cache
def separator(target: LiveTarget) -> bytes:
    """Between the levels of a name; `NotOffered` where names have none."""
    root = listed(target.imap(), b"")
    if not root or root[0].delimiter is None:
        raise NotOffered("mailbox names have no hierarchy")
    return root[0].delimiter


def tree(target: LiveTarget, *paths: str) -> dict[str, bytes]:
    """Names below a root of the run's own: ``a/b`` -> the octets of that name; ``""`` is the root itself."""
    root = name_for(target, "tree")
    mark = separator(target)
    return {
        path: mark.join([root, *(level.encode() for level in path.split("/") if level)])
        for path in ("", *paths)
    }


def token_only(target: LiveTarget, names: Iterable[bytes]) -> list[bytes]:
    """Those names that belong to this run."""
    return [name for name in names if target.token.encode() in name]


# Commands


def create(imap: ImapClient, *names: bytes) -> None:
    """CREATE that must be answered OK; `Unclear` where it is not."""
    for name in names:
        carried_out(imap, b"CREATE", encode_astring(name))


def plant(target: LiveTarget, paths: Iterable[str]) -> dict[str, bytes]:
    """Mailboxes below a new root, as `tree`: deepest first, then the root; those that were refused are left out.

    Some servers have no mailbox that has children as well.
    """
    names = tree(target, *paths)
    imap = target.imap()
    for path in sorted(names, key=len, reverse=True):
        imap.command(b"CREATE", encode_astring(names[path]))
    there = {each.name for each in listed(imap, names[""] + b"*") if not each.has("\\Noselect")}
    return {path: name for path, name in names.items() if not path or name in there}


def listed(
    imap: ImapClient, pattern: bytes, *, reference: bytes = b"", verb: bytes = b"LIST"
) -> list[ListData]:
    """What a LIST shows, which must be answered OK."""
    result = carried_out(imap, verb, encode_quoted(reference), encode_quoted(pattern))
    return list_names(result)


def list_names(result: Result) -> list[ListData]:
    return result.of(ListData)


def code_name(result: Result) -> str:
    """The response code of the completion, empty for none."""
    return result.code.name if result.code is not None else ""
