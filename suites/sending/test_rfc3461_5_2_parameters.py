"""RFC 3461 §5.2.1 and §5.2.2: what the sender asked of notifications goes with the message, or stays behind."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire.smtp.xtext import encode_xtext
from suites.covers import covers, proves
from suites.needs import needs, submission_offers
from suites.peer import Received, peer_of
from suites.sending.journeys import SENDS, arrives, taken

_SENDS: Final = (*SENDS, submission_offers("DSN"))
_DSN_OF_MAIL: Final = ("RET", "ENVID")
_DSN_OF_RCPT: Final = ("NOTIFY", "ORCPT")

_envids: Final = st.text("aZ09.-_@+=~!", min_size=1, max_size=20).map(
    lambda text: encode_xtext(text.encode())
)
_addresses: Final = st.from_regex(r"[A-Za-z0-9+=]{1,12}@[A-Za-z]{1,8}\.example", fullmatch=True).map(
    lambda address: b"rfc822;" + encode_xtext(address.encode())
)
_notify: Final = st.sampled_from(
    [
        b"NEVER",
        b"SUCCESS",
        b"FAILURE",
        b"DELAY",
        b"SUCCESS,FAILURE",
        b"FAILURE,DELAY",
        b"SUCCESS,FAILURE,DELAY",
    ]
)


def words(value: bytes | None) -> set[bytes]:
    return set((value or b"").upper().split(b","))


def sent_through(
    target: LiveTarget, mail: list[bytes], rcpt: list[bytes], *, without: tuple[str, ...] = ()
) -> Received:
    """A message as an exchanger got it that offers DSN, unless it is without it."""
    peer = peer_of(target)
    host = peer.exchanger(without=without)
    sent = taken(target, [f"x@{peer.publish(('MX', f'10 {host.name}.'))}".encode()], mail=mail, rcpt=rcpt)
    if not (found := arrives(target, sent)):
        raise Unclear("a message did not come in time")
    if not found[0].extended:
        raise NotOffered("the server sends with HELO")
    return found[0]


@covers(
    "RFC3461-5.2.1-a",
    "RFC3461-5.2.1-c",
    "RFC3461-5.2.1-e",
    "RFC3461-5.2.1-g",
    "RFC3461-5.2.1-h",
    fault="sending.dsn-parameters-dropped",
)
@needs(*_SENDS)
@given(envid=_envids, ret=st.sampled_from([b"FULL", b"HDRS"]), notify=_notify, orcpt=_addresses)
def test_dsn_parameters_are_passed_on(
    target: LiveTarget, envid: bytes, ret: bytes, notify: bytes, orcpt: bytes
) -> None:
    came = sent_through(target, [b"ENVID=" + envid, b"RET=" + ret], [b"NOTIFY=" + notify, b"ORCPT=" + orcpt])
    mail, rcpt = came.mail_parameters, came.recipient_parameters[0]
    with proves("RFC3461-5.2.1-a"):
        assert mail.get("ENVID") == envid, f"ENVID={envid.decode()} was passed on as {mail.get('ENVID')!r}"
    with proves("RFC3461-5.2.1-c"):
        assert words(mail.get("RET")) == {ret}, f"RET={ret.decode()} was passed on as {mail.get('RET')!r}"
    with proves("RFC3461-5.2.1-e"):
        assert words(rcpt.get("NOTIFY")) == words(notify), (
            f"NOTIFY={notify.decode()} was passed on as {rcpt.get('NOTIFY')!r}"
        )
    with proves("RFC3461-5.2.1-g", "RFC3461-5.2.1-h"):
        kind, _, address = (rcpt.get("ORCPT") or b"").partition(b";")
        assert kind.lower() == b"rfc822" and address == orcpt.partition(b";")[2], (  # noqa: PT018 (one parameter)
            f"ORCPT={orcpt.decode()} was passed on as {rcpt.get('ORCPT')!r}"
        )


@covers(
    "RFC3461-5.2.1-b",
    "RFC3461-5.2.1-d",
    "RFC3461-5.2.1-f",
    "RFC3461-5.2.1-j",
    fault="sending.dsn-parameters-made-up",
)
@needs(*_SENDS)
def test_dsn_parameters_are_not_made_up(target: LiveTarget) -> None:
    came = sent_through(target, [], [])
    mail, rcpt = came.mail_parameters, came.recipient_parameters[0]
    with proves("RFC3461-5.2.1-b"):
        assert "ENVID" not in mail, f"without ENVID the message was passed on with ENVID={mail['ENVID']!r}"
    with proves("RFC3461-5.2.1-d"):
        assert "RET" not in mail, f"without RET the message was passed on with RET={mail['RET']!r}"
    with proves("RFC3461-5.2.1-f"):
        assert "NOTIFY" not in rcpt, (
            f"without NOTIFY the message was passed on with NOTIFY={rcpt['NOTIFY']!r}"
        )
    with proves("RFC3461-5.2.1-j"):
        expected = b"rfc822;" + encode_xtext(came.recipients[0])
        given_ = rcpt.get("ORCPT") or expected
        assert given_.lower() == expected.lower(), f"the message was passed on with ORCPT={given_!r}"


@covers("RFC3461-5.2.2-a", fault="sending.dsn-parameters-unasked", also=("sending.dsn-parameters-made-up",))
@needs(*_SENDS)
@given(notify=_notify, ret=st.sampled_from([b"FULL", b"HDRS"]))
def test_dsn_parameters_are_not_sent_to_who_does_not_offer_it(
    target: LiveTarget, notify: bytes, ret: bytes
) -> None:
    came = sent_through(
        target,
        [b"ENVID=x1", b"RET=" + ret],
        [b"NOTIFY=" + notify, b"ORCPT=rfc822;a@b.example"],
        without=("DSN",),
    )
    said = [name for name in _DSN_OF_MAIL if name in came.mail_parameters]
    said += [name for name in _DSN_OF_RCPT if name in came.recipient_parameters[0]]
    assert not said, f"an exchanger without DSN was sent {', '.join(said)}"
