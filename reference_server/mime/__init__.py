"""MIME as IMAP needs it: a tree of parts with their exact octets; every input is some tree."""

from reference_server.mime.addresses import Address, parse_addresses
from reference_server.mime.decoding import UnknownEncoding, decode_transfer, decode_words, text_of
from reference_server.mime.fields import Field, Parameterized, header_end, parse_fields, unfold
from reference_server.mime.parts import Part, parse_message

__all__ = [
    "Address",
    "Field",
    "Parameterized",
    "Part",
    "UnknownEncoding",
    "decode_transfer",
    "decode_words",
    "header_end",
    "parse_addresses",
    "parse_fields",
    "parse_message",
    "text_of",
    "unfold",
]
