"""Deviations of FETCH: sections, sizes, structure, what it marks as seen."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from harness.wire.imap.command_fetch import Fetch, Item, Section
from harness.wire.imap.commands import Command
from harness.wire.imap.encode import encode_date_time, encode_nstring
from reference_server.faults import fault
from reference_server.imap.rendering import Rendering
from reference_server.imap.session import ImapSession
from reference_server.imap.structure import Structure
from reference_server.imap.view import View
from reference_server.mime import Part

_FULL = frozenset({"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"})


@fault("imap.nested-sections-are-their-parents")
class NestedSectionsAreTheirParents(Rendering):
    """A part within a part is taken for the outer one."""

    def section_octets(self, section: Section) -> bytes | None:
        return super().section_octets(dataclasses.replace(section, part=section.part[:1]))


@fault("imap.takes-mime-without-a-part")
class TakesMimeWithoutAPart(ImapSession):
    """BODY[MIME] is the header."""

    def command_octets(self, octets: bytes) -> None:
        super().command_octets(octets.replace(b"[MIME]", b"[HEADER]"))


@fault("imap.fetch-leaves-unseen")
class FetchLeavesUnseen(ImapSession):
    r"""FETCH never sets \Seen."""

    def mark_seen(self, view: View, uids: Sequence[int], items: Sequence[Item]) -> set[int]:
        return set()


@fault("imap.peek-sets-seen")
class PeekSetsSeen(ImapSession):
    r"""BODY.PEEK sets \Seen."""

    def mark_seen(self, view: View, uids: Sequence[int], items: Sequence[Item]) -> set[int]:
        return super().mark_seen(view, uids, [dataclasses.replace(item, peek=False) for item in items])


@fault("imap.seen-untold")
class SeenUntold(ImapSession):
    r"""A FETCH that sets \Seen does not tell the flags."""

    def with_change(self, items: list[Item], *, changed: bool) -> list[Item]:
        return items

    def show(self, view: View, uid: int, items: Sequence[Item]) -> bool:
        shown = super().show(view, uid, items)
        view.tell(uid)
        return shown


@fault("imap.header-fields-by-exact-case")
class HeaderFieldsByExactCase(Rendering):
    """HEADER.FIELDS minds the case of names."""

    def header_fields(self, message: Part, section: Section) -> bytes:
        there = {found.name for found in message.fields}
        fields = tuple(name if name in there else b"X-Nowhere" for name in section.fields)
        return super().header_fields(message, dataclasses.replace(section, fields=fields))


@fault("imap.partial-from-one")
class PartialFromOne(Rendering):
    """The first octet has the origin 1."""

    def partial(self, octets: bytes | None, partial: tuple[int, int] | None) -> bytes | None:
        return super().partial(octets, partial and (max(0, partial[0] - 1), partial[1]))


@fault("imap.origin-unasked")
class OriginUnasked(Rendering):
    """A section of the field Date has an origin always."""

    def origin(self, item: Item) -> bytes:
        dated = item.section is not None and item.section.fields == (b"DATE",)
        return super().origin(item) or (b"<0>" if dated else b"")


@fault("imap.size-counts-line-ends-once")
class SizeCountsLineEndsOnce(Rendering):
    """RFC822.SIZE counts CRLF as one octet."""

    def octets(self) -> int:
        return super().octets() - self.content.count(b"\r\n")


@fault("imap.binary-size-of-the-encoded")
class BinarySizeOfTheEncoded(Rendering):
    """BINARY.SIZE is the size of the part in its transfer encoding."""

    def binary_size(self, item: Item) -> bytes:
        section = item.section or Section()
        part = self.message.at(section.part)
        return b"BINARY.SIZE%s %d" % (self.section_name(section), part.body_octets if part else 0)


@fault("imap.full-lacks-the-body")
class FullLacksTheBody(ImapSession):
    """FULL stands for the items of ALL."""

    def items(self, command: Command, arguments: Fetch) -> list[Item]:
        items = super().items(command, arguments)
        full = {item.name for item in items} >= _FULL
        return [item for item in items if not (full and item == Item("BODY"))]


@fault("imap.rfc822-text-is-all")
class Rfc822TextIsAll(Rendering):
    """RFC822.TEXT is the whole message."""

    def rfc822_text(self, item: Item) -> bytes:
        return b"RFC822.TEXT " + self.nstring(self.message.octets)


@fault("imap.flags-change-the-internal-date")
class FlagsChangeTheInternalDate(Rendering):
    """The internal date moves with each flag."""

    def internaldate(self, item: Item) -> bytes:
        moved = self.row.internaldate - dt.timedelta(seconds=len(self.row.flags))
        return b"INTERNALDATE " + encode_date_time(moved)


@fault("imap.modseq-of-64-bits")
class ModseqOf64Bits(Rendering):
    """Mod-sequences begin at 2**63."""

    def modseq(self, item: Item) -> bytes:
        return b"MODSEQ (%d)" % (2**63 + self.row.modseq)


@fault("imap.modseq-falls")
class ModseqFalls(Rendering):
    """Mod-sequences of answered drafts fall."""

    def modseq(self, item: Item) -> bytes:
        if {"\\Answered", "\\Draft"} <= self.row.flags:
            return b"MODSEQ (%d)" % (1_000_000 - self.row.modseq)
        return super().modseq(item)


@fault("imap.modseq-stays")
class ModseqStays(Rendering):
    """The mod-sequence of deleted messages is 1."""

    def modseq(self, item: Item) -> bytes:
        return b"MODSEQ (1)" if "\\Deleted" in self.row.flags else super().modseq(item)


# Structure


class _HeaderCounting(Structure):
    def octets(self, part: Part) -> int:
        return part.end - part.start


@fault("imap.structure-counts-the-header")
class StructureCountsTheHeader(Rendering):
    """The sizes in BODYSTRUCTURE include the part's header."""

    def bodystructure(self, item: Item) -> bytes:
        return b"BODYSTRUCTURE " + _HeaderCounting().body(self.message, extensible=True)


