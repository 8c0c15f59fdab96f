"""Full mailboxes, servers that turn people away, wrong passwords: one clear line, and what there is is kept."""

from dataclasses import replace

from harness.target import Protocol

_DURATION = ("--duration", "10")
_PROFILE = """
rate_per_s = 6
limits = ["errors < 1%"]
[traffic]
unknown = 0
messages = [1, 1]
recipients = [1, 1]
[content]
sizes = "fixed"
octets = 4000
[audit]
wait_s = 5
"""

# The fifth message of 4,000 octets is too much. A protocol's own list of plugins is made from what stands before it.
_QUOTA = """
sed -i '1i mail_plugins = quota' /srv/dovecot.conf
cat >>/srv/dovecot.conf <<'END'
plugin {
  quota = maildir:all
  quota_rule = *:storage=16k
}
END
doveadm -c /srv/dovecot.conf reload
"""


def test_full_mailboxes_are_refusals_and_no_losses(postfix) -> None:
    postfix.lab.run(_QUOTA)
    few = replace(postfix.lab.target, accounts=postfix.lab.target.accounts[:3])

    ran = postfix.run("lmtp", *_DURATION, profile=_PROFILE, target=few)

    assert ran.ends_with(1), ran.said
    assert set(ran.summary.errors) == {"552"}, ran.said
    assert ran.summary.audit.owed == ran.summary.audit.found_once == 12, ran.said
    assert not ran.accuses, ran.said
    assert any("Quota exceeded" in shown for shown in ran.summary.evidence), ran.summary.evidence


def test_who_is_turned_away_is_counted_as_421(postfix) -> None:
    postfix.lab.run(
        "postconf -c /srv/postfix -e smtpd_client_connection_rate_limit=20 && postfix -c /srv/postfix reload"
    )

    ran = postfix.run("inbound", *_DURATION, profile=_PROFILE)

    assert ran.ends_with(1), ran.said
    assert set(ran.summary.errors) == {"421"}, ran.said
    assert ran.summary.errors["421"] + ran.summary.completed == ran.summary.arrivals.made, ran.said
    assert ran.summary.audit.owed == ran.summary.audit.found_once == ran.summary.completed > 0, ran.said
    assert not ran.accuses, ran.said


def test_what_is_wrong_before_a_run_is_one_line_and_nothing_is_sent(postfix) -> None:
    right = postfix.lab.target
    nobody = tuple(replace(account, password="guessed") for account in right.accounts)
    gone = replace(right.endpoints[Protocol.SMTP], port=right.endpoints[Protocol.SMTP].port + 1)

    for target, code, said in (
        (replace(right, accounts=nobody), 2, "refuses the login of alice@example.test: "),
        (replace(right, server_name="other.example.test"), 3, "not valid for 'other.example.test'"),
        (replace(right, endpoints={**right.endpoints, Protocol.SMTP: gone}), 3, "connection refused"),
    ):
        ran = postfix.run("inbound", *_DURATION, profile=_PROFILE, target=target)

        *_, last = ran.said.splitlines()
        assert ran.code == code, ran.said
        assert last.startswith("mailproof: "), ran.said
        assert said in last, ran.said
        assert ran.said.count("mailproof: ") == 1, ran.said
        assert "guessed" not in ran.said
    assert not postfix.lab.mail()
