"""What a world may be, and is probably not meant to be: said, never refused."""

from collections.abc import Callable, Iterator
from typing import Final

from reference_server.mda.sieve import SieveError, compile_script
from reference_server.world.model import RelayPolicy, World

__all__ = ["advice"]


def advice(world: World) -> Iterator[tuple[str, str]]:
    """Each with the key it is about; nothing where there is nothing to say."""
    for look in _LOOKS:
        yield from look(world)


def _open_relays(world: World) -> Iterator[tuple[str, str]]:
    for index, host in enumerate(world.hosts):
        if host.relay is RelayPolicy.OPEN:
            yield f"hosts[{index}].relay", "is open: it takes mail from anybody to anybody"


def _missing_postmasters(world: World) -> Iterator[tuple[str, str]]:
    """RFC 5321 §4.5.1 asks for one wherever mail is taken."""
    for index, domain in enumerate(world.domains):
        there = "postmaster" in domain.aliases or domain.catch_all or world.user(f"postmaster@{domain.name}")
        if domain.mailboxes and not there:
            yield f"domains[{index}].aliases", "has no postmaster, and every domain must (RFC 5321 §4.5.1)"


def _broken_scripts(world: World) -> Iterator[tuple[str, str]]:
    """A broken script never loses mail: all of it stays in the inbox."""
    for index, user in enumerate(world.users):
        try:
            compile_script(user.sieve)
        except SieveError as exc:
            yield f"users[{index}].sieve", f"does not compile, so mail goes to the inbox: {exc}"


_LOOKS: Final[tuple[Callable[[World], Iterator[tuple[str, str]]], ...]] = (
    _open_relays,
    _missing_postmasters,
    _broken_scripts,
)