class _LineAdding(Structure):
    def lines(self, part: Part) -> int:
        return super().lines(part) + 2


@fault("imap.body-counts-more-lines")
class BodyCountsMoreLines(Rendering):
    """BODY counts the lines of the boundary with the part."""

    def body(self, item: Item) -> bytes:
        return b"BODY " + _LineAdding().body(self.message, extensible=False)


@fault("imap.body-with-extension-of-parts")
class BodyWithExtensionOfParts(Structure):
    """BODY has extension data of single parts."""

    def body(self, part: Part, *, extensible: bool) -> bytes:
        return super().body(part, extensible=extensible or not part.children)


@fault("imap.body-with-extension-of-multiparts")
class BodyWithExtensionOfMultiparts(Structure):
    """BODY has extension data of multiparts."""

    def multipart(self, part: Part, *, extensible: bool) -> bytes:
        return super().multipart(part, extensible=True)


def _swapped(part: Part, disposition: bytes) -> list[bytes]:
    """Location in the place of the language, and the language as a string in that of the location."""
    language = (part.field(b"content-language") or b"").partition(b",")[0]
    return [disposition, encode_nstring(part.field(b"content-location")), encode_nstring(language or None)]


@fault("imap.extension-of-parts-in-disorder")
class ExtensionOfPartsInDisorder(Structure):
    """The location of a single part comes before its language."""

    def extension(self, part: Part) -> list[bytes]:
        return super().extension(part) if part.children else _swapped(part, self.disposition(part))


@fault("imap.extension-of-multiparts-in-disorder")
class ExtensionOfMultipartsInDisorder(Structure):
    """The location of a multipart comes before its language."""

    def extension(self, part: Part) -> list[bytes]:
        return _swapped(part, self.disposition(part)) if part.children else super().extension(part)


@fault("imap.enclosed-message-as-basic-part")
class EnclosedMessageAsBasicPart(Structure):
    """A part of type message/rfc822 has no envelope and no structure."""

    def by_type(self, part: Part, *, extensible: bool) -> list[bytes]:
        return [] if part.message is not None else super().by_type(part, extensible=extensible)


@fault("imap.envelope-without-defaults")
class EnvelopeWithoutDefaults(Structure):
    """Sender and Reply-To are NIL where the message has none."""

    def addresses(self, message: Part, field: bytes, default: bytes = b"NIL") -> bytes:
        return super().addresses(message, field)


# UIDs


@fault("imap.uid-commands-without-uid")
class UidCommandsWithoutUid(ImapSession):
    """UID FETCH and UID STORE tell UIDs only where they are asked for."""

    def items(self, command: Command, arguments: Fetch) -> list[Item]:
        return [
            item for item in super().items(command, arguments) if item in {*arguments.items, Item("MODSEQ")}
        ]

    def flags_response(self, view: View, uid: int, *, with_uid: bool = False, silent: bool = False) -> bytes:
        return super().flags_response(view, uid, with_uid=False, silent=silent)


@fault("imap.uids-fall")
class UidsFall(ImapSession):
    """UIDs fall as message numbers rise, where nothing else is fetched."""

    def show(self, view: View, uid: int, items: Sequence[Item]) -> bool:
        if list(items) != [Item("UID")]:
            return super().show(view, uid, items)
        self.untagged(b"%d FETCH (UID %d)" % (view.number(uid), 2**32 - uid))
        return True
