"""RFC 3501 §6.3.11: APPEND; RFC 4315 §3: APPENDUID."""

import datetime as dt
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.strategies.messages import bodies, eight_bit_bodies
from harness.target import Protocol
from harness.wire.imap.codes import AppendUid
from harness.wire.imap.encode import Literal, encode_astring, encode_date_time, encode_flags
from harness.wire.imap.responses import Exists
from harness.wire.imap.results import Result
from harness.wire.imap.states import Answer
from suites.covers import covers, proves
from suites.imap.dialogue import code_name, create, listed
from suites.imap.scratch import examine, message, name_for, scratch
from suites.needs import Need, accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)


def _uidplus() -> Need:
    """UIDPLUS, or IMAP4rev2, which it is a part of."""

    def need(target: LiveTarget) -> None:
        if "IMAP4REV2" not in target.abilities.names("imap", "imap logged in"):
            imap_offers("UIDPLUS")(target)

    return need


def _append(imap: ImapClient, name: bytes, content: bytes, *options: bytes) -> Result:
    return imap.command(b"APPEND", encode_astring(name), *options, Literal(content))


def _accepted(result: Result) -> Result:
    if not result.ok:
        raise Unclear(f"APPEND was answered {result.tagged}")
    return result


@covers("RFC3501-6.3.11-nk1", fault="imap.append-strips-the-eighth-bit")
@needs(_IMAP, accounts(1))
@given(body=bodies | eight_bit_bodies)
def test_an_appended_message_comes_back_as_it_was(target: LiveTarget, body: bytes) -> None:
    content = message(target, body=body, headers=[b"MIME-Version: 1.0"]).content
    with scratch(target) as box:
        _accepted(_append(box.imap, box.name, content))
        box.ask(b"NOOP")

        found = box.fetch(b"(BODY.PEEK[])")[1].body()

    assert found == content, f"{content!r} was appended, FETCH returned {found!r}"


_flag_sets: Final = st.lists(
    st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "mpKeyword"]),
    unique=True,
)


@covers("RFC3501-6.3.11-f", fault="imap.append-loses-keywords")
@needs(_IMAP, accounts(1))
@given(flags=_flag_sets)
def test_append_sets_the_flags(target: LiveTarget, flags: list[str]) -> None:
    with scratch(target) as box:
        permanent = {flag.lower() for flag in box.selected.permanentflags or flags}
        kept = [flag for flag in flags if flag.lower() in permanent or _is_new_keyword(flag, permanent)]
        _accepted(_append(box.imap, box.name, message(target).content, encode_flags(kept)))
        box.ask(b"SELECT", encode_astring(box.name))

        (found,) = box.flags()

    assert found == {flag.lower() for flag in kept}, f"{kept} were appended, {sorted(found)} are there"


def _is_new_keyword(flag: str, permanent: set[str]) -> bool:
    return "\\*" in permanent and not flag.startswith("\\")


_dates: Final = st.datetimes(
    dt.datetime(1990, 1, 2),  # noqa: DTZ001 (Hypothesis wants naive bounds; zones are drawn)
    dt.datetime(2037, 12, 30),  # noqa: DTZ001 (as above)
    timezones=st.integers(-12 * 4, 14 * 4).map(
        lambda quarters: dt.timezone(dt.timedelta(minutes=15 * quarters))
    ),
).map(lambda moment: moment.replace(microsecond=0))


@covers("RFC3501-6.3.11-g", "RFC3501-2.3.3-c", fault="imap.append-loses-the-seconds")
@needs(_IMAP, accounts(1))
@given(moment=_dates)
def test_append_sets_the_internal_date(target: LiveTarget, moment: dt.datetime) -> None:
    with scratch(target) as box:
        _accepted(_append(box.imap, box.name, message(target).content, encode_date_time(moment)))
        box.ask(b"NOOP")

        found = box.fetch(b"(INTERNALDATE)")[1].internaldate

    assert found == moment, f"{moment.isoformat()} was given, INTERNALDATE is {found and found.isoformat()}"


_bad_options: Final = st.sampled_from(
    [b'"32-Jan-2026 12:00:00 +0000"', b'"01-Foo-2026 12:00:00 +0000"', b'"yesterday"', b"\\Seen)"]
)


@covers("RFC3501-6.3.11-h", "RFC9051-6.3.12-h", fault="imap.append-keeps-what-it-refuses")
@needs(_IMAP, accounts(1))
@given(options=_bad_options)
def test_a_failed_append_leaves_the_mailbox_alone(target: LiveTarget, options: bytes) -> None:
    with scratch(target, [message(target)]) as box:
        result = _append(target.imap(), box.name, message(target).content, options)
        assume(not result.ok)
        box.ask(b"NOOP")

        uids = box.uids()

    assert len(uids) == 1, f"APPEND with {options.decode()} was answered {result.tagged}, and put a message"


