"""RFC 5321 §7.9: what the operator declares of viruses, in whatever they are wrapped."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from suites.covers import covers
from suites.filters.wrapped import declared, outcome, replied, tagged, with_virus
from suites.needs import needs, reader


def found(target: LiveTarget, wrapping: str) -> None:
    """Assert that a virus in this wrapping does not arrive as if nothing were in it."""
    sent = with_virus(target, wrapping)
    became = outcome(target, sent)
    if became.received is not None:
        noticed = tagged(target, sent, became.received)
        assert noticed, f"the EICAR test file ({wrapping}) {became}, as if nothing were in it"


@covers("RFC5321-7.9-nk1", fault="filters.virus-passed-as-text")
@needs(reader())
def test_a_virus_as_text_is_found(target: LiveTarget) -> None:
    found(target, "text")


@covers("RFC5321-7.9-nk1", fault="filters.virus-passed-in-base64")
@needs(reader())
@given(wrapping=st.sampled_from(["base64", "nested"]))
def test_a_virus_in_base64_is_found(target: LiveTarget, wrapping: str) -> None:
    found(target, wrapping)


@covers("RFC5321-7.9-nk1", fault="filters.virus-passed-in-quoted-printable")
@needs(reader())
def test_a_virus_in_quoted_printable_is_found(target: LiveTarget) -> None:
    found(target, "quoted-printable")


@covers("RFC5321-7.9-nk1", fault="filters.virus-passed-when-forwarded")
@needs(reader())
def test_a_virus_in_a_forwarded_message_is_found(target: LiveTarget) -> None:
    found(target, "forwarded")


@covers("RFC5321-7.9-nk1", fault="filters.virus-passed-in-zip", also=("filters.virus-passed-in-base64",))
@needs(reader())
@given(wrapping=st.sampled_from(["zip", "zip in zip"]))
def test_a_virus_in_an_archive_is_found(target: LiveTarget, wrapping: str) -> None:
    found(target, wrapping)


@covers("RFC5321-7.9-nk1", fault="filters.virus-delivered-with-a-tag")
@needs(reader())
def test_a_virus_arrives_where_that_is_declared_alone(target: LiveTarget) -> None:
    fate = declared(target.policy.viruses, "viruses")
    sent = with_virus(target, "attachment")
    became = outcome(target, sent)
    if fate != "delivered-tagged":
        assert became.received is None, f"viruses are declared to be {fate}; the EICAR test file {became}"
        return
    assert became.received is not None, f"viruses are declared to be {fate}; the EICAR test file {became}"
    assert tagged(target, sent, became.received), "the EICAR test file arrived without a tag"


@covers(
    "RFC5321-7.9-nk1",
    fault="filters.virus-swallowed",
    also=("filters.virus-delivered-with-a-tag",),
)
def test_a_virus_is_refused_where_that_is_declared_alone(target: LiveTarget) -> None:
    fate = declared(target.policy.viruses, "viruses")
    reply = replied(target, with_virus(target, "attachment"))
    if reply.klass == 4:
        raise NotOffered(f"the EICAR test file was answered {reply}, which is another check's concern")
    assert (reply.klass == 5) == (fate == "refused"), (
        f"viruses are declared to be {fate}; the EICAR test file was answered {reply}"
    )


@covers("RFC5321-7.9-nk1", fault="filters.virus-put-off")
def test_a_virus_is_not_put_off_again_and_again(target: LiveTarget) -> None:
    replies = [replied(target, with_virus(target, "attachment")) for _ in range(2)]
    plain = [reply for reply in replies if reply.klass != 4]
    assert plain, f"the EICAR test file was answered {replies[0]}, and again {replies[1]}"
