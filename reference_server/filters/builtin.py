"""The built-in stages: the two test strings of the trade, so that filters can be tried with nothing installed."""

from collections.abc import Iterator
from typing import Final

from reference_server.filters.fields import field
from reference_server.filters.model import Finding, Mail
from reference_server.filters.stages import Stage, Turn, ascii_of, clean, found
from reference_server.filters.unpack import Leaf, TooMuch, Unpacker
from reference_server.world.filters import Verdict

__all__ = ["BuiltInSpam", "BuiltInVirus", "spam_fields", "virus_field"]

# In two halves, here as everywhere: no file of this project holds the test virus whole, lest a scanner takes it away.
_EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
_GTUBE: Final = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD" + b"-ANTI-UBE-TEST-EMAIL*C.34X"

_VIRUS: Final = "Eicar-Test-Signature"
_BOMB: Final = "Limits-Exceeded"
_GTUBE_SCORE: Final = 1000.0
_REQUIRED_SCORE: Final = 5.0


class BuiltInVirus(Stage):
    """Knows one virus, the EICAR test file, in whatever it is wrapped; what is too much to look into is one too."""

    turn = Turn.VIRUS

    def look(self, mail: Mail) -> Finding:
        try:
            for leaf in self.leaves(mail.content):
                if self.is_virus(leaf):
                    return self.virus(mail, _VIRUS, leaf.place)
        except TooMuch as exc:
            return self.virus(mail, _BOMB, str(exc))
        return clean(mail, "clean")

    def leaves(self, content: bytes) -> Iterator[Leaf]:
        return Unpacker().leaves(content)

    def is_virus(self, leaf: Leaf) -> bool:
        """A file that begins with the test string; white space before it is how a text part begins."""
        return leaf.octets.lstrip().startswith(_EICAR)

    def virus(self, mail: Mail, name: str, place: str) -> Finding:
        return self.found(mail, f"{name} in {place}", virus_field(name))


class BuiltInSpam(Stage):
    """Knows one spam, the GTUBE line, in the text of a message, and tags it; the stage's verdict is for viruses."""

    turn = Turn.SPAM

    def look(self, mail: Mail) -> Finding:
        if not self.is_spam(mail):
            return clean(mail, "no spam")
        return found(
            Verdict.TAG,
            mail,
            f"spam, {_GTUBE_SCORE:g} of {_REQUIRED_SCORE:g}: GTUBE",
            *spam_fields(_GTUBE_SCORE, _REQUIRED_SCORE, "GTUBE"),
        )

    def is_spam(self, mail: Mail) -> bool:
        try:
            return any(leaf.text and _GTUBE in leaf.octets for leaf in Unpacker().leaves(mail.content))
        except TooMuch:
            return False  # the other built-in stage's to say


def spam_fields(score: float, required: float, tests: str) -> tuple[bytes, ...]:
    """The fields that mail programs look for, as SpamAssassin writes them."""
    status = f"Yes, score={score:.1f} required={required:.1f} tests={tests or 'none'}"
    return field(b"X-Spam-Flag", b"YES"), field(b"X-Spam-Status", ascii_of(status).encode())


def virus_field(name: str) -> bytes:
    """The field that says which virus a message has."""
    return field(b"X-Virus-Status", f"Infected ({ascii_of(name)})".encode())
