"""RFC 3501 §4.3: literals; RFC 7888: those that wait for nobody."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.strategies.smtp import cuts
from harness.target import Protocol
from harness.wire.imap.responses import Capability, Continuation, StatusData, Tagged, Untagged
from suites.covers import covers
from suites.imap.dialogue import answers, tagged
from suites.imap.scratch import message, scratch
from suites.needs import Need, accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _literal_plus() -> Need:
    """LITERAL+ or LITERAL-: short literals need not be asked for."""
    plus, minus = imap_offers("LITERAL+"), imap_offers("LITERAL-")

    def need(target: LiveTarget) -> None:
        (minus if "LITERAL-" in target.abilities.names("imap", "imap logged in") else plus)(target)

    return need


# What may stand in a literal and means something outside of it.
_words: Final = st.sampled_from(
    [
        b"x",
        b" ",
        b"\r\n",
        b'"',
        b"(",
        b")",
        b"{3}",
        b"{3+}\r\n",
        b"\\",
        b"\r\nMP2 NOOP\r\n",
        b"\r\nMP3 CAPABILITY\r\n",
    ]
)
_contents: Final = st.lists(_words, min_size=1, max_size=8).map(b"".join)


@covers("RFC3501-4.3-nk1", fault="imap.literal-ends-at-crlf")
@needs(_IMAP, accounts(1))
@given(pieces=_contents.flatmap(cuts))
def test_literals_are_taken_by_their_number_of_octets(target: LiveTarget, pieces: list[bytes]) -> None:
    imap = target.imap()
    imap.raw(b"MP1 STATUS {%d}\r\n" % sum(map(len, pieces)))
    response = imap.read_response()
    while isinstance(response, Untagged):
        response = imap.read_response()
    if isinstance(response, Tagged):
        raise Unclear(f"the literal was refused at once: {response}")
    assert isinstance(response, Continuation), f"a literal was announced and answered {response}"

    for piece in pieces:
        imap.raw(piece)
    came = answers(imap, b" (MESSAGES)\r\n")

    found = [completion.tag for completion in tagged(came)]
    assert found == [b"MP1"], f"one STATUS with the literal {b''.join(pieces)!r} was answered for {found}"


@covers("RFC7888-3-c", fault="imap.plus-for-nonsync")
@needs(_IMAP, accounts(1), _literal_plus())
@given(pieces=cuts(b"MP1 STATUS {5+}\r\nINBOX (MESSAGES)\r\n"))
def test_a_non_synchronizing_literal_is_taken_unasked(target: LiveTarget, pieces: list[bytes]) -> None:
    imap = target.imap()

    for piece in pieces[:-1]:
        imap.raw(piece)
    came = answers(imap, pieces[-1])

    told = [str(response) for response in came]
    assert not any(isinstance(response, Continuation) for response in came), f"{{5+}} was answered {told}"
    assert any(isinstance(response, StatusData) for response in came), f"STATUS {{5+}} was answered {told}"


@covers("RFC7888-3-b", fault="imap.runs-the-literal-of-a-refused-command")
@needs(_IMAP, accounts(1), _literal_plus())
@given(command=st.sampled_from([b"XMP", b"SELECT (x", b"NOOP", b"STATUS INBOX"]), content=_contents)
def test_a_refused_command_takes_its_literal_with_it(
    target: LiveTarget, command: bytes, content: bytes
) -> None:
    imap = target.imap()

    came = answers(imap, b"MP1 %s {%d+}\r\n%s\r\n" % (command, len(content), content))

    found = [response.tag for response in tagged(came)]
    assert found == [b"MP1"], f"{command.decode()} with the literal {content!r} was answered for {found}"


@covers("RFC7888-3-a", fault="imap.sends-nonsync-literals")
@needs(_IMAP, accounts(1))
def test_the_server_sends_no_non_synchronizing_literals(target: LiveTarget) -> None:
    with scratch(target, [message(target)]) as box:
        raw = box.ask(b"FETCH 1 (BODY[] BODY[HEADER])").raw

    found = re.findall(rb"\{[0-9]+\+\}\r\n", raw)
    assert not found, f"FETCH was answered with the literals {found}"


@covers("RFC7888-5-e", fault="imap.literal-plus-and-minus")
@needs(_IMAP, accounts(1))
def test_literal_plus_and_minus_are_not_listed_together(target: LiveTarget) -> None:
    for imap in (target.imap(login=False), target.imap()):
        for listing in imap.command(b"CAPABILITY").of(Capability):
            names = {name.upper() for name in listing.capabilities}
            assert not {"LITERAL+", "LITERAL-"} <= names, f"CAPABILITY lists {' '.join(listing.capabilities)}"
