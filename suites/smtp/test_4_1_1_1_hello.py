"""RFC 5321 §4.1.1.1: EHLO and HELO, what their replies say and how."""

import re
from typing import Final

from hypothesis import given

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.strategies.addresses import address_literals, domains
from harness.target import Protocol
from suites.covers import covers, proves
from suites.mail import open_transaction
from suites.needs import accounts, endpoint, needs, smtp_offers
from suites.smtp.steps import ask, content, is_domain, judged, take_content

_KEYWORD_LINE: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*( [!-~]+)*")

# RFC 5321 §4.1.1.1: no registered extension can have another form.
_KEYWORD: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")

# The registry "SMTP Service Extensions" as of 2024-04-25; VRFY may be listed too (RFC 5321 §3.5.2).
_REGISTERED: Final = frozenset({
    "SEND", "SOML", "SAML", "EXPN", "HELP", "TURN", "8BITMIME", "SIZE", "VERB", "ONEX", "CHUNKING",
    "BINARYMIME", "DELIVERBY", "PIPELINING", "DSN", "ETRN", "ENHANCEDSTATUSCODES", "STARTTLS",
    "NO-SOLICITING", "MTRK", "SUBMITTER", "ATRN", "AUTH", "FUTURERELEASE", "CONPERM", "CONNEG", "BURL",
    "UTF8SMTP", "SMTPUTF8", "MT-PRIORITY", "RRVS", "REQUIRETLS", "LIMITS", "CHECKPOINT", "VRFY",
})  # fmt: skip


@covers("RFC5321-2.2.1-b", fault="smtp.ehlo-takes-literals-only")
@needs(endpoint(Protocol.SMTP))
@given(name=domains | address_literals)
def test_ehlo_is_understood(target: LiveTarget, name: bytes) -> None:
    reply = target.smtp(hello=False).command(b"EHLO " + name)

    assert reply.code not in (500, 502), f"EHLO {name.decode()} was answered {reply}"


@covers(
    "RFC5321-4.1.1.1-nk1",
    "RFC5321-2.2.1-a",
    fault="smtp.ehlo-keyword-with-underscore",
    also=("smtp.unregistered-keyword",),
)
@needs(endpoint(Protocol.SMTP))
def test_the_ehlo_reply_has_its_grammar(target: LiveTarget) -> None:
    smtp = target.smtp(hello=False)
    target.hello(smtp)

    reply = smtp.ehlo()

    for line in reply.lines[1:]:
        assert _KEYWORD_LINE.fullmatch(line), f"a line of the EHLO reply is {line!r}"


@covers("RFC5321-4.1.1.1-nk2", fault="smtp.helo-reply-without-name")
@needs(endpoint(Protocol.SMTP))
def test_hello_replies_begin_with_a_name(target: LiveTarget) -> None:
    smtp = target.smtp(hello=False)

    for reply in (smtp.ehlo(), smtp.helo()):
        if reply.klass == 2:
            word = reply.lines[0].partition(b" ")[0]
            assert is_domain(word), f"the first word of {reply} is neither a domain nor an address literal"


@covers("RFC5321-4.1.1.1-d", "RFC5321-2.2.1-c", fault="smtp.no-helo")
@needs(endpoint(Protocol.SMTP))
def test_helo_is_supported(target: LiveTarget) -> None:
    reply = target.smtp(hello=False).helo()

    assert reply.code not in (500, 502), f"HELO was answered {reply}"
    if reply.klass != 2:
        raise Unclear(f"HELO was answered {reply}: policy, not judged")
    assert reply.code == 250, f"HELO was answered {reply}"


@covers("RFC5321-F.3-b", fault="smtp.mail-needs-ehlo", also=("smtp.end-of-data-gets-354",))
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_helo_session_sends_mail(target: LiveTarget) -> None:
    smtp = target.smtp(hello=False)
    if (reply := smtp.helo()).klass != 2:
        raise Unclear(f"HELO was answered {reply}")

    reply = judged(smtp.command(b"MAIL FROM:<%s>" % target.policy.sender.encode()))
    assert reply.code not in (500, 501, 502, 503), f"MAIL after HELO was answered {reply}"
    smtp.rset()
    open_transaction(target, smtp)
    reply = judged(take_content(target, smtp, content(target)))

    assert reply.klass == 2, f"a message sent after HELO was answered {reply}"


@covers("RFC5321-3.2-b", fault="smtp.helo-lists-extensions")
@needs(endpoint(Protocol.SMTP))
def test_helo_lists_no_extensions(target: LiveTarget) -> None:
    smtp = target.smtp()
    offered = set(smtp.extensions)

    reply = smtp.helo()

    words = {line.decode("latin-1").partition(" ")[0].upper() for line in reply.lines[1:]}
    assert not words & offered, f"HELO was answered {reply}"


