"""The target file: what is read, and how a mistake is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import TargetFileError
from harness.target import Account, Endpoint, Limits, Outside, Policy, Protocol, SocketAddress, Target
from harness.toml_files import MAX_FILE_OCTETS

WHOLE = """
name = "Example"
domain = "example.test"
verify_tls = false
server_name = "mail.example.test"

[endpoints]
smtp = "127.0.0.1:25"
imap = "[::1]:143"

[[accounts]]
user = "alice@example.test"
password = "secret"

[[accounts]]
user = "bob"
password_env = "BOB_PASSWORD"
address = "robert@example.test"

[policy]
relay = "none"
subaddress = "+"
viruses = "refused"
spam = "delivered-tagged"

[policy.aliases]
info = "robert@example.test"

[policy.forwards]
"away@example.test" = "somebody@example.org"

[limits]
timeout_s = 3

[filters]
stop = ["systemctl", "stop", "clamav-daemon"]
start = ["sh", "-c", "systemctl start clamav-daemon && postqueue -f"]

[world]
dns = "127.0.0.53:53"
mx = "127.0.0.54:2525"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "target.toml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOB_PASSWORD", "hidden")

    target = Target.load(write(tmp_path, WHOLE))

    assert target.endpoints == {
        Protocol.SMTP: Endpoint(Protocol.SMTP, "127.0.0.1", 25),
        Protocol.IMAP: Endpoint(Protocol.IMAP, "::1", 143),
    }
    assert target.accounts == (
        Account("alice@example.test", "secret", "alice@example.test"),
        Account("bob", "hidden", "robert@example.test"),
    )
    assert target.policy == Policy(
        relay="none",
        subaddress="+",
        viruses="refused",
        spam="delivered-tagged",
        aliases={"info@example.test": "robert@example.test"},
        forwards={"away@example.test": "somebody@example.org"},
    )
    assert target.limits == Limits(timeout_s=3)
    assert (target.outside, target.server_name, target.verify_tls) == (
        Outside(dns=SocketAddress("127.0.0.53", 53), mx=SocketAddress("127.0.0.54", 2525)),
        "mail.example.test",
        False,
    )


def test_our_exchanger_is_beside_our_dns_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOB_PASSWORD", "hidden")

    target = Target.load(write(tmp_path, WHOLE.replace('mx = "127.0.0.54:2525"', "")))

    assert target.outside is not None
    assert target.outside.mx == SocketAddress("127.0.0.53", 25)


def test_what_is_written_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOB_PASSWORD", 'a "quoted" \\ word\x7f')
    target = Target.load(write(tmp_path, WHOLE))

    assert Target.load(write(tmp_path, target.to_toml())) == target


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (("127.0.0.1:25", "127.0.0.1"), "endpoints.smtp", "host:port"),
        (("127.0.0.1:25", "127.0.0.1:70000"), "endpoints.smtp", "1 to 65535"),
        (("imap =", "imp ="), "endpoints.imp", "imaps"),
        (
            ('relay = "none"', 'relay = "all"'),
            "policy.relay",
            "'all' is none of none, local-networks",
        ),
        (('relay = "none"', 'rely = "none"'), "policy.rely", "relay, sender"),
        (('domain = "example.test"', 'domain = "no domain"'), "domain", "no domain"),
        (('domain = "example.test"', ""), "domain", "missing"),
        (("timeout_s = 3", "timeout_s = 0"), "limits.timeout_s", "between 0 and 600"),
        (("timeout_s = 3", 'timeout_s = "3"'), "limits.timeout_s", "must be a number, and is text '3'"),
        (('password = "secret"', ""), "accounts[0].password", "exactly one"),
        (
            ('password_env = "BOB_PASSWORD"', 'password_env = "NO_SUCH"'),
            "accounts[1].password_env",
            "NO_SUCH",
        ),
        (("verify_tls = false", 'ca = "no-such.pem"'), "ca", "not a file"),
        (('dns = "127.0.0.53:53"', 'dns = "127.0.0.53"'), "world.dns", "host:port"),
        (('dns = "127.0.0.53:53"', ""), "world.mx", "world.dns"),
        (('= "somebody@example.org"', '= "somebody"'), "test", "local-part@domain"),
        (("[endpoints]", "[endpoints"), "", "not TOML"),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], key: str, says: str
) -> None:
    monkeypatch.setenv("BOB_PASSWORD", "hidden")
    path = write(tmp_path, WHOLE.replace(*change))

    with pytest.raises(TargetFileError) as caught:
        Target.load(path)

    assert caught.value.key.split(".")[-1] == key.rsplit(".", maxsplit=1)[-1]
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value) or says == "not TOML"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TargetFileError, match="cannot be read"):
        Target.load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_target_file_is_refused_by_its_size(tmp_path: Path) -> None:
    with pytest.raises(TargetFileError, match="at most"):
        Target.load(write(tmp_path, "#" * (MAX_FILE_OCTETS + 1)))


@given(st.text(max_size=60))
def test_any_text_is_an_endpoint_or_a_clear_refusal(text: str) -> None:
    try:
        endpoint = Endpoint.parse(Protocol.SMTP, text)
    except ValueError as exc:
        refusal = str(exc)
    else:
        refusal = ""
        assert Endpoint.parse(Protocol.SMTP, endpoint.address) == endpoint

    assert not refusal or "host:port" in refusal


def test_passwords_are_in_no_representation() -> None:
    assert "secret" not in repr(Account("alice", "secret", "alice@example.test"))
