"""ENVELOPE and BODYSTRUCTURE of a part, as octets."""

from harness.wire.imap.encode import encode_list, encode_string
from reference_server.mime import Address, Part, parse_addresses
from reference_server.mime.fields import Parameterized, parse_parameterized

__all__ = ["Structure", "without_nul"]


def without_nul(octets: bytes) -> bytes:
    """NUL never leaves but in a literal8 (RFC 3501 §9); 0x80 stands in its place, so that sizes stay."""
    return octets.replace(b"\0", b"\x80")


def _string(octets: bytes) -> bytes:
    return encode_string(without_nul(octets))


def _nstring(octets: bytes | None) -> bytes:
    return b"NIL" if octets is None else _string(octets)


class Structure:
    """Writes the structure of parts; one method for each piece of the grammar.

    Source: RFC 3501 §7.4.2 and §9; RFC 9051 §7.5.2 and §9.
    """

    # ENVELOPE

    def envelope(self, message: Part) -> bytes:
        """Sender and Reply-To are From's where they are not there or empty."""
        from_ = self.addresses(message, b"from")
        fields = [
            _nstring(message.field(b"date")),
            _nstring(message.field(b"subject")),
            from_,
            self.addresses(message, b"sender", default=from_),
            self.addresses(message, b"reply-to", default=from_),
            *(self.addresses(message, name) for name in (b"to", b"cc", b"bcc")),
            _nstring(message.field(b"in-reply-to")),
            _nstring(message.field(b"message-id")),
        ]
        return encode_list(fields)

    def addresses(self, message: Part, field: bytes, default: bytes = b"NIL") -> bytes:
        found = parse_addresses(message.field(field) or b"")
        return b"(" + b"".join(map(self.address, found)) + b")" if found else default

    def address(self, address: Address) -> bytes:
        return encode_list(map(_nstring, (address.name, address.route, address.mailbox, address.host)))

    # BODY and BODYSTRUCTURE

    def body(self, part: Part, *, extensible: bool) -> bytes:
        """A part and all below it; extension data only where `extensible` (RFC 3501 §9, body-ext-1part)."""
        if part.children:
            return self.multipart(part, extensible=extensible)
        items = [*self.basic(part), *self.by_type(part, extensible=extensible)]
        return encode_list(items + (self.single_extension(part) if extensible else []))

    def multipart(self, part: Part, *, extensible: bool) -> bytes:
        parts = b"".join(self.body(child, extensible=extensible) for child in part.children)
        subtype = part.content_type.value.partition(b"/")[2]
        extension = [self.parameters(part.content_type), *self.extension(part)] if extensible else []
        return b"(" + b" ".join([parts, _string(subtype), *extension]) + b")"

    def basic(self, part: Part) -> list[bytes]:
        """Type, subtype, parameters, id, description, encoding, octets."""
        kind, _, subtype = part.content_type.value.partition(b"/")
        return [
            _string(kind),
            _string(subtype),
            self.parameters(part.content_type),
            _nstring(part.field(b"content-id")),
            _nstring(part.field(b"content-description")),
            _string(part.field(b"content-transfer-encoding") or b"7BIT"),
            b"%d" % self.octets(part),
        ]

    def octets(self, part: Part) -> int:
        """Of the body in its transfer encoding (RFC 3501 §7.4.2)."""
        return part.body_octets

    def lines(self, part: Part) -> int:
        return part.body_lines

    def by_type(self, part: Part, *, extensible: bool) -> list[bytes]:
        """What text and encapsulated messages say besides."""
        if part.message is not None:
            inner = self.body(part.message, extensible=extensible)
            return [self.envelope(part.message), inner, b"%d" % self.lines(part)]
        return [b"%d" % self.lines(part)] if part.media_type.startswith(b"text/") else []

    def parameters(self, value: Parameterized) -> bytes:
        if not value.parameters:
            return b"NIL"
        return encode_list(_string(text) for pair in value.parameters for text in pair)

    def single_extension(self, part: Part) -> list[bytes]:
        """MD5, then what multiparts have too."""
        return [_nstring(part.field(b"content-md5")), *self.extension(part)]

    def extension(self, part: Part) -> list[bytes]:
        """Disposition, language, location."""
        return [self.disposition(part), self.language(part), _nstring(part.field(b"content-location"))]

    def disposition(self, part: Part) -> bytes:
        value = part.field(b"content-disposition")
        read = parse_parameterized(value) if value is not None else None
        return b"NIL" if read is None else encode_list([_string(read.value), self.parameters(read)])

    def language(self, part: Part) -> bytes:
        tags = _listed(part.field(b"content-language") or b"")
        return encode_list(map(_string, tags)) if tags else b"NIL"


def _listed(value: bytes) -> list[bytes]:
    return [tag for word in value.split(b",") if (tag := word.strip())]
