from hypothesis import find, given
from hypothesis import strategies as st

from harness.strategies.addresses import (
    MAX_LOCAL_PART,
    domains,
    local_parts,
    longest_local_parts,
    mailboxes,
    paths,
)
from harness.strategies.smtp import command_sequences, cuts, unknown_parameters
from harness.wire.smtp.commands import parse_command, parse_mail, parse_rcpt
from harness.wire.smtp.parameters import VALUES, parse_parameters
from harness.wire.smtp.states import verb_of


@given(st.data(), st.binary(max_size=30))
def test_cut_pieces_are_the_octets(data: st.DataObject, octets: bytes) -> None:
    pieces = data.draw(cuts(octets))
    assert b"".join(pieces) == octets
    assert all(pieces)


@given(command_sequences(paths))
def test_every_command_of_a_sequence_is_well_formed(lines: list[bytes]) -> None:
    for line in lines:
        assert verb_of(line) is not None
        command = parse_command(line)
        if command.verb == b"MAIL":
            parse_mail(command.argument)
        if command.verb == b"RCPT":
            parse_rcpt(command.argument)


@given(unknown_parameters)
def test_unknown_parameters_are_well_formed_and_unknown(parameter: bytes) -> None:
    (keyword,) = parse_parameters(b" " + parameter)
    assert keyword not in VALUES


@given(local_parts | longest_local_parts, domains)
def test_lengths_are_what_must_be_taken(local_part: bytes, domain: bytes) -> None:
    assert 1 <= len(local_part) <= MAX_LOCAL_PART
    assert len(domain) <= 255
    assert domain.endswith((b"example.test", b"example.org"))


def test_a_mailbox_shrinks_to_a_simple_one() -> None:
    assert find(mailboxes, lambda _: True) == b"a@example.test"
