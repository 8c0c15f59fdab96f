"""RFC 2449 §3 to §6: CAPA, the length of commands, and what each capability promises."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire import sasl
from harness.wire.pop3.listings import capability_faults
from harness.wire.pop3.responses import MultiLine
from suites.covers import covers
from suites.needs import endpoint, needs, pop3_offers
from suites.pop3.maildrop import log_in, must_be_err, must_be_ok, offered, owner, stocked

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)


def capabilities(pop3: Pop3Client) -> dict[str, list[str]]:
    """Tag -> parameters; `NotOffered` where CAPA is refused."""
    response = pop3.multiline(b"CAPA")
    if not response.ok:
        raise NotOffered(f"CAPA was answered {response.status}")
    lines = [line.decode("latin-1").split() for line in response.lines]
    return {words[0].upper(): words[1:] for words in lines if words}


def before_and_after(target: LiveTarget) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What CAPA lists before and after login, on connections of one kind."""
    before = capabilities(target.pop3(login=False))
    logged_in = log_in(target)
    after = capabilities(logged_in)
    logged_in.command(b"QUIT")
    return before, after


@covers("RFC2449-5-nk1", fault="pop3.no-capa-after-login", also=("pop3.no-capa-before-tls",))
@needs(_POP3)
def test_capa_works_before_and_after_login(target: LiveTarget) -> None:
    before = target.pop3(login=False).command(b"CAPA")
    with stocked(target) as drop:
        after = drop.pop3.command(b"CAPA")
        if not (before.ok or after.ok):
            raise NotOffered("CAPA is not there")
        assert before.ok == after.ok, f"CAPA before login was answered {before}, after it {after}"


@covers("RFC2449-3-nk1", fault="pop3.capability-has-two-spaces")
@needs(_POP3)
def test_a_capability_line_is_a_tag_and_parameters(target: LiveTarget) -> None:
    response = target.pop3(login=False).multiline(b"CAPA")
    if not response.ok:
        raise NotOffered(f"CAPA was answered {response.status}")
    faults = capability_faults(response.lines)
    assert not faults, f"CAPA: {faults[0].detail}"


@covers("RFC2449-5-b", fault="pop3.fewer-capabilities-after-login")
@needs(_POP3)
def test_what_is_listed_before_login_is_listed_after_it(target: LiveTarget) -> None:
    before, after = before_and_after(target)
    lost = set(before) - set(after) - {"STLS"}
    assert not lost, f"CAPA lists {', '.join(sorted(lost))} before login and not after it"


@covers("RFC2449-5-e", fault="pop3.uidl-not-listed")
@needs(_POP3)
def test_optional_commands_that_work_are_listed(target: LiveTarget) -> None:
    with stocked(target) as drop:
        listed = capabilities(drop.pop3)
        working = {
            "TOP": drop.pop3.multiline(b"TOP %d 0" % drop.numbers[0]).ok,
            "UIDL": drop.pop3.multiline(b"UIDL").ok,
        }
        missing = [tag for tag, works in working.items() if works and tag not in listed]
        assert not missing, f"{', '.join(missing)} works, and CAPA does not list it"


@covers("RFC2449-6.1-nk1", fault="pop3.uidl-listed-and-refused")
@needs(_POP3)
def test_top_and_uidl_work_where_they_are_listed(target: LiveTarget) -> None:
    with stocked(target) as drop:
        listed = capabilities(drop.pop3)
        lines = {"TOP": b"TOP %d 0" % drop.numbers[0], "UIDL": b"UIDL"}
        for tag, line in lines.items():
            if tag in listed:
                must_be_ok(drop.pop3.multiline(line), line)


@covers("RFC2449-4-a", "RFC2449-4-b", fault="pop3.lines-of-100-octets")
@needs(_POP3)
@given(length=st.integers(100, 248), verb=st.sampled_from([b"USER ", b"XMPQ "]))
def test_a_command_of_255_octets_is_one_command(target: LiveTarget, length: int, verb: bytes) -> None:
    pop3 = target.pop3(login=False)
    capabilities(pop3)
    pop3.command(verb + b"a" * length)
    pop3.raw(b"QUIT\r\n")
    pop3.at_eof(target.limits.timeout_s)
    answers = pop3.responses_within(target.quiet_s)
    assert len(answers) == 1, f"a line of {length + 7} octets and QUIT were answered {1 + len(answers)} times"


