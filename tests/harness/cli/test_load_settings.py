"""What a profile and flags make of a scenario's settings."""

import pytest

from harness.cli.load_scenarios import scenario_of, settings_of
from harness.errors import UsageError

INBOUND = scenario_of("inbound")


def test_flags_replace_the_limits_of_the_profile() -> None:
    assert settings_of(INBOUND, None, ["errors < 2%"], audit=True).limits == ("errors < 2%",)


def test_without_an_audit_nothing_is_asked_of_it() -> None:
    audited = settings_of(INBOUND, None, [], audit=True)
    settings = settings_of(INBOUND, None, [], audit=False)

    assert not settings.audit.enabled
    assert {*audited.limits} - {*settings.limits} == {"delivery p95 < 60 s"}


@pytest.mark.parametrize("rule", ["delivery p95 < 60 s", "lost = 0"])
def test_a_limit_on_an_audit_that_is_not_made_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="needs the audit, which --no-audit leaves out"):
        settings_of(INBOUND, None, [rule], audit=False)
