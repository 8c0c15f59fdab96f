"""Delivery reports in both directions, each read by the standard library, and one only (RFC 3461, RFC 3464)."""

import datetime as dt
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

import pytest

# What the real servers do otherwise in their reports: docs/findings.md has the octets.
_DEVIATIONS: Final[Mapping[str, frozenset[str]]] = {
    "postfix": frozenset(),
    "exim": frozenset({"RFC3461-6.3-a", "RFC3461-6.3-g"}),
    "opensmtpd": frozenset({"RFC3464-2", "RFC3461-6.3-a", "RFC3461-6.3-g", "RFC3461-6.3-n", "RFC3461-6.3-o"}),
}

_ENVELOPE: Final = [b"ENVID=lot+2B7"]


def squeezed(value: object) -> str:
    return re.sub(r"\s", "", str(value))


def broken_rules(report, *, final: str, original: str, refused_by: str = "") -> frozenset[str]:
    """The rules of RFC 3461 §6.3 and RFC 3464 §2 that a report about one recipient of the envelope `lot+7` breaks."""
    (recipient,) = report.recipients
    kept = {
        "RFC3464-2": report.message.get_content_type() == "multipart/report"
        and report.message.get_param("report-type") == "delivery-status",
        "RFC3461-6.3-a": report.of_message["Original-Envelope-Id"] == "lot+7",
        "RFC3461-6.3-c": report.of_message["Reporting-MTA"] is not None,
        "RFC3461-6.3-g": squeezed(recipient["Original-Recipient"]) == f"rfc822;{original}",
        "RFC3461-6.3-j": squeezed(recipient["Final-Recipient"]) == f"rfc822;{final}",
        "RFC3464-2.3.4-b": re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", str(recipient["Status"])) is not None,
        "RFC3461-6.3-n": not refused_by or squeezed(recipient["Remote-MTA"]) == f"dns;{refused_by}",
        "RFC3461-6.3-o": not refused_by or str(recipient["Diagnostic-Code"]).startswith("smtp; 550 "),
    }
    return frozenset(rule for rule, holds in kept.items() if not holds)


