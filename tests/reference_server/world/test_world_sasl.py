"""``[sasl]`` of a world file."""

import datetime as dt

import pytest

from harness.errors import WorldFileError
from harness.wire.sasl import MECHANISMS
from reference_server.clock import Clock
from reference_server.sasl.tokens import TokenIssuer
from reference_server.world.load import world_of
from reference_server.world.sasl import TokenSettings

WORLD = {
    "hosts": [{"name": "mail.example.test", "address": "127.0.0.1"}],
    "domains": [{"name": "example.test", "mailboxes": "mail.example.test"}],
    "users": [{"address": "alice@example.test", "password": "secret"}],
}
SECRET = "a secret that has thirty-two octets or more"


def world_with(sasl: dict[str, object]) -> object:
    return world_of(WORLD | {"sasl": sasl}, source="world.toml")


def test_by_default_everything_is_offered() -> None:
    settings = world_of(WORLD, source="world.toml").sasl
    assert settings.mechanisms == MECHANISMS
    assert not settings.submission_in_the_clear
    assert settings.tokens == TokenSettings()


def test_what_is_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)
    world = world_with(
        {
            "mechanisms": ["scram-sha-256", "PLAIN"],
            "submission_in_the_clear": True,
            "tokens": {"secret_env": "TOKEN_SECRET", "issuer": "us", "audience": "them", "lifetime_s": 60},
        }
    )
    assert world.sasl.mechanisms == ("SCRAM-SHA-256", "PLAIN")
    assert world.sasl.submission_in_the_clear
    assert world.sasl.tokens == TokenSettings(SECRET, "us", "them", "mail", 60)
    assert SECRET not in repr(world)


@pytest.mark.parametrize(
    ("sasl", "key", "says"),
    [
        ({"mechanisms": ["PLAIN", "DIGEST-MD5"]}, "sasl.mechanisms[1]", "'DIGEST-MD5' is none of EXTERNAL"),
        ({"mechanism": ["PLAIN"]}, "sasl.mechanism", "mechanisms"),
        ({"tokens": {"secret": "short"}}, "sasl.tokens.secret", "less than 32 octets"),
        ({"tokens": {"secret": SECRET, "secret_env": "X"}}, "sasl.tokens.secret", "exactly one"),
        ({"tokens": {"secret_env": "NO_SUCH"}}, "sasl.tokens.secret_env", "NO_SUCH"),
        ({"tokens": {"lifetime_s": 0}}, "sasl.tokens.lifetime_s", "0"),
    ],
)
def test_a_mistake_names_the_key_and_what_is_allowed(sasl: dict[str, object], key: str, says: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        world_with(sasl)
    assert caught.value.key == key
    assert says in str(caught.value)


def test_a_token_is_good_until_its_time_is_over_by_the_worlds_clock() -> None:
    clock = Clock()
    issuer = TokenIssuer(TokenSettings(lifetime_s=60), clock)
    token = issuer.issue("alice@example.test")
    assert issuer.user(token) == "alice@example.test"
    clock.move(dt.timedelta(seconds=61))
    assert issuer.user(token) is None
    assert issuer.user(issuer.issue("alice@example.test")) == "alice@example.test"


def test_who_shares_the_secret_issues_for_the_same_world() -> None:
    clock = Clock()
    one, other = (TokenIssuer(TokenSettings(secret=SECRET), clock) for _ in range(2))
    assert one.user(other.issue("bob@example.test")) == "bob@example.test"
    stranger = TokenIssuer(TokenSettings(secret=SECRET, issuer="else"), clock)
    assert one.user(stranger.issue("bob@example.test")) is None
    assert one.user(one.issue("bob@example.test") + "x") is None
    assert TokenIssuer(TokenSettings(), clock).user(one.issue("bob@example.test")) is None
