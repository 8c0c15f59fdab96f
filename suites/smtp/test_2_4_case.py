"""RFC 5321 §2.4: the case of letters in commands."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, endpoint, needs, smtp_offers
from suites.smtp.steps import judged, spellings


@covers("RFC5321-2.4-nk1", fault="smtp.verbs-in-upper-case-only")
@needs(endpoint(Protocol.SMTP))
@given(verb=st.sampled_from(["NOOP", "RSET", "EHLO", "HELO", "VRFY"]).flatmap(spellings))
def test_verbs_are_known_in_any_case(target: LiveTarget, verb: bytes) -> None:
    argument = {b"EHLO": b" [127.0.0.1]", b"HELO": b" client.example.test", b"VRFY": b" postmaster"}.get(
        verb.upper(), b""
    )
    plain = target.smtp().command(verb.upper() + argument)

    reply = judged(target.smtp().command(verb + argument))

    assert reply.klass == plain.klass, f"{verb.decode()} was answered {reply}, in upper case {plain}"


@covers("RFC5321-2.4-nk1", fault="smtp.labels-in-upper-case-only")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(from_=spellings("MAIL FROM:"), to=spellings("RCPT TO:"))
def test_from_and_to_are_known_in_any_case(target: LiveTarget, from_: bytes, to: bytes) -> None:
    open_transaction(target, target.smtp())
    smtp = target.smtp()

    for line in (from_ + reverse_path(target), to + forward_path(target)):
        reply = judged(smtp.command(line))
        assert reply.klass == 2, f"{line.decode()} was answered {reply}, in upper case it is accepted"


@covers("RFC5321-2.4-nk1", fault="smtp.keywords-in-upper-case-only")
@needs(smtp_offers("SIZE"))
@given(keyword=spellings("SIZE"))
def test_parameters_are_known_in_any_case(target: LiveTarget, keyword: bytes) -> None:
    if (plain := target.smtp().mail(reverse_path(target), b"SIZE=1000")).klass != 2:
        raise Unclear(f"MAIL with SIZE=1000 was answered {plain}")

    reply = judged(target.smtp().mail(reverse_path(target), keyword + b"=1000"))

    assert reply.klass == 2, f"MAIL with {keyword.decode()}=1000 was answered {reply}, with SIZE=1000 {plain}"


@covers("RFC5321-2.4-nk1", fault="smtp.domains-in-lower-case-only")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(mask=st.integers(0, 2**24 - 1))
def test_domains_are_known_in_any_case(target: LiveTarget, mask: int) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)
    local_part, _, domain = target.account().address.rpartition("@")
    spelt = "".join(
        letter.upper() if mask >> place & 1 else letter.lower() for place, letter in enumerate(domain)
    )

    reply = judged(smtp.rcpt(f"<{local_part}@{spelt}>".encode()))

    assert reply.klass == 2, f"RCPT TO:<{local_part}@{spelt}> was answered {reply}, {domain} is accepted"
