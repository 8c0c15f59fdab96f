"""RFC 1939 §4: greeting, login and lock."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.pop3.responses import Status
from suites.covers import covers, proves
from suites.needs import accounts, endpoint, needs, pop3_offers
from suites.pop3.maildrop import fresh_messages, log_in, maildrop, must_be_err, must_be_ok, offered, owner

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)


@covers("RFC1939-4-nk1", fault="pop3.greets-in-lower-case")
@needs(_POP3)
def test_the_greeting_is_one_line_that_begins_with_ok(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    assert pop3.greeting.raw.startswith(b"+OK"), f"the greeting is {pop3.greeting.raw!r}"
    pop3.raw(b"QUIT\r\n")
    if not pop3.at_eof(target.limits.timeout_s):
        raise Unclear("QUIT did not close the connection")
    answers = pop3.responses_within(target.quiet_s)
    assert len(answers) == 1, f"after the greeting and QUIT came {len(answers)} lines: {answers}"


@covers("RFC1939-4-b", "RFC2449-6.2-nk1", fault="pop3.third-user-shut-out")
@needs(_POP3, accounts(1))
def test_every_declared_account_logs_in(target: LiveTarget) -> None:
    for account in target.declared.accounts:
        client = target.pop3(login=False)
        status = client.login(account.user, account.password)
        if not status.ok:
            other = target.pop3(login=False, tls=True)
            by_auth = other.auth_plain(account.user, account.password)
            with proves("RFC1939-4-b"):
                assert by_auth.ok, f"{account.user}: USER and PASS were answered {status}, AUTH {by_auth}"
        client.command(b"QUIT")
        with proves("RFC2449-6.2-nk1"):
            offered(target.pop3(login=False), "USER")
            assert status.ok, f"CAPA lists USER, and the login of {account.user} was answered {status}"


def _second_login(target: LiveTarget) -> Status:
    """The answer to a login while another session has the maildrop open."""
    first = log_in(target)
    second = target.pop3(login=False)
    who = owner(target)
    status = second.login(who.user, who.password)
    must_be_ok(first.command(b"STAT"), b"STAT")
    second.command(b"QUIT")
    first.command(b"QUIT")
    return status


@covers("RFC1939-4-c", fault="pop3.no-lock")
@needs(_POP3)
def test_a_maildrop_that_is_open_is_locked(target: LiveTarget) -> None:
    must_be_err(_second_login(target), b"a second login")


@covers("RFC2449-8.1.2-nk1", fault="pop3.lock-without-code")
@needs(_POP3, pop3_offers("RESP-CODES"))
def test_a_login_refused_for_the_lock_says_in_use(target: LiveTarget) -> None:
    status = _second_login(target)
    if status.ok:
        raise NotOffered("the second login is let in")
    assert status.has_code("IN-USE"), f"a second login was answered {status}"


@covers("RFC1939-4-d", fault="pop3.refused-login-locks")
@needs(_POP3)
def test_a_refused_login_leaves_no_lock(target: LiveTarget) -> None:
    who = owner(target)
    log_in(target).command(b"QUIT")
    stranger = target.pop3(login=False)
    if stranger.login(who.user, who.password + "x").ok:
        raise Unclear("a wrong password was accepted")
    client = target.pop3(login=False)
    status = client.login(who.user, who.password)
    if status.ok:
        client.command(b"QUIT")
        return
    # Attempts after a wrong password may be slowed down; what matters is that the lock is not held for ever.
    try:
        log_in(target).command(b"QUIT")
    except Unclear:
        raise AssertionError(f"after a refused login the right password was answered {status}") from None


@covers("RFC1939-4-nk2", fault="pop3.first-number-missing")
@needs(_POP3)
def test_messages_are_numbered_from_one_without_gaps(target: LiveTarget) -> None:
    with maildrop(target, fresh_messages(target, [b"One.\r\n", b"Two.\r\n"])) as drop:
        numbers = [number for number, _octets in drop.pop3.list_()]
        assert numbers == list(range(1, len(numbers) + 1)), f"LIST has the numbers {numbers}"


@covers("RFC1939-4-nk3", fault="pop3.quit-before-login-err")
@needs(_POP3)
def test_quit_before_login_is_answered_ok_and_closes(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    must_be_ok(pop3.command(b"QUIT"), b"QUIT")
    assert pop3.at_eof(target.limits.timeout_s), (
        "QUIT before login was answered and the connection stays open"
    )
