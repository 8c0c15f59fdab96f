"""MariaDB, OpenLDAP and saslauthd as people run them: log-ins while they come and go."""

import json
import os
import re
import smtplib
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.target import Protocol

_PATIENCE_S = 60.0
PROGRAM = Path(__file__).with_name("many_log_ins_program.py")
# Away from what the other tests of real servers use.
_PORT_BASE = "29400"


@dataclass
class Service:
    """A back end that the scripts start, as `tests/neighbours` has real servers."""

    script: Path
    directory: Path
    environment: Mapping[str, str]

    def start(self) -> None:
        """Returns when it answers."""
        self._do("start", str(self.directory))

    def stop(self) -> None:
        self._do("stop", str(self.directory))

    def processes(self) -> list[psutil.Process]:
        """All that the scripts have started for it."""
        watcher = psutil.Process(int((self.directory / ".pid").read_text()))
        return watcher.children(recursive=True)

    @property
    def info(self) -> Mapping[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "info.json").read_text())
        return found

    def _do(self, *words: str) -> None:
        subprocess.run(
            [self.script, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Service]]:
    scripts = os.environ.get("MAILPROOF_LAB")
    if not scripts:
        pytest.skip("MAILPROOF_LAB names no directory with the scripts that start real servers")
    if os.geteuid() != 0:
        pytest.skip("the name spaces that the real servers live in need root")
    running: dict[str, Service] = {}

    def started(name: str) -> Service:
        if name not in running:
            directory = tmp_path_factory.mktemp(name) / "lab"
            environment = os.environ | {"LAB_PORT_BASE": _PORT_BASE, "LAB_STATE": f"{directory}.state"}
            running[name] = Service(Path(scripts, "services", f"{name}.sh"), directory, environment)
            running[name].start()
        return running[name]

    yield started
    for each in running.values():
        each.stop()


@dataclass
class BackEnd:
    """A world of the page on accounts, joined to a running service."""

    service: Service
    text: str