@covers("RFC5321-2.2.2-b", "RFC5321-2.2.2-c", fault="smtp.unregistered-keyword")
@needs(endpoint(Protocol.SMTP))
def test_keywords_are_registered_or_private(target: LiveTarget) -> None:
    offered = target.smtp().extensions

    strange = [word for word in offered if word not in _REGISTERED and not word.startswith("X")]
    impossible = [word for word in strange if not _KEYWORD.fullmatch(word)]
    assert not impossible, f"the EHLO reply lists {', '.join(impossible)}, which is no keyword"
    if strange:
        raise Unclear(
            f"the EHLO reply lists {', '.join(strange)}, which the registry may have got since 2024"
        )


@covers("RFC5321-2.4-k", "RFC6531-3.1-f", fault="smtp.no-8bitmime")
@needs(endpoint(Protocol.SMTP))
def test_eight_bit_mime_is_offered(target: LiveTarget) -> None:
    offered = target.smtp().extensions

    with proves("RFC6531-3.1-f"):
        ask("SMTPUTF8" in offered, "SMTPUTF8 is not offered")
        assert "8BITMIME" in offered, f"SMTPUTF8 without 8BITMIME: {', '.join(offered)}"
    with proves("RFC5321-2.4-k"):
        assert "8BITMIME" in offered, f"8BITMIME is not among {', '.join(offered)}"


@covers("RFC6531-3.1-a", fault="smtp.smtputf8-with-parameter")
@needs(smtp_offers("SMTPUTF8"))
def test_smtputf8_has_no_parameter(target: LiveTarget) -> None:
    parameters = target.smtp().extensions["SMTPUTF8"]

    assert not parameters, f"the EHLO reply says SMTPUTF8 {parameters}"


@covers("RFC1870-3-nk1", fault="smtp.size-in-words")
@needs(smtp_offers("SIZE"))
def test_size_has_one_number_or_none(target: LiveTarget) -> None:
    parameter = target.smtp().extensions["SIZE"]

    assert re.fullmatch(r"[0-9]{0,20}", parameter), f"the EHLO reply says SIZE {parameter}"


@covers("RFC5321-4.2.4-d", fault="smtp.lists-etrn-and-lacks-it")
@needs(endpoint(Protocol.SMTP))
def test_what_ehlo_lists_is_implemented(target: LiveTarget) -> None:
    smtp = target.smtp()
    commands = {
        "VRFY": b"VRFY postmaster",
        "EXPN": b"EXPN postmaster",
        "HELP": b"HELP",
        "ETRN": b"ETRN mailproof.invalid",
        "AUTH": b"AUTH X-MAILPROOF",
        "STARTTLS": b"STARTTLS",
    }

    for keyword, line in commands.items():
        if keyword in smtp.extensions:
            reply = smtp.command(line)
            assert reply.code not in (500, 502), f"EHLO lists {keyword}, which was answered {reply}"


@covers("RFC5321-4.1.1.1-g", "RFC5321-4.1.1.1-h", "RFC5321-3.5.2-j", fault="smtp.hides-help")
@needs(endpoint(Protocol.SMTP))
def test_ehlo_lists_commands_beyond_the_required(target: LiveTarget) -> None:
    smtp = target.smtp()
    offered = set(smtp.extensions)

    with proves("RFC5321-3.5.2-j"):
        ask("VRFY" in offered, "VRFY is not listed")
    with proves("RFC5321-4.1.1.1-h"):
        ask(any(word.startswith("X") for word in offered), "no private command is listed")
    with proves("RFC5321-4.1.1.1-g"):
        for keyword, line in {"HELP": b"HELP", "ETRN": b"ETRN mailproof.invalid"}.items():
            if keyword not in offered:
                reply = smtp.command(line)
                assert reply.klass not in (2, 3), f"EHLO does not list {keyword}, which was answered {reply}"


@covers("RFC5321-3.5.2-i", fault="smtp.hides-expn")
@needs(endpoint(Protocol.SMTP))
def test_ehlo_lists_expn_where_it_works(target: LiveTarget) -> None:
    smtp = target.smtp()

    reply = smtp.expn(b"postmaster")

    if reply.code not in (250, 252):
        raise NotOffered(f"EXPN was answered {reply}")
    assert "EXPN" in smtp.extensions, f"EHLO does not list EXPN, which was answered {reply}"


@covers("RFC5321-F.6-c", fault="smtp.soml-unlisted")
@needs(endpoint(Protocol.SMTP))
def test_ehlo_lists_send_and_its_kin_where_they_work(target: LiveTarget) -> None:
    smtp = target.smtp()

    for verb in ("SEND", "SAML", "SOML"):
        reply = smtp.command(b"%s FROM:<%s>" % (verb.encode(), target.policy.sender.encode()))
        if reply.klass == 2:
            assert verb in smtp.extensions, f"EHLO does not list {verb}, which was answered {reply}"


@covers("RFC6531-3.7.1-b", fault="smtp.ehlo-reply-beyond-ascii")
@needs(endpoint(Protocol.SMTP))
def test_the_ehlo_reply_is_ascii(target: LiveTarget) -> None:
    reply = target.smtp(hello=False).ehlo()

    assert reply.raw.isascii(), f"the EHLO reply is {reply.raw!r}"
