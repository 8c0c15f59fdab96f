"""The default world: one host, one domain, three users, an alias and a forward."""

from dataclasses import replace
from typing import Final

from reference_server.world.filters import StageKind, StageSettings
from reference_server.world.model import Domain, Host, Mx, User, World

__all__ = ["FILTERED", "ONE_SERVER"]

ONE_SERVER: Final = World(
    name="one server",
    hosts=(Host("mail.example.test", "127.0.0.1"),),
    domains=(
        Domain(
            "example.test",
            mailboxes="mail.example.test",
            mx=(Mx(10, "mail.example.test"),),
            aliases={
                "postmaster": ("alice@example.test",),
                "info": ("bob@example.test",),
                "away": ("somebody@example.org",),
            },
        ),
    ),
    users=tuple(User(name, "secret", f"{name}@example.test") for name in ("alice", "bob", "carol")),
    plaintext_login=True,
    cheap_hashes=True,
)

# The same, with filters that need nothing installed: what checks meet where no other target is named.
FILTERED: Final = replace(
    ONE_SERVER, filters=(StageSettings(StageKind.BUILT_IN, "built-in", hosts=("mail.example.test",)),)
)
