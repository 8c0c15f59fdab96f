"""What a script decides: the implicit keep, and actions that go together or do not."""

import pytest

from reference_server.mda.sieve import (
    Discard,
    FileInto,
    Keep,
    Limits,
    Redirect,
    Reject,
    SieveMessage,
    compile_script,
    run,
)

IMPLICIT = Keep(implicit=True)


@pytest.mark.parametrize(
    ("script", "actions"),
    [
        # RFC 5228 §2.10.2.
        ("", [IMPLICIT]),
        ("stop;", [IMPLICIT]),
        ("keep;", [Keep()]),
        ("discard;", [Discard()]),
        ('fileinto "a";', [FileInto("a")]),
        ('redirect "a@example.org";', [Redirect("a@example.org")]),
        ('reject "no";', [Reject("no")]),
        ('ereject "no";', [Reject("no", extended=True)]),
        ("stop; discard;", [IMPLICIT]),
        ('fileinto "a"; stop; fileinto "b";', [FileInto("a")]),
        # RFC 5228 §4.4: discard stands behind all others.
        ('discard; fileinto "a";', [FileInto("a")]),
        ("keep; discard;", [Keep()]),
        ('reject "no"; discard;', [Reject("no")]),
        ('discard; redirect "a@example.org";', [Redirect("a@example.org")]),
        # RFC 5228 §2.10.3.
        ('fileinto "a"; fileinto "a";', [FileInto("a")]),
        ('fileinto "a"; fileinto "A";', [FileInto("a"), FileInto("A")]),
        ('keep; fileinto "inbox";', [FileInto("inbox")]),
        ('redirect "a@example.org"; redirect "N <a@example.org>";', [Redirect("a@example.org")]),
        # RFC 3894.
        ('fileinto :copy "a";', [FileInto("a"), IMPLICIT]),
        ('redirect :copy "a@example.org";', [Redirect("a@example.org"), IMPLICIT]),
        ('fileinto :copy "a"; discard;', [FileInto("a")]),
        ('fileinto :create "a/b";', [FileInto("a/b", create=True)]),
        # RFC 5232 §3, §5.
        (r'setflag "\\seen"; keep;', [Keep(("\\Seen",))]),
        (r'setflag "\\seen";', [Keep(("\\Seen",), implicit=True)]),
        (r'setflag "\\seen"; keep :flags "a";', [Keep(("a",))]),
        (r'keep; setflag "\\seen";', [Keep()]),
        (r'fileinto :flags "a" "x"; fileinto :flags "b" "x";', [FileInto("x", ("b",))]),
        (r'keep :flags ["A a", "", "b  \\Recent \\frop (x) \\DELETED"];', [Keep(("A", "b", "\\Deleted"))]),
        # RFC 5228 §3.1.
        ("if false { discard; } elsif true { keep; } elsif true { stop; } else { discard; }", [Keep()]),
        ("if false { } else { if true { discard; } }", [Discard()]),
        ("if true { stop; } discard;", [IMPLICIT]),
    ],
)
def test_a_script_decides(sieve, script, actions):
    result = sieve.decide(sieve.all_extensions() + script)

    assert result.error is None
    assert list(result.actions) == actions


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        # RFC 5429 §2.4; RFC 5230 §4.7.
        ('reject "a"; keep;', "reject goes with no other action"),
        ('keep; reject "a";', "reject goes with no other action"),
        ('reject "a"; fileinto "a";', "reject goes with no other action"),
        ('redirect :copy "a@example.org"; ereject "a";', "reject goes with no other action"),
        ('reject "a"; vacation "b";', "reject goes with no other action"),
        ('reject "a"; reject "b";', "a second reject"),
        ('reject "a"; ereject "b";', "a second reject"),
        ('vacation "a"; vacation "a";', "a second vacation"),
        # RFC 5228 §2.4.2.3.
        ('set "a" "frop"; redirect "${a}";', "'frop' is no address"),
        ('set "a" ""; fileinto "${a}";', "a mailbox name has"),
        ('set "a" "cc"; if envelope "${a}" "x" {}', "an envelope has a from and a to"),
        ('set "a" "subject"; if address "${a}" "x" {}', "no field that holds addresses"),
        ('set "a" "${hex:ff}"; reject "${a}";', "the string is not UTF-8"),
        ('set "a" "x"; vacation :from "${a}" "y";', ":from takes addresses"),
        ("".join(f'redirect "a{n}@example.org";' for n in range(5)), "more than 4 redirects"),
        ("".join(f'fileinto "a{n}";' for n in range(33)), "more than 32 actions"),
        ("".join(f'fileinto :copy "a{n}";' for n in range(32)), "more than 32 actions"),
        ("".join(f'set "a{n}" "x";' for n in range(1025)), "more than 1024 variables"),
    ],
)
def test_an_error_leaves_the_implicit_keep_alone(sieve, script, problem):
    # RFC 5228 §2.10.6.
    result = sieve.decide(sieve.all_extensions() + script)

    assert result.actions == (IMPLICIT,)
    assert problem in str(result.error)
    assert result.error.line == 2


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org",
        "A B <a@example.org>",
        '\\"A, B\\" <a@example.org>',
        "<a@example.org>",
        "\u00e4@example.org",
        "a@[192.0.2.1]",
        '\\"a b\\"@example.org',
    ],
)
def test_an_address_with_or_without_a_name_can_be_redirected_to(sieve, address):
    (action,) = sieve.decide(f'redirect "{address}";').actions
    assert "@" in action.address
    assert "<" not in action.address


@pytest.mark.parametrize(
    "address",
    [
        "a", "a@", "@example.org", "a@example.org, b@example.org", "a b@example.org", "Group: a@example.org;",
        "<@hop.test:a@example.org>", "a@example.org\nBcc: b@example.org", "x <a@example.org> y", "postmaster", "",
        "a@example.org (home)",
    ],
)  # fmt: skip
def test_nothing_else_can_be_redirected_to(sieve, address):
    result = sieve.decide(f'require "variables"; set "to" "{address}"; redirect "${{to}}";')
    assert "is no address" in str(result.error)


def test_the_work_of_a_run_is_bounded(sieve):
    script = compile_script('if header :contains "subject" ["' + '", "'.join("x" * 1000) + '"] { discard; }')
    message = SieveMessage(b"Subject: " + b"y" * 100_000 + b"\r\n\r\n")
    envelope = {"envelope_from": "", "envelope_to": "a@example.org", "now": sieve.now}

    assert run(script, message, **envelope).error is None
    stopped = run(script, message, **envelope, limits=Limits(work=10_000_000))
    assert "takes too long" in str(stopped.error)
    assert stopped.actions == (IMPLICIT,)


def test_variables_within_variables_do_not_fill_the_memory(sieve):
    script = 'set "a" "${1}";' + 'set "a" "' + "${a}" * 1000 + '";'
    filled = (
        f'{sieve.all_extensions()} if header :matches "subject" "*" {{ }} {script} reject "{"${a}" * 5000}";'
    )

    result = sieve.decide(filled, b"Subject: " + b"x" * 30_000 + b"\r\n\r\n")

    (action,) = result.actions
    assert len(action.reason) == 256 * 1024