@covers("RFC2449-6.3-nk1", fault="pop3.no-initial-response")
@needs(_POP3)
def test_auth_with_an_initial_response_works_where_sasl_is_listed(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    if "PLAIN" not in offered(pop3, "SASL"):
        raise NotOffered("SASL PLAIN is not offered")
    log_in(target).command(b"QUIT")
    who = owner(target)
    status = pop3.authenticate(sasl.PlainClient(who.user, who.password))
    assert status.ok, f"AUTH PLAIN with an initial response was answered {status}"
    pop3.command(b"QUIT")


@covers("RFC2449-6.4-nk1", fault="pop3.brackets-without-a-code")
@needs(_POP3, pop3_offers("RESP-CODES"))
@given(command=st.sampled_from([b"XMPQ", b"RETR 99999999", b"DELE x", b"USER", b"APOP x", b"STLS", b"TOP"]))
def test_a_text_that_begins_with_a_bracket_is_a_code(target: LiveTarget, command: bytes) -> None:
    with stocked(target) as drop:
        status = drop.pop3.command(command)
        assert not status.text.startswith(b"[") or status.code, f"{command!r} was answered {status}"


_STEPS = (b"STAT", b"NOOP", b"LIST", b"RETR %d", b"LIST %d", b"UIDL", b"TOP %d 1", b"XMPQ", b"RSET")


@covers("RFC2449-6.6-a", fault="pop3.pipelined-commands-refused")
@needs(_POP3, pop3_offers("PIPELINING"))
@given(steps=st.lists(st.sampled_from(_STEPS), min_size=2, max_size=6))
def test_pipelined_commands_are_answered_in_turn(target: LiveTarget, steps: list[bytes]) -> None:
    with stocked(target) as drop:
        number = drop.numbers[0]
        lines = [step % number if b"%d" in step else step for step in steps]
        one_by_one = [drop.pop3.pipeline([line])[0] for line in lines]
        together = drop.pop3.pipeline(lines)
        for line, alone, piped in zip(lines, one_by_one, together, strict=True):
            assert _told(alone) == _told(piped), f"{line!r} in a pipeline was answered {piped.raw[:80]!r}"


def _told(response: object) -> object:
    """What must be the same: +OK or -ERR, and the lines."""
    if isinstance(response, MultiLine):
        return response.status.answer, response.octets
    return getattr(response, "answer", None)


@covers("RFC2449-6.7-d", fault="pop3.expires-sooner-after-login")
@needs(_POP3, pop3_offers("EXPIRE"))
def test_expire_before_login_is_the_smallest(target: LiveTarget) -> None:
    before, after = before_and_after(target)
    first, second = (_days(listed) for listed in (before, after))
    if first is None or second is None:
        raise NotOffered("EXPIRE is not listed before and after login")
    assert second >= first, f"EXPIRE is {before['EXPIRE']} before login, and {after['EXPIRE']} after it"


@covers("RFC2449-6.7-e", fault="pop3.expire-differs-without-user", also=("pop3.expires-sooner-after-login",))
@needs(_POP3, pop3_offers("EXPIRE"))
def test_an_expire_that_differs_says_user(target: LiveTarget) -> None:
    _says_user("EXPIRE", *before_and_after(target))


@covers("RFC2449-6.5-c", fault="pop3.login-delay-grows")
@needs(_POP3, pop3_offers("LOGIN-DELAY"))
def test_a_login_delay_before_login_is_the_largest(target: LiveTarget) -> None:
    before, after = before_and_after(target)
    first, second = (_days(listed, "LOGIN-DELAY") for listed in (before, after))
    if first is None or second is None:
        raise NotOffered("LOGIN-DELAY is not listed before and after login")
    assert second <= first, (
        f"LOGIN-DELAY is {before['LOGIN-DELAY']} before login, {after['LOGIN-DELAY']} after it"
    )


@covers("RFC2449-6.5-d", fault="pop3.login-delay-differs-without-user", also=("pop3.login-delay-grows",))
@needs(_POP3, pop3_offers("LOGIN-DELAY"))
def test_a_login_delay_that_differs_says_user(target: LiveTarget) -> None:
    _says_user("LOGIN-DELAY", *before_and_after(target))


def _says_user(tag: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    """Assert that a value which is another after login is followed by USER before it."""
    first, second = before.get(tag, []), after.get(tag, [])
    if not first or not second or first[0].upper() == second[0].upper():
        raise NotOffered(f"{tag} is the same before and after login")
    assert "USER" in [word.upper() for word in first[1:]], (
        f"{tag} is {first} before login and {second} after it"
    )


def _days(listed: dict[str, list[str]], tag: str = "EXPIRE") -> float | None:
    words = listed.get(tag, [])
    if not words:
        return None
    if words[0].upper() == "NEVER":
        return float("inf")
    return float(words[0]) if words[0].isdigit() else None


@covers("RFC5034-3-d", fault="pop3.sasl-gone-after-auth")
@needs(_POP3)
def test_sasl_stays_listed_after_auth(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    offered(pop3, "SASL")
    log_in(target).command(b"QUIT")
    who = owner(target)
    if not (status := pop3.auth_plain(who.user, who.password)).ok:
        raise Unclear(f"AUTH PLAIN was answered {status}")
    listed = capabilities(pop3)
    pop3.command(b"QUIT")
    assert "SASL" in listed, f"after AUTH, CAPA lists {', '.join(listed)} and not SASL"


@covers("RFC5034-4-b", fault="pop3.auth-twice")
@needs(_POP3)
def test_auth_after_auth_is_answered_err(target: LiveTarget) -> None:
    log_in(target).command(b"QUIT")
    pop3 = target.pop3(login=False)
    offered(pop3, "SASL")
    who = owner(target)
    if not (status := pop3.auth_plain(who.user, who.password)).ok:
        raise Unclear(f"AUTH PLAIN was answered {status}")
    must_be_err(pop3.command(b"AUTH PLAIN"), b"AUTH after AUTH")
    pop3.command(b"QUIT")
