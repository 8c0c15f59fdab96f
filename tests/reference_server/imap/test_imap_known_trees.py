"""FETCH of generated messages whose structure is known: sections, BODYSTRUCTURE and ENVELOPE through the session."""

from hypothesis import HealthCheck, given, settings

from harness.strategies import mime
from harness.strategies.parts import Message, Part, sections
from harness.wire.imap.bodystructure import BodyStructure, Disposition, Extension, Multipart
from harness.wire.imap.bodystructure import Part as SinglePart
from harness.wire.imap.command_fetch import Fetch
from harness.wire.imap.commands import parse_command
from harness.wire.imap.encode import encode_string
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Fetch as FetchResponse
from reference_server.imap.rendering import Rendering
from reference_server.imap.structure import Structure
from reference_server.mime import parse_message
from reference_server.store import INBOX


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mime.messages("token"))
def test_every_section_has_its_octets(context, message: Message) -> None:
    mailbox = context.store.mailbox("alice", INBOX)
    row = context.store.append(mailbox.id, message.octets)
    rendering = Rendering(context, row, b"()")
    for section, octets in sections(message).items():
        command = parse_command(b"a FETCH 1 BODY.PEEK[%s]" % section.encode())
        assert isinstance(command.arguments, Fetch)
        (item,) = command.arguments.items
        assert rendering.render(item) == b"BODY[%s] %s" % (section.encode(), encode_string(octets))
    context.store.expunge(mailbox.id, [row.uid])


def shown(name: bytes, value: bytes) -> BodyStructure:
    """What the client's reader makes of it."""
    (response,) = ResponseReader().feed(b"* 1 FETCH (%s %s)\r\n" % (name, value))
    assert not response.faults, response
    assert isinstance(response, FetchResponse)
    found = response.data.bodystructure
    assert found is not None
    return found


def octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def pairs(parameters: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in parameters)


def check_structure(found: BodyStructure, known: Part) -> None:
    """All that BODYSTRUCTURE says of a part and those below it."""
    disposition, extension = known.fields.disposition, found.extension
    if disposition is None:
        assert extension.disposition is None
    else:
        assert extension.disposition == Disposition(disposition.kind.encode(), pairs(disposition.parameters))
    assert extension.language == tuple(tag.encode() for tag in known.fields.language)
    assert extension.location == octets(known.fields.location)
    assert found.subtype.decode() == known.subtype
    if isinstance(found, Multipart):
        assert extension.parameters == pairs(known.parameters)
        for inner, part in zip(found.parts, known.parts, strict=True):
            check_structure(inner, part)
    else:
        check_leaf(found, known)


def check_leaf(found: SinglePart, known: Part) -> None:
    assert found.type.decode() == known.type
    assert found.parameters == pairs(known.parameters)
    assert found.id == octets(known.fields.content_id)
    assert found.description == octets(known.fields.description)
    assert found.encoding.decode().lower() == known.encoding.lower()
    assert found.octets == known.octets
    if known.type == "text":
        assert found.lines in known.lines
    if known.message is not None:
        assert found.lines in known.lines
        assert found.envelope is not None
        assert found.envelope.subject == octets(known.message.envelope.subject)
        assert found.body is not None
        check_structure(found.body, known.message.part)


@given(mime.messages("token"))
def test_bodystructure_says_what_is_known(message: Message) -> None:
    root = parse_message(message.octets)
    check_structure(shown(b"BODYSTRUCTURE", Structure().body(root, extensible=True)), message.part)


@given(mime.messages("token"))
def test_body_has_no_extension_data(message: Message) -> None:
    def extensions(part: BodyStructure) -> list[Extension]:
        below = part.parts if isinstance(part, Multipart) else [part.body] if part.body else []
        return [part.extension, *(found for inner in below for found in extensions(inner))]

    body = shown(b"BODY", Structure().body(parse_message(message.octets), extensible=False))
    assert set(extensions(body)) == {Extension()}
