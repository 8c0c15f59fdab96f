"""RFC 3501 §2.2: tags and syntax errors; §5.5: commands sent ahead; §9: case of letters."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.target import Protocol
from harness.wire.imap.responses import Condition, Search
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import answers, case_variants, challenge, plain_response, public, secret, tagged
from suites.imap.scratch import message, scratch
from suites.needs import accounts, endpoint, imap_offers, needs

# RFC 3501 §9: ASTRING-CHAR without "+".
_TAG_CHARS: Final = "".join(chr(octet) for octet in range(33, 127) if chr(octet) not in '(){%*"\\+')
_OURS: Final = re.compile(r"A[0-9]+")
_tags: Final = (
    st.text(_TAG_CHARS, min_size=1, max_size=12).filter(lambda tag: not _OURS.fullmatch(tag)).map(str.encode)
)

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


@covers("RFC3501-2.2.1-nk1", fault="imap.tags-in-capitals")
@needs(_IMAP)
@given(tag=_tags)
def test_a_command_is_answered_with_its_own_tag(target: LiveTarget, tag: bytes) -> None:
    imap = target.imap(login=False)

    found = [response.tag for response in tagged(answers(imap, tag + b" NOOP\r\n"))]

    assert found == [tag], f"NOOP with the tag {tag!r} was answered with the tags {found}"


@covers("RFC9051-2.2.1-a", fault="imap.tags-are-used-once", also=("imap.tags-in-capitals",))
@needs(_IMAP, imap_offers("IMAP4REV2"))
@given(tag=_tags)
def test_a_tag_may_be_used_again(target: LiveTarget, tag: bytes) -> None:
    imap = target.imap(login=False)

    for turn in ("first", "second"):
        completions = tagged(answers(imap, tag + b" NOOP\r\n"))
        told = f"the {turn} NOOP with the tag {tag!r} was answered {[str(each) for each in completions]}"
        assert [each.tag for each in completions] == [tag], told
        assert completions[0].status is not Answer.BAD, told


_unknown: Final = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", max_size=8).map(lambda word: b"XMP" + word.encode())
_incomplete: Final = st.sampled_from(
    [
        b"", b"SELECT", b"SELECT (INBOX)", b'SELECT "INBOX', b"CREATE", b"RENAME INBOX", b"SUBSCRIBE", b"LIST",
        b'LIST ""', b"STATUS INBOX", b"STATUS INBOX ()", b"STATUS INBOX MESSAGES", b"STATUS INBOX (XMP)",
        b"APPEND INBOX", b"STATUS INBOX (MESSAGES", b"UID", b"UID NOOP",
    ]
)  # fmt: skip
_superfluous: Final = st.sampled_from(
    [
        b"NOOP now", b"NOOP ", b" NOOP", b"CAPABILITY all", b"EXAMINE  INBOX", b"EXAMINE INBOX ", b'LIST ""  ""',
        b"STATUS INBOX ( MESSAGES)", b"STATUS INBOX (MESSAGES) now", b"STATUS  INBOX (MESSAGES)",
    ]
)  # fmt: skip


@covers("RFC3501-2.2.2-c", "RFC9051-2.2.2-c", fault="imap.no-for-syntax-errors")
@needs(_IMAP, accounts(1))
@given(command=_unknown | _incomplete)
def test_unknown_and_incomplete_commands_get_bad(target: LiveTarget, command: bytes) -> None:
    result = target.imap().command(command)

    assert result.status is Answer.BAD, f"{command!r} was answered {result.tagged}"


@covers(
    "RFC3501-2.2.2-c",
    "RFC3501-2.2.2-b",
    "RFC9051-2.2.2-c",
    fault="imap.forgives-spaces",
    also=("imap.no-for-syntax-errors",),
)
@needs(_IMAP, accounts(1))
@given(command=_superfluous)
def test_superfluous_spaces_and_arguments_get_bad(target: LiveTarget, command: bytes) -> None:
    result = target.imap().command(command)

    assert result.status is Answer.BAD, f"{command!r} was answered {result.tagged}"


@covers("RFC3501-2.2.2-c", "RFC9051-2.2.2-c", fault="imap.any-tag", also=("imap.no-for-syntax-errors",))
@needs(_IMAP)
@given(tag=st.sampled_from([b"+", b"*", b"(mp", b'"mp"', b"m*p", b"%mp", b"m\\p"]))
def test_a_bad_tag_gets_bad(target: LiveTarget, tag: bytes) -> None:
    imap = target.imap(login=False)

    came = answers(imap, tag + b" NOOP\r\n")

    refusals = [r for r in came if isinstance(r, Condition) and r.status is Answer.BAD]
    refusals_with_tag = [r for r in tagged(came) if r.status is Answer.BAD]
    assert refusals or refusals_with_tag, f"{tag!r} NOOP was answered {[str(r) for r in came]}"


_spelled: Final = st.sampled_from(
    [
        b"noop", b"capability", b"select inbox", b"examine inbox", b'list "" inbox', b'lsub "" inbox',
        b"status inbox (messages recent uidnext uidvalidity unseen)",
    ]
).flatmap(case_variants)  # fmt: skip


@covers("RFC3501-9-c", fault="imap.verbs-in-capitals", also=("imap.inbox-in-capitals",))
@needs(_IMAP, accounts(1))
@given(command=_spelled)
def test_commands_are_taken_in_any_case(target: LiveTarget, command: bytes) -> None:
    result = target.imap().command(command)

    assert result.ok, f"{command.decode()} was answered {result.tagged}"


@covers("RFC3501-5.5-e", fault="imap.searches-before-stores")
@needs(_IMAP, accounts(1))
@given(changes=st.lists(st.booleans(), min_size=2, max_size=5))
def test_commands_sent_ahead_are_carried_out_in_order(target: LiveTarget, changes: list[bool]) -> None:
    with scratch(target, [message(target)]) as box:
        lines = b"".join(
            b"MP%d STORE 1 %sFLAGS (\\Flagged)\r\nMP%dS SEARCH FLAGGED\r\n" % (i, b"+" if on else b"-", i)
            for i, on in enumerate(changes)
        )

        came = answers(box.imap, lines)

    found = [bool(response.numbers) for response in came if isinstance(response, Search)]
    assert found == changes, f"\\Flagged was set and taken as {changes}, SEARCH FLAGGED told {found}"


@covers("RFC3501-9-d", "RFC9051-9-d", fault="imap.nul-in-bad")
@needs(_IMAP)
@given(command=st.sampled_from([b"X\0Y", b"NOOP\0", b"\0", b'LOGIN "a\0b" "c"', b"SELECT \0", b"XMP"]))
def test_no_nul_is_sent_to_a_broken_command(target: LiveTarget, command: bytes) -> None:
    imap = target.imap(login=False)

    came = answers(imap, b"MP1 " + command + b"\r\n")

    raw = b"".join(response.raw for response in came)
    assert b"\0" not in raw, f"{command!r} was answered {raw!r}"


@covers("RFC3501-2.2-nk1", fault="imap.lf-ends-the-ok-of-authenticate")
@needs(_IMAP, accounts(1))
def test_every_line_of_the_server_ends_in_crlf(target: LiveTarget) -> None:
    imap = public(target)
    came = b"".join(response.raw for response in answers(imap, b"MP1 NOOP\r\nMP2 XMP\r\nMP3 CAPABILITY\r\n"))
    if "AUTH=PLAIN" in imap.capabilities:
        challenge(imap, b"PLAIN")
        secret(imap, plain_response(target.account()))
        came += imap.transport.receive(target.limits.timeout_s)

    bare = re.findall(rb"[^\r\n]*(?<!\r)\n", came)
    assert not bare, f"lines without CR came: {bare}"