def test_an_address_unknown_at_the_real_server_comes_back_as_one_report_of_ours(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("wqp@example.org", "nobody@example.test")

    world.send(
        "wqp@example.org",
        "nobody@example.test",
        message,
        mail=_ENVELOPE,
        rcpt=[b"ORCPT=rfc822;No+2Bbody@example.test"],
    )

    report = read_report(post.arrived(world, "wqp@example.org", message))
    assert report.action == "failed"
    assert not broken_rules(
        report, final="nobody@example.test", original="No+body@example.test", refused_by="mail.example.test"
    )
    assert squeezed(report.of_message["Reporting-MTA"]) == "dns;mail1.example.org"


def test_an_address_unknown_here_comes_back_as_one_report_of_the_real_server(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("alice@example.test", "nobody@example.org")

    neighbour.send(
        "alice@example.test",
        "nobody@example.org",
        message,
        mail=_ENVELOPE,
        rcpt=[b"ORCPT=rfc822;No+2Bbody@example.org"],
    )

    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    assert report.action == "failed"
    broken = broken_rules(
        report, final="nobody@example.org", original="No+body@example.org", refused_by="mail1.example.org"
    )
    assert broken == _DEVIATIONS[neighbour.name]


@pytest.mark.parametrize("sender", ["wqp@example.org", "alice@example.test"])
def test_who_asks_for_no_report_gets_none(world, neighbour, post, letter, sender: str) -> None:
    ours = sender.endswith(".org")
    home, recipient = (world, "nobody@example.test") if ours else (neighbour, "nobody@example.org")
    message = letter(sender, recipient)

    home.send(sender, recipient, message, rcpt=[b"NOTIFY=NEVER"])

    post.settled()
    assert home.inbox(sender, message.token) == []


def test_the_real_server_reports_the_success_that_our_user_asked_for(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("wqp@example.org", "alice@example.test")

    world.send(
        "wqp@example.org",
        "alice@example.test",
        message,
        mail=[*_ENVELOPE, b"RET=HDRS"],
        rcpt=[b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;Al+2Bice@example.test"],
    )

    post.found(neighbour, "alice@example.test", message)
    report = read_report(post.arrived(world, "wqp@example.org", message))
    # Postfix hands over to a mailbox agent whose word it does not take for a delivery (lmtp_assume_final = no).
    assert report.action == ("relayed" if neighbour.name == "postfix" else "delivered")
    broken = broken_rules(report, final="alice@example.test", original="Al+ice@example.test")
    assert broken == _DEVIATIONS[neighbour.name] - {"RFC3461-6.3-n", "RFC3461-6.3-o"}
    assert "mail.example.test" in report.of_message["Reporting-MTA"]
    assert b"Hello." not in report.returned.as_bytes()


def test_we_report_the_success_that_a_user_of_the_real_server_asked_for(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("alice@example.test", "wqp@example.org")

    neighbour.send(
        "alice@example.test",
        "wqp@example.org",
        message,
        mail=[*_ENVELOPE, b"RET=HDRS"],
        rcpt=[b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;W+2Bqp@example.org"],
    )

    post.found(world, "wqp@example.org", message)
    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    assert report.action == "delivered"
    assert not broken_rules(report, final="wqp@example.org", original="W+qp@example.org")
    assert squeezed(report.of_message["Reporting-MTA"]) == "dns;mail1.example.org"
    assert b"Hello." not in report.returned.as_bytes()


@pytest.mark.parametrize("ret", ["FULL", "HDRS"])
def test_a_report_of_failure_returns_as_much_as_was_asked_for(
    world, neighbour, post, letter, read_report, ret: str
) -> None:
    out = letter("wqp@example.org", "nobody@example.test")
    back = letter("alice@example.test", "nobody@example.org")

    world.send("wqp@example.org", "nobody@example.test", out, mail=[b"RET=" + ret.encode()])
    neighbour.send("alice@example.test", "nobody@example.org", back, mail=[b"RET=" + ret.encode()])

    for where, address, message in ((world, "wqp@example.org", out), (neighbour, "alice@example.test", back)):
        report = read_report(post.arrived(where, address, message))
        assert (b"Hello." in report.returned.as_bytes()) == (ret == "FULL"), where
        assert message.token.encode() in report.returned.as_bytes(), where


def test_a_forward_of_the_real_server_that_fails_is_told_to_who_wrote(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("wqp@example.org", "carol@example.test")

    with neighbour.forwarding("carol@example.test", "nobody@example.org"):
        world.send("wqp@example.org", "carol@example.test", message, mail=_ENVELOPE)
        report = read_report(post.arrived(world, "wqp@example.org", message))

    (recipient,) = report.recipients
    assert report.action == "failed"
    # The address as it was accepted (RFC 3464 §2.3.2); Postfix and OpenSMTPD tell what they made of it.
    told = "carol@example.test" if neighbour.name == "exim" else "nobody@example.org"
    assert squeezed(recipient["Final-Recipient"]) == f"rfc822;{told}"
    assert "mail.example.test" in report.of_message["Reporting-MTA"]


def test_our_backup_tells_a_user_of_the_real_server_that_mail_is_late_and_once(
    world, neighbour, post, letter, read_report
) -> None:
    def tried(times: int) -> bool:
        return bool(world.attempts("mail2.example.org") == times)

    message = letter("alice@example.test", "wqp@example.org")
    world.take_down("mail1.example.org")

    neighbour.send("alice@example.test", "wqp@example.org", message, rcpt=[b"NOTIFY=DELAY,FAILURE"])
    post.wait_for(lambda: world.attempts("mail2.example.org"), "mail2 keeps it")
    for attempt in (2, 3):
        world.clock.move(dt.timedelta(hours=5))
        post.wait_for(partial(tried, attempt), "mail2 tries again")
    world.bring_up("mail1.example.org")
    world.clock.move(dt.timedelta(hours=3))

    assert post.arrived(world, "wqp@example.org", message).endswith(message.content)
    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    (recipient,) = report.recipients
    assert report.action == "delayed"
    assert recipient["Status"].startswith("4.")
    assert recipient["Will-Retry-Until"]
    assert squeezed(report.of_message["Reporting-MTA"]) == "dns;mail2.example.org"


def test_an_alias_of_ours_that_fails_there_is_told_by_the_name_that_was_written_to(
    world, neighbour, post, letter, read_report
) -> None:
    """lost@example.org leads to an address that the real server does not know; RFC 3464 §2.3.2."""
    message = letter("alice@example.test", "lost@example.org")

    neighbour.send("alice@example.test", "lost@example.org", message, mail=_ENVELOPE)

    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    (recipient,) = report.recipients
    assert report.action == "failed"
    assert squeezed(recipient["Final-Recipient"]) == "rfc822;lost@example.org"
    assert squeezed(report.of_message["Reporting-MTA"]) == "dns;mail1.example.org"


@pytest.mark.parametrize("neighbour", ["postfix", "exim"], indirect=True)
def test_we_tell_of_mail_that_went_to_a_server_without_reports(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("wqp@example.org", "alice@example.test")

    with post.plain():
        world.send(
            "wqp@example.org",
            "alice@example.test",
            message,
            mail=_ENVELOPE,
            rcpt=[b"NOTIFY=SUCCESS", b"ORCPT=rfc822;alice@example.test"],
        )
        post.found(neighbour, "alice@example.test", message)
        report = read_report(post.arrived(world, "wqp@example.org", message))

    assert report.action == "relayed"
    assert not broken_rules(report, final="alice@example.test", original="alice@example.test")
    assert not re.search(rb"(NOTIFY|ORCPT|ENVID|RET|BODY)=|STARTTLS", world.sent("mail.example.test"))


@pytest.mark.parametrize(
    ("neighbour", "reporter"),
    # OpenSMTPD does not offer SMTPUTF8, so the report is ours. Postfix does, but its mailbox agent does not.
    [("opensmtpd", "mail1.example.org"), ("postfix", "mail.example.test")],
    indirect=["neighbour"],
)
def test_a_utf8_address_of_ours_is_told_of_a_way_without_smtputf8(
    world, neighbour, post, letter, read_report, reporter: str
) -> None:
    message = letter("grün@example.org", "alice@example.test", subject="Grüße")

    world.send("grün@example.org", "alice@example.test", message, mail=[b"SMTPUTF8"])

    report = read_report(post.arrived(world, "grün@example.org", message))
    (recipient,) = report.recipients
    assert report.action == "failed"
    assert recipient["Status"] == "5.6.7"
    assert squeezed(report.of_message["Reporting-MTA"]) == f"dns;{reporter}"
