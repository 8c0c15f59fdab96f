import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.lines import WireFault
from harness.wire.pop3.listings import (
    DropListing,
    ScanListing,
    UidListing,
    apop_digest,
    capability_faults,
    read_capabilities,
    read_drop_listing,
    read_scan_listing,
    read_timestamp,
    read_uid_listing,
)
from harness.wire.pop3.responses import Status
from harness.wire.pop3.states import Answer

numbers = st.integers(0, 10**12)
unique_ids = st.text("".join(map(chr, range(0x21, 0x7F))), min_size=1, max_size=70).map(str.encode)


@given(numbers, numbers)
def test_numbers_come_back(first: int, second: int) -> None:
    line = b"%d %d" % (first, second)
    assert read_drop_listing(line) == DropListing(first, second)
    assert read_scan_listing(line) == ScanListing(first, second)


@given(numbers, unique_ids)
def test_unique_ids_come_back(number: int, unique_id: bytes) -> None:
    assert read_uid_listing(b"%d %s" % (number, unique_id)) == UidListing(number, unique_id)


@pytest.mark.parametrize("read", [read_drop_listing, read_scan_listing, read_uid_listing])
@given(line=st.binary(max_size=30))
def test_any_line_is_read_or_refused(read: type, line: bytes) -> None:
    try:
        faults = read(line).faults
    except RemoteProtocolError:
        faults = ()
    assert all(0 <= fault.position <= len(line) for fault in faults)


@pytest.mark.parametrize("line", [b"", b"1", b"one 2", b"-1 2", b" 1 2", b"1 two", b"1x 2"])
def test_what_is_no_listing_is_refused(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_scan_listing(line)


def test_what_follows_the_size_is_allowed_behind_a_space() -> None:
    assert read_scan_listing(b"1 120 From: a") == ScanListing(1, 120, b" From: a")
    assert [fault.position for fault in read_drop_listing(b"1 120octets").faults] == [5]


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        (b"1  120", [(1, "RFC 1939 §7")]),
        (b"1\tx", [(1, "RFC 1939 §7")]),
        (b"1 ", [(2, "RFC 1939 §7")]),
        (b"1 a b", [(3, "RFC 1939 §7")]),
        (b"1 " + 71 * b"x", [(2, "RFC 1939 §7")]),
        (b"1 \xff", [(2, "RFC 1939 §7")]),
    ],
)
def test_faults_in_a_unique_id_listing_are_noted(line: bytes, faults: list[tuple[int, str]]) -> None:
    assert [(fault.position, fault.rule) for fault in read_uid_listing(line).faults] == faults


def test_capabilities_by_tag() -> None:
    # RFC 2449 §5
    lines = [
        b"TOP", b"USER", b"SASL CRAM-MD5 KERBEROS_V4", b"RESP-CODES", b"LOGIN-DELAY 900", b"PIPELINING",
        b"EXPIRE 60", b"UIDL", b"IMPLEMENTATION Shlemazle-Plotz-v302",
    ]  # fmt: skip
    capabilities = read_capabilities(lines)
    assert capabilities["SASL"] == ["CRAM-MD5", "KERBEROS_V4"]
    assert capabilities["TOP"] == []
    assert list(capabilities) == [line.split()[0].decode() for line in lines]
    assert capability_faults(lines) == []


def test_tags_are_read_in_any_case_and_more_than_once() -> None:
    assert read_capabilities([b"sasl PLAIN", b"", b"SASL  LOGIN"]) == {"SASL": ["PLAIN", "LOGIN"]}


@pytest.mark.parametrize(
    ("line", "position", "rule"),
    [
        (b"", 0, "RFC 2449 §3"),
        (b" TOP", 0, "RFC 2449 §3"),
        (b"TOP ", 3, "RFC 2449 §3"),
        (b"SASL  PLAIN", 4, "RFC 2449 §3"),
        (b"X.Y", 1, "RFC 2449 §3"),
        (b"TOP\t", 3, "RFC 2449 §3"),
        (511 * b"X", 512, "RFC 2449 §5"),
    ],
)
def test_faults_in_a_capability_are_noted(line: bytes, position: int, rule: str) -> None:
    (fault,) = capability_faults([line])
    assert isinstance(fault, WireFault)
    assert (fault.position, fault.rule) == (position, rule)


def test_apop_by_the_example_of_the_rfc() -> None:
    # RFC 1939 §7
    timestamp = read_timestamp(Status(Answer.OK, b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>", b""))
    assert timestamp == b"<1896.697170952@dbc.mtview.ca.us>"
    assert apop_digest(timestamp, b"tanstaaf") == b"c4c9334bac560ecc979e58001b3e22fb"
    assert read_timestamp(Status(Answer.OK, b"ready", b"")) is None
