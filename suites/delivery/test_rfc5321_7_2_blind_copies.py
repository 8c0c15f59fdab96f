"""RFC 5321 §7.2: recipients that the header section does not name stay untold."""

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers
from suites.delivery.letters import Letter, arrived, entrance, letter, post
from suites.mail import fields_of, forward_path
from suites.needs import accounts, needs, reader


@covers("RFC5321-7.2-a", fault="delivery.recipients-in-the-header", also=("delivery.for-with-two-paths",))
@needs(reader(), accounts(2))
def test_a_recipient_is_not_told_of_another(target: LiveTarget) -> None:
    sent = letter(target)
    paths = [forward_path(target, 0), forward_path(target, 1)]
    if (reply := post(target, entrance(target), sent.content, recipients=paths)).klass != 2:
        raise Unclear(f"a plain message was answered {reply}")
    other = paths[1].strip(b"<>").lower()
    telling = [field for field in fields_of(arrived(target, [sent])[0]) if other in field.lower()]
    assert not telling, f"the first recipient reads of the second in {telling[0]!r}"


@covers("RFC5321-7.2-d", fault="delivery.apparently-to")
@needs(reader())
def test_a_message_without_recipients_in_its_header_gets_none(target: LiveTarget) -> None:
    plain = letter(target)
    named_to = b"To: <%s>\r\n" % target.account().address.encode()
    sent = Letter(plain.token, plain.content.replace(named_to, b""))
    if (reply := post(target, entrance(target), sent.content)).klass != 2:
        raise Unclear(f"a message without To was answered {reply}")
    fields = fields_of(arrived(target, [sent])[0])
    added = [field for field in fields if field.lower().startswith(b"apparently-to:")]
    assert not added, f"the message arrived with {added[0]!r}"
