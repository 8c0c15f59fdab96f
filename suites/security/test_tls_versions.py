"""RFC 8996 §4 and §5, RFC 8314 §4 as RFC 8997 §3 has it: versions of TLS, on every protocol that has TLS.

Our own ClientHello is sent, so that what a server answers is seen whatever our own library can do.
"""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.wire.hello import PROTOCOL_VERSION, Alert, ServerHello, TlsVersion
from suites.covers import covers
from suites.handshakes import SUBMISSION_AND_ACCESS, Refused, answer_to_hello, with_tls


def not_negotiated(target: LiveTarget, version: TlsVersion) -> None:
    """Assert that no port for people goes on where this version, and none newer, is offered (R-047)."""
    agreed = {}
    for protocol, ready in SUBMISSION_AND_ACCESS.items():
        with suppress(NotOffered, Refused):
            if isinstance(answer := answer_to_hello(target, ready, version), ServerHello):
                agreed[str(protocol)] = answer.version
    if not agreed:
        # Refused by who speaks no TLS at all, it would not be kept.
        next(with_tls(target, SUBMISSION_AND_ACCESS))
    assert not agreed, (
        f"{version} was offered, and answered by a ServerHello of"
        f" {' and '.join(f'{found:#06x}' for found in sorted(set(agreed.values())))} on {', '.join(agreed)}"
    )


@covers("RFC8996-4-b", "RFC8996-4-d", "RFC8314-4-m", fault="security.tls-1.0-negotiated")
def test_tls_1_0_is_not_negotiated(target: LiveTarget) -> None:
    not_negotiated(target, TlsVersion.TLS_1_0)


@covers(
    "RFC8996-5-b",
    "RFC8996-5-d",
    "RFC8314-4-m",
    fault="security.tls-1.1-negotiated",
    also=("security.tls-1.0-negotiated",),
)
def test_tls_1_1_is_not_negotiated(target: LiveTarget) -> None:
    not_negotiated(target, TlsVersion.TLS_1_1)


def alerted(target: LiveTarget, version: TlsVersion) -> None:
    """Assert that whoever does not go on in this version says so by protocol_version."""
    answers = {
        str(protocol): answer
        for protocol, ready in with_tls(target)
        if not isinstance(answer := answer_to_hello(target, ready, version), ServerHello)
    }
    if not answers:
        raise NotOffered(f"whoever has TLS goes on with {version}, which is another check's concern")
    other = {where: answer for where, answer in answers.items() if answer != Alert(PROTOCOL_VERSION)}
    assert not other, f"a ClientHello of {version} was answered by " + "; ".join(
        f"{answer or 'closing without an alert'} on {where}" for where, answer in other.items()
    )


@covers("RFC8996-4-e", fault="security.old-tls-refused-for-its-ciphers")
def test_tls_1_0_is_answered_by_a_protocol_version_alert(target: LiveTarget) -> None:
    alerted(target, TlsVersion.TLS_1_0)


@covers("RFC8996-5-e", fault="security.old-tls-refused-for-its-ciphers")
def test_tls_1_1_is_answered_by_a_protocol_version_alert(target: LiveTarget) -> None:
    alerted(target, TlsVersion.TLS_1_1)


@covers("RFC8996-4-f", fault="security.record-version-refused")
@given(record_version=st.sampled_from([TlsVersion.SSL_3_0, TlsVersion.TLS_1_2]))
def test_the_version_of_the_record_around_a_client_hello_is_ignored(
    target: LiveTarget, record_version: TlsVersion
) -> None:
    newest = (TlsVersion.TLS_1_3, TlsVersion.TLS_1_2)
    for protocol, ready in with_tls(target):
        usual = answer_to_hello(target, ready, *newest)
        if not isinstance(usual, ServerHello):
            raise Unclear(
                f"{protocol}: a ClientHello of TLS 1.3 and 1.2 was answered by {usual or 'closing'}"
            )
        answer = answer_to_hello(target, ready, *newest, record_version=record_version)
        assert isinstance(answer, ServerHello), (
            f"{protocol}: a ClientHello in a record of version {record_version:#06x} was answered by"
            f" {answer or 'closing without an alert'}"
        )
