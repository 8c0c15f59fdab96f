"""Reports as checks read them, against those that our own writer makes and one written by hand."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from reference_server.envelope import Envelope, Notify, Recipient
from reference_server.relay.dsn import Action, DsnWriter, Told
from reference_server.relay.model import Fate, Outcome
from reference_server.sink import Received
from suites.sending.reports import read_report

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
BY_HAND = b"""\
From: a@b.example\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=x\r
\r
--x\r
\r
It failed.\r
--x\r
Content-Type: message/global-delivery-status\r
\r
Reporting-MTA: dns; mail.example.test\r
\r
Final-Recipient: rfc822; Some.Body@x.example\r
Action: failed\r
Status: 5.6.7 (in words)\r
Diagnostic-Code: smtp; 550 one\r
 two\r
--x--\r
"""


def received(content: bytes) -> Received:
    return Received("mx", "mail.example.test", True, False, b"", {}, (b"s@x.example",), ({},), False, content)


local_parts = st.from_regex(r"[A-Za-z0-9]{1,10}", fullmatch=True)


@given(
    st.lists(local_parts, min_size=1, max_size=4, unique=True), st.sampled_from(["5.1.1", "5.7.1", "4.2.2"])
)
def test_what_was_written_is_read(names: list[str], status: str) -> None:
    addresses = [f"{name}@x.example".encode() for name in names]
    told = [
        Told(
            Recipient(address, frozenset({Notify.FAILURE}), b"rfc822;" + address),
            Action.FAILED,
            Outcome(Fate.FAILED, status, "550 no", "mx.x.example", by_peer=True),
            NOW,
        )
        for address in addresses
    ]
    envelope = Envelope(b"s@x.example", tuple(each.recipient for each in told), envid=b"e+2B1")
    dsn = DsnWriter("mail.example.test").write(
        envelope, b"Subject: m\r\n\r\nx\r\n", told, arrived=NOW, now=NOW
    )

    report = read_report(received(dsn.content))

    assert report.of_message["reporting-mta"] == "dns; mail.example.test"
    assert report.of_message["original-envelope-id"] == "e+1"
    assert [each["final-recipient"] for each in report.of_recipients] == [
        f"rfc822; {address.decode()}" for address in addresses
    ]
    assert report.actions == ["failed"] * len(names)
    assert report.failures == [status] * len(names)
    assert [part.get_content_type() for part in report.parts] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]


def test_a_report_with_the_fields_of_rfc_6533_is_read() -> None:
    report = read_report(received(BY_HAND))

    assert report.of_message == {"reporting-mta": "dns; mail.example.test"}
    assert report.of_recipients[0]["final-recipient"] == "rfc822; Some.Body@x.example"
    assert report.of_recipients[0]["diagnostic-code"] == "smtp; 550 one two"
    assert report.failures == ["5.6.7"]


@given(st.binary(max_size=200))
def test_anything_is_read_somehow(octets: bytes) -> None:
    report = read_report(received(octets))

    assert report.failures == []
    assert len(report.actions) == len(report.of_recipients)