@pytest.fixture(params=["MariaDB", "LDAP, bind", "LDAP, search then bind", "LDAPS", "saslauthd"])
def back_end(
    request: pytest.FixtureRequest, service: Any, documented: Any, monkeypatch: pytest.MonkeyPatch
) -> BackEnd:
    for name in ("MAIL_DB_PASSWORD", "LDAP_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    slapd = service("slapd") if "LDAP" in request.param else None
    searching = documented("bind_dn =").replace("ou=people,dc", "dc").replace('group = "cn=team', '# "')
    match request.param:
        case "MariaDB":
            found = service("mariadb")
            return BackEnd(found, documented("mariadb://").replace("127.0.0.1:3306", found.info["mysql"]))
        case "LDAP, bind":
            return BackEnd(slapd, documented("user_dn =").replace("127.0.0.1:389", slapd.info["ldap"]))
        case "LDAP, search then bind":
            text = searching.replace("127.0.0.1:389", slapd.info["ldap"])
            return BackEnd(slapd, text.replace("ca.pem", slapd.info["ca"]))
        case "LDAPS":
            text = searching.replace("ldap://127.0.0.1:389", f"ldaps://{slapd.info['ldaps']}")
            return BackEnd(slapd, text.replace("start_tls = true\n", "").replace("ca.pem", slapd.info["ca"]))
        case _:
            found = service("saslauthd")
            mux = found.info["mux"]["sasldb"]
            return BackEnd(found, documented("[accounts.saslauthd]").replace("/run/saslauthd/mux", mux))


def test_a_back_end_that_comes_and_goes_is_a_temporary_failure_meanwhile(
    back_end: BackEnd, played: Any, log_in: Any
) -> None:
    server = played(back_end.text)

    for user in ("alice", "alice@example.test", "bob", "carol"):
        assert log_in(server, user) == "in", user
    for user, password in (("alice", "wrong"), ("nobody", "secret"), ("mallory", "secret"), ("*", "secret")):
        assert log_in(server, user, password) == "refused", user

    back_end.service.stop()
    try:
        for user, password in (("alice", "secret"), ("alice", "wrong"), ("nobody", "secret")):
            assert log_in(server, user, password) == "later", user
    finally:
        back_end.service.start()

    assert log_in(server, "alice") == "in"
    assert log_in(server, "alice", "wrong") == "refused"


def test_a_back_end_that_hangs_is_a_temporary_failure_too(
    back_end: BackEnd, played: Any, log_in: Any
) -> None:
    """What was connected hangs, then what connects anew."""
    server = played(re.sub(r"^(\[accounts\.\w+\]\n)", r"\1timeout_s = 1\n", back_end.text))
    assert log_in(server, "alice") == "in"

    stopped = back_end.service.processes()
    for each in stopped:
        each.suspend()
    try:
        assert log_in(server, "alice") == "later"
    finally:
        for each in stopped:
            each.resume()

    assert log_in(server, "alice") == "in"


def test_a_group_of_the_directory_is_a_condition(
    service: Any, documented: Any, played: Any, log_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """alice and bob are in it."""
    monkeypatch.setenv("LDAP_PASSWORD", "secret")
    slapd = service("slapd").info
    text = documented("group =").replace("127.0.0.1:389", slapd["ldap"]).replace("ca.pem", slapd["ca"])
    server = played(text)

    assert [log_in(server, user) for user in ("alice", "bob", "carol")] == ["in", "in", "refused"]


def test_a_directory_with_a_certificate_of_nobody_we_believe_is_not_spoken_to(
    service: Any, documented: Any, played: Any, log_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAP_PASSWORD", "secret")
    text = documented("group =").replace("127.0.0.1:389", service("slapd").info["ldap"])
    server = played(text.replace('ca = "ca.pem"\n', ""))

    assert log_in(server, "alice") == "later"


def test_keys_that_a_database_keeps_let_in_by_scram(
    service: Any,
    documented: Any,
    played: Any,
    trusted: Any,
    log_in_by_scram: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """dave has no password there, only keys; alice has neither keys nor a password in the clear."""
    monkeypatch.setenv("MAIL_DB_PASSWORD", "secret")
    text = documented("mariadb://").replace("127.0.0.1:3306", service("mariadb").info["mysql"])
    server = played(text.replace("\nquery", '\nkept_as = "SCRAM-SHA-256"\nquery'))

    endpoint = server.target.endpoints[Protocol.SUBMISSIONS]
    with smtplib.SMTP_SSL(endpoint.host, endpoint.port, context=trusted(server)) as smtp:
        smtp.ehlo()
        offered = set(smtp.esmtp_features["auth"].split())

    assert "SCRAM-SHA-256" in offered
    assert "SCRAM-SHA-1" not in offered
    outcomes = [log_in_by_scram(server, user) for user in ("dave", "erin", "alice", "nobody")]
    assert outcomes == ["in", "in", "refused", "refused"]


def test_two_hundred_log_ins_a_second_by_a_slow_directory_hold_nobody_up(
    service: Any, documented: Any, played: Any, record_property: Callable[[str, object], None]
) -> None:
    """Every answer of the directory comes 200 ms late; how long neighbours wait is noted: it is the machine's too."""
    directory = service("slapd").info["ldap"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = free.getsockname()[1]
    text = documented("user_dn =").replace("127.0.0.1:389", f"127.0.0.1:{proxy}")
    text = text.replace("127.0.1.1", "127.0.0.1").replace("\naddress =", "\ntimeout_s = 60\naddress =", 1)
    server = played(f"plaintext_login = true\n{text}")

    ports = [server.target.endpoints[each].port for each in (Protocol.IMAP, Protocol.SMTP)]
    arguments = [*ports, directory.rpartition(":")[2], proxy, 200, 5]
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        timeout=_PATIENCE_S * 4,
        check=True,
    )

    found = json.loads(ran.stdout)
    assert found["outcomes"] == {"OK": 1000}
    for neighbour, waits_ms in found["waits_ms"].items():
        assert waits_ms
        record_property(f"{neighbour}: median, ms", statistics.median(waits_ms))
        record_property(f"{neighbour}: most, ms", max(waits_ms))
