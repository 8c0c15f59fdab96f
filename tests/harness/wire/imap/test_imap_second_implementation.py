"""IMAPClient's parser reads the same out of what both can read."""

from hypothesis import given
from imapclient import response_parser, response_types

from harness.strategies.imap import Said, fetches, list_entries, searches, statuses
from harness.wire.imap.envelope import Address
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Fetch, ListData, Response, Search, StatusData


def read(octets: bytes) -> Response:
    (response,) = ResponseReader().feed(octets + b"\r\n")
    return response


def in_pieces(octets: bytes) -> list[object]:
    """As imaplib hands a response to IMAPClient: behind the star and the name; literals beside what comes before."""
    pieces: list[object] = []
    rest = octets
    while (at := rest.find(b"}\r\n")) >= 0:
        size = int(rest[rest.rindex(b"{", 0, at) + 1 : at])
        pieces.append((rest[: at + 1], rest[at + 3 : at + 3 + size]))
        rest = rest[at + 3 + size :]
    return [*pieces, rest]


def alike(theirs: bytes | int, ours: bytes) -> bool:
    """IMAPClient makes numbers of atoms that look so."""
    return theirs == ours or theirs == int(ours)


def addresses(found: tuple[response_types.Address, ...] | None) -> tuple[Address, ...] | None:
    return None if found is None else tuple(Address(a.name, a.route, a.mailbox, a.host) for a in found)


@given(fetches(simple=True))
def test_fetch_is_read_alike(said: Said[Response]) -> None:
    octets, _ = said
    ours = read(octets)
    assert isinstance(ours, Fetch)
    number, _, rest = octets.removeprefix(b"* ").partition(b" FETCH ")
    pieces = in_pieces(b"%s %s" % (number, rest))
    theirs = response_parser.parse_fetch_response(pieces, normalise_times=False, uid_is_key=False)[
        ours.number
    ]

    for name, value in ours.data.items.items():
        match name:
            case "FLAGS":
                pairs = zip(theirs[b"FLAGS"], ours.data.flags or (), strict=True)
                assert all(alike(flag, our_flag.encode()) for flag, our_flag in pairs)
            case "ENVELOPE":
                assert ours.data.envelope is not None
                for field in ("from_", "sender", "reply_to", "to", "cc", "bcc"):
                    assert getattr(ours.data.envelope, field) == addresses(
                        getattr(theirs[b"ENVELOPE"], field)
                    )
                assert ours.data.envelope.subject == theirs[b"ENVELOPE"].subject
                assert ours.data.envelope.message_id == theirs[b"ENVELOPE"].message_id
            case "UID" | "RFC822.SIZE":
                assert theirs[name.encode()] == value
            case _:
                assert theirs[name.encode()] == value, name


@given(list_entries())
def test_list_is_read_alike(said: Said[Response]) -> None:
    octets, _ = said
    ours = read(octets)
    assert isinstance(ours, ListData)
    flags, delimiter, name = response_parser.parse_response(in_pieces(octets[7:]))
    assert flags == tuple(attribute.encode() for attribute in ours.attributes)
    assert delimiter == ours.delimiter
    assert alike(name, ours.name)


@given(searches())
def test_search_is_read_alike(said: Said[Response]) -> None:
    octets, _ = said
    ours = read(octets)
    assert isinstance(ours, Search)
    theirs = response_parser.parse_message_list([octets.removeprefix(b"* SEARCH ").removeprefix(b"* SEARCH")])
    assert tuple(theirs) == ours.numbers
    assert theirs.modseq == ours.modseq


@given(statuses())
def test_status_is_read_alike(said: Said[Response]) -> None:
    octets, _ = said
    ours = read(octets)
    assert isinstance(ours, StatusData)
    *_, items = response_parser.parse_response(in_pieces(octets.removeprefix(b"* STATUS ")))
    assert dict(zip(items[::2], items[1::2], strict=True)) == {k.encode(): v for k, v in ours.items.items()}
