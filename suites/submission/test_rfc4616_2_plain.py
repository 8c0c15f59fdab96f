"""RFC 4616 §2: the message of PLAIN."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.wire import sasl
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers
from suites.needs import accounts, needs
from suites.submission.sessions import auth_plain, before_login, plain

# Octets of authorization identity, user and password. Few: a server may take its time to refuse credentials.
_LENGTHS: Final = ((255, 255, 255), (0, 255, 8), (0, 8, 255), (255, 8, 8))


def answer_to(target: LiveTarget, message: bytes) -> Reply:
    """The reply to a message of PLAIN."""
    return auth_plain(before_login(target), sasl.encode(message))


@covers(
    "RFC4616-2-a",
    "RFC4616-2-d",
    fault="submission.short-fields-only",
    also=("submission.short-auth-lines-only",),
)
@given(lengths=st.sampled_from(_LENGTHS))
def test_fields_are_taken_up_to_255_octets(target: LiveTarget, lengths: tuple[int, int, int]) -> None:
    reply = answer_to(target, b"\0".join(b"x" * octets for octets in lengths))
    expect.not_temporary(reply, about="PLAIN")
    assert reply.code not in {500, 501}, f"PLAIN with fields of {lengths} octets was answered {reply}"


@covers("RFC4616-2-d", fault="submission.one-octet-refused")
@given(lengths=st.sampled_from([(0, 1, 1), (0, 8, 1), (0, 1, 8), (1, 8, 8)]))
def test_fields_of_one_octet_are_taken(target: LiveTarget, lengths: tuple[int, int, int]) -> None:
    reply = answer_to(target, b"\0".join(b"x" * octets for octets in lengths))
    expect.not_temporary(reply, about="PLAIN")
    assert reply.code not in {500, 501}, f"PLAIN with fields of {lengths} octets was answered {reply}"


@covers("RFC4616-2-c", fault="submission.third-nul-ignored")
@given(more=st.sampled_from([b"", b"x", b"\0"]))
def test_a_third_nul_is_refused(target: LiveTarget, more: bytes) -> None:
    reply = answer_to(target, plain(target.account()) + b"\0" + more)
    expect.rejected(reply, about=f"true credentials, then NUL and {more!r}")


@covers("RFC4616-2-g", fault="submission.empty-password-taken")
def test_an_empty_user_or_password_is_refused(target: LiveTarget) -> None:
    user, password = target.account().user.encode(), target.account().password.encode()
    for words, message in (("password", b"\0%s\0" % user), ("user", b"\0\0%s" % password)):
        expect.rejected(answer_to(target, message), about=f"PLAIN with an empty {words}")


# User and password with a NUL too few, or two.
_SHAPES: Final = (b"%s\0%s", b"\0%s%s", b"%s%s\0", b"%s:%s", b"%s %s")


@covers("RFC4616-2-nk1", fault="submission.one-nul-is-enough")
@given(shape=st.sampled_from(_SHAPES))
def test_a_message_with_fewer_than_two_nuls_is_refused(target: LiveTarget, shape: bytes) -> None:
    message = shape % (target.account().user.encode(), target.account().password.encode())
    expect.rejected(answer_to(target, message), about=f"user and password as {shape!r}")


@covers("RFC4616-2-nk3", fault="submission.acts-for-anybody")
@needs(accounts(2))
def test_another_accounts_authorization_identity_is_refused(target: LiveTarget) -> None:
    reply = answer_to(target, plain(target.account(), authorization=target.account(1).user))
    expect.rejected(reply, about="true credentials with another account as authorization identity")
