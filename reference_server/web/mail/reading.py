"""One message off the server: within a bound, opened where it is sealed, taken apart."""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import trio

from harness.wire.imap.results import fetched
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone
from reference_server.web.mail.message import Letter, read_letter
from reference_server.web.mail.places import Place

if TYPE_CHECKING:
    from harness.sealed.keys import Keys
    from harness.sealed.model import Seal

__all__ = ["MAX_MESSAGE_OCTETS", "Message", "fetch_message", "keys_for"]

# Ours: what is fetched of a message to be shown. Of a larger one, so much; it can be saved whole.
MAX_MESSAGE_OCTETS: Final = 32 * 1024 * 1024

_CUT: Final = "This message is too large to be shown whole: what is behind its first {} MB is left out here."


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was fetched.

    Attributes:
        flags: In lower case.
        seal: What is said of its signatures and encryption; None where nobody could look.
        size: Octets on the server.
    """

    place: Place
    flags: frozenset[str]
    size: int
    octets: bytes = field(repr=False)
    letter: Letter = field(repr=False)
    seal: "Seal | None" = None


async def fetch_message(
    imap: Connection, place: Place, *, keys: "Keys | None" = None, prefer_html: bool = True
) -> Message:
    """A message of the mailbox that is open. It is not marked as read.

    Raises:
        Gone: It is not there any more.
    """
    if imap.uidvalidity != place.uidvalidity:
        raise Gone("The folder is another one now; look for the message in its list.")
    uid = b"%d" % place.uid
    known = fetched(await imap.asked(b"UID FETCH", uid, b"(FLAGS RFC822.SIZE)"), uid=True).get(place.uid)
    if known is None:
        raise Gone("The message is not there any more.")
    size = known.size or 0
    whole = size <= MAX_MESSAGE_OCTETS
    item = b"BODY.PEEK[]" if whole else b"BODY.PEEK[]<0.%d>" % MAX_MESSAGE_OCTETS
    data = fetched(await imap.asked(b"UID FETCH", uid, b"(%s)" % item), uid=True).get(place.uid)
    octets = data.body(origin=None if whole else 0) if data is not None else None
    if octets is None:
        raise Gone("The server gives no text of this message.")
    letter, seal = await trio.to_thread.run_sync(lambda: _read(octets, keys, prefer_html=prefer_html))
    if not whole:
        letter = replace(letter, remarks=(*letter.remarks, _CUT.format(MAX_MESSAGE_OCTETS // 2**20)))
    flags = frozenset(flag.lower() for flag in known.flags or ())
    return Message(place, flags, size, octets, letter, seal)


def _read(octets: bytes, keys: "Keys | None", *, prefer_html: bool) -> tuple[Letter, "Seal | None"]:
    """Blocking."""
    if keys is None:
        return read_letter(octets, prefer_html=prefer_html), None
    from harness.sealed.opening import open_message  # loads libraries that nobody needs without keys

    opened = open_message(octets, keys, dt.datetime.now(dt.UTC))
    return read_letter(opened.content, prefer_html=prefer_html), opened.seal


def keys_for(keys: "Keys", address: str) -> "Keys":
    """The same for one person: everybody's certificates, and the secrets of nobody else."""
    from harness.sealed.certificates import addresses_of
    from harness.sealed.openpgp_certs import addresses_of_cert

    wanted = address.lower()
    own = (each.key for each in keys.identities if wanted in addresses_of(each.certificate))
    secrets = (each for each in keys.secrets if wanted in addresses_of_cert(each.extract_certificate()))
    return replace(keys, private_keys=tuple(own), secrets=tuple(secrets))