@covers("RFC3501-6.3.11-i", "RFC9051-6.3.12-i", fault="imap.append-creates")
@needs(_IMAP, accounts(1))
@given(word=st.sampled_from(["missing", "Missing", "no"]))
def test_append_does_not_create_its_mailbox(target: LiveTarget, word: str) -> None:
    name = name_for(target, word)
    imap = target.imap()

    result = _append(imap, name, message(target).content)

    assert not result.ok, f"APPEND to a mailbox that does not exist was answered {result.tagged}"
    found = [each for each in listed(imap, name) if not each.has("\\NonExistent")]
    assert not found, f"after a failed APPEND, LIST shows {[str(each) for each in found]}"


@covers(
    "RFC3501-6.3.11-j",
    "RFC9051-6.3.12-j",
    fault="imap.append-without-trycreate",
    also=("imap.append-creates",),
)
@needs(_IMAP, accounts(1))
def test_append_to_nothing_gets_trycreate(target: LiveTarget) -> None:
    name = name_for(target, "missing")
    imap = target.imap()

    result = _append(imap, name, message(target).content)

    told = f"APPEND to a mailbox that does not exist was answered {result.tagged}"
    assert result.status is Answer.NO, told
    create(imap, name)
    assert code_name(result) == "TRYCREATE", told


@covers("RFC3501-6.3.11-k", "RFC3501-6.3.11-l", fault="imap.append-without-exists")
@needs(_IMAP, accounts(1))
@given(number=st.integers(1, 3))
def test_append_to_the_selected_mailbox_tells_exists(target: LiveTarget, number: int) -> None:
    with scratch(target) as box:
        for count in range(1, number + 1):
            result = _accepted(_append(box.imap, box.name, message(target).content))
            told = [response.count for response in result.of(Exists)]
            later = [response.count for response in box.ask(b"NOOP").of(Exists)]
            with proves("RFC3501-6.3.11-k"):
                assert (told + later)[-1:] == [count], (
                    f"the {count}th APPEND told EXISTS {told}, NOOP {later}"
                )
            with proves("RFC3501-6.3.11-l"):
                assert told[-1:] == [count], f"the {count}th APPEND told EXISTS {told}, NOOP {later}"


def _appenduid(result: Result) -> AppendUid:
    """APPENDUID of a successful APPEND."""
    code = _accepted(result).code
    value = code.value if code is not None and code.name == "APPENDUID" else None
    if not isinstance(value, AppendUid):
        raise Unclear(f"APPEND was answered {result.tagged}")
    return value


@covers("RFC4315-3-a", "RFC9051-6.3.12-nk1", fault="imap.append-without-appenduid")
@needs(_IMAP, accounts(1), _uidplus())
def test_append_returns_appenduid(target: LiveTarget) -> None:
    with scratch(target) as box:
        result = _accepted(_append(box.imap, box.name, message(target).content))

        if "UIDNOTSTICKY" in box.selected.result.codes():
            raise NotOffered("the mailbox is UIDNOTSTICKY")
    assert code_name(result) == "APPENDUID", f"APPEND was answered {result.tagged}"


@covers("RFC4315-3-nk1", fault="imap.appenduid-of-the-next")
@needs(_IMAP, accounts(1), _uidplus())
@given(number=st.integers(1, 3))
def test_appenduid_tells_where_the_message_is(target: LiveTarget, number: int) -> None:
    with scratch(target) as box:
        told = [_appenduid(_append(box.imap, box.name, message(target).content)) for _ in range(number)]
        selected = examine(target.imap(), box.name)
        box.ask(b"NOOP")
        uids = box.uids()

    assert [uid for each in told for uid in each.uids.expand()] == uids, (
        f"APPENDUID told {told}, UIDs are {uids}"
    )
    validities = {each.uidvalidity for each in told}
    assert validities == {selected.uidvalidity}, (
        f"APPENDUID told {validities}, UIDVALIDITY is {selected.uidvalidity}"
    )


@covers("RFC4315-3-d", "RFC4315-3-e", "RFC9051-7.1-e", fault="imap.appenduid-is-a-range")
@needs(_IMAP, accounts(1), _uidplus())
def test_appenduid_of_one_message_is_one_number(target: LiveTarget) -> None:
    with scratch(target) as box:
        code = _accepted(_append(box.imap, box.name, message(target).content)).code

    if code is None or code.name != "APPENDUID":
        raise Unclear("APPEND returned no APPENDUID")
    validity, _, uid = code.argument.partition(b" ")
    assert (validity + uid).isdigit(), f"APPENDUID of one message is {code.argument.decode()}"
