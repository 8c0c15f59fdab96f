"""Delivery reports in both directions, each read by the standard library, and one only (RFC 3461, RFC 3464)."""

import pytest


def test_an_address_unknown_at_the_real_server_comes_back_as_one_report_of_ours(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("wqp@example.org", "nobody@example.test")

    world.send("wqp@example.org", "nobody@example.test", message, mail=[b"ENVID=lot+2B7"])

    report = read_report(post.arrived(world, "wqp@example.org", message))
    (recipient,) = report.recipients
    assert report.action == "failed"
    assert recipient["Status"].startswith("5.")
    assert recipient["Final-Recipient"].split() == ["rfc822;", "nobody@example.test"]
    assert recipient["Remote-MTA"].split() == ["dns;", "mail.example.test"]
    assert recipient["Diagnostic-Code"].startswith("smtp; 550")
    assert report.of_message["Original-Envelope-Id"] == "lot+7"
    assert report.of_message["Reporting-MTA"].split() == ["dns;", "mail1.example.org"]


def test_an_address_unknown_here_comes_back_as_one_report_of_the_real_server(
    world, neighbour, post, letter, read_report
) -> None:
    message = letter("alice@example.test", "nobody@example.org")

    neighbour.send("alice@example.test", "nobody@example.org", message, mail=[b"ENVID=lot+2B7"])

    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    (recipient,) = report.recipients
    assert report.action == "failed"
    assert recipient["Status"].split()[0] == "5.1.1"
    assert recipient["Final-Recipient"].replace(" ", "") == "rfc822;nobody@example.org"
    assert report.of_message["Original-Envelope-Id"] == "lot+7"


@pytest.mark.parametrize("sender", ["wqp@example.org", "alice@example.test"])
def test_who_asks_for_no_report_gets_none(world, neighbour, post, letter, sender: str) -> None:
    home, recipient = (
        (world, "nobody@example.test") if sender.endswith("org") else (neighbour, "nobody@example.org")
    )
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
        mail=[b"RET=HDRS", b"ENVID=lot+2B7"],
        rcpt=[b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;Al+2Bice@example.test"],
    )

    post.found(neighbour, "alice@example.test", message)
    report = read_report(post.arrived(world, "wqp@example.org", message))
    (recipient,) = report.recipients
    assert report.action == "delivered"
    assert recipient["Original-Recipient"].replace(" ", "") == "rfc822;Al+ice@example.test"
    assert report.of_message["Original-Envelope-Id"] == "lot+7"
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
        mail=[b"RET=HDRS", b"ENVID=lot+2B7"],
        rcpt=[b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;W+2Bqp@example.org"],
    )

    post.found(world, "wqp@example.org", message)
    report = read_report(post.arrived(neighbour, "alice@example.test", message))
    (recipient,) = report.recipients
    assert report.action == "delivered"
    assert recipient["Original-Recipient"].replace(" ", "") == "rfc822;W+qp@example.org"
    assert report.of_message["Original-Envelope-Id"] == "lot+7"
    assert report.of_message["Reporting-MTA"].replace(" ", "") == "dns;mail1.example.org"
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
