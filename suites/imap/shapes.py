"""What BODYSTRUCTURE and ENVELOPE must say of a message that was built: both sides in one form."""

from collections.abc import Iterator
from typing import Final

from harness.strategies import parts as built
from harness.wire.imap import bodystructure as told
from harness.wire.imap import envelope as enveloped

__all__ = ["envelope_of", "extension_faults", "paired", "structure_faults"]

_DEFAULT_CHARSET: Final = frozenset({("charset", "us-ascii")})


def structure_faults(part: built.Part, body: told.BodyStructure, section: str = "") -> Iterator[str]:
    """Every difference between a part and what was told of it, in words; extension data left out.

    Case of types, encodings, parameter names and the charset does not matter, nor the order of parameters; a server
    may add the charset that is the default (RFC 2045 §5.2).
    """
    where = section or "the body"
    if body.media_type != f"{part.type}/{part.subtype}".lower():
        yield f"{where} is told as {body.media_type}, it is {part.type}/{part.subtype}"
        return
    if isinstance(body, told.Multipart):
        if len(body.parts) != len(part.parts):
            yield f"{where} is told to have {len(body.parts)} parts, it has {len(part.parts)}"
        for number, (inner, shown) in enumerate(zip(part.parts, body.parts, strict=False), 1):
            yield from structure_faults(inner, shown, f"{section}.{number}".lstrip("."))
        return
    yield from _basic_faults(part, body, where)
    if part.message is not None:
        if body.envelope is None or body.body is None:
            yield f"{where} encloses a message and is told without its envelope and structure"
            return
        yield from structure_faults(part.message.part, body.body, f"{section}.enclosed".lstrip("."))


def _basic_faults(part: built.Part, body: told.Part, where: str) -> Iterator[str]:
    fields = part.fields
    wanted, shown = _pairs(part.parameters), _told_pairs(body.parameters)
    if shown - wanted - _DEFAULT_CHARSET or wanted - shown - _DEFAULT_CHARSET:
        yield f"the parameters of {where} are told as {sorted(shown)}, not {sorted(wanted)}"
    yield from _differing(where, "id", body.id, _octets(fields.content_id))
    yield from _differing(where, "description", body.description, _octets(fields.description))
    yield from _differing(where, "encoding", body.encoding.lower(), part.encoding.lower().encode())
    yield from _differing(where, "size", body.octets, part.octets)
    if (part.type.lower() == "text" or part.message is not None) and body.lines not in part.lines:
        yield f"the lines of {where} are told as {body.lines}, not {sorted(part.lines)}"


def paired(
    part: built.Part, body: told.BodyStructure, section: str = ""
) -> Iterator[tuple[str, built.Part, told.BodyStructure]]:
    """Section, part and what was told of it, for a part and all in it; what an enclosed message holds is left out."""
    yield section or "the body", part, body
    inner = body.parts if isinstance(body, told.Multipart) else ()
    for number, (child, shown) in enumerate(zip(part.parts, inner, strict=False), 1):
        yield from paired(child, shown, f"{section}.{number}".lstrip("."))


def extension_faults(where: str, part: built.Part, body: told.BodyStructure) -> Iterator[str]:
    """Every difference in the extension data that was sent of a part; a server may stop behind any member."""
    extension, fields = body.extension, part.fields
    if not extension.sent:
        return
    if isinstance(body, told.Multipart):
        yield from _differing(where, "parameters", _told_pairs(extension.parameters), _pairs(part.parameters))
    else:
        yield from _differing(where, "MD5", extension.md5, None)
    if extension.sent > 1:
        yield from _disposition_faults(where, fields.disposition, extension.disposition)
    if extension.sent > 2:
        wanted = tuple(tag.encode() for tag in fields.language)
        yield from _differing(where, "language", extension.language, wanted)
    if extension.sent > 3:
        yield from _differing(where, "location", extension.location, _octets(fields.location))


def _disposition_faults(
    where: str, wanted: built.Disposition | None, shown: told.Disposition | None
) -> Iterator[str]:
    if shown is None or wanted is None:
        yield from _differing(where, "disposition", shown, wanted)
        return
    yield from _differing(where, "disposition", shown.type.lower(), wanted.kind.lower().encode())
    yield from _differing(
        where, "disposition's parameters", _told_pairs(shown.parameters), _pairs(wanted.parameters)
    )


def _differing(where: str, what: str, shown: object, wanted: object) -> Iterator[str]:
    if shown != wanted:
        yield f"the {what} of {where} is told as {shown!r}, not {wanted!r}"


def _pairs(parameters: built.Parameters) -> frozenset[tuple[str, str]]:
    return frozenset(
        (name.lower(), value.lower() if name.lower() == "charset" else value) for name, value in parameters
    )


def _told_pairs(parameters: told.Parameters) -> frozenset[tuple[str, str]]:
    return _pairs(tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in parameters))


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def envelope_of(envelope: built.Envelope) -> enveloped.Envelope:
    """A message's envelope as FETCH must tell it (RFC 3501 §7.4.2)."""
    return enveloped.Envelope(
        date=_octets(envelope.date),
        subject=_octets(envelope.subject),
        from_=_addresses(envelope.from_),
        sender=_addresses(envelope.sender or envelope.from_),
        reply_to=_addresses(envelope.reply_to or envelope.from_),
        to=_addresses(envelope.to),
        cc=_addresses(envelope.cc),
        bcc=_addresses(envelope.bcc),
        in_reply_to=_octets(envelope.in_reply_to),
        message_id=_octets(envelope.message_id),
    )


def _addresses(addresses: tuple[built.Address, ...]) -> enveloped.Addresses:
    return (
        tuple(
            enveloped.Address(_octets(each.name), None, each.mailbox.encode(), each.host.encode())
            for each in addresses
        )
        or None
    )
