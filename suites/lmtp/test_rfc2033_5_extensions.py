"""RFC 2033 §5: extensions that LMTP needs."""

from harness.clients.live import LiveTarget
from suites.covers import covers


@covers("RFC2033-5-b", fault="lmtp.no-pipelining")
def test_lmtp_offers_pipelining_and_enhanced_status_codes(target: LiveTarget) -> None:
    offered = target.lmtp().extensions
    missing = {"PIPELINING", "ENHANCEDSTATUSCODES"} - set(offered)
    assert not missing, f"LHLO lists {', '.join(offered)}, not {' nor '.join(sorted(missing))}"


@covers("RFC2033-5-c", fault="lmtp.no-8bitmime")
def test_lmtp_offers_8bitmime(target: LiveTarget) -> None:
    offered = target.lmtp().extensions
    assert "8BITMIME" in offered, f"LHLO lists {', '.join(offered)}"
