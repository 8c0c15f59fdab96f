"""Deviations of the filter chain."""

from collections.abc import Iterator

from reference_server.faults import fault
from reference_server.filters.builtin import BuiltInSpam, BuiltInVirus
from reference_server.filters.chain import Chain
from reference_server.filters.fields import Header
from reference_server.filters.model import Finding, Judgement, Mail
from reference_server.filters.stages import clean
from reference_server.filters.unpack import Leaf, Unpacker
from reference_server.mda.plan import Refusal
from reference_server.mime import Part
from reference_server.world.filters import StageSettings, Verdict

# A filter that is down


@fault("filters.passes-unscanned-when-down")
class PassesUnscannedWhenDown(Chain):
    """Mail that a filter could not look at is accepted as if it had."""

    def failed(self, settings: StageSettings, mail: Mail, why: str) -> Finding:
        return clean(mail, why)


@fault("filters.loses-when-down")
class LosesWhenDown(Chain):
    """Mail that a filter could not look at is answered 250 and thrown away."""

    def failed(self, settings: StageSettings, mail: Mail, why: str) -> Finding:
        return Finding(Verdict.DISCARD, mail, why)


@fault("filters.refuses-when-down")
class RefusesWhenDown(Chain):
    """Mail that a filter could not look at is refused for good."""

    def failed(self, settings: StageSettings, mail: Mail, why: str) -> Finding:
        return Finding(Verdict.REJECT, mail, why, Refusal(554, "5.3.0", "No filter"))


# What is found


class _NotUnpacked(BuiltInVirus):
    """Does not look into one kind of wrapping."""

    unpacker: type[Unpacker]

    def leaves(self, content: bytes) -> Iterator[Leaf]:
        return self.unpacker().leaves(content)


class _NoArchives(Unpacker):
    """Leaves archives as they are."""

    def members(self, octets: bytes, place: str, depth: int) -> Iterator[Leaf]:
        return iter(())


class _NoBase64(Unpacker):
    """Leaves base64 as it is."""

    def decoded(self, part: Part) -> bytes:
        return part.body if part.encoding == b"base64" else super().decoded(part)


class _NoQuotedPrintable(Unpacker):
    """Leaves quoted-printable as it is."""

    def decoded(self, part: Part) -> bytes:
        return part.body if part.encoding == b"quoted-printable" else super().decoded(part)


class _NoForwarded(Unpacker):
    """Leaves messages within messages as they are."""

    def within(self, part: Part) -> tuple[Part, ...]:
        return part.children


@fault("filters.virus-passed-in-zip")
class VirusPassedInZip(_NotUnpacked):
    """A virus in a zip archive passes."""

    unpacker = _NoArchives


@fault("filters.virus-passed-in-base64")
class VirusPassedInBase64(_NotUnpacked):
    """A virus in a part in base64 passes."""

    unpacker = _NoBase64


@fault("filters.virus-passed-in-quoted-printable")
class VirusPassedInQuotedPrintable(_NotUnpacked):
    """A virus in a part in quoted-printable passes."""

    unpacker = _NoQuotedPrintable


@fault("filters.virus-passed-when-forwarded")
class VirusPassedWhenForwarded(_NotUnpacked):
    """A virus in a message that is forwarded as an attachment passes."""

    unpacker = _NoForwarded


@fault("filters.virus-passed-as-text")
class VirusPassedAsText(BuiltInVirus):
    """A virus in the text of a message passes."""

    def is_virus(self, leaf: Leaf) -> bool:
        return not leaf.text and super().is_virus(leaf)


@fault("filters.virus-delivered-with-a-tag")
class VirusDeliveredWithATag(BuiltInVirus):
    """A virus is tagged, and delivered."""

    def virus(self, mail: Mail, name: str, place: str) -> Finding:
        return Finding(Verdict.TAG, mail.with_content(b"X-Virus: yes\r\n" + mail.content), name)


@fault("filters.virus-swallowed")
class VirusSwallowed(BuiltInVirus):
    """A message with a virus is answered 250 and thrown away."""

    def virus(self, mail: Mail, name: str, place: str) -> Finding:
        return Finding(Verdict.DISCARD, mail, name)


@fault("filters.virus-put-off")
class VirusPutOff(BuiltInVirus):
    """A message with a virus is answered 451, again and again."""

    def virus(self, mail: Mail, name: str, place: str) -> Finding:
        return Finding(Verdict.TRY_LATER, mail, name)


@fault("filters.gtube-untouched")
class GtubeUntouched(BuiltInSpam):
    """Spam passes without a tag."""

    def look(self, mail: Mail) -> Finding:
        return clean(mail, "no spam")


@fault("filters.ham-tagged-as-spam")
class HamTaggedAsSpam(BuiltInSpam):
    """Every message is spam."""

    def is_spam(self, mail: Mail) -> bool:
        return True


# What becomes of clean mail


class _ChangesCleanMail(Chain):
    """Changes what no stage has changed."""

    def run(self, mail: Mail) -> Judgement:
        return super().run(mail.with_content(self.changed(mail.content)))

    def changed(self, content: bytes) -> bytes:
        raise NotImplementedError


@fault("filters.changes-clean-mail")
class ChangesCleanMail(_ChangesCleanMail):
    """Blanks at the ends of lines are taken off clean mail."""

    def changed(self, content: bytes) -> bytes:
        return b"\r\n".join(line.rstrip(b" ") for line in content.split(b"\r\n"))


@fault("filters.header-of-clean-mail-rewritten")
class HeaderOfCleanMailRewritten(_ChangesCleanMail):
    """The fields of clean mail are unfolded and written anew."""

    def changed(self, content: bytes) -> bytes:
        header = Header(content)
        written = b"".join(b"%s: %s\r\n" % (name, b" ".join(value.split())) for name, value in header.fields)
        return written + b"\r\n" + header.body


@fault("filters.body-of-clean-mail-cut")
class BodyOfCleanMailCut(_ChangesCleanMail):
    """What clean mail has beyond 64 KiB does not come out of the filters."""

    def changed(self, content: bytes) -> bytes:
        return content[:65536]
