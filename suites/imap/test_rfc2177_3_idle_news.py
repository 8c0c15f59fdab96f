"""RFC 2177 §3: what IDLE tells as it happens; RFC 9051 §6.3.13."""

from collections.abc import Callable

from harness.clients.live import LiveTarget
from harness.errors import TimedOut
from harness.wire.imap.responses import Exists, Expunge, Fetch, Response
from suites.covers import covers
from suites.imap.scratch import Scratch, append, message, messages, scratch, told
from suites.needs import imap_offers, needs


def _pushed(
    box: Scratch, act: Callable[[Scratch], object], seen: Callable[[Response], bool]
) -> list[Response]:
    """What comes during IDLE once another session has acted, up to what is looked for or `limits.delivery_s`."""
    other = box.another()
    responses: list[Response] = []
    with box.imap.idle() as idling:
        act(other)
        try:
            while not (responses and seen(responses[-1])):
                responses.append(idling.wait(box.target.limits.delivery_s))
        except TimedOut:
            pass  # what did not come is what the check asserts
    return responses


@covers("RFC2177-3-nk1", fault="imap.idle-hides-arrivals")
@needs(imap_offers("IDLE"))
def test_idle_tells_new_messages(target: LiveTarget) -> None:
    with scratch(target, messages(target, [()])) as box:

        def seen(response: Response) -> bool:
            return isinstance(response, Exists) and response.count == 2

        responses = _pushed(box, lambda other: append(other.imap, box.name, message(target)), seen)
        assert any(map(seen, responses)), f"a new message was told during IDLE by {told(responses)}"


@covers("RFC2177-3-nk1", fault="imap.idle-hides-flags")
@needs(imap_offers("IDLE"))
def test_idle_tells_flags(target: LiveTarget) -> None:
    with scratch(target, messages(target, [(), ()])) as box:
        box.flags()

        def seen(response: Response) -> bool:
            return (
                isinstance(response, Fetch)
                and response.number == 2
                and r"\Flagged" in (response.data.flags or ())
            )

        responses = _pushed(box, lambda other: other.ask(rb"STORE 2 +FLAGS.SILENT (\Flagged)"), seen)
        assert any(map(seen, responses)), f"\\Flagged of message 2 was told during IDLE by {told(responses)}"


@covers("RFC2177-3-nk1", fault="imap.idle-hides-expunges")
@needs(imap_offers("IDLE"))
def test_idle_tells_expunges(target: LiveTarget) -> None:
    with scratch(target, messages(target, [(r"\Deleted",), ()])) as box:

        def seen(response: Response) -> bool:
            return isinstance(response, Expunge) and response.number == 1

        responses = _pushed(box, lambda other: other.ask(b"EXPUNGE"), seen)
        assert any(map(seen, responses)), (
            f"the expunge of message 1 was told during IDLE by {told(responses)}"
        )


@covers("RFC9051-6.3.13-a", fault="imap.idle-tells-flags-without-uid")
@needs(imap_offers("IMAP4rev2"))
def test_what_idle_tells_of_a_message_has_its_uid(target: LiveTarget) -> None:
    with scratch(target, messages(target, [(), ()])) as made:
        box = made.another(enable=b"IMAP4rev2")
        box.flags()

        def fetch(response: Response) -> bool:
            return isinstance(response, Fetch)

        responses = _pushed(box, lambda other: other.ask(rb"STORE 2 +FLAGS.SILENT (\Flagged)"), fetch)
        bare = [each for each in responses if isinstance(each, Fetch) and each.data.uid is None]
        assert not bare, f"IDLE was told {told(bare)}"
