"""Which part a process plays in a load run, and what does not go together."""

import socket

import pytest

from harness.cli.load_roles import AskedRole, role_of
from harness.errors import UsageError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_alone_is_headless() -> None:
    role = role_of(AskedRole())

    assert role.locust_options() == ["--headless"]
    assert role.workers == 0


def test_processes_have_a_master_of_their_own() -> None:
    role = role_of(AskedRole(processes=3))

    assert role.meeting is not None
    assert role.meeting.host == "127.0.0.1"
    port = str(role.meeting.port)
    assert role.locust_options() == [
        *("--headless", "--processes", "3"),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--master-host", "127.0.0.1", "--master-port", port),
    ]
    assert role.workers == 3


def test_one_process_is_alone() -> None:
    assert role_of(AskedRole(processes=1)) == role_of(AskedRole())


def test_a_master_listens_here_unless_told_otherwise() -> None:
    port = free_port()
    role = role_of(AskedRole(master=True, bind=f"127.0.0.1:{port}", expect_workers=2))

    options = role.locust_options()
    assert options[:2] == ["--headless", "--master"]
    assert options[2:6] == ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    assert options[6:] == ["--expect-workers", "2"]
    assert role.workers == 2


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", ("192.0.2.7", "5557")),
        ("master.example.test:6000", ("master.example.test", "6000")),
        ("[2001:db8::7]:6000", ("2001:db8::7", "6000")),
    ],
)
def test_a_worker_finds_its_master(host: str, address: tuple[str, str]) -> None:
    options = role_of(AskedRole(worker=True, master_host=host)).locust_options()

    assert options == ["--worker", "--master-host", address[0], "--master-port", address[1]]


def test_the_page_starts_by_itself() -> None:
    port = free_port()
    options = role_of(AskedRole(web=f"127.0.0.1:{port}")).locust_options()

    assert options == ["--autostart", "--autoquit", "0", "--web-host", "127.0.0.1", "--web-port", str(port)]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (AskedRole(master=True, worker=True, master_host="h"), "give one of --master and --worker"),
        (AskedRole(processes=2, master=True), "give one of --processes and --master"),
        (AskedRole(processes=0), "--processes: 0 is not between"),
        (AskedRole(processes=-1), "--processes: -1 is not between"),
        (AskedRole(bind="127.0.0.1:1"), "--bind goes with --master"),
        (AskedRole(expect_workers=2), "--expect-workers goes with --master"),
        (AskedRole(master=True, expect_workers=0), "--expect-workers: 0"),
        (AskedRole(worker=True), "--worker: say where the master is"),
        (AskedRole(master_host="h"), "--master-host goes with --worker"),
        (AskedRole(worker=True, master_host="h", web="127.0.0.1:1"), "a worker has no page"),
        (AskedRole(worker=True, master_host="h:0"), "--master-host: 'h:0' is not"),
        (AskedRole(master=True, bind="no such:thing"), "--bind: 'no such:thing' is not"),
    ],
)
def test_what_does_not_go_together_is_one_line(asked: AskedRole, says: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]*$") as refused:
        role_of(asked)

    assert says in str(refused.value)


@pytest.mark.parametrize("flag", ["bind", "web"])
def test_a_port_in_use_is_one_line(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        asked = AskedRole(master=True, bind=where) if flag == "bind" else AskedRole(web=where)
        with pytest.raises(UsageError, match=f"--{flag}: cannot listen at {where} .*in use"):
            role_of(asked)
